"""All that one decision may look at, `now` included. Frozen: deciding twice on it gives the same answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gpuwright.instance.witness import Trail, Witness
from gpuwright.model.instance_spec import InstanceSpec, PowerState
from gpuwright.model.machine import Machine
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.memory import Launch, Memory, ProviderRef
from gpuwright.model.names import (
    ANNOTATION_ADOPT,
    ANNOTATION_FORGET,
    ANNOTATION_PAUSED,
    ANNOTATION_RECONCILE,
    Owner,
    machine_place,
)
from gpuwright.model.placement_spec import Offer
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import Wishes
from gpuwright.model.resources import Key
from gpuwright.model.size_spec import UnknownSize, resolved


@dataclass(frozen=True, slots=True)
class Instance:
    """One ComputeInstance as the API server shows it, parsed once. `spec` is None where `spec_error` says why."""

    key: Key
    owner: Owner
    generation: int
    deleting: bool
    finalized: bool
    annotations: Mapping[str, str]
    spec: InstanceSpec | None
    spec_error: str
    memory: Memory
    body: Mapping[str, Any]
    record_error: str = ""  # why the status could not be parsed; the memory is empty then

    @property
    def paused(self) -> bool:
        """Return whether a person asked us to look but change nothing."""
        return self.annotations.get(ANNOTATION_PAUSED) == "true"

    @property
    def request(self) -> str:
        """Return the token of the newest reconcile request, or an empty string."""
        return self.annotations.get(ANNOTATION_RECONCILE, "")

    @property
    def adopt(self) -> str:
        """Return the id or name of the machine to take over, or an empty string."""
        return self.annotations.get(ANNOTATION_ADOPT, "")

    @property
    def forget(self) -> str:
        """Return why the object is to be let go without proof, or an empty string."""
        return self.annotations.get(ANNOTATION_FORGET, "")


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something that the request needs is not there yet, such as a Secret."""

    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What one decision sees. Times are seconds on our monotonic clock; `wall` is for people and for the spec's
    ages.
    """

    now: float
    wall: float
    instance: Instance
    witness: Witness
    providers: Mapping[ProviderRef, ProviderView]
    missing: Mapping[ProviderRef, Hindrance]
    wishes: Wishes | Unmet | None
    process: str
    jitter: float  # from 0 up to 1, drawn once for this observation
    other_owner_alive: bool = True  # adoption: whether the machine's tagged owner still exists

    @property
    def memory(self) -> Memory:
        """Return what is on record."""
        return self.instance.memory

    @property
    def launch(self) -> Launch | None:
        """Return the launch on record."""
        return self.instance.memory.launch

    @property
    def spec(self) -> InstanceSpec:
        """Return the spec. Raises ValueError where it cannot be parsed: a rule before must have said so."""
        if self.instance.spec is None:
            raise ValueError(self.instance.spec_error)
        return self.instance.spec

    @property
    def known_wishes(self) -> Wishes:
        """Return what the spec asks for where the launch is. Raises ValueError where it is not known: held_back must
        have said so.
        """
        wishes = self.wishes_at(self.placement)
        if wishes is None or isinstance(wishes, Unmet):
            raise ValueError("what the spec asks for is not known")
        return wishes

    def wishes_at(self, placement: int) -> Wishes | Unmet | None:
        """Return what the spec asks for at one of its placements, in the words of the provider's size where it names
        one; None where that is not known.
        """
        wishes, offer = self.wishes, self.offer(placement)
        if wishes is None or isinstance(wishes, Unmet):
            return wishes
        if offer is None:
            return None
        machine = offer.machine(wishes.machine)
        provider = self.providers.get(offer.ref)
        if machine.size is not None and provider is None:
            return None
        try:
            return replace(wishes, machine=resolved(machine, provider.spec.sizes if provider is not None else ()))
        except UnknownSize:
            return None  # the provider's hindrance says which sizes there are

    def machine_at(self, placement: int) -> MachineSpec | None:
        """Return what is bought at one of the placements, in the spec's words; None where there is no such one."""
        offer = self.offer(placement)
        if offer is None or self.instance.spec is None:
            return None
        return offer.machine(self.instance.spec.machine)

    @property
    def placement(self) -> int:
        """Return at which of the placements the launch is; the first where there is none."""
        return self.launch.placement if self.launch is not None else 0

    def offer(self, placement: int) -> Offer | None:
        """Return one of the placements; None where the spec has none at this position, or cannot be parsed."""
        offers = self.instance.spec.offers if self.instance.spec is not None else ()
        return offers[placement] if placement < len(offers) else None

    @property
    def several(self) -> bool:
        """Return whether there is more than one place to ask."""
        return self.instance.spec is not None and len(self.instance.spec.offers) > 1

    @property
    def ref(self) -> ProviderRef:
        """Return where the machine is, or else is to be looked for first."""
        if self.launch is not None:
            return self.launch.provider
        return self.spec.offers[0].ref

    @property
    def provider(self) -> ProviderView | None:
        """Return the provider of `ref`, or None where it is not there."""
        return self.providers.get(self.ref)

    @property
    def others(self) -> tuple[ProviderView, ...]:
        """Return the other providers of the placements and of what is on record, as far as they are there."""
        return tuple(view for view in self.providers.values() if view.ref != self.ref)

    @property
    def place(self) -> str:
        """Return the place where the launch's machine is recorded, as its provider shows itself now."""
        return self.place_at(self.placement, self.provider) if self.provider is not None else ""

    def place_at(self, placement: int, provider: ProviderView) -> str:
        """Return the place of a machine of one placement, as its provider shows itself now; empty where the spec has no
        such placement.
        """
        if self.instance.spec is None:
            return self.launch.place if self.launch else provider.place
        offer = self.offer(placement)
        if offer is None:
            return ""
        machine = offer.machine(self.instance.spec.machine)
        return machine_place(provider.place, machine.region, machine.zone)

    def home(self, name: str) -> ProviderRef:
        """Return at which provider a name is: where it was tried, or else where a list shows it."""
        if self.launch is not None and name == self.launch.name:
            return self.launch.provider
        for entry in self.memory.residue:
            if entry.name == name:
                return entry.provider
        uid = self.instance.owner.uid
        for view in self.providers.values():
            if view.snapshot is not None and any(m.name == name for m in view.snapshot.by_owner.get(uid, ())):
                return view.ref
        return self.ref

    @property
    def wants_running(self) -> bool:
        """Return whether the machine is to be on."""
        return self.spec.power_state is PowerState.RUNNING

    def trail(self, name: str) -> Trail:
        """Return what looks have shown of a name."""
        return self.witness.trail(name)

    def machine_under(self, name: str) -> Machine | None:
        """Return the machine that the newest look showed under a name; None where the newest look showed none."""
        trail = self.trail(name)
        return None if trail.absences else trail.machine
