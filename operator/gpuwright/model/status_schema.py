"""The shape of an instance's status, for the CRDs only: at run time `memory.py` reads it, and plain dicts write it.

Status never refuses what a provider says: words from outside have no enum, no pattern and no length, and times are
plain text. Enums stand on our own words only. Every field is optional, because a refused write would lose the
machine's id.
"""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from gpuwright.model.api_base import ApiModel, crd
from gpuwright.model.conditions import ConditionType, Reason, Status
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Outcome
from gpuwright.model.placement_spec import ProviderKind

MAX_ATTEMPTS = 20
MAX_RESIDUE = 64

STATUS_DEFAULT: dict[str, JsonValue] = {
    "observedGeneration": 0,
    "summary": str(Reason.WAITING),
    "conditions": [
        {
            "type": str(ConditionType.READY),
            "status": str(Status.UNKNOWN),
            "reason": str(Reason.WAITING_FOR_OPERATOR),
            "message": "no operator has looked at this object yet: is gpuwright running and watching this namespace?",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ],
}
"""What the API server says of an object that no operator has seen, so that nothing takes it for finished."""

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


def _require_nothing(schema: dict[str, JsonValue]) -> None:
    schema.pop("required", None)


class StatusModel(ApiModel):
    """A block of status, all of whose fields are optional in the schema."""

    model_config = ConfigDict(json_schema_extra=_require_nothing)


class Condition(ApiModel):
    """One observation; no decision of the operator reads it."""

    type: str = Field(description="Such as Ready. What is observed.")
    status: Status = Field(description="True, False or Unknown.")
    observed_generation: int | None = Field(
        None, description="The metadata.generation that this condition speaks about."
    )
    last_transition_time: Moment = Field(description="When status last changed from one value to another.")
    reason: Annotated[str, Field(min_length=1)] = Field(
        description="Such as CapacityUnavailable. Why, in one word; docs/reasons.md says what to do about each."
    )
    message: str = Field(description="Why, in a sentence for people. It holds no secrets.")


class RecordedProviderRef(StatusModel):
    """Which provider object something was recorded under."""

    kind: ProviderKind = Field(description="ComputeProvider or ClusterComputeProvider.")
    name: str = Field(description="Such as gateway. Name of the provider object.")


class EndingStatus(StatusModel):
    """Written before anything is destroyed or switched off."""

    reason: EndingReason = Field(description="Such as Deleted. Why it is done.")
    names: list[str] = Field(
        description="The machine names that it is done to.", json_schema_extra=crd(list_type="atomic")
    )
    time: str = Field(description="When it was written.")


class LaunchStatus(StatusModel):
    """The write-ahead record of one create; an intent replaces it whole."""

    incarnation: int = Field(description="Such as 1. The how-manyth machine meant for this instance.")
    attempt: int = Field(description="Such as 2. The how-manyth name tried for this incarnation.")
    name: str = Field(description="Such as trainer-0-3f9a1c2b7d-r2. The machine's name at the provider.")
    token: str = Field(description="The idempotency key of this attempt: 32 hex digits.")
    request_hash: str = Field(description="Hash of what was asked for, with versions in place of secret values.")
    provider_ref: RecordedProviderRef = Field(description="The provider that was asked.")
    placement: int = Field(description="Such as 0. Position of the placement that was tried, counted from 0.")
    place: str = Field(description="Hash of the provider's endpoint, account, region and zone at that time.")
    send: int = Field(description="Such as 2. Counts every create that was ever meant to be sent for this instance.")
    sent_by: str = Field(
        description="The one process that may send this create; random for each start of the operator."
    )
    intended_time: str = Field(description="When the intent was written.")
    settle_seconds: int = Field(description="Such as 97. How long this create may still take effect, in seconds.")
    waited_seconds: int = Field(description="Such as 60. How much of settleSeconds has been waited out already.")
    capacity_waited_seconds: int = Field(
        description="Such as 600. How long this incarnation has waited for room, in seconds."
    )
    outcome: Outcome = Field(
        description="What became of it: Intended is on record and maybe sent, Committed has made a machine, "
        "NotCommitted was promised to have made none, NotExecuted never happened, Unknown is being looked for."
    )
    settled: bool = Field(
        description="Whether a look has shown the machine of this create, so that nothing of it can still appear."
    )
    started: bool = Field(
        description="Whether the machine has run once. From then on deadlines.launchSeconds never ends it."
    )
    resent: bool = Field(
        description="Whether this create repeats a name whose earlier create was never answered and has settled since."
    )
    conflict: bool = Field(description="Whether the provider said that the name is taken while no look showed by whom.")
    adopted: bool = Field(description="Whether the machine existed before and was taken over.")
    reason: str = Field(description="Such as CapacityUnavailable. Why there is no machine yet, in one word.")
    message: str = Field(description="What the provider said.")
    ending: EndingStatus = Field(description="What is being destroyed or switched off; written before it is done.")


class AttemptStatus(StatusModel):
    """One attempt that is over; for people only."""

    incarnation: int = Field(description="Such as 1. The how-manyth machine meant for this instance.")
    attempt: int = Field(description="Such as 1. The how-manyth name tried for that incarnation.")
    name: str = Field(
        description="Such as trainer-0-3f9a1c2b7d. The machine's name at the provider; empty where it was not asked."
    )
    provider_ref: RecordedProviderRef = Field(description="The provider that was asked.")
    placement: int = Field(description="Such as 0. Position of the placement that was tried, counted from 0.")
    outcome: Outcome = Field(description="Such as NotCommitted. What became of it.")
    reason: str = Field(description="Such as PlacementFailed. Why it ended, in one word.")
    message: str = Field(description="What the provider said.")
    started_time: str = Field(description="When it was begun.")
    finished_time: str = Field(description="When it was over.")


class ResidueStatus(StatusModel):
    """A name once tried under which a machine could still exist."""

    name: str = Field(description="Such as trainer-0-3f9a1c2b7d. The machine's name at the provider.")
    provider_ref: RecordedProviderRef = Field(description="The provider that was asked.")
    place: str = Field(description="Hash of the provider's endpoint, account, region and zone at that time.")
    placement: int = Field(description="Such as 0. Position of the placement that was tried.")
    last_sent_time: str = Field(description="When a create of this name was sent last.")


class AddressStatus(StatusModel):
    """One address of the machine."""

    type: str = Field(description="Such as InternalIP. What kind of address it is.")
    address: str = Field(description="Such as 10.0.0.7. The address itself.")


class EndpointStatus(StatusModel):
    """How one port of the machine is reached from outside; what the provider does not say is left out."""

    name: str = Field(description="Such as ssh. The port's name in spec.machine.ports.")
    port: int = Field(description="Such as 22. The port inside the machine.")
    address: str = Field(description="Such as 203.0.113.9. Where it is reached.")
    external_port: int = Field(description="Such as 31022. The port there.")
    url: str = Field(description="Such as https://web.example. Where it is reached by HTTP.")


class MachineStatus(StatusModel):
    """The machine as it was last seen at the provider."""

    id: str = Field(description="Such as i-42. The provider's own id.")
    name: str = Field(description="Such as trainer-0-3f9a1c2b7d-r2. Its name at the provider.")
    provider_id: Annotated[str, Field(alias="providerID")] = Field(
        description="Such as gpuwright://team-a/gateway/i-42. Its id in the form that Nodes carry."
    )
    state: MachineState = Field(description="Such as Running. Its state in our words; Unknown is never taken for gone.")
    provider_state: str = Field(description="Such as running. Its state in the provider's own word.")
    addresses: list[AddressStatus] = Field(
        description="Such as [{type: InternalIP, address: 10.0.0.7}]. Where it is reached.",
        json_schema_extra=crd(list_type="atomic"),
    )
    endpoints: list[EndpointStatus] = Field(
        description="Such as [{name: ssh, port: 22, address: 203.0.113.9, externalPort: 31022}]. How its ports are "
        "reached from outside, where the provider says so.",
        json_schema_extra=crd(list_type="atomic"),
    )
    region: str = Field(description="Such as us-east-1. Where it is.")
    zone: str = Field(description="Such as us-east-1a. The part of the region where it is.")
    instance_type: str = Field(description="Such as gpu.h100.1. The provider's word for its shape.")
    purchase: str = Field(description="Such as OnDemand. How it is paid for.")
    created_time: str = Field(description="When the provider says it was made.")


class CostStatus(StatusModel):
    """What the machine costs; absent when unknown, never a guess."""

    currency: str = Field(description="Such as USD. The currency of the price.")
    price_per_hour: str = Field(description='Such as "2.10". Price of one hour, as a decimal number.')
    source: str = Field(
        description="Such as Provider. Who says so: the Provider, or its object's spec.sizes by the machine's Size."
    )
    accumulated: str = Field(
        description='Such as "0.35". What the machines of this instance have cost until accumulatedTime, while their '
        "price was known. For later add pricePerHour; it is written down only along with something else."
    )
    accumulated_time: str = Field(description="Until when accumulated counts.")


class InstanceStatus(StatusModel):
    """What is known of the machine, and the record that makes its creation safe."""

    observed_generation: int = Field(description="The metadata.generation that the operator has seen last.")
    summary: str = Field(
        description="Such as Running. For people: Running, Stopped, Deleting, else the reason of Ready. Nothing "
        "decides on it."
    )
    conditions: list[Condition] = Field(
        description="Accepted, Launched, Ready, Reconciling, Stalled, and Deleting while it is deleted.",
        json_schema_extra=crd(list_type="map", map_keys=["type"]),
    )
    launch: LaunchStatus = Field(
        description="The write-ahead record of the last create: written before anything is sent, so that a crash loses "
        "no machine."
    )
    attempts: Annotated[list[AttemptStatus], Field(max_length=MAX_ATTEMPTS)] = Field(
        description="Attempts that are over, oldest first, the last 20; for people, nothing decides on them.",
        json_schema_extra=crd(list_type="atomic"),
    )
    residue: Annotated[list[ResidueStatus], Field(max_length=MAX_RESIDUE)] = Field(
        description="Names once tried and not yet proven absent, at most 64; while it is full nothing new is tried.",
        json_schema_extra=crd(list_type="atomic"),
    )
    machine: MachineStatus = Field(description="The machine as it was last seen at the provider.")
    cost: CostStatus = Field(description="What the machine costs; absent when unknown, never a guess.")
    replacements: int = Field(description="Such as 0. How often a machine of this instance was replaced.")
    next_look_time: str = Field(description="When something is tried again, while the instance waits for that.")
    last_handled_reconcile_at: str = Field(
        description="The last value of the annotation gpuwright.dev/reconcile-requested-at that was acted on."
    )
