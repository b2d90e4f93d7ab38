"""What this process has itself seen and done about one instance: pure data, lost in a crash, never trusted beyond it.

Everything that must survive is in the status (model/memory.py). What is here only ever makes us wait longer when it is
missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpuwright.model.conditions import Reason
from gpuwright.model.machine import Absent, Machine, Present, Sighting, Tombstone
from gpuwright.model.memory import Ending, Launch, Memory, ProviderRef

KEPT_LOOKS = 24


@dataclass(frozen=True, slots=True)
class Absence:
    """One look, answered in full, that did not show the name. `began` in seconds on the monotonic clock."""

    began: float
    direct: bool


@dataclass(frozen=True, slots=True)
class Trail:
    """What looks have shown of one name. `absences` are unbroken: a look that shows the machine empties them."""

    shown: float | None = None
    machine: Machine | None = None
    absences: tuple[Absence, ...] = ()
    tombstones: frozenset[str] = frozenset()
    tombstone_began: float | None = None
    looked: float | None = None  # began of the newest direct look, whatever it showed
    stranger: bool = False  # the newest direct look showed another owner's machine under the name

    def present(self, began: float, machine: Machine, *, direct: bool) -> "Trail":
        """Return the trail after a look that showed the machine; an older look changes nothing."""
        if self.newest is not None and began < self.newest:
            return self
        looked = began if direct else self.looked
        return replace(self, shown=began, machine=machine, absences=(), looked=looked, stranger=False)

    def absent(self, began: float, *, direct: bool) -> "Trail":
        """Return the trail after a look that did not show it. A long row of absences is thinned out."""
        if self.newest is not None and began < self.newest:
            return self
        if self.absences and self.absences[-1] == Absence(began, direct):
            return self
        row = _thinned((*self.absences, Absence(began, direct)))
        return replace(self, absences=row, looked=began if direct else self.looked)

    def buried(self, began: float, machine_id: str) -> "Trail":
        """Return the trail after a tombstone: an absence, and proof for the machine with that id."""
        after = self.absent(began, direct=True)
        return replace(after, tombstones=after.tombstones | {machine_id}, tombstone_began=began)

    @property
    def shown_directly(self) -> bool:
        """Return whether nothing newer than the newest direct look says anything but that the machine is there."""
        return self.shown is not None and self.looked is not None and self.shown >= self.looked

    @property
    def newest(self) -> float | None:
        """Return when the newest look that counted began."""
        last = self.absences[-1].began if self.absences else None
        return max((moment for moment in (self.shown, last) if moment is not None), default=None)


def _thinned(row: tuple[Absence, ...]) -> tuple[Absence, ...]:
    """Return at most KEPT_LOOKS of the absences: without the one that leaves the smallest gap between its neighbours.

    Not the middle of the row: a proof may begin anywhere, and while the first look after its beginning moves on as fast
    as time does, it never ends.
    """
    if len(row) <= KEPT_LOOKS:
        return row
    least = min(range(1, len(row) - 1), key=lambda i: row[i + 1].began - row[i - 1].began)
    return row[:least] + row[least + 1 :]


@dataclass(frozen=True, slots=True)
class Sight:
    """The first sight of one send: a wait belongs to one send, and begins anew with another."""

    send: int
    outcome: str
    at: float
    base: int  # waitedSeconds on record then
    visible: float  # the provider's visible seconds then
    settled: float | None = None  # since when the record says that a look has shown the machine


@dataclass(frozen=True, slots=True)
class Armed:
    """What we have announced on record and may do now, once, before `boottime` and `wall` (seconds) are reached."""

    send: int
    boottime: float
    wall: float
    destructive: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """A placement that is not asked again before `until` (monotonic seconds), and what it answered last.

    `times` in a row, so that the pause grows. `version`: of the credentials that it refused; with others it is asked.
    """

    reason: Reason
    message: str
    until: float
    times: int = 1
    version: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """All that this process knows of one instance beyond its status."""

    first_seen: float
    sight: Sight | None = None
    armed: Armed | None = None
    left: int = -1  # the newest send for which we called the provider
    answered_send: int = -1
    answered_at: float = 0.0
    trails: Mapping[str, Trail] = field(default_factory=dict)
    terminated: Mapping[str, float] = field(default_factory=dict)  # name -> when a terminate was accepted
    terminate_tried: Mapping[str, float] = field(default_factory=dict)  # name -> when it was last tried
    tries: int = 0  # of terminates and power calls since the last progress
    answer: str = ""  # what the first of these was answered that was not accepted
    not_before: float = 0.0  # nothing is created before this
    refused_version: str = ""  # the credentials with which a create was refused
    burst_from: int = 0  # the attempt after which the present burst began
    lists: Mapping[ProviderRef, float] = field(default_factory=dict)  # when each provider's newest list began
    residue_since: Mapping[str, float] = field(default_factory=dict)
    ledgers: frozenset[ProviderRef] = frozenset()  # in which it is written what is let go
    aside: Mapping[int, Aside] = field(default_factory=dict)  # by placement, where there are several
    powered_at: float = -1e9
    powered_on: bool | None = None  # which way the newest power call went
    idle_since: float | None = None  # since when the object has only waited briefly
    recorded: tuple[Mapping[str, Any], Ending | None] = field(default=({}, None))  # what of the machine is on record
    recorded_at: float = -1e9  # since when this process has known it so
    power_refused: str = ""

    def is_outdated(self, name: str) -> bool:
        """Return whether the newest look that showed the name began before this process knew what is on record of the
        machine: another one may have seen more since, as the leader before or after us.
        """
        shown = self.trail(name).shown
        return shown is not None and shown < self.recorded_at

    @property
    def retry_seconds(self) -> float:
        """Return how long to wait after a terminate or power call that was not accepted: twice as long each time."""
        return min(60.0, 2.0 ** min(self.tries, 6))

    def told(self, words: str) -> str:
        """Return the words, with what a terminate or power call was answered that was not accepted."""
        return f"{words}; not accepted so far: {self.answer}" if self.answer else words

    def trail(self, name: str) -> Trail:
        """Return the trail of a name; an empty one if it was never looked for."""
        return self.trails.get(name, Trail())

    def with_trail(self, name: str, trail: Trail) -> "Witness":
        """Return the witness with one trail replaced."""
        if self.trails.get(name) == trail:
            return self
        return replace(self, trails={**self.trails, name: trail})

    def after_look(self, name: str, began: float, sighting: Sighting, owner_uid: str, *, counts: bool) -> "Witness":
        """Return the witness after a direct look. `counts` is False where an absence proves nothing at the moment."""
        trail = self.trail(name)
        match sighting:
            case Present(machine) if machine.owner_uid in {"", owner_uid}:
                return self.with_trail(name, trail.present(began, machine, direct=True))
            case Tombstone(machine_id):
                return self.with_trail(name, trail.buried(began, machine_id))
            case Present() | Absent():
                # A name that another owner holds counts as absent: it is nobody's business of ours.
                seen = trail.absent(began, direct=True) if counts else replace(trail, looked=began)
                return self.with_trail(name, replace(seen, stranger=isinstance(sighting, Present)))

    def after_list(
        self, ref: ProviderRef, began: float, shown: Mapping[str, Machine], names: Iterable[str], *, counts: bool
    ) -> "Witness":
        """Return the witness after a provider's list; `shown` has what it showed of ours, by the name on record, and
        `names` are those that it should show.
        """
        if began <= self.lists.get(ref, -1.0):
            return self
        trails = dict(self.trails)
        for name in names:
            trail = trails.get(name, Trail())
            if name in shown:
                trails[name] = trail.present(began, shown[name], direct=False)
            elif counts:
                trails[name] = trail.absent(began, direct=False)
        return replace(self, trails=trails, lists={**self.lists, ref: began})

    def sighted(self, memory: Memory, now: float, visible: float) -> "Witness":
        """Return the witness with its first sight of what is on record noted: of this send and outcome, and of what
        the record says of the machine.
        """
        launch = memory.launch
        recorded = (memory.machine, launch.ending if launch is not None else None)
        if recorded != self.recorded:
            return replace(self, recorded=recorded, recorded_at=now).sighted(memory, now, visible)
        if launch is None:
            return self
        current = (launch.send, str(launch.outcome))
        settled = now if launch.settled else None
        if self.sight is not None and (self.sight.send, self.sight.outcome) == current:
            return replace(self, sight=replace(self.sight, settled=settled)) if self._settles(launch) else self
        if self.sight is not None and self.sight.send == launch.send and launch.unsettled:
            # Intended and then Unknown is one wait: it began with the intent.
            return replace(self, sight=replace(self.sight, outcome=str(launch.outcome)))
        same = self.sight is not None and self.sight.send == launch.send
        sight = Sight(launch.send, str(launch.outcome), now, launch.waited_seconds, visible, settled)
        # A start that was refused is about the machine of its own send: the next machine was never asked to start.
        return replace(self, sight=sight, power_refused=self.power_refused if same else "")

    def _settles(self, launch: Launch) -> bool:
        """Return whether the record says for the first time that a look has shown the machine."""
        return launch.settled and self.sight is not None and self.sight.settled is None
