"""The shape of a provider's status, for the CRDs only; what holds for all status stands in status_schema.py."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gpuwright.model.api_base import crd
from gpuwright.model.capabilities import CreateKey, PriceCeiling
from gpuwright.model.status_schema import Condition, StatusModel

MAX_ORPHANS = 20
MAX_LEAKS = 20
MAX_RETAINED = 500
MAX_UNAVAILABLE = 20


class BreakerState(StrEnum):
    """Whether creates go through."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


class BreakerStatus(StatusModel):
    """Whether the provider answers, kept across restarts."""

    state: BreakerState = Field(
        description="Closed lets creates through, Open stops them, HalfOpen has let one probe through."
    )
    failures: int = Field(description="Such as 0. How many calls in a row have failed.")
    opened_time: str = Field(description="When it opened.")


class CapabilitiesStatus(StatusModel):
    """What the provider can do."""

    create_key: CreateKey = Field(
        description="What makes a repeated create harmless: Token, UniqueName or None. No wait is shortened by it."
    )
    reads: bool = Field(description="Whether it can be asked what exists.")
    power: bool = Field(description="Whether machines can be switched off and on.")
    spot: bool = Field(description="Whether it sells spot machines.")
    node_join: bool = Field(description="Whether its machines can join this cluster as Nodes.")
    user_data: str = Field(description="Such as CloudInit. What becomes of user data.")
    ports: bool = Field(description="Whether it opens the ports that a machine asks for, or is asked to.")
    price_ceiling: PriceCeiling = Field(
        description="For which machines it keeps machine.maxPricePerHour by itself: None, Spot or Every. For others "
        "the price in spec.sizes decides."
    )


class InstanceCounts(StatusModel):
    """How many instances use the provider; written at most every 10 seconds."""

    total: int = Field(description="Such as 20. Instances with an intent, a machine or residue here.")
    ready: int = Field(description="Such as 18. Those of them that are Ready.")
    creating: int = Field(description="Such as 2. Those of them whose machine is being made.")


class LeakStatus(StatusModel):
    """Something let go by force that may still exist and bill."""

    id: str = Field(description="Such as i-9. The provider's own id; empty where only the name is known.")
    name: str = Field(description="Such as trainer-0-3f9a1c2b7d. The machine's name at the provider.")
    owner: str = Field(description="Such as team-a/trainer-0. The ComputeInstance that it belonged to.")
    owner_uid: Annotated[str, Field(alias="ownerUID")] = Field(description="That object's uid.")
    place: str = Field(description="Hash of the provider's endpoint, account, region and zone at that time.")
    reason: str = Field(description="Why it was let go, as given in the annotation gpuwright.dev/force-forget.")
    since_time: str = Field(description="When it was let go.")


class RetainedStatus(StatusModel):
    """A machine let go on purpose, by deletionPolicy Retain."""

    id: str = Field(description="Such as i-7. The provider's own id.")
    name: str = Field(description="Such as trainer-0-3f9a1c2b7d. Its name at the provider.")
    owner_uid: Annotated[str, Field(alias="ownerUID")] = Field(description="Uid of the object that it belonged to.")
    since_time: str = Field(description="When it was let go.")


class OrphanStatus(StatusModel):
    """A machine with our tag whose ComputeInstance no longer exists."""

    id: str = Field(description="Such as i-9. The provider's own id.")
    name: str = Field(description="Such as trainer-0-3f9a1c2b7d. Its name at the provider.")
    owner: str = Field(description="Such as team-a/trainer-0. The ComputeInstance that its tag names.")
    owner_uid: Annotated[str, Field(alias="ownerUID")] = Field(description="That object's uid.")
    first_seen_time: str = Field(description="When it was first seen without an owner.")
    price_per_hour: str = Field(
        description='Such as "2.10". Price of one hour, as a decimal number; absent where the provider does not tell.'
    )
    kept_because: str = Field(description="Why the sweep does not terminate it, although spec.sweep.mode is Delete.")
    ending_time: str = Field(description="When its end was announced; it is terminated right after.")


class UnavailableOfferStatus(StatusModel):
    """Something that the provider had no room for lately; placements pass it over until then."""

    offer: str = Field(description="Such as H100 x 8, us-east-1a, Spot. What was asked for in vain.")
    since_time: str = Field(description="Since when there is no room for it.")
    until_time: str = Field(
        description="Until when it is passed over; an entry that is over stays until another one changes."
    )
    message: str = Field(description="What the provider said.")


class ProviderStatus(StatusModel):
    """What is known of the provider."""

    observed_generation: int = Field(description="The metadata.generation that the operator has seen last.")
    summary: str = Field(description="Such as Online. For people; nothing decides on it.")
    conditions: list[Condition] = Field(
        description="Accepted, CredentialsValid, Online, Ready, Reconciling, Stalled; MassAbsence, PromiseBroken and "
        "Orphaned when they occur.",
        json_schema_extra=crd(list_type="map", map_keys=["type"]),
    )
    place: str = Field(description="What its machines are recorded under: a hash of endpoint and account.")
    credentials_version: str = Field(description="Which version of the Secret has been seen to work at this place.")
    breaker: BreakerStatus = Field(description="Whether the provider answers, kept across restarts.")
    capabilities: CapabilitiesStatus = Field(description="What the provider can do.")
    instances: InstanceCounts = Field(
        description="How many instances use the provider; written at most every 10 seconds."
    )
    orphans: Annotated[list[OrphanStatus], Field(max_length=MAX_ORPHANS)] = Field(
        description="Machines with our tag and no owner, at most 20; orphanCount counts them all.",
        json_schema_extra=crd(list_type="atomic"),
    )
    orphan_count: int = Field(description="Such as 0. How many there are in all.")
    leaks: Annotated[list[LeakStatus], Field(max_length=MAX_LEAKS)] = Field(
        description="What was let go by force and is not yet proven gone, at most 20; leakCount counts them all.",
        json_schema_extra=crd(list_type="atomic"),
    )
    leak_count: int = Field(description="Such as 0. How many there are in all.")
    retained: Annotated[list[RetainedStatus], Field(max_length=MAX_RETAINED)] = Field(
        description="Machines let go by deletionPolicy Retain, at most 500; they run and bill on. One that is gone "
        "leaves the list.",
        json_schema_extra=crd(list_type="atomic"),
    )
    unavailable_offers: Annotated[list[UnavailableOfferStatus], Field(max_length=MAX_UNAVAILABLE)] = Field(
        description="What there was no room for lately, at most 20: instances with several placements ask the next one "
        "instead.",
        json_schema_extra=crd(list_type="atomic"),
    )
    last_handled_reconcile_at: str = Field(
        description="The last value of the annotation gpuwright.dev/reconcile-requested-at that was acted on."
    )
