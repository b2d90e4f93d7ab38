"""What a user asks for: ComputeInstance.spec, parsed once. The CRD is generated from these models."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model import memory
from gpuwright.model.api_base import (
    RULES,
    ApiModel,
    Must,
    ObjectName,
    Rule,
    SecondsOrNone,
    crd,
    final_value,
    keys_at_most,
    rule,
)
from gpuwright.model.bootstrap_spec import Bootstrap
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.placement_spec import MAX_PLACEMENTS, Offer, Placement, PlacementOrder, ProviderKind, offer_of

PROVIDER_IS_FINAL = (
    "where the machine lives cannot be changed, because a machine may already be there: "
    "delete this ComputeInstance and create another"
)
BOOTSTRAP_IS_FINAL = (
    "what a machine was told at birth cannot be changed, added or removed: "
    "delete this ComputeInstance and create another"
)
PLACEMENTS_ARE_FINAL = (
    "placements may only be added at the end, because what is on record names them by their position: keep those that "
    "are there, or delete this ComputeInstance and create another"
)
ONE_OR_SEVERAL = "give exactly one of providerRef (one provider) and placements (several, tried in order)"
ORDER_OF_SEVERAL = "placementOrder stands beside placements only: write placements, or leave placementOrder out"
TAGS_ARE_FINAL = (
    "tags are put on the machine at birth and cannot be changed, added or removed: "
    "delete this ComputeInstance and create another"
)


class PowerState(StrEnum):
    """Whether the machine is to be on."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class OnLoss(StrEnum):
    """What follows when a machine that was seen is proven gone."""

    RECREATE = "Recreate"
    FAIL = "Fail"


class DeletionPolicy(StrEnum):
    """What becomes of the machine when the ComputeInstance is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class ProviderRef(ApiModel):
    """Which provider the machine comes from."""

    kind: ProviderKind = Field(
        ProviderKind.COMPUTE_PROVIDER,
        description="ComputeProvider is one in this namespace, ClusterComputeProvider one of the whole cluster. "
        "Default: ComputeProvider.",
    )
    name: ObjectName = Field(description="Such as gateway. Name of the provider object. Required.")


SEVERAL_STAY_SEVERAL = "has(self.placements) == has(oldSelf.placements)"
ONLY_ADDED = f"{list(range(MAX_PLACEMENTS))}.all(i, i >= oldSelf.size() || (i < self.size() && self[i] == oldSelf[i]))"


class CreatePolicy(ApiModel):
    """One burst of tries; after it the waits grow from 10 seconds to 5 minutes."""

    max_attempts: Annotated[int, Field(strict=True, ge=1, le=10)] = Field(
        3,
        description="Such as 3. How many names one burst tries when the provider promises that nothing was made. "
        "Default: 3.",
    )
    retry_base_delay_milliseconds: Annotated[int, Field(strict=True, ge=0, le=10_000)] = Field(
        250,
        description="Such as 250. The wait before the second try, in milliseconds; it grows by as much with each "
        "further try. Default: 250.",
    )


class Deadlines(ApiModel):
    """How long an incarnation may take; time in which the provider could not be reached does not count."""

    capacity_seconds: SecondsOrNone = Field(
        0,
        description="Whole seconds, 86400 is a day. How long to go on trying while the provider has no room; 0 is for "
        "ever. Default: 0.",
    )
    launch_seconds: SecondsOrNone = Field(
        1800,
        description="Whole seconds, 900 is 15 minutes. From the provider's yes until the machine runs for the "
        "first time; an overdue machine is terminated and replaced; 0 is for ever. Default: 1800.",
    )


class InstanceSpec(ApiModel):
    """Exactly one machine."""

    provider_ref: ProviderRef | None = Field(
        None,
        description="Such as {name: gateway}. Where the machine comes from; it cannot be changed. Either it or "
        "placements is required. Default: none.",
        json_schema_extra=final_value("providerRef", PROVIDER_IS_FINAL),
    )
    placements: Annotated[list[Placement], Field(min_length=1, max_length=MAX_PLACEMENTS)] | None = Field(
        None,
        description="Such as [{providerRef: {name: gateway}}, {providerRef: {name: ec2}, region: us-east-1}]. Where "
        "the machine may come from, 1 to 16 in order: the next is tried when the one before has no machine to give and "
        "is proven to have made none. Entries may be added at the end; none can be changed. Default: none.",
        json_schema_extra={
            **crd(parent_rules=[Rule(SEVERAL_STAY_SEVERAL, PROVIDER_IS_FINAL, "placements", forbids=True)]),
            "x-kubernetes-list-type": "atomic",
            RULES: [Rule(ONLY_ADDED, PLACEMENTS_ARE_FINAL, forbids=True).as_schema()],
        },
    )
    placement_order: PlacementOrder | None = Field(
        None,
        description="Listed asks the placements as they stand; Price asks those first of which the sizes of their "
        "providers say the price, the cheapest first, and then the others as they stand. A change counts from the next "
        "decision on. Default: Listed.",
    )
    machine: MachineSpec = Field(
        description="Such as {gpu: {type: H100, count: 8}}. What to buy; it cannot be changed. Required."
    )
    bootstrap: Bootstrap | None = Field(
        None,
        description='Such as {env: [{name: RUN_ID, value: "42"}]}. What the machine is told at birth; it cannot be '
        "changed. Default: nothing.",
        json_schema_extra=final_value("bootstrap", BOOTSTRAP_IS_FINAL),
    )
    power_state: PowerState = Field(
        PowerState.RUNNING,
        description="Stopped switches the machine off and keeps it; Stopped at creation buys nothing until it is "
        "Running. Default: Running.",
    )
    create_policy: CreatePolicy = Field(
        CreatePolicy(),
        description="Such as {maxAttempts: 3}. How creation is tried again. Default: the defaults of its fields.",
    )
    deadlines: Deadlines = Field(
        Deadlines(),
        description="Such as {launchSeconds: 1800}. When to give up; each counts anew for a replacement. "
        "Default: the defaults of its fields.",
    )
    on_loss: OnLoss = Field(
        OnLoss.RECREATE,
        description="What to do when the machine is proven gone: Recreate makes another, Fail stalls. "
        "Default: Recreate.",
    )
    max_replacements: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(
        3,
        description="Such as 3. How often a lost, overdue or broken machine is replaced before the instance stalls. "
        "Default: 3.",
    )
    expire_after_seconds: SecondsOrNone = Field(
        0,
        description="Whole seconds, 86400 is a day. The machine is terminated at this age, and the instance ends as "
        "Expired; 0 is never. Default: 0.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="What deleting this object does: Delete terminates the machine, Retain leaves it running and "
        "billed. Default: Delete.",
    )
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]],
        Field(max_length=50),
        keys_at_most(128, "team"),
        Must(
            "self.all(key, !key.startsWith('gpuwright.dev/'))",
            lambda tags: not any(key.startswith("gpuwright.dev/") for key in tags),
            "keys that begin with gpuwright.dev/ say whose the machine is, and belong to the operator: choose another",
        ),
    ] = Field(
        {},
        description="Such as {team: vision}. Put on the machine where the provider can hold tags, at most 50; they "
        "cannot be changed. Default: none.",
        json_schema_extra=final_value("tags", TAGS_ARE_FINAL),
    )

    @rule("has(self.providerRef) != has(self.placements)", ONE_OR_SEVERAL)
    def _names_one_provider_or_several(self) -> bool:
        return (self.provider_ref is None) != (self.placements is None)

    @rule("!has(self.placementOrder) || has(self.placements)", ORDER_OF_SEVERAL, "placementOrder")
    def _orders_only_what_is_several(self) -> bool:
        return self.placement_order is None or self.placements is not None

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Return where the machine may come from, in order; the position is what a record calls its placement."""
        if self.placements is not None:
            return tuple(offer_of(placement) for placement in self.placements)
        if self.provider_ref is None:
            raise TypeError("a spec names one provider or several")
        return (Offer(memory.ProviderRef(str(self.provider_ref.kind), self.provider_ref.name)),)
