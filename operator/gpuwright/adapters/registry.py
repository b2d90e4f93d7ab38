"""A line for each kind of provider: how its adapter is made from its block of the API and its credentials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Adapter, Gate, Unbuildable
from gpuwright.adapters.ec2_credentials import BadCredentials, credentials_of
from gpuwright.adapters.gateway import Gateway
from gpuwright.adapters.runpod import Runpod
from gpuwright.adapters.skypilot import SkyPilot
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_request import user_of
from gpuwright.adapters.skypilot_wire import Wire
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
class About:
    """What people read of a kind in README's table, beside what its adapters declare; one clause each, no full stop.

    `ran_against`: what it was tested with, and whether ever with the live service. `second_machine`: when, if ever, one
    object could own two for a while (the duplicate window).
    """

    what: str
    ran_against: str
    second_machine: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of provider: its endpoint (for the place), where its credentials are, and how its adapter is made.

    `make` raises Unbuildable. `python -m hack.providers` refuses a kind that says nothing about itself.
    """

    endpoint: Callable[[ProviderSpec], str]
    secret: Callable[[ProviderSpec], SecretKeyRef]
    make: Callable[[ProviderSpec, AdapterContext], Adapter]
    about: About | None = None


def _http(
    url: str, block: str, spec: ProviderSpec, context: AdapterContext, ca_bundle: str | None = None
) -> HttpClient:
    endpoint = Endpoint(
        url=url,
        connect_seconds=spec.timeouts.connect_seconds,
        request_seconds=spec.timeouts.request_seconds,
        policy=context.policy,
        ca_bundle=ca_bundle,
    )
    try:
        return HttpClient(endpoint, context.allowed)
    except BadEndpoint as error:
        raise Unbuildable(f"spec.{block}: {error}") from error


def _gateway(spec: ProviderSpec, context: AdapterContext) -> Gateway:
    http = _http(spec.gateway.endpoint, "gateway", spec, context, spec.gateway.ca_bundle)
    return Gateway(spec.gateway, BearerToken(context.secret), context.cluster, http, promises=context.promises)


def _ec2(spec: ProviderSpec, context: AdapterContext) -> Adapter:
    try:
        # Here, because boto3 is an extra, and takes 40 MB where nobody needs it.
        from gpuwright.adapters.ec2 import Ec2  # noqa: PLC0415
        from gpuwright.adapters.ec2_access import Ec2Access  # noqa: PLC0415
    except ImportError as error:
        raise Unbuildable(f"spec.type: EC2 needs boto3, which is not installed here ({error.name})") from error
    try:
        credentials = credentials_of(context.secret)
    except BadCredentials as error:
        raise Unbuildable(f"spec.ec2.credentialsSecretRef: {error}") from error
    http = _http(_origin(spec.ec2.url), "ec2", spec, context)
    sts = _http(_origin(spec.ec2.sts_url), "ec2", spec, context) if credentials.role_arn else None
    access = Ec2Access(spec.ec2, credentials, http, sts)
    return Ec2(spec.ec2, access, context.cluster, promises=context.promises)


def _skypilot(spec: ProviderSpec, context: AdapterContext) -> SkyPilot:
    http = _http(spec.skypilot.endpoint, "skypilot", spec, context, spec.skypilot.ca_bundle)
    seconds = float(spec.timeouts.connect_seconds + spec.timeouts.request_seconds)
    calls = Calls(Wire(http, BearerToken(context.secret)), user_of(context.cluster), seconds)
    return SkyPilot(spec.skypilot, calls, context.cluster, seconds=seconds, promises=context.promises)


def _runpod(spec: ProviderSpec, context: AdapterContext) -> Runpod:
    http = _http(spec.runpod.endpoint, "runpod", spec, context)
    return Runpod(BearerToken(context.secret), context.cluster, http, promises=context.promises)


def _origin(url: str) -> str:
    """Return the URL without its path, which boto3 writes itself."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


KINDS: Mapping[ProviderType, Kind] = {
    ProviderType.GATEWAY: Kind(
        endpoint=lambda spec: spec.gateway.endpoint,
        secret=lambda spec: spec.gateway.credentials_secret_ref,
        make=_gateway,
        about=About(
            what="any HTTP service that starts and stops machines by name ([wire API](docs/gateway.md))",
            ran_against="the sandbox gateway of this project, a real server with scripted faults; never a live service",
            second_machine="none: the name is taken. A gateway that makes a machine after it promised none (500, 503) "
            "is caught by a look, and its promises count no more",
        ),
    ),
    ProviderType.EC2: Kind(
        endpoint=lambda spec: spec.ec2.url,
        secret=lambda spec: spec.ec2.credentials_secret_ref,
        make=_ec2,
        about=About(
            what="virtual machines of AWS",
            ran_against="moto's server, with a shim in front for tokens, capacity, throttling and lost answers, and "
            "boto3's model of the API; never AWS",
            second_machine="none: a create that is repeated has the same token, and that makes no other machine",
        ),
    ),
    ProviderType.SKYPILOT: Kind(
        endpoint=lambda spec: spec.skypilot.endpoint,
        secret=lambda spec: spec.skypilot.credentials_secret_ref,
        make=_skypilot,
        about=About(
            what="a SkyPilot API server, and behind it the clouds that have no type of their own here",
            ran_against="an emulator of the server for faults, and the real server from its package, driving a real "
            "Slurm; never a cloud",
            second_machine="none: a cluster's name is unique at its server. What a server forgets with its database "
            "cannot be found",
        ),
    ),
    ProviderType.RUNPOD: Kind(
        endpoint=lambda spec: spec.runpod.endpoint,
        secret=lambda spec: spec.runpod.credentials_secret_ref,
        make=_runpod,
        about=About(
            what="containers with GPUs at RunPod, called pods there",
            ran_against="a double of this project, whose requests and answers are held to RunPod's published OpenAPI "
            "document; never RunPod",
            second_machine="a pod that was made without an answer, and stays out of the list for longer than "
            "settleSeconds, is made again; the younger one is ended as soon as both are listed",
        ),
    ),
}
