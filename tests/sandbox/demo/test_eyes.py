"""Looking at a real API server and a real gateway."""

from collections.abc import Iterator

import pytest
from kubernetes import client

from gpuwright_sandbox.controlplane import clients
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.demo.errors import BlindError
from gpuwright_sandbox.demo.eyes import NAMESPACE, Eyes
from gpuwright_sandbox.demo.stage import EXAMPLES, PROVIDER
from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess({"boot_seconds": 0}) as gateway:
        yield gateway


@pytest.fixture
def api(own_control_plane: ControlPlane) -> Iterator[client.ApiClient]:
    with clients.open_client(own_control_plane.admin_kubeconfig()) as api:
        clients.ensure_namespace(api, NAMESPACE)
        yield api


@pytest.fixture
def plain(own_control_plane: ControlPlane, api: client.ApiClient) -> Iterator[str]:
    """The uid of the instance `plain`, which no operator looks at."""
    del api
    applied = own_control_plane.kubectl("apply", "-f", str(EXAMPLES / "plain.yaml"), "-o", "jsonpath={.metadata.uid}")
    assert applied.returncode == 0, applied.stderr
    yield applied.stdout
    own_control_plane.kubectl("delete", "-f", str(EXAMPLES / "plain.yaml"), "--ignore-not-found")


def test_an_instance_is_seen_and_once_it_is_gone_it_is_remembered(
    own_control_plane: ControlPlane, api: client.ApiClient, gateway: GatewayProcess, plain: str
) -> None:
    eyes = Eyes(api, gateway)
    (seen,) = eyes.look().instances
    assert (seen.name, seen.uid, seen.ready, seen.summary) == ("plain", plain, "Unknown", "Waiting")
    own_control_plane.kubectl("delete", "-f", str(EXAMPLES / "plain.yaml"))
    later = eyes.look()
    assert later.instances == ()
    assert later.departed == (seen,)


def test_the_truth_has_machines_their_owners_and_the_calls_that_change_something(
    api: client.ApiClient, gateway: GatewayProcess
) -> None:
    labels = {"gpuwright.dev/owner-uid": "u"}
    gateway.ask("POST", "/api/instances", {"name": "a", "image": "i", "cpu": 1, "memory_gb": 1, "labels": {**labels}})
    gateway.ask("GET", "/api/instances/a")
    gateway.ask("DELETE", "/api/instances/a")
    truth = Eyes(api, gateway).look().truth
    assert [machine.owner_uid for machine in truth.machines] == ["u"]
    assert truth.owners["u"].created == 1
    assert [(call.kind, call.name, call.answer) for call in truth.calls] == [
        ("create", "a", "201"),
        ("delete", "a", "202"),
    ]
    assert [call.owner_uid for call in truth.creates_of("u")] == ["u"]


def test_the_identity_of_the_cluster_is_that_of_its_kube_system(
    own_control_plane: ControlPlane, api: client.ApiClient, gateway: GatewayProcess
) -> None:
    told = own_control_plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").stdout
    assert Eyes(api, gateway).cluster_id() == told


def test_a_provider_that_nobody_has_looked_at_is_not_ready_and_suspects_nothing(
    own_control_plane: ControlPlane, api: client.ApiClient, gateway: GatewayProcess
) -> None:
    applied = own_control_plane.kubectl("apply", "-f", str(EXAMPLES / "provider.yaml"))
    assert applied.returncode == 0, applied.stderr
    eyes = Eyes(api, gateway)
    assert not eyes.provider_is_ready(PROVIDER)
    assert eyes.leaks(PROVIDER) == ()
    own_control_plane.kubectl("delete", "-f", str(EXAMPLES / "provider.yaml"))


def test_a_gateway_that_does_not_answer_blinds(api: client.ApiClient, gateway: GatewayProcess) -> None:
    gateway.kill()
    with pytest.raises(BlindError, match="did not answer"):
        Eyes(api, gateway).look()


def test_a_provider_that_is_not_there_blinds(api: client.ApiClient, gateway: GatewayProcess) -> None:
    with pytest.raises(BlindError, match="404"):
        Eyes(api, gateway).leaks("nobody")
