"""The points of L1: what is disturbed, written so that it can be given to --replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.campaign.l1_api import API_FAULTS, ERRORS
from tests.campaign.l1_faults import ALL_VERBS, FAULTS, VERBS
from tests.campaign.l1_plan import ApiFault, Fault, Plan
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_sweeps import SWEEPS
from tests.campaign.l1_workflows import CONFLUENCES, PLACEMENTS

POSITIONS = ("before", "lost", "after")
NTH = ("first", "second", "every")
LOST = ("F5", "F6", "F7", "F8", "F14", "F15", "F21", "F22")  # faults after which nobody knows what was done
PAIRED = {"create": "create", "delete": "delete-ready"}  # by verb: the workflow whose call the fault strikes
COMPANIES = ("create", "delete-ready", "delete-while-creating", "delete-and-create-again", "manual-kill")
SWEPT_VERBS = ("list", "look", "delete")
SWEPT_FAULTS = ("F5", "F6", "F7", "F8", "F12", "F13", "F14", "F18", "F19", "F21", "F25", "F26")
RECOVERY = 16  # how many effects of a recovery a second crash is drawn from


@dataclass(frozen=True, slots=True)
class Crash:
    """The process is killed at an effect, and its successor perhaps at another.

    `fault`: a provider fault strikes, too. `two`: two processes run from the beginning, and perhaps none is killed.
    """

    traits: str
    workflow: str
    crashes: tuple[tuple[int, str], ...]
    fault: Fault | None = None
    two: bool = False

    @property
    def plan(self) -> Plan:
        """Return what disturbs the run."""
        return Plan(crashes=dict(self.crashes), fault=self.fault, two=self.two)

    def __str__(self) -> str:
        kind = "two" if self.two else "crash" if self.fault is None else "pair"
        fault = [] if self.fault is None else [str(self.fault)]
        crashes = [f"{number}:{where}" for number, where in self.crashes]
        return ":".join([kind, self.traits, self.workflow, *fault, *crashes])


@dataclass(frozen=True, slots=True)
class Swept:
    """A fault of the provider or of the API server disturbs a workflow of the sweep."""

    traits: str
    workflow: str
    fault: Fault | ApiFault

    @property
    def plan(self) -> Plan:
        """Return what disturbs the run."""
        return Plan(fault=self.fault) if isinstance(self.fault, Fault) else Plan(api=self.fault)

    def __str__(self) -> str:
        return f"sweep:{self.traits}:{self.workflow}:{self.fault}"


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
        return f"fault:{self.traits}:{self.fault}"


@dataclass(frozen=True, slots=True)
class Confluent:
    """Two ways to one spec."""

    traits: str
    ways: str

    def __str__(self) -> str:
        return f"confluence:{self.traits}:{self.ways}"


Point = Crash | Struck | Confluent | Swept


def crash_points(base: Crash, effects: int) -> Iterator[Crash]:
    """Yield a crash at each position of each effect that the run without one has made."""
    for number in range(effects):
        for where in POSITIONS:
            yield replace(base, crashes=((number, where),))


def second_crash(first: Crash, effects: int, random: Random) -> Crash | None:
    """Return a crash of the successor, too, drawn from its first effects; None where it made none."""
    begin = first.crashes[0][0] + 1
    if begin >= effects:
        return None
    number = random.randrange(begin, min(effects, begin + RECOVERY))
    return replace(first, crashes=(*first.crashes, (number, random.choice(POSITIONS))))


def fault_points() -> Iterator[Struck]:
    """Yield the fault matrix of every class: 26 faults at 4 verbs, and at power where there is that, and the first, the
    second and every call.
    """
    for name, traits in CLASSES.items():
        verbs = ALL_VERBS if traits.capabilities.power else VERBS
        for fault in FAULTS:
            for verb in verbs:
                for nth in NTH:
                    yield Struck(name, Fault(fault, verb, nth))


def pair_bases() -> Iterator[Crash]:
    """Yield the runs of which a call's answer is lost, each to be disturbed by a crash as well."""
    for traits in CLASSES:
        for verb, workflow in PAIRED.items():
            for fault in LOST:
                yield Crash(traits, workflow, (), Fault(fault, verb, "first"))


def company_bases() -> Iterator[Crash]:
    """Yield the runs with two processes."""
    for traits in CLASSES:
        for workflow in COMPANIES:
            yield Crash(traits, workflow, (), two=True)


def sweep_bases() -> Iterator[Crash]:
    """Yield the workflows of the sweep, each in one of the classes that can be read: none of them decides by class."""
    readable = [name for name, traits in CLASSES.items() if traits.reads]
    for number, workflow in enumerate(SWEEPS):
        yield Crash(readable[number % len(readable)], workflow, ())


def placement_bases() -> Iterator[Crash]:
    """Yield the workflows with two placements, in every class."""
    for traits in CLASSES:
        for workflow in PLACEMENTS:
            yield Crash(traits, workflow, ())


def sweep_points() -> Iterator[Swept]:
    """Yield the faults of the sweep: those of the provider at its three verbs, those of the API server."""
    for traits in CLASSES:
        for workflow in SWEEPS if CLASSES[traits].reads else ():
            for fault in SWEPT_FAULTS:
                for verb in SWEPT_VERBS:
                    for nth in ("first", "every"):
                        yield Swept(traits, workflow, Fault(fault, verb, nth))
            for name, at in API_FAULTS:
                for nth in NTH:
                    yield Swept(traits, workflow, ApiFault(name, at, nth))


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
            return Crash(traits, workflow, _crashes(places))
        case "pair", [workflow, name, verb, nth, *places]:
            return Crash(traits, workflow, _crashes(places), Fault(name, verb, nth))
        case "two", [workflow, *places]:
            return Crash(traits, workflow, _crashes(places), two=True)
        case "sweep", [workflow, name, at, nth]:
            fault = ApiFault(name, at, nth) if name in ERRORS else Fault(name, at, nth)
            return Swept(traits, workflow, fault)
        case "fault", [name, verb, nth]:
            return Struck(traits, Fault(name, verb, nth))
        case "confluence", [ways]:
            return Confluent(traits, ways)
    raise ValueError(f"{text}: write a point as a violation names it")


def _crashes(places: Sequence[str]) -> tuple[tuple[int, str], ...]:
    return tuple((int(number), where) for number, where in zip(places[::2], places[1::2], strict=True))
