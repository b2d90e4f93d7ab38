"""L1: the whole operator in virtual time, killed at every effect and disturbed by every fault.

The operator is the one that gpuwright.assembly builds; in place of kopf there is a watch without a network, in place of
HTTP a provider behind adapters/contract.py, in four classes. A new adapter has one of them by its capabilities
(test_l1.py checks that), so it gets all of this for nothing.
"""

import json
from collections.abc import Iterator
from random import Random
from time import perf_counter

from tests.campaign.l1_bench import Bench, Result
from tests.campaign.l1_points import (
    Crash,
    Point,
    company_bases,
    confluences,
    crash_points,
    fault_points,
    pair_bases,
    parsed,
    second_crash,
    sweep_bases,
    sweep_points,
)
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_workflows import WORKFLOWS
from tests.campaign.outcome import Outcome, Violation
from tests.campaign.trace import Logged, Trace, Written

from gpuwright.kube.merge_patch import merge_patch

LEVEL = "L1"
WHAT = (
    "the whole operator in virtual time: killed at every effect, again as it recovers, in a fault, two at once; every "
    "provider fault; the sweep"
)


def run(seed: int, *, sample: float = 1.0, replay: str = "") -> Outcome:
    """Try all points, or a share of them chosen by the seed, or one again whose trace is printed."""
    began = perf_counter()
    level = _Level(seed, sample)
    if replay:
        level.replay(parsed(replay))
    else:
        level.try_crashes()
        level.try_bases("crashes in a fault", pair_bases())
        level.try_bases("crashes of two", company_bases())
        level.try_bases("crashes in a sweep", sweep_bases())
        level.try_points("faults", fault_points())
        level.try_points("faults of the sweep", sweep_points())
        level.try_points("confluences", confluences())
    return level.outcome(perf_counter() - began)


class _Level:
    """Counts what was found and tested."""

    def __init__(self, seed: int, sample: float) -> None:
        self._seed = seed
        self._sample = sample
        self._random = Random(f"{LEVEL} {seed}")
        self._bench = Bench(seed)
        self._found = 0
        self._tested = 0
        self._violations: list[Violation] = []
        self._facts: dict[str, float] = {"effects": 0, "crashes": 0, "pairs": 0, "faults": 0, "faults that struck": 0}

    def try_crashes(self) -> None:
        """Kill the process at each effect of each workflow, and for each of these its successor at one of its own."""
        for traits in CLASSES:
            for name, workflow in WORKFLOWS.items():
                recorded = self._bench.recorded(traits, name, workflow)
                self._take(f"crash:{traits}:{name}", recorded.broken)
                effects = recorded.world.effects
                self._facts["effects"] += len(effects)
                for point in crash_points(Crash(traits, name, ()), len(effects)):
                    self._try_crash(point)

    def try_bases(self, fact: str, bases: Iterator[Crash]) -> None:
        """Try runs, and each of them again with a crash at each effect that it has made."""
        for base in bases:
            self._found += 1
            if self._is_drawn():  # what it makes, and so its crashes, is known once it has run
                result = self._try(fact, base)
                self.try_points(fact, crash_points(base, result.effects))

    def _try_crash(self, point: Crash) -> None:
        self._found += 1
        if not self._is_drawn():
            return
        result = self._try("crashes", point)
        second = second_crash(point, result.effects, self._random)
        if second is not None:
            self._found += 1
            self._try("pairs", second)

    def try_points(self, fact: str, points: Iterator[Point]) -> None:
        """Try points of one kind."""
        for point in points:
            self._found += 1
            if self._is_drawn():
                result = self._try(fact, point)
                self._facts["faults that struck"] += bool(result.struck)

    def _is_drawn(self) -> bool:
        return self._sample >= 1 or self._random.random() < self._sample

    def _try(self, fact: str, point: Point) -> Result:
        self._tested += 1
        self._facts[fact] = self._facts.get(fact, 0) + 1
        result = self._bench.tried(point)
        self._take(str(point), result.broken)
        return result

    def _take(self, point: str, broken: tuple[tuple[str, str], ...]) -> None:
        told: set[str] = set()
        for invariant, words in broken:
            if invariant not in told:
                told.add(invariant)
                command = f"python -m tests.campaign --level {LEVEL} --seed {self._seed} --replay {point}"
                self._violations.append(Violation(invariant, f"{point}: {words}", command))

    def replay(self, point: Point) -> None:
        """Try one point and print its trace."""
        self._found += 1
        result = self._try("replayed", point)
        for line in lines_of(result.run.world.trace):
            print(line)  # noqa: T201 - that is what a replay is for

    def outcome(self, seconds: float) -> Outcome:
        """Return what the level has shown."""
        facts = tuple(self._facts.items())
        return Outcome(
            LEVEL, WHAT, self._found, self._tested, tuple(self._violations), self._seed, round(seconds, 1), facts
        )


def lines_of(trace: Trace) -> Iterator[str]:
    """Yield a line for each event; of a write what it changed."""
    for event in trace.events:
        match event:
            case Written(before=before, after=after):
                change = "ends" if after is None else json.dumps(merge_patch(before or {}, after))
                body = after or before or {"metadata": {"name": ""}}
                yield f"{event.at:10.3f} {event.process} writes {event.kind} {body['metadata']['name']} {change}"
            case Logged(text=text):
                yield f"{event.at:10.3f} {event.process} says {text.splitlines()[0]}"
            case _:
                yield f"{event.at:10.3f} {event}"
