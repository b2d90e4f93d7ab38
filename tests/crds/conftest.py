"""A real API server with the project's CRDs, in the shape that these tests ask it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crds.schema import BASES
from tests.crds.server import Server

from gpuwright_sandbox.controlplane.clients import open_client
from gpuwright_sandbox.controlplane.plane import ControlPlane

NAMESPACE = "crd-tests"


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> Path:
    """The administrator's kubeconfig, made once: kubectl is called some hundred times."""
    return control_plane.admin_kubeconfig()


@pytest.fixture(scope="session")
def server(control_plane: ControlPlane, admin: Path) -> Iterator[Server]:
    """The server, with a namespace that holds every base manifest, for updates to start from; nobody changes them."""
    created = control_plane.kubectl("create", "namespace", NAMESPACE, kubeconfig=admin)
    assert created.returncode == 0, created.stderr
    with open_client(admin) as api:
        found = Server(api, NAMESPACE)
        for manifest in BASES.values():
            answer = found.create(manifest, keep=True)
            assert answer.accepted, answer.sentences
        yield found
