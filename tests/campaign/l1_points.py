"""The points of L1: what is disturbed, written so that it can be given to --replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.campaign.l1_faults import FAULTS, VERBS
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_workflows import CONFLUENCES
from tests.campaign.l1_world import Fault, Plan

POSITIONS = ("before", "lost", "after")
NTH = ("first", "second", "every")
RECOVERY = 16  # how many effects of a recovery a second crash is drawn from


@dataclass(frozen=True, slots=True)
class Crash:
    """The process is killed at an effect, and its successor perhaps at another."""

    traits: str
    workflow: str
    crashes: tuple[tuple[int, str], ...]

    @property
    def plan(self) -> Plan:
        """Return what disturbs the run."""
        return Plan(crashes=dict(self.crashes))

    def __str__(self) -> str:
        return ":".join(["crash", self.traits, self.workflow, *(f"{number}:{where}" for number, where in self.crashes)])


@dataclass(frozen=True, slots=True)
class Struck:
    """A provider fault disturbs life cycles."""

    traits: str
    fault: Fault

    @property
    def plan(self) -> Plan:
        """Return what disturbs the run."""
        return Plan(fault=self.fault)

    def __str__(self) -> str:
        return ":".join(["fault", self.traits, self.fault.name, self.fault.verb, self.fault.nth])


@dataclass(frozen=True, slots=True)
class Confluent:
    """Two ways to one spec."""

    traits: str
    ways: str

    def __str__(self) -> str:
        return f"confluence:{self.traits}:{self.ways}"


Point = Crash | Struck | Confluent


def crash_points(traits: str, workflow: str, effects: Sequence[str]) -> Iterator[Crash]:
    """Yield a crash at each position of each effect that the undisturbed run has made."""
    for number in range(len(effects)):
        for where in POSITIONS:
            yield Crash(traits, workflow, ((number, where),))


def second_crash(first: Crash, effects: int, random: Random) -> Crash | None:
    """Return a crash of the successor, too, drawn from its first effects; None where it made none."""
    begin = first.crashes[0][0] + 1
    if begin >= effects:
        return None
    number = random.randrange(begin, min(effects, begin + RECOVERY))
    return Crash(first.traits, first.workflow, (*first.crashes, (number, random.choice(POSITIONS))))


def fault_points() -> Iterator[Struck]:
    """Yield the fault matrix of every class: 4 verbs, 26 faults, the first, the second and every call."""
    for traits in CLASSES:
        for fault in FAULTS:
            for verb in VERBS:
                for nth in NTH:
                    yield Struck(traits, Fault(fault, verb, nth))


def confluences() -> Iterator[Confluent]:
    """Yield the ways to one spec, for every class."""
    for traits in CLASSES:
        for ways in CONFLUENCES:
            yield Confluent(traits, ways)


def parsed(text: str) -> Point:
    """Return the point that a text names. Raises ValueError."""
    kind, traits, *rest = text.split(":")
    if traits not in CLASSES:
        raise ValueError(f"{traits}: write one of {', '.join(CLASSES)}")
    match kind, rest:
        case "crash", [workflow, *places]:
            pairs = zip(places[::2], places[1::2], strict=True)
            return Crash(traits, workflow, tuple((int(number), where) for number, where in pairs))
        case "fault", [name, verb, nth]:
            return Struck(traits, Fault(name, verb, nth))
        case "confluence", [ways]:
            return Confluent(traits, ways)
    raise ValueError(f"{text}: write a point as a violation names it")
