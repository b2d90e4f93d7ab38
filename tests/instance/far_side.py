"""The provider's truth, apart from what it shows: machines, creates that land later, looks that lag or lie."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from tests.builders import PLACE, WALL

from gpuwright.adapters.contract import Created, Deletion
from gpuwright.model.conditions import Reason, timestamp
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    ProviderError,
    Rejected,
    Throttled,
    Unknown,
)
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Sighting, Tombstone
from gpuwright.model.names import Owner, owner_labels
from gpuwright.model.request import MachineRequest


class Answer(StrEnum):
    """What the sender of a create is told."""

    CREATED = "201"
    LOST = "no answer"
    NOT_COMMITTED = "500"
    NO_ROOM = "503 capacity"
    NEVER_SENT = "refused"
    THROTTLED = "429"
    REJECTED = "422"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one create: what is told, and after how many seconds the machine is made (None: never)."""

    answer: Answer
    made: float | None = None
    name_stays: bool = False  # nothing is made, but the name is registered and answers 409 from now on


CREATED = Fate(Answer.CREATED, 0)
LOST_AFTER_COMMIT = Fate(Answer.LOST, 0)
LOST_BEFORE_COMMIT = Fate(Answer.LOST)
NOT_COMMITTED = Fate(Answer.NOT_COMMITTED)
BROKEN_PROMISE = Fate(Answer.NOT_COMMITTED, 0)
NAME_STAYS = Fate(Answer.NOT_COMMITTED, name_stays=True)
NAME_STAYS_AND_LOST = Fate(Answer.LOST, name_stays=True)
NO_ROOM = Fate(Answer.NO_ROOM)
REFUSED = Fate(Answer.NEVER_SENT)
THROTTLED = Fate(Answer.THROTTLED)
REJECTED = Fate(Answer.REJECTED)


def late(seconds: float) -> Fate:
    """Return the fate of a create whose answer is lost and that takes effect this much later."""
    return Fate(Answer.LOST, seconds)


@dataclass(frozen=True, slots=True)
class Vm:
    """One machine of the truth. It is alive, and bills, until `died`."""

    id: str
    name: str
    owner: Owner | None
    incarnation: int
    born: float
    shown_from: float
    runs_from: float
    shown_until: float | None = None  # lists may go on showing a dead machine
    dies: float | None = None
    died: float | None = None
    immortal: bool = False  # a terminate is accepted, and nothing follows
    place: str = PLACE
    unlisted: bool = False  # it lost its labels, so lists filtered by them do not show it
    state: MachineState = MachineState.RUNNING

    @property
    def alive(self) -> bool:
        """Return whether it bills."""
        return self.died is None

    def machine(self, now: float) -> Machine:
        """Return the machine as the provider describes it."""
        labels = owner_labels(self.owner, self.incarnation) if self.owner else {}
        state = self._state(now)
        born = timestamp(datetime.fromtimestamp(WALL + self.born, UTC))
        return Machine(self.id, self.name, state, str(state).lower(), labels, created=born)

    def _state(self, now: float) -> MachineState:
        if self.dies is not None and self.died is None:
            return MachineState.DELETING
        if self.state is MachineState.RUNNING and now < self.runs_from:
            return MachineState.PROVISIONING
        return self.state


@dataclass(frozen=True, slots=True)
class Flight:
    """A create on its way: it takes effect at `lands`, if its name is free then."""

    name: str
    owner: Owner
    incarnation: int
    lands: float
    place: str = PLACE


@dataclass(frozen=True, slots=True)
class FarSide:
    """A provider. Its truth: `vms`, `flights`, `held`; the rest is how it behaves."""

    vms: tuple[Vm, ...] = ()
    flights: tuple[Flight, ...] = ()
    held: frozenset[str] = frozenset()  # names that a failed create left registered
    place: str = PLACE
    reads: bool = True
    unique_names: bool = True
    tombstones: bool = True
    boots: float = 3.0  # seconds until a machine runs
    lag: float = 0.0  # seconds until a look shows a machine
    afterglow: float = 0.0  # seconds for which lists go on showing a machine that is gone
    dying: float = 1.0  # seconds from an accepted terminate to the end
    blind: bool = False  # no read is answered
    blind_lists: bool = False  # no list is answered in full, while looks by name are
    empty_lists: bool = False
    empty_looks: bool = False

    def create(self, now: float, request: MachineRequest, fate: Fate) -> tuple["FarSide", Created | ProviderError]:
        """Return the far side after a POST with this fate, and what its sender is told, as an adapter says it."""
        if fate.answer is Answer.CREATED and self._taken(request.name):
            return self, self._conflict(now, request)
        after = self
        if fate.made is not None:
            flight = Flight(request.name, request.owner, request.incarnation, now + fate.made, self.place)
            after = replace(self, flights=(*self.flights, flight)).until(now)
        if fate.name_stays:
            after = replace(after, held=after.held | {request.name})
        return after, after._told(now, request, fate)

    def _told(self, now: float, request: MachineRequest, fate: Fate) -> Created | ProviderError:
        match fate.answer:
            case Answer.CREATED:
                return Created(self.newest(request.name).machine(now))
            case Answer.LOST:
                return Unknown("no answer to the create")
            case Answer.NOT_COMMITTED:
                return NotCommitted("500 internal")
            case Answer.NO_ROOM:
                return NotCommitted("503 capacity", reason=Reason.CAPACITY_UNAVAILABLE)
            case Answer.NEVER_SENT:
                return NeverSent("connection refused")
            case Answer.THROTTLED:
                return Throttled("429", 2.0)
            case Answer.REJECTED:
                return Rejected("422 invalid_spec", Reason.REQUEST_REJECTED)

    def _conflict(self, now: float, request: MachineRequest) -> Created | ProviderError:
        """409: who holds the name is found by a look."""
        try:
            sighting = self.look(now, request.name) if self.reads else Absent()
        except Blind:
            return Unknown("409 name_conflict, and no answer to the look")
        if not isinstance(sighting, Present):
            return Unknown("409 name_conflict", conflict=True)
        if sighting.machine.owner_uid == request.owner.uid:
            return Created(sighting.machine, adopted=True)
        return Rejected("the name belongs to another owner's machine", Reason.NAME_CONFLICT)

    def _taken(self, name: str) -> bool:
        return name in self.held or (
            self.unique_names and any(vm.alive and vm.name == name and vm.place == self.place for vm in self.vms)
        )

    def newest(self, name: str) -> Vm:
        """Return the machine made last under the name."""
        return next(vm for vm in reversed(self.vms) if vm.name == name)

    def until(self, now: float) -> "FarSide":
        """Return the far side at this time: what was on its way has landed, what was dying is dead."""
        if not any(moment <= now for moment in self.moments()):
            return self
        landed = [flight for flight in self.flights if flight.lands <= now]
        vms = tuple(self._died(vm) if vm.dies is not None and vm.dies <= now and vm.alive else vm for vm in self.vms)
        after = replace(self, vms=vms, flights=tuple(flight for flight in self.flights if flight.lands > now))
        for flight in landed:
            if not after._taken(flight.name):
                after = after.with_vm(flight.name, flight.owner, flight.incarnation, flight.lands, place=flight.place)
        return after

    def _died(self, vm: Vm) -> Vm:
        if vm.immortal:
            return replace(vm, dies=None)
        died = vm.dies or 0.0
        return replace(vm, died=died, shown_until=died + self.afterglow)

    def with_vm(
        self, name: str, owner: Owner | None, incarnation: int, born: float, *, place: str = PLACE
    ) -> "FarSide":
        """Return the far side with one more machine."""
        number = len(self.vms) + 1
        vm = Vm(f"i-{number}", name, owner, incarnation, born, born + self.lag, born + self.boots, place=place)
        return replace(self, vms=(*self.vms, vm))

    def changing(self, machine_id: str, **changes: object) -> "FarSide":
        """Return the far side with one machine changed."""
        return replace(self, vms=tuple(_changed(vm, changes) if vm.id == machine_id else vm for vm in self.vms))

    def look(self, now: float, name: str) -> Sighting:
        """Return what a direct look shows. Raises Blind."""
        if self.blind:
            raise Blind("no answer to a look")
        under = [vm for vm in self.vms if vm.name == name and vm.place == self.place]
        if self.empty_looks or not under:
            return Absent()
        alive = [vm for vm in under if vm.alive and vm.shown_from <= now]
        if alive:
            return Present(alive[-1].machine(now))
        dead = [vm for vm in under if not vm.alive]
        return Tombstone(dead[-1].id) if dead and self.tombstones else Absent()

    def machines(self, now: float) -> tuple[Machine, ...]:
        """Return what a list shows. Raises Blind."""
        if self.blind or self.blind_lists or not self.reads:
            raise Blind("no answer to a list")
        if self.empty_lists:
            return ()
        shown = [vm for vm in self.vms if vm.shown_from <= now and not vm.unlisted and vm.place == self.place]
        return tuple(
            vm.machine(now) for vm in shown if vm.alive or (vm.shown_until is not None and now < vm.shown_until)
        )

    def delete(self, now: float, name: str) -> tuple["FarSide", Deletion]:
        """Return the far side after a DELETE by name, and its answer. Raises Unknown."""
        if self.blind:
            raise Unknown("no answer to a delete")
        mortal = [
            vm for vm in self.vms if vm.name == name and vm.alive and vm.shown_from <= now and vm.place == self.place
        ]
        if not mortal:
            return self, Deletion.NOT_FOUND
        vms = tuple(replace(vm, dies=vm.dies or now + self.dying) if vm in mortal else vm for vm in self.vms)
        return replace(self, vms=vms).until(now), Deletion.ACCEPTED

    def alive_of(self, uid: str) -> tuple[Vm, ...]:
        """Return the machines of one owner that bill, whatever a look would show."""
        return tuple(vm for vm in self.vms if vm.alive and vm.owner is not None and vm.owner.uid == uid)

    def moments(self) -> tuple[float, ...]:
        """Return the times at which something happens here by itself."""
        return (*(flight.lands for flight in self.flights), *(vm.dies for vm in self.vms if vm.dies and vm.alive))


def _changed(vm: Vm, changes: dict[str, object]) -> Vm:
    return replace(vm, **changes)  # type: ignore[arg-type]  # the caller names fields of Vm
