"""A line for each kind of provider: how its adapter is made from its block of the API and its credentials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gpuwright.adapters.contract import Adapter, Gate, Unbuildable
from gpuwright.adapters.gateway import Gateway, GatewayCredentials
from gpuwright.http_client import BadEndpoint, Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.api_base import SecretKeyRef
from gpuwright.model.provider_spec import ProviderSpec, ProviderType


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What every adapter is made from, beside its spec. `secret` is the credentials' value, and kept out of repr.

    `allowed` is asked right before the first byte of every call, reads too; False means: send nothing.
    """

    secret: str
    cluster: str
    policy: AddressPolicy
    promises: bool
    allowed: Gate = lambda: True

    def __repr__(self) -> str:
        return f"AdapterContext(cluster={self.cluster!r})"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of provider: its endpoint (for the place), where its credentials are, and how its adapter is made.

    `make` raises Unbuildable.
    """

    endpoint: Callable[[ProviderSpec], str]
    secret: Callable[[ProviderSpec], SecretKeyRef]
    make: Callable[[ProviderSpec, AdapterContext], Adapter]


def _gateway(spec: ProviderSpec, context: AdapterContext) -> Gateway:
    endpoint = Endpoint(
        url=spec.gateway.endpoint,
        connect_seconds=spec.timeouts.connect_seconds,
        request_seconds=spec.timeouts.request_seconds,
        policy=context.policy,
        ca_bundle=spec.gateway.ca_bundle,
    )
    try:
        http = HttpClient(endpoint, context.allowed)
    except BadEndpoint as error:
        raise Unbuildable(f"spec.gateway: {error}") from error
    credentials = GatewayCredentials(context.secret)
    return Gateway(spec.gateway, credentials, context.cluster, http, promises=context.promises)


KINDS: Mapping[ProviderType, Kind] = {
    ProviderType.GATEWAY: Kind(
        endpoint=lambda spec: spec.gateway.endpoint,
        secret=lambda spec: spec.gateway.credentials_secret_ref,
        make=_gateway,
    ),
}
