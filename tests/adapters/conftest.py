"""Lets failures in the suites that adapters inherit show what was compared, and starts what many of them share."""

from collections.abc import Iterator

import pytest

from gpuwright_sandbox.ec2.moto_process import MotoProcess

pytest.register_assert_rewrite(
    "tests.adapters.adapter_stage",
    "tests.adapters.contract",
    "tests.adapters.double_stage",
    "tests.adapters.ec2_stage",
    "tests.adapters.gateway_stage",
    "tests.adapters.runpod_stage",
    "tests.adapters.skypilot_stage",
)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Where moto's server listens; each stage has an account of its own there."""
    with MotoProcess() as process:
        yield process.url
