"""Sizes: names of the owner of a provider for what is bought there, and what a machine of one costs."""

from collections.abc import Iterable
from decimal import Decimal

from pydantic import Field

from gpuwright.model.api_base import ApiModel, given, rule
from gpuwright.model.machine_spec import Cores, ListedGpu, MachineSpec, Memory, Price, Purchase, SizeName, Word
from gpuwright.model.price import price_of

MAX_SIZES = 64


class UnknownSize(ValueError):
    """The provider has no size of this name; the message says which ones it has."""


class Size(ApiModel):
    """One name for what is bought, in the provider's words; a machine that asks for it gets all of them."""

    name: SizeName = Field(description="Such as large. What machine.size names. Required.")
    instance_type: Word = Field(
        None, description="Such as gpu.h100.1. The provider's own word for a shape of machine. Default: none."
    )
    cpu: Cores = Field(None, description='Quantity, such as 8 or "0.5". Cores; stands with memory. Default: none.')
    memory: Memory = Field(
        None, description="Quantity, such as 64Gi. Main memory, 64Mi to 64Ti; stands with cpu. Default: none."
    )
    gpu: ListedGpu | None = Field(
        None, description="Such as {type: H100, count: 1}. Which GPUs the machine has. Default: none."
    )
    price_per_hour: Price = Field(
        None,
        description='Such as "2.10". What a running on-demand machine of this size costs an hour, in US dollars; used '
        "where the provider tells no price of its own, for machine.maxPricePerHour and for placementOrder Price. "
        "Default: not known.",
    )

    @rule(
        f"has(self.gpu) || {given('instanceType')} || {given('cpu')} || {given('memory')}",
        "say what this size is: instanceType, or gpu, or cpu with memory",
    )
    def _says_what_it_is(self) -> bool:
        return not (self.gpu is None and self.instance_type is None and self.cpu is None and self.memory is None)

    @rule(f"{given('cpu')} == {given('memory')}", "cpu and memory stand together: write both, or neither")
    def _has_cpu_and_memory_together(self) -> bool:
        return (self.cpu is None) == (self.memory is None)

    @property
    def price(self) -> Decimal | None:
        """Return its price an hour; None where it is not known."""
        return price_of(self.price_per_hour or "")


def name_of(size: Size) -> str:
    """Return the size's name: no two of a provider have the same one."""
    return size.name


def resolved(machine: MachineSpec, sizes: Iterable[Size]) -> MachineSpec:
    """Return what a provider with these sizes is asked for: as it is, or with the words of the size that it names.

    Raises:
        UnknownSize: there is none of this name.
    """
    if machine.size is None or machine.instance_type is not None:
        return machine  # a placement's own type stands for a size, too
    known = {size.name: size for size in sizes}
    size = known.get(machine.size)
    if size is None:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise UnknownSize(f"the provider has no size {machine.size} in spec.sizes; {has}")
    # Copied, because a size may say all at once what a machine says in one way only. A placement's own GPUs stay.
    gpu = machine.gpu or (size.gpu.gpu if size.gpu is not None else None)
    words = {"instance_type": size.instance_type, "cpu": size.cpu, "memory": size.memory, "gpu": gpu}
    return machine.model_copy(update={**words, "size": None})


def size_of(machine: MachineSpec, instance_type: str, sizes: Iterable[Size]) -> Size | None:
    """Return the size that a machine is of: the one that its spec names, else the one that is its type alone."""
    sizes = tuple(sizes)
    if machine.size is not None:
        return next((size for size in sizes if size.name == machine.size), None)
    same = [size for size in sizes if size.instance_type and size.instance_type == instance_type]
    return same[0] if len(same) == 1 else None


def price_before(machine: MachineSpec, sizes: Iterable[Size]) -> Decimal | None:
    """Return what an hour of a machine costs that is not bought yet, as the provider's owner says it; None where nobody
    says it: of a spot machine, or where other GPUs than the size's are asked for.
    """
    size = size_of(machine, machine.instance_type or "", sizes)
    if size is None or machine.purchase is Purchase.SPOT:
        return None
    told = size.gpu.gpu if size.gpu is not None else None
    return size.price if machine.gpu is None or machine.gpu == told else None
