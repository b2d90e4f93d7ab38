"""PURE: what is shown of a view, row by row, before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gpuwright_sandbox.demo.facts import Instance, Truth, View
from gpuwright_sandbox.demo.plan import Try

GONE = "gone"


@dataclass(frozen=True, slots=True)
class Row:
    """One instance: what its status says, and beside it the creates that the gateway heard and how it answered."""

    name: str
    ready: str
    status: str
    tried: tuple[Try, ...]
    machine_id: str
    age: str

    @property
    def gone(self) -> bool:
        """Whether the object exists no more."""
        return self.status == GONE

    @property
    def ageless(self) -> tuple[object, ...]:
        """What of it is news when it changes: all but the age."""
        return (self.ready, self.status, self.tried, self.machine_id)

    def in_words(self) -> str:
        """Return the row as one line of text."""
        tried = ", ".join(f"{each.name} {each.answer}" for each in self.tried)
        return f"{self.name:<9} {self.ready:<7} {self.status:<19} {self.machine_id:<8} {tried}".rstrip()


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of the truth; `must_be_zero` makes any other value an alarm."""

    label: str
    value: str
    must_be_zero: bool = False

    @property
    def alarming(self) -> bool:
        """Whether it should not be."""
        return self.must_be_zero and self.value != "0"


def rows_of(view: View) -> tuple[Row, ...]:
    """Return a row for each instance that exists or existed, oldest first."""
    shown = [(instance, False) for instance in view.instances] + [(instance, True) for instance in view.departed]
    shown.sort(key=lambda entry: (entry[0].created, entry[0].name))
    return tuple(_row(instance, view, gone=gone) for instance, gone in shown)


def facts_of(truth: Truth) -> tuple[Fact, ...]:
    """Return the figures by which the promise is judged, all from the gateway."""
    return (
        Fact("live", str(len(truth.live))),
        Fact("made, ever", str(len(truth.machines))),
        Fact("owners who", ""),
        Fact("ever had two", str(len(truth.doubled)), must_be_zero=True),
        Fact("creates", str(len(truth.of_kind("create")))),
        Fact("deletes", str(len(truth.of_kind("delete")))),
        Fact("$/hour", f"{truth.price_per_hour:.2f}"),
        Fact("$ so far", f"{truth.billed:.4f}"),
    )


def news(before: Sequence[Row], after: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows that say something new, whatever their age."""
    known = {row.name: row.ageless for row in before}
    return tuple(row for row in after if known.get(row.name) != row.ageless)


def truth_in_words(truth: Truth) -> str:
    """Return what the gateway knows as one line of text; it changes only when a machine comes or goes."""
    return (
        f"{len(truth.live)} live, {len(truth.machines)} made ever, owners that ever had two: {len(truth.doubled)},"
        f" {truth.price_per_hour:.2f} dollars per hour"
    )


def age(since: datetime, now: datetime) -> str:
    """Return an age as kubectl would, such as 7s or 1m5s; never below zero, because the clocks round differently."""
    seconds = max(0, int((now - since) / timedelta(seconds=1)))
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _row(instance: Instance, view: View, *, gone: bool) -> Row:
    return Row(
        name=instance.name,
        ready="" if gone else instance.ready,
        status=GONE if gone else instance.summary,
        tried=tuple(Try(call.name, call.answer) for call in view.truth.creates_of(instance.uid)),
        machine_id=instance.machine_id,
        age="" if gone else age(instance.created, view.now),
    )
