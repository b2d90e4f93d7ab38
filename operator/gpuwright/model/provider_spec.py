"""Where machines come from: the spec of ComputeProvider and ClusterComputeProvider, parsed once."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from gpuwright.model import endpoint_spec
from gpuwright.model.api_base import (
    ApiModel,
    Must,
    Rule,
    Seconds,
    SecretKeyRef,
    crd,
    distinct,
    rule,
)
from gpuwright.model.ec2_spec import SETTLE_SECONDS as EC2_SETTLE_SECONDS
from gpuwright.model.ec2_spec import SETTLES_SLOWLY, Ec2Spec
from gpuwright.model.endpoint_spec import CaBundle, Endpoint
from gpuwright.model.namespace_selector import AllowedNamespaces
from gpuwright.model.runpod_spec import SETTLE_SECONDS as RUNPOD_SETTLE_SECONDS
from gpuwright.model.runpod_spec import SETTLES_SLOWLY as RUNPOD_SETTLES_SLOWLY
from gpuwright.model.runpod_spec import RunpodSpec
from gpuwright.model.size_spec import MAX_SIZES, Size, name_of
from gpuwright.model.skypilot_spec import LOOPBACK, SkyPilotSpec
from gpuwright.model.skypilot_spec import SETTLE_SECONDS as SKYPILOT_SETTLE_SECONDS
from gpuwright.model.skypilot_spec import SETTLES_SLOWLY as SKYPILOT_SETTLES_SLOWLY
from gpuwright.model.sweep_spec import Sweep

TYPE_IS_FINAL = "the type cannot be changed, because machines are recorded under it: create another provider"
ENDPOINT_IS_FINAL = endpoint_spec.ENDPOINT_IS_FINAL


class ProviderType(StrEnum):
    """The kinds of provider that are built."""

    GATEWAY = "Gateway"
    EC2 = "EC2"
    SKYPILOT = "SkyPilot"
    RUNPOD = "RunPod"


class Dialect(StrEnum):
    """How much of the wire API a gateway has."""

    FULL = "Full"
    CREATE_ONLY = "CreateOnly"


class PromisedOutcome(StrEnum):
    """What a gateway promises with a status code."""

    NOT_COMMITTED = "NotCommitted"
    UNKNOWN = "Unknown"


class Adoption(StrEnum):
    """Whether tenants may take over machines that exist already."""

    DENIED = "Denied"
    ALLOWED = "Allowed"


def _status_code(key: object) -> object:
    return int(key) if isinstance(key, str) and len(key) == 3 and key.isascii() and key.isdigit() else key


StatusCode = Annotated[int, Field(strict=True), BeforeValidator(_status_code)]
Outcomes = Annotated[
    dict[StatusCode, PromisedOutcome],
    Field(max_length=100),
    Must(
        "self.all(key, key.matches('^5[0-9][0-9]$'))",
        lambda outcomes: all(500 <= code <= 599 for code in outcomes),
        'keys are status codes from 500 to 599, such as "503"',
    ),
]
PROMISED_BY_DEFAULT: dict[int, PromisedOutcome] = {
    500: PromisedOutcome.NOT_COMMITTED,
    503: PromisedOutcome.NOT_COMMITTED,
}


class GatewaySpec(ApiModel):
    """How to reach a compute gateway, and what it promises."""

    endpoint: Endpoint = Field(
        description="Such as https://gateway.example:8443. Base URL of the gateway; it cannot be changed. Required.",
        json_schema_extra=crd(
            parent_rules=[Rule("self.endpoint == oldSelf.endpoint", ENDPOINT_IS_FINAL, "endpoint", forbids=True)]
        ),
    )
    credentials_secret_ref: SecretKeyRef = Field(
        description="Such as {name: gateway-token, key: token}. The bearer token: a Secret in this namespace, or for a "
        "cluster provider in the operator's. Required."
    )
    ca_bundle: CaBundle = Field(
        None,
        description="Such as the text of ca.crt. Certificates in PEM that the gateway's own is checked against instead "
        "of the well-known ones; checking cannot be switched off. Default: none.",
    )
    idempotency_keys: bool = Field(
        False,
        strict=True,
        description="Whether the gateway answers a repeated create of the same Idempotency-Key with the same machine. "
        "Default: false.",
    )
    dialect: Dialect = Field(
        Dialect.FULL,
        description="How much of the wire API the gateway has: CreateOnly can create and delete but not be asked what "
        "exists. Default: Full.",
    )
    outcomes: Outcomes = Field(
        PROMISED_BY_DEFAULT,
        description='Such as {"503": NotCommitted}. What the gateway promises when a create is answered with a status '
        "from 500 to 599: NotCommitted is that nothing was made, Unknown is nothing; what is not listed is Unknown. "
        'Default: {"500": NotCommitted, "503": NotCommitted}.',
    )


class Limits(ApiModel):
    """How much may be asked of the provider."""

    max_instances: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = Field(
        None,
        description="Such as 20. How many ComputeInstances may have machines here; 0 is none. Default: no limit.",
    )
    creates_per_minute: Annotated[int, Field(strict=True, ge=1, le=100_000)] = Field(
        100, description="Such as 100. How many creates are sent in a minute at most. Default: 100."
    )
    max_in_flight: Annotated[int, Field(strict=True, ge=1, le=1000)] = Field(
        8, description="Such as 8. How many creates may wait for their answer at once. Default: 8."
    )


class Timeouts(ApiModel):
    """How long a call may take."""

    connect_seconds: Annotated[int, Field(strict=True, ge=1, le=600)] = Field(
        5, description="Such as 5. Longest wait for a connection, in seconds. Default: 5."
    )
    request_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = Field(
        30,
        description="Such as 30. Longest time of a call from connecting to the last byte, in seconds; less than "
        "settleSeconds. Default: 30.",
    )


class Probe(ApiModel):
    """How the provider's health is told."""

    period_seconds: Seconds = Field(
        30, description="Such as 30. Seconds between two probes while the provider does not answer. Default: 30."
    )
    failure_threshold: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(
        3, description="Such as 3. How many calls in a row must fail before creates stop. Default: 3."
    )


class Poll(ApiModel):
    """How the provider's machines are watched."""

    period_seconds: Seconds = Field(
        10, description="Such as 10. Seconds between two lists; one list serves every instance. Default: 10."
    )


class ProviderSpec(ApiModel):
    """A provider with a tenant's own credentials."""

    type: ProviderType = Field(
        description="What kind of provider this is: Gateway is any HTTP service of the compute gateway's API, EC2 is "
        "Amazon's, SkyPilot is one of its API servers, RunPod sells containers with GPUs. It cannot be changed. "
        "Required.",
        json_schema_extra=crd(parent_rules=[Rule("self.type == oldSelf.type", TYPE_IS_FINAL, "type", forbids=True)]),
    )
    gateway_block: GatewaySpec | None = Field(
        None,
        alias="gateway",
        description="Such as {endpoint: https://gateway.example:8443, credentialsSecretRef: {name: gateway-token, key: "
        "token}}. The block of type Gateway, and required there. Default: none.",
    )
    ec2_block: Ec2Spec | None = Field(
        None,
        alias="ec2",
        description="Such as {region: us-east-1, credentialsSecretRef: {name: aws, key: credentials}}. The block of "
        "type EC2, and required there. Default: none.",
    )
    skypilot_block: SkyPilotSpec | None = Field(
        None,
        alias="skypilot",
        description="Such as {endpoint: https://skypilot.example, credentialsSecretRef: {name: skypilot, key: token}}. "
        "The block of type SkyPilot, and required there. Default: none.",
    )
    runpod_block: RunpodSpec | None = Field(
        None,
        alias="runpod",
        description="Such as {credentialsSecretRef: {name: runpod, key: apiKey}}. The block of type RunPod, and "
        "required there. Default: none.",
    )
    draining: bool = Field(
        False,
        strict=True,
        description="Planned work: true makes no new machines here; those that exist are kept, watched and deletable. "
        "Default: false.",
    )
    limits: Limits = Field(
        Limits(),
        description="Such as {maxInstances: 20}. How much may be asked of the provider. Default: the defaults of its "
        "fields.",
    )
    timeouts: Timeouts = Field(
        Timeouts(),
        description="Such as {requestSeconds: 30}. How long a call may take. Default: the defaults of its fields.",
    )
    probe: Probe = Field(
        Probe(),
        description="Such as {periodSeconds: 30}. How the provider's health is told. Default: the defaults of its "
        "fields.",
    )
    poll: Poll = Field(
        Poll(),
        description="Such as {periodSeconds: 10}. How the provider's machines are watched. Default: the defaults of "
        "its fields.",
    )
    settle_seconds: Seconds = Field(
        60,
        description="Such as 60. The longest that an unanswered create may still take effect and stay unlisted, in "
        "seconds; more than timeouts.requestSeconds. Too small a value can buy a machine twice. Default: 60.",
    )
    sizes: Annotated[list[Size], Field(max_length=MAX_SIZES), distinct(name_of, "each name may stand there once")] = (
        Field(
            [],
            description='Such as [{name: large, instanceType: gpu.h100.1, pricePerHour: "2.10"}]. Names for what is '
            "bought here, at most 64: a machine asks for one by machine.size. A change holds for what is bought after "
            "it. Default: none.",
            json_schema_extra=crd(list_type="map", map_keys=["name"]),
        )
    )
    sweep: Sweep = Field(
        Sweep(),
        description="Such as {mode: Report}. What is done about machines whose ComputeInstance no longer exists. "
        "Default: the defaults of its fields.",
    )

    @property
    def gateway(self) -> GatewaySpec:
        """Return the block of type Gateway, which the rules below promise."""
        if self.gateway_block is None:
            raise TypeError(f"a provider of type {self.type} has no block gateway")
        return self.gateway_block

    @property
    def ec2(self) -> Ec2Spec:
        """Return the block of type EC2, which the rules below promise."""
        if self.ec2_block is None:
            raise TypeError(f"a provider of type {self.type} has no block ec2")
        return self.ec2_block

    @property
    def skypilot(self) -> SkyPilotSpec:
        """Return the block of type SkyPilot, which the rules below promise."""
        if self.skypilot_block is None:
            raise TypeError(f"a provider of type {self.type} has no block skypilot")
        return self.skypilot_block

    @property
    def runpod(self) -> RunpodSpec:
        """Return the block of type RunPod, which the rules below promise."""
        if self.runpod_block is None:
            raise TypeError(f"a provider of type {self.type} has no block runpod")
        return self.runpod_block

    @rule(
        "(self.type == 'Gateway') == has(self.gateway)",
        "the block gateway and type Gateway belong together: write both, or neither",
        "gateway",
    )
    def _has_the_block_of_a_gateway(self) -> bool:
        return (self.type is ProviderType.GATEWAY) == (self.gateway_block is not None)

    @rule(
        "(self.type == 'EC2') == has(self.ec2)",
        "the block ec2 and type EC2 belong together: write both, or neither",
        "ec2",
    )
    def _has_the_block_of_ec2(self) -> bool:
        return (self.type is ProviderType.EC2) == (self.ec2_block is not None)

    @rule(
        "(self.type == 'SkyPilot') == has(self.skypilot)",
        "the block skypilot and type SkyPilot belong together: write both, or neither",
        "skypilot",
    )
    def _has_the_block_of_skypilot(self) -> bool:
        return (self.type is ProviderType.SKYPILOT) == (self.skypilot_block is not None)

    @rule(
        "(self.type == 'RunPod') == has(self.runpod)",
        "the block runpod and type RunPod belong together: write both, or neither",
        "runpod",
    )
    def _has_the_block_of_runpod(self) -> bool:
        return (self.type is ProviderType.RUNPOD) == (self.runpod_block is not None)

    @rule(
        f"!has(self.ec2) || self.settleSeconds >= {EC2_SETTLE_SECONDS}"
        " || (has(self.ec2.endpoint) && self.ec2.endpoint.startsWith('http://'))",
        SETTLES_SLOWLY,
        "settleSeconds",
    )
    def _waits_for_the_lists_of_ec2(self) -> bool:
        # Plain http is an emulator: Amazon's own endpoints have none.
        block = self.ec2_block
        emulated = block is not None and block.url.startswith("http://")
        return block is None or emulated or self.settle_seconds >= EC2_SETTLE_SECONDS

    @rule(
        f"!has(self.skypilot) || self.settleSeconds >= {SKYPILOT_SETTLE_SECONDS}"
        f" || self.skypilot.endpoint.startsWith('{LOOPBACK}')",
        SKYPILOT_SETTLES_SLOWLY,
        "settleSeconds",
    )
    def _waits_for_the_queue_of_skypilot(self) -> bool:
        block = self.skypilot_block
        return block is None or block.emulated or self.settle_seconds >= SKYPILOT_SETTLE_SECONDS

    @rule(
        f"!has(self.runpod) || self.settleSeconds >= {RUNPOD_SETTLE_SECONDS}"
        " || self.runpod.endpoint.startsWith('http://')",
        RUNPOD_SETTLES_SLOWLY,
        "settleSeconds",
    )
    def _waits_for_the_lists_of_runpod(self) -> bool:
        block = self.runpod_block
        emulated = block is not None and block.endpoint.startswith("http://")
        return block is None or emulated or self.settle_seconds >= RUNPOD_SETTLE_SECONDS

    @rule(
        "self.timeouts.requestSeconds < self.settleSeconds",
        "settleSeconds must be more than timeouts.requestSeconds, because a call that still waits can still make a "
        "machine: write a larger settleSeconds or a smaller timeouts.requestSeconds",
        "settleSeconds",
    )
    def _settles_after_requests_end(self) -> bool:
        return self.timeouts.request_seconds < self.settle_seconds


class ClusterProviderSpec(ProviderSpec):
    """A provider of the platform team, opened to some namespaces."""

    allowed_namespaces: AllowedNamespaces | None = Field(
        None,
        description="Such as {names: [team-a]}. Which namespaces may use this provider: the named and the matching "
        "ones. Default: nobody.",
    )
    adoption: Adoption = Field(
        Adoption.DENIED,
        description="Whether tenants may take over machines that exist already, by the annotation gpuwright.dev/adopt. "
        "Default: Denied.",
    )
