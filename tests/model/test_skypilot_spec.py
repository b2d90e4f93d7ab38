"""The block of type SkyPilot as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import sentences
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.skypilot_spec import SETTLES_SLOWLY, SkyPilotMachine, SkyPilotSpec

FULL: dict[str, Any] = example("skypilot-cluster-provider.yaml", "shared-skypilot")["spec"]
MINIMAL: dict[str, Any] = example("skypilot-provider.yaml", "skypilot")["spec"]
MACHINE: dict[str, Any] = example("skypilot-instance.yaml", "trainer-skypilot")["spec"]["machine"]


def test_the_full_manifest_arrives_in_every_field() -> None:
    block = ProviderSpec.model_validate(FULL).skypilot
    assert block.endpoint == "https://skypilot.example"
    assert block.cloud == "lambda"
    assert block.ca_bundle is not None


def test_the_minimal_manifest_has_every_default() -> None:
    block = ProviderSpec.model_validate(MINIMAL).skypilot
    assert (block.cloud, block.ca_bundle) == (None, None)


def test_the_machine_arrives_in_every_field() -> None:
    machine = MachineSpec.model_validate(MACHINE).skypilot
    assert machine == SkyPilotMachine(cloud="lambda", autodown_idle_minutes=120)


@pytest.mark.parametrize("cloud", ["AWS", "1aws", "aws/us-east-1", "aws gcp", "-"])
def test_what_is_no_cloud_is_refused_with_what_to_write(cloud: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SkyPilotSpec.model_validate({**MINIMAL["skypilot"], "cloud": cloud})
    assert "such as aws" in sentences(caught.value)[0]


@pytest.mark.parametrize(
    ("endpoint", "seconds", "taken"),
    [
        ("https://skypilot.example", 600, True),
        ("https://skypilot.example", 599, False),
        ("http://skypilot.example", 599, False),
        ("http://127.0.0.1:46580", 31, True),
        ("http://127.0.0.1.example:80", 31, False),
    ],
)
def test_a_server_settles_slowly_and_an_emulator_need_not(endpoint: str, seconds: int, taken: bool) -> None:
    spec = {**MINIMAL, "settleSeconds": seconds, "skypilot": {**MINIMAL["skypilot"], "endpoint": endpoint}}
    if taken:
        assert ProviderSpec.model_validate(spec).settle_seconds == seconds
        return
    with pytest.raises(ValidationError) as caught:
        ProviderSpec.model_validate(spec)
    assert sentences(caught.value) == (f"spec: {SETTLES_SLOWLY}",)


def test_the_block_and_the_type_belong_together() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        ProviderSpec.model_validate({**MINIMAL, "skypilot": None})
    with pytest.raises(TypeError, match="has no block ec2"):
        _ = ProviderSpec.model_validate(MINIMAL).ec2
