"""API clients of the sandbox, and the few requests the control plane makes for its users."""

from pathlib import Path

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from gpuwright_sandbox.controlplane.errors import ControlPlaneError

_CONFLICT = 409
_REQUEST_TIMEOUT_SECONDS = 15.0


def open_client(kubeconfig: Path) -> client.ApiClient:
    """Return a client for this identity; the caller closes it (it is a context manager).

    A proxy named in the environment is not used: it could not reach this machine's loopback.
    """
    settings = client.Configuration()
    config.load_kube_config(  # type: ignore[no-untyped-call]  # the generator leaves this one untyped
        config_file=str(kubeconfig), client_configuration=settings, persist_config=False
    )
    settings.proxy = None
    return client.ApiClient(configuration=settings)


def ensure_namespace(api: client.ApiClient, namespace: str) -> None:
    """Create the namespace unless it exists."""
    body = client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace))
    try:
        client.CoreV1Api(api).create_namespace(body, _request_timeout=_REQUEST_TIMEOUT_SECONDS)
    except ApiException as error:
        if error.status != _CONFLICT:
            raise


def ensure_service_account(api: client.ApiClient, namespace: str, name: str) -> None:
    """Create the service account, and its namespace, unless they exist."""
    ensure_namespace(api, namespace)
    body = client.V1ServiceAccount(metadata=client.V1ObjectMeta(name=name, namespace=namespace))
    try:
        client.CoreV1Api(api).create_namespaced_service_account(
            namespace, body, _request_timeout=_REQUEST_TIMEOUT_SECONDS
        )
    except ApiException as error:
        if error.status != _CONFLICT:
            raise


def has_default_account(api: client.ApiClient) -> bool:
    """Return whether namespace default has its service account: the controllers make it once they all run."""
    accounts = client.CoreV1Api(api).list_namespaced_service_account(
        "default", _request_timeout=_REQUEST_TIMEOUT_SECONDS
    )
    return any(account.metadata is not None and account.metadata.name == "default" for account in accounts.items)


def request_token(api: client.ApiClient, namespace: str, name: str, expiration_seconds: int) -> str:
    """Return a new bearer token of a service account; the server allows no less than 600 seconds."""
    body = client.AuthenticationV1TokenRequest(
        spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=expiration_seconds)
    )
    answer = client.CoreV1Api(api).create_namespaced_service_account_token(
        name, namespace, body, _request_timeout=_REQUEST_TIMEOUT_SECONDS
    )
    if answer.status is None or answer.status.token is None:
        raise ControlPlaneError(
            f"the answer for service account {namespace}/{name} has no token: read the server's log"
        )
    return answer.status.token
