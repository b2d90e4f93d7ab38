"""Tries one point of L1 after another; what a workflow leads to undisturbed is found out once."""

from dataclasses import dataclass

from tests.campaign.l1_faults import POWER
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_points import Confluent, Crash, Point, Struck, Swept
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_run import Ran, run_once
from tests.campaign.l1_sweeps import SWEEPS
from tests.campaign.l1_workflows import CONFLUENCES, PLACEMENTS, WORKFLOWS, Workflow, life_cycles
from tests.campaign.oracle import Counts, Reference, confluence, learnt

ALL = {**WORKFLOWS, **SWEEPS, **PLACEMENTS}


@dataclass(frozen=True, slots=True)
class Result:
    """What a point has shown. `effects` were made in all, `struck` is how many calls a fault struck."""

    broken: tuple[tuple[str, str], ...]
    effects: int
    struck: int
    run: Ran


class Bench:
    """Runs points with one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._recorded: dict[tuple[str, str], Ran] = {}
        self._references: dict[tuple[str, str], Reference] = {}

    def recorded(self, traits: str, name: str, workflow: Workflow) -> Ran:
        """Return the undisturbed run of a workflow."""
        if (traits, name) not in self._recorded:
            self._recorded[traits, name] = run_once(workflow, CLASSES[traits], Plan(), self._seed)
        return self._recorded[traits, name]

    def _reference(self, traits: str, name: str, workflow: Workflow) -> Reference:
        """Return how a workflow ends undisturbed; what may differ is learnt from a second clean run."""
        if (traits, name) not in self._references:
            one = self.recorded(traits, name, workflow)
            other = run_once(workflow, CLASSES[traits], Plan(), self._seed + 1)
            self._references[traits, name] = learnt(one.world.trace, other.world.trace)
        return self._references[traits, name]

    def tried(self, point: Point) -> Result:
        """Run one point."""
        match point:
            case Crash() | Swept():
                return self._disturbed(point.traits, point.workflow, ALL[point.workflow], point.plan)
            case Struck() if point.fault.verb == POWER:
                return self._disturbed(point.traits, "stop-and-start", WORKFLOWS["stop-and-start"], point.plan)
            case Struck():
                return self._disturbed(point.traits, "life-cycles", life_cycles, point.plan)
            case Confluent():
                return self._both_ways(point)

    def _disturbed(self, traits: str, name: str, workflow: Workflow, plan: Plan) -> Result:
        reference = self._reference(traits, name, workflow)
        counts = _counts(traits, name, plan)
        ran = run_once(workflow, CLASSES[traits], plan, self._seed, reference, counts)
        broken = tuple(entry for entry in ran.broken if not _is_as_told(traits, plan, entry[1]))
        return Result(broken, len(ran.world.effects), ran.world.struck, ran)

    def _both_ways(self, point: Confluent) -> Result:
        one, other = (run_once(way, CLASSES[point.traits], Plan(), self._seed) for way in CONFLUENCES[point.ways])
        words = confluence(one.world.trace, other.world.trace)
        broken = (*one.broken, *other.broken, *(("I17", difference) for difference in words))
        return Result(broken, len(one.world.effects), 0, one)


def _is_as_told(traits: str, plan: Plan, words: str) -> bool:
    """Return whether this difference is only one that such a run must have.

    A create that was answered with a strange word for the machine's state, where nothing is ever read again; and of two
    processes the one that did not let an object go takes it for torn away, and notes a leak.
    """
    strange = plan.fault is not None and (plan.fault.name, plan.fault.verb) == ("F25", "create")
    unread = strange and not CLASSES[traits].reads and ".status.machine.state:" in words
    return unread or (plan.two and ".status.leak" in words)


def _counts(traits: str, workflow: str, plan: Plan) -> Counts:
    """Return how many machines the disturbed run may make.

    Any number where nothing can be read: a lost create is settled there by deleting what it may have made. Fewer where
    the object is deleted before its create may come through.
    """
    if not CLASSES[traits].reads:
        return Counts.FREE
    races = plan.fault is not None or workflow == "delete-while-creating"
    return Counts.AT_MOST if races else Counts.EQUAL
