"""Where a machine may come from, in order of preference: ComputeInstance.spec.placements."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from gpuwright.model import memory
from gpuwright.model.api_base import ApiModel, ObjectName
from gpuwright.model.ec2_spec import Ec2Machine
from gpuwright.model.machine_spec import Disk, GatewayMachine, Image, ListedGpu, MachineSpec, Price, Purchase, Word
from gpuwright.model.quantity import cpu_cores, memory_gib_ceil
from gpuwright.model.runpod_spec import RunpodMachine
from gpuwright.model.skypilot_spec import SkyPilotMachine

MAX_PLACEMENTS = 16


class ProviderKind(StrEnum):
    """The two kinds of object that machines can come from."""

    COMPUTE_PROVIDER = "ComputeProvider"
    CLUSTER_COMPUTE_PROVIDER = "ClusterComputeProvider"


class PlacementOrder(StrEnum):
    """In which order placements are asked."""

    LISTED = "Listed"
    PRICE = "Price"


class PlacementProviderRef(ApiModel):
    """Which provider a placement means. Its kind has no default in the schema: that would make every apply a change."""

    kind: ProviderKind | None = Field(
        None,
        description="ComputeProvider is one in this namespace, ClusterComputeProvider one of the whole cluster. "
        "Default: ComputeProvider.",
    )
    name: ObjectName = Field(description="Such as gateway. Name of the provider object. Required.")


class Placement(ApiModel):
    """One provider, and what is bought there in other words than machine's: its own words win."""

    provider_ref: PlacementProviderRef = Field(
        description="Such as {name: gateway}. Which provider is asked. Required."
    )
    instance_type: Word = Field(
        None,
        description="Such as gpu.h100.1. The provider's own word for a shape of machine; it stands for machine's cpu "
        "and memory, too. Default: machine's.",
    )
    gpu: ListedGpu | None = Field(
        None, description="Such as {type: H100, count: 8}. Which GPUs the machine has here. Default: machine's."
    )
    image: Image = Field(
        None,
        description="Such as ami-0a1b2c3d4e5f60718. What the machine runs here, in the provider's own words. "
        "Default: machine's.",
    )
    disk: Disk = Field(
        None, description="Quantity, such as 200Gi. Size of the main disk here, 1Gi to 1Pi. Default: machine's."
    )
    region: Word = Field(None, description="Such as us-east-1. The provider's own word for where. Default: machine's.")
    zone: Word = Field(
        None,
        description="Such as us-east-1a. The provider's own word for the part of a region. Default: machine's.",
    )
    purchase: Purchase | None = Field(
        None,
        description="OnDemand is kept until it is deleted; Spot is cheaper and can be taken away by the provider at "
        "any moment. Default: machine's.",
    )
    max_price_per_hour: Price = Field(
        None,
        description='Such as "3.00". The most that a running machine may cost an hour here, in US dollars. '
        "Default: machine's.",
    )
    gateway: GatewayMachine | None = Field(
        None,
        description='Such as {metadata: {orgId: "7"}}. What only a provider of type Gateway understands; it stands '
        "for the whole of machine's block. Default: machine's.",
    )
    ec2: Ec2Machine | None = Field(
        None,
        description="Such as {subnetId: subnet-0a1b2c3d4e5f60718}. What only a provider of type EC2 understands; it "
        "stands for the whole of machine's block. Default: machine's.",
    )
    runpod: RunpodMachine | None = Field(
        None,
        description="Such as {cloud: Community}. What only a provider of type RunPod understands; it stands for the "
        "whole of machine's block. Default: machine's.",
    )
    skypilot: SkyPilotMachine | None = Field(
        None,
        description="Such as {cloud: lambda}. What only a provider of type SkyPilot understands; it stands for the "
        "whole of machine's block. Default: machine's.",
    )


@dataclass(frozen=True, slots=True)
class Offer:
    """One provider to ask, and what is bought there. `own` is None where the spec names a single provider."""

    ref: memory.ProviderRef
    own: Placement | None = None

    def machine(self, common: MachineSpec) -> MachineSpec:
        """Return what is bought here: the words of machine, and over them the placement's own."""
        if self.own is None:
            return common
        words: dict[str, Any] = {
            name: value
            for name in Placement.model_fields
            if name != "provider_ref" and (value := getattr(self.own, name)) is not None
        }
        if self.own.gpu is not None:
            words["gpu"] = self.own.gpu.gpu
        instead = {"cpu", "memory", "size"} if "instance_type" in words else {"size"} if "gpu" in words else set()
        words |= dict.fromkeys(instead & MachineSpec.model_fields.keys())
        return common.model_copy(update=words)


def offer_of(placement: Placement) -> Offer:
    """Return the placement as something to ask for; a provider of no kind is one of the instance's namespace."""
    kind = placement.provider_ref.kind or ProviderKind.COMPUTE_PROVIDER
    return Offer(memory.ProviderRef(str(kind), placement.provider_ref.name), placement)


def words_of(machine: MachineSpec) -> str:
    """Return what is bought in words, such as `H100 x 8, us-east-1a, Spot`: equal where a provider that has no room for
    one has none for the other.
    """
    gpu = f"{machine.gpu.type} x {machine.gpu.count}" if machine.gpu is not None else None
    least = None
    if machine.cpu is not None and machine.memory is not None:
        least = f"{cpu_cores(machine.cpu)} cores, {memory_gib_ceil(machine.memory)} GiB"
    words = (machine.instance_type, least, gpu, machine.region, machine.zone, str(machine.purchase))
    return ", ".join(word for word in words if word)
