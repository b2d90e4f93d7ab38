"""L1: the whole operator in virtual time, killed at every effect and disturbed by every fault.

The operator is the one that gpuwright.assembly builds; in place of kopf there is a watch without a network, in place of
HTTP a provider behind adapters/contract.py, in four classes. A new adapter has one of them by its capabilities
(test_l1.py checks that), so it gets all of this for nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from time import perf_counter

from tests.campaign.l1_bench import Bench, Result
from tests.campaign.l1_points import (
    Crash,
    Point,
    Struck,
    company_bases,
    confluences,
    crash_points,
    fault_points,
    pair_bases,
    parsed,
    placement_bases,
    second_crash,
    sweep_bases,
    sweep_points,
)
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_workflows import WORKFLOWS
from tests.campaign.outcome import Outcome, Violation
from tests.campaign.tally import Tally, book_of, summed
from tests.campaign.trace import Logged, Trace, Written

from gpuwright.kube.merge_patch import merge_patch

LEVEL = "L1"
WHAT = (
    "the whole operator in virtual time: killed at every effect, again as it recovers, in a fault, two at once; every "
    "provider fault; the sweep"
)
FIGURES = ("effects", "crashes", "pairs", "faults", "faults that struck")
TOGETHER = 12  # points that are tried by the same process, one after the other


@dataclass(frozen=True, slots=True)
class Part:
    """Points of one kind that one process tries. `grows`: what each makes undisturbed is crashed as well."""

    fact: str
    points: tuple[Point, ...]
    seed: int
    sample: float
    grows: bool = False

    @property
    def id(self) -> str:
        """Return what the book calls it."""
        return f"{self.fact}: {len(self.points)} from {self.points[0]}"


def run(seed: int, *, sample: float = 1.0, replay: str = "", processes: int = 1, part: str = "") -> Outcome:
    """Try all points, or a share of them chosen by the seed, or those of one kind (`part`), or one whose trace is
    printed.
    """
    began = perf_counter()
    _bench.cache_clear()
    shown = Tally(facts=dict.fromkeys(FIGURES, 0.0))
    if replay:
        shown.add(_replayed(parsed(replay), seed))
    else:
        parts = _only(part, list(parts_of(seed, sample)))
        shown.add(summed(tried, parts, processes, book_of(LEVEL, seed) if sample >= 1 else None))
    facts, seconds = tuple(shown.facts.items()), round(perf_counter() - began, 1)
    return Outcome(LEVEL, WHAT, shown.found, shown.tested, tuple(shown.violations), seed, seconds, facts)


def parts_of(seed: int, sample: float) -> Iterator[Part]:
    """Yield all points in parts, the same whoever tries them: what is drawn is drawn for each part by itself."""
    for traits in CLASSES:
        for name in WORKFLOWS:
            yield Part("crashes", (Crash(traits, name, ()),), seed, sample)
    growing = {
        "crashes in a fault": pair_bases(),
        "crashes of two": company_bases(),
        "crashes in a sweep": sweep_bases(),
        "crashes between placements": placement_bases(),
    }
    for fact, bases in growing.items():
        for base in bases:
            yield Part(fact, (base,), seed, sample, grows=True)
    plain: Mapping[str, Iterable[Point]] = {
        "faults": fault_points(),
        "faults of the sweep": sweep_points(),
        "confluences": confluences(),
    }
    for fact, points in plain.items():
        for together in _together(points):
            yield Part(fact, together, seed, sample)


def _only(kind: str, parts: list[Part]) -> list[Part]:
    """Return the parts of one kind, or all where none is named."""
    if kind and kind not in {part.fact for part in parts}:
        raise SystemExit(f"{kind}: write one of {', '.join(sorted({part.fact for part in parts}))}")
    return [part for part in parts if kind in {"", part.fact}]


def _together(points: Iterable[Point]) -> Iterator[tuple[Point, ...]]:
    every = tuple(points)
    for first in range(0, len(every), TOGETHER):
        yield every[first : first + TOGETHER]


@lru_cache(maxsize=1)
def _bench(seed: int) -> Bench:
    """Return where this process tries points: what a workflow leads to undisturbed is found out once."""
    return Bench(seed)


def tried(part: Part) -> Tally:
    """Return what the points of a part have shown."""
    bench = _Level(part)
    if part.fact == "crashes":
        bench.try_crashes(part.points)
    else:
        bench.try_points(part.points, grows=part.grows)
    return bench.tally


def _replayed(point: Point, seed: int) -> Tally:
    """Try one point and print its trace."""
    level = _Level(Part("replayed", (point,), seed, 1.0))
    result = level.try_point("replayed", point)
    for line in lines_of(result.run.world.trace):
        print(line)  # noqa: T201 - that is what a replay is for
    level.tally.found = 1
    return level.tally


class _Level:
    """Counts what was found and tested of a part."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._random = Random(f"{LEVEL} {part.seed} {part.fact} {part.points[0]}")
        self._bench = _bench(part.seed)
        self.tally = Tally()

    def try_crashes(self, bases: Sequence[Point]) -> None:
        """Kill the process at each effect of each workflow, and for each of these its successor at one of its own."""
        for base in bases:
            if isinstance(base, Crash):
                recorded = self._bench.recorded(base.traits, base.workflow, WORKFLOWS[base.workflow])
                self._take(str(base), recorded.broken)
                effects = recorded.world.effects
                self.tally.count("effects", len(effects))
                for point in crash_points(base, len(effects)):
                    self._try_crash(point)

    def _try_crash(self, point: Crash) -> None:
        self.tally.found += 1
        if not self._is_drawn():
            return
        result = self.try_point("crashes", point)
        second = second_crash(point, result.effects, self._random)
        if second is not None:
            self.tally.found += 1
            self.try_point("pairs", second)

    def try_points(self, points: Iterable[Point], *, grows: bool = False) -> None:
        """Try points of one kind; where they grow, each again with a crash at each effect that it has made."""
        for point in points:
            self.tally.found += 1
            if not self._is_drawn():  # what it makes, and so its crashes, is known once it has run
                continue
            result = self.try_point(self._part.fact, point)
            if grows and isinstance(point, Crash):
                self.try_points(crash_points(point, result.effects))
            elif not grows:
                self.tally.count("faults that struck", bool(result.struck))

    def _is_drawn(self) -> bool:
        return self._part.sample >= 1 or self._random.random() < self._part.sample

    def try_point(self, fact: str, point: Point) -> Result:
        """Try one point."""
        self.tally.tested += 1
        self.tally.count(fact, 1)
        if isinstance(point, Struck):
            self.tally.count(f"{fact} of class {point.traits}", 1)
        result = self._bench.tried(point)
        self._take(str(point), result.broken)
        return result

    def _take(self, point: str, broken: tuple[tuple[str, str], ...]) -> None:
        told: set[str] = set()
        for invariant, words in broken:
            if invariant not in told:
                told.add(invariant)
                command = f"python -m tests.campaign --level {LEVEL} --seed {self._part.seed} --replay {point}"
                self.tally.violations.append(Violation(invariant, f"{point}: {words}", command))


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
