"""The truth of a provider, kept apart from what its adapter tells; in four classes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from tests.campaign.trace import Machine as Billed
from tests.engine.manual_clock import START

from gpuwright.model.capabilities import Capabilities, CreateKey
from gpuwright.model.conditions import timestamp
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.names import owner_of

BOOT_SECONDS = 3.0
DYING_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Traits:
    """A class of adapters: what protects a repeated create, and what can be asked."""

    name: str
    create_key: CreateKey
    reads: bool = True
    tombstones: bool = True
    unique_names: bool = False
    tokens: bool = False
    looks_by_list: bool = False
    promises: bool = False  # a 500 is promised to have made nothing

    @property
    def capabilities(self) -> Capabilities:
        """Return what an adapter of this class says of itself."""
        limits = "" if self.reads else "it cannot be read"
        by_id = not self.unique_names
        return Capabilities(self.create_key, self.reads, self.reads, True, False, "CloudInit", limits, ends_by_id=by_id)


CLASSES: Mapping[str, Traits] = {
    traits.name: traits
    for traits in (
        Traits("token", CreateKey.TOKEN, tokens=True),
        Traits("unique-name", CreateKey.UNIQUE_NAME, unique_names=True, promises=True),
        Traits("list-only", CreateKey.NONE, tombstones=False, looks_by_list=True),
        Traits("create-only", CreateKey.UNIQUE_NAME, reads=False, tombstones=False, unique_names=True),
    )
}


@dataclass(slots=True)
class Vm:
    """One machine. It bills from `born` until `ended`."""

    id: str
    name: str
    token: str
    labels: Mapping[str, str]
    born: float
    state: MachineState = MachineState.PROVISIONING
    ended: float | None = None
    looked_from: float = 0.0  # direct looks show it from then on
    listed_from: float = 0.0
    listed_until: float = 0.0  # lists show it until then, though it is gone
    skew: float = 0.0  # of the provider's clock against ours, in seconds
    going: bool = False
    afterglow: float = 0.0  # for so long lists go on showing it when it is gone

    @property
    def alive(self) -> bool:
        """Return whether it bills."""
        return self.ended is None and self.state is not MachineState.PREEMPTED

    def described(self) -> Machine:
        """Return it as the provider describes it."""
        created = timestamp(START + timedelta(seconds=self.born + self.skew))
        state = MachineState.GONE if self.ended is not None else self.state
        return Machine(self.id, self.name, state, str(state).lower(), self.labels, created=created)

    def billed(self) -> Billed:
        """Return it as the trace has it."""
        owner = owner_of(self.labels)
        return Billed(
            self.id, self.name, owner.uid if owner else "", self.described().incarnation, str(self.state), 1.0
        )


class Taken(Exception):
    """The name is another machine's, or the provider keeps it for no machine at all."""


class FarSide:
    """What really exists. `tell` is told after each change; time is the running loop's."""

    def __init__(self, traits: Traits, tell: Callable[[], None], *, first_id: int = 1) -> None:
        self.traits = traits
        self.vms: list[Vm] = []
        self.secrets: set[str] = set()  # the credentials that it takes; all where there are none
        self.boot_seconds = BOOT_SECONDS
        self.reuses_ids = False
        self.full = False  # it has no room for anything
        self._tell = tell
        self._next_id = first_id

    @property
    def billing(self) -> tuple[Billed, ...]:
        """Return all machines that bill."""
        return tuple(vm.billed() for vm in self.vms if vm.alive)

    def make(
        self,
        name: str,
        labels: Mapping[str, str],
        token: str = "",
        *,
        lag: float = 0.0,
        listed: float = 0.0,
        skew: float = 0.0,
    ) -> tuple[Vm, bool]:
        """Return the machine that a create has made, and whether it was there before. Raises Taken."""
        for vm in self.vms:
            if self.traits.tokens and token and vm.token == token:
                return vm, True
            if self.traits.unique_names and vm.alive and vm.name == name:
                raise Taken(name)
        now = _now()
        made = Vm(self._id(), name, token, labels, now, looked_from=now + lag, listed_from=now + listed, skew=skew)
        self.vms.append(made)
        self._tell()
        asyncio.get_running_loop().call_later(self.boot_seconds, self._boot, made)
        return made, False

    def _id(self) -> str:
        ended = [vm.id for vm in self.vms if not vm.alive]
        taken = {vm.id for vm in self.vms if vm.alive}
        if self.reuses_ids and ended and ended[-1] not in taken:
            return ended[-1]
        self._next_id += 1
        return f"i-{self._next_id}"

    def _boot(self, vm: Vm) -> None:
        if vm.alive and vm.state is MachineState.PROVISIONING and not vm.going:
            self.change(vm, MachineState.RUNNING)

    def change(self, vm: Vm, state: MachineState) -> None:
        """Change a machine's state."""
        vm.state = state
        self._tell()

    def end(
        self,
        name: str,
        seconds: float = DYING_SECONDS,
        state: MachineState = MachineState.DELETING,
        *,
        afterglow: float = 0.0,
    ) -> bool:
        """Begin to end what is alive under the name; return whether there was anything."""
        found = self.alive_under(name)
        for vm in found:
            if not vm.going:
                vm.going, vm.afterglow = True, afterglow
                self.change(vm, state)
                asyncio.get_running_loop().call_later(seconds, self._ended, vm)
        return bool(found)

    def _ended(self, vm: Vm) -> None:
        if vm.ended is None:
            vm.ended = _now()
            vm.listed_until = vm.ended + vm.afterglow
            self._tell()

    def clone(self, vm: Vm) -> None:
        """Let somebody make another machine like this one, with its name and all its tags."""
        self.vms.append(Vm(self._id(), vm.name, "", vm.labels, _now(), MachineState.RUNNING))
        self._tell()

    def rename(self, name: str) -> None:
        """Let somebody rename the machine under this name, or any that carries an owner's tag; each once."""
        for vm in self.vms:
            meant = not name or vm.name == name
            if meant and vm.alive and vm.billed().uid and not vm.name.endswith("-renamed"):
                vm.name += "-renamed"
                self._tell()
                return

    def kill(self, vm: Vm) -> None:
        """End a machine at once, as a person at the provider does."""
        self._ended(vm)

    def alive_under(self, name: str) -> list[Vm]:
        """Return what bills under the name, or has it for its id, and can be found."""
        return [vm for vm in self.vms if self._is_meant(vm, name) and vm.alive and vm.looked_from <= _now()]

    def _is_meant(self, vm: Vm, name: str) -> bool:
        return vm.name == name or (vm.id == name and self.traits.capabilities.ends_by_id)

    def power(self, name: str, *, on: bool) -> None:
        """Switch a machine on or off."""
        for vm in self.alive_under(name):
            if not vm.going:
                self.change(vm, MachineState.STOPPING if not on else MachineState.PROVISIONING)
                after = MachineState.RUNNING if on else MachineState.STOPPED
                seconds = self.boot_seconds if on else 1.0
                asyncio.get_running_loop().call_later(seconds, self._powered, vm, after)

    def _powered(self, vm: Vm, state: MachineState) -> None:
        if vm.alive and not vm.going:
            self.change(vm, state)

    def listed(self, ago: float = 0.0) -> tuple[Machine, ...]:
        """Return what a list shows, as it was some seconds ago."""
        at = _now() - ago
        shown = []
        for vm in self.vms:
            if vm.listed_from > at:
                continue
            if vm.ended is None:
                shown.append(vm.described())
            elif vm.ended > at or vm.listed_until > at:
                shown.append(replace(vm.described(), state=MachineState.RUNNING, word="running"))
        return tuple(shown)

    def found(self, name: str, ago: float = 0.0) -> tuple[Vm | None, Vm | None]:
        """Return the newest living and the newest dead machine that a direct look finds under the name."""
        at = _now() - ago
        under = [vm for vm in self.vms if self._is_meant(vm, name) and vm.looked_from <= at]
        living = [vm for vm in under if vm.ended is None or vm.ended > at]
        dead = [vm for vm in under if vm.ended is not None and vm.ended <= at]
        return (living[-1] if living else None), (dead[-1] if dead else None)


def _now() -> float:
    return asyncio.get_running_loop().time()
