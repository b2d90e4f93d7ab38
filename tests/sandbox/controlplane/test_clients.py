"""Requests of the control plane for its users, on the real thing."""

from collections.abc import Iterator

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gpuwright_sandbox.controlplane import clients
from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster


@pytest.fixture
def api(control_plane: ControlPlane) -> Iterator[client.ApiClient]:
    with clients.open_client(control_plane.admin_kubeconfig()) as api:
        yield api


def test_an_account_and_its_namespace_are_made_once(api: client.ApiClient, namespace: str) -> None:
    for _ in range(2):
        clients.ensure_service_account(api, namespace, "robot")
    accounts = client.CoreV1Api(api).list_namespaced_service_account(namespace).items
    assert [a.metadata.name for a in accounts if a.metadata and a.metadata.name == "robot"] == ["robot"]


def test_a_token_that_would_expire_too_soon_is_refused(api: client.ApiClient, namespace: str) -> None:
    clients.ensure_service_account(api, namespace, "robot")
    with pytest.raises(ApiException, match="10 minutes"):
        clients.request_token(api, namespace, "robot", expiration_seconds=599)
    assert clients.request_token(api, namespace, "robot", expiration_seconds=600).count(".") == 2


def test_a_client_of_a_user_without_rights_is_refused(control_plane: ControlPlane) -> None:
    with (
        clients.open_client(control_plane.kubeconfig("nobody")) as api,
        pytest.raises(ApiException, match="Forbidden"),
    ):
        clients.ensure_namespace(api, "never")


def test_a_proxy_of_the_environment_is_not_used(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with clients.open_client(control_plane.admin_kubeconfig()) as api:
        assert clients.has_default_account(api)
