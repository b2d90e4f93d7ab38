"""All that one decision may look at, `now` included. Frozen: deciding twice on it gives the same answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuwright.instance.witness import Trail, Witness
from gpuwright.model.instance_spec import InstanceSpec, PowerState
from gpuwright.model.machine import Machine
from gpuwright.model.memory import Launch, Memory, ProviderRef
from gpuwright.model.names import (
    ANNOTATION_ADOPT,
    ANNOTATION_FORGET,
    ANNOTATION_PAUSED,
    ANNOTATION_RECONCILE,
    Owner,
    machine_place,
)
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import Wishes
from gpuwright.model.resources import Key


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
        """Return what the spec asks for. Raises ValueError where it is not known: held_back must have said so."""
        if self.wishes is None or isinstance(self.wishes, Unmet):
            raise ValueError("what the spec asks for is not known")
        return self.wishes

    @property
    def ref(self) -> ProviderRef:
        """Return where the machine is, or else is to be."""
        if self.launch is not None:
            return self.launch.provider
        wanted = self.spec.provider_ref
        return ProviderRef(str(wanted.kind), wanted.name)

    @property
    def provider(self) -> ProviderView | None:
        """Return the provider of `ref`, or None where it is not there."""
        return self.providers.get(self.ref)

    @property
    def place(self) -> str:
        """Return the place where a machine of this spec is recorded, as its provider shows itself now."""
        if self.provider is None:
            return ""
        if self.instance.spec is None:
            return self.launch.place if self.launch else self.provider.place
        machine = self.instance.spec.machine
        return machine_place(self.provider.place, machine.region, machine.zone)

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
