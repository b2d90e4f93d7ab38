"""What to buy: ComputeInstance.spec.machine."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    LABEL,
    ApiModel,
    ObjectName,
    crd,
    final_quantity,
    final_text,
    final_value,
    given,
    keys_at_most,
    must_match,
    no_label,
    rule,
)
from gpuwright.model.ec2_spec import Ec2Machine
from gpuwright.model.port_spec import Ports
from gpuwright.model.price import MAX_PRICE, PRICE, price_of
from gpuwright.model.quantity import QuantityBetween
from gpuwright.model.runpod_spec import RunpodMachine
from gpuwright.model.skypilot_spec import SkyPilotMachine

MACHINE_IS_FINAL = "what was bought cannot be changed, added or removed: delete this ComputeInstance and create another"


class Purchase(StrEnum):
    """How the machine is paid for. A spot machine can be taken away by its provider at any moment."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"


Text = Annotated[str, StringConstraints(max_length=253)]
Word = Annotated[Text | None, EMPTY_IS_ABSENT]
_NO_SIZE = no_label("large")
SizeName = Annotated[str, StringConstraints(max_length=63), must_match(LABEL, _NO_SIZE)]
Image = Annotated[Annotated[str, StringConstraints(max_length=1024)] | None, EMPTY_IS_ABSENT]
Cores = Annotated[
    Annotated[
        Decimal,
        QuantityBetween("1m", "10k", "8 or 500m", "write whole cores such as 8, or thousandths of a core such as 500m"),
    ]
    | None,
    EMPTY_IS_ABSENT,
]
Memory = Annotated[
    Annotated[Decimal, QuantityBetween("64Mi", "64Ti", "64Gi", "a plain number is bytes, so write 64Gi and not 64")]
    | None,
    EMPTY_IS_ABSENT,
]
Price = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=MAX_PRICE),
        must_match(f"({PRICE})?", 'must be a price as text, such as "2.10"'),
    ]
    | None,
    EMPTY_IS_ABSENT,
]
Disk = Annotated[
    Annotated[Decimal, QuantityBetween("1Gi", "1Pi", "200Gi", "a plain number is bytes, so write 200Gi and not 200")]
    | None,
    EMPTY_IS_ABSENT,
]


class Gpu(ApiModel):
    """Which GPUs the machine has."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(
        description="Such as H100. The provider's own word for the GPU. Required."
    )
    count: Annotated[int, Field(strict=True, ge=1, le=256)] = Field(
        1, description="Such as 8. How many of them one machine has. Default: 1."
    )


class ListedGpu(ApiModel):
    """GPUs, as an entry of a list has them: the schema has no default for the count, or every apply would change it."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(
        description="Such as H100. The provider's own word for the GPU. Required."
    )
    count: Annotated[int, Field(strict=True, ge=1, le=256)] | None = Field(
        None, description="Such as 8. How many of them one machine has. Default: 1."
    )

    @property
    def gpu(self) -> Gpu:
        """Return them as a machine has them."""
        return Gpu(type=self.type, count=self.count or 1)


class ImagePullSecretRef(ApiModel):
    """A Secret with logins of registries."""

    name: ObjectName = Field(description="Such as registry. Name of the Secret. Required.")


class GatewayMachine(ApiModel):
    """What only a compute gateway has."""

    metadata: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=1024)]],
        Field(max_length=64),
        keys_at_most(253, "orgId"),
    ] = Field(
        {},
        description='Such as {orgId: "7"}. Handed to the gateway as it is, under metadata; at most 64 entries. '
        "Default: none.",
    )


class MachineSpec(ApiModel):
    """What to buy: one of instanceType, size, cpu with memory, or gpu alone; gpu may stand beside instanceType, and
    beside cpu with memory.
    """

    instance_type: Word = Field(
        None,
        description="Such as gpu.h100.1. The provider's own word for a shape of machine. Default: none, the provider "
        "chooses by cpu, memory and gpu.",
        json_schema_extra=final_text("instanceType", MACHINE_IS_FINAL),
    )
    size: Annotated[
        Annotated[str, StringConstraints(max_length=63), must_match(f"({LABEL})?", _NO_SIZE)] | None, EMPTY_IS_ABSENT
    ] = Field(
        None,
        description="Such as large. A name from the provider's spec.sizes; what it stands for is looked up when the "
        "machine is asked for. Default: none.",
        json_schema_extra=final_text("size", MACHINE_IS_FINAL),
    )
    cpu: Cores = Field(
        None,
        description='Quantity, such as 8 or 500m or "0.5". Cores; a minimum where the provider sells shapes. '
        "Stands together with memory. Default: none.",
        json_schema_extra=final_quantity("cpu", MACHINE_IS_FINAL),
    )
    memory: Memory = Field(
        None,
        description="Quantity, such as 64Gi. Main memory, 64Mi to 64Ti; a plain number is bytes. A minimum where the "
        "provider sells shapes. Stands together with cpu. Default: none.",
        json_schema_extra=final_quantity("memory", MACHINE_IS_FINAL),
    )
    gpu: Gpu | None = Field(
        None,
        description="Such as {type: H100, count: 8}. Which GPUs the machine has. Default: none.",
        json_schema_extra=final_value("gpu", MACHINE_IS_FINAL),
    )
    disk: Disk = Field(
        None,
        description="Quantity, such as 200Gi. Size of the main disk, 1Gi to 1Pi; a plain number is bytes. "
        "Default: what the provider gives.",
        json_schema_extra=final_quantity("disk", MACHINE_IS_FINAL),
    )
    image: Image = Field(
        None,
        description="Such as registry.example/trainer:2026-11. What the machine runs, in the provider's own words: a "
        "container image, a disk image or a template. Default: what the provider gives.",
        json_schema_extra=final_text("image", MACHINE_IS_FINAL),
    )
    image_pull_secret_ref: ImagePullSecretRef | None = Field(
        None,
        description="Such as {name: registry}. A Secret of type kubernetes.io/dockerconfigjson in this namespace; its "
        "login for the image's registry goes to the provider. Default: none, the image is public.",
        json_schema_extra=final_value("imagePullSecretRef", MACHINE_IS_FINAL),
    )
    region: Word = Field(
        None,
        description="Such as us-east-1. The provider's own word for where. Default: the provider chooses.",
        json_schema_extra=final_text("region", MACHINE_IS_FINAL),
    )
    zone: Word = Field(
        None,
        description="Such as us-east-1a. The provider's own word for the part of a region. Default: the provider "
        "chooses.",
        json_schema_extra=final_text("zone", MACHINE_IS_FINAL),
    )
    purchase: Purchase = Field(
        Purchase.ON_DEMAND,
        description="OnDemand is kept until it is deleted; Spot is cheaper and can be taken away by the provider at "
        "any moment. Default: OnDemand.",
        json_schema_extra=final_text("purchase", MACHINE_IS_FINAL),
    )
    ports: Ports = Field(
        [],
        description="Such as [{name: ssh, port: 22}, {name: web, port: 8888, protocol: HTTP}]. What can be reached "
        "from outside, at most 16, opened where the provider can; status.machine.endpoints says how each is reached. "
        "Default: none.",
        json_schema_extra={**crd(list_type="map", map_keys=["name"]), **final_value("ports", MACHINE_IS_FINAL)},
    )
    max_price_per_hour: Price = Field(
        None,
        description='Such as "3.00". The most that a running machine may cost an hour, in US dollars, without what is '
        "billed beside it, such as disks and traffic. What is dearer is not bought, nor is what nobody tells the price "
        "of before it is bought: see pricePerHour in the provider's sizes. Default: no limit.",
        json_schema_extra=final_text("maxPricePerHour", MACHINE_IS_FINAL),
    )
    gateway: GatewayMachine | None = Field(
        None,
        description='Such as {metadata: {orgId: "7"}}. What only a provider of type Gateway understands. '
        "Default: none.",
        json_schema_extra=final_value("gateway", MACHINE_IS_FINAL),
    )
    ec2: Ec2Machine | None = Field(
        None,
        description="Such as {subnetId: subnet-0a1b2c3d4e5f60718}. What only a provider of type EC2 understands. "
        "Default: none.",
        json_schema_extra=final_value("ec2", MACHINE_IS_FINAL),
    )
    skypilot: SkyPilotMachine | None = Field(
        None,
        description="Such as {cloud: lambda}. What only a provider of type SkyPilot understands. Default: none.",
        json_schema_extra=final_value("skypilot", MACHINE_IS_FINAL),
    )
    runpod: RunpodMachine | None = Field(
        None,
        description="Such as {cloud: Community, startSsh: true}. What only a provider of type RunPod understands. "
        "Default: none.",
        json_schema_extra=final_value("runpod", MACHINE_IS_FINAL),
    )

    @property
    def ceiling(self) -> Decimal | None:
        """Return the most that it may cost an hour, in US dollars; None where there is no limit."""
        return price_of(self.max_price_per_hour or "")

    @rule(
        f"has(self.gpu) || {given('instanceType')} || {given('size')} || {given('cpu')} || {given('memory')}",
        "say what to buy: instanceType, or size, or gpu, or cpu with memory",
    )
    def _says_what_to_buy(self) -> bool:
        ways = (self.gpu, self.instance_type, self.size, self.cpu, self.memory)
        return any(way is not None for way in ways)

    @rule(
        f"!{given('size')} || !(has(self.gpu) || {given('instanceType')} || {given('cpu')} || {given('memory')})",
        "size stands beside instanceType, gpu, cpu or memory, which it stands for: keep one way of saying what to buy",
    )
    def _leaves_the_rest_to_the_size(self) -> bool:
        others = (self.gpu, self.instance_type, self.cpu, self.memory)
        return self.size is None or all(other is None for other in others)

    @rule(
        f"!{given('instanceType')} || !({given('cpu')} || {given('memory')})",
        "instanceType stands beside cpu or memory: keep one way of saying what to buy",
    )
    def _says_it_in_one_way(self) -> bool:
        return self.instance_type is None or (self.cpu is None and self.memory is None)

    @rule(f"!{given('cpu')} || {given('memory')}", "cpu is given without memory: add memory, such as 16Gi")
    def _has_memory_beside_cpu(self) -> bool:
        return self.cpu is None or self.memory is not None

    @rule(f"!{given('memory')} || {given('cpu')}", 'memory is given without cpu: add cpu, such as "4"')
    def _has_cpu_beside_memory(self) -> bool:
        return self.memory is None or self.cpu is not None
