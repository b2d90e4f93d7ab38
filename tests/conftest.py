"""What several folders of tests share: a real control plane, and a namespace in it."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.context import CONTEXT, CurrentContext

from gpuwright_sandbox.controlplane.plane import ControlPlane

# Who starts the tests in the background of a script may have them ignore SIGINT; what they start would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
_CRDS = Path(__file__).resolve().parents[1] / "crds"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what waits for a control plane, and last what only computes: no worker ends long after the others."""
    items.sort(key=lambda item: not any(mark.name in {"cluster", "sandbox"} for mark in item.iter_markers()))


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the project's custom resources; it fails, and says how to get it, when nothing was built.

    Where the environment names a context, that cluster: `make e2e CONTEXT=...`.
    """
    directory, context = tmp_path_factory.mktemp("control-plane"), os.environ.get(CONTEXT)
    with CurrentContext(directory, context) if context else ControlPlane(directory) as plane:
        plane.install_crds(_CRDS)
        yield plane


@pytest.fixture(scope="module")
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that no other file of tests shares: for those that look at all that there is."""
    with ControlPlane(tmp_path_factory.mktemp("own-control-plane")) as plane:
        plane.install_crds(_CRDS)
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a fresh namespace; deleted at the end, which nobody waits for."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    created = control_plane.kubectl("create", "namespace", name)
    assert created.returncode == 0, created.stderr
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
