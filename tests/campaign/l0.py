"""L0: the real rules inside an exhaustive search over small worlds; then the same without each of their guards.

A small world is one object, re-created at most once, one provider and one or two operators. Its ordinary course is
played step by step as tests/instance/course.py plays it; at every step everything that may disturb it is tried, up to a
number of disturbances a path. States that go on in the same way are looked at once (l0_key.py), so that every world is
searched to its end.
"""

import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random

import pytest
from tests.campaign.l0_guards import GUARDS, IN_DEPTH, Caught, Guard, is_caught, without_guard
from tests.campaign.l0_node import Small
from tests.campaign.l0_replay import path_of, played, words_of
from tests.campaign.l0_search import Search
from tests.campaign.l0_worlds import small_worlds, world_named
from tests.campaign.outcome import Outcome, Violation
from tests.instance import course

LEVEL = "L0"
WHAT = "exhaustive search: the real decide() in small worlds, with every guard and without each"
TICK = 1 / 128  # a power of two, so that sums of it are exact, and equal times are equal
MOST = 1_500_000  # states of one world: more is a world that does not end


def run(seed: int, *, sample: float = 1.0, replay: str = "") -> Outcome:
    """Search all small worlds, and all again without each guard; a share of the disturbances where sample < 1."""
    began = time.perf_counter()
    with exact_time():
        if replay:
            return _replayed(seed, replay, began)
        searches = [Search(small, sample, seed, most=MOST).run().forget() for small in small_worlds()]
        caught = [without_guard(guard, seed=seed) for guard in _share((*GUARDS, *IN_DEPTH), sample, seed)]
    return _outcome(seed, searches, caught, time.perf_counter() - began)


def _share(guards: tuple[Guard, ...], sample: float, seed: int) -> Iterable[Guard]:
    if sample >= 1.0:
        return guards
    return Random(seed).sample(guards, round(len(guards) * sample))


@contextmanager
def exact_time() -> Iterator[None]:
    """Make the effects' ticks exact, and spare the collector: the states hold no cycles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "TICK", TICK)
        gc.disable()
        try:
            yield
        finally:
            gc.enable()


def _outcome(seed: int, searches: list[Search], caught: list[Caught], seconds: float) -> Outcome:
    states = sum(search.states for search in searches)
    violations = [*_violations(seed, searches), *(_missed(seed, one) for one in caught if not is_caught(one))]
    unfinished = sum(not search.exhausted for search in searches)
    figures = {
        "states": states,
        "transitions": sum(search.transitions for search in searches),
        "worlds": len(searches),
        "longest path": max(search.depth for search in searches),
        "places of rest": sum(search.circles for search in searches),
        "guards taken away": len(caught),
        "guards caught": sum(one.found is not None and is_caught(one) for one in caught),
        "guards with another behind them": sum(one.found is None for one in caught),
    }
    figures |= {f"states of {search.small.name}": search.states for search in searches}
    figures |= {f"without: {one.guard.name} -> {_invariant(one)}": one.states for one in caught}
    facts = tuple((name, float(value)) for name, value in figures.items())
    found = states + unfinished
    return Outcome(LEVEL, WHAT, found, states, tuple(violations), seed, seconds, facts)


def _invariant(caught: Caught) -> str:
    return caught.found.invariant if caught.found else "nothing"


def _violations(seed: int, searches: list[Search]) -> Iterator[Violation]:
    for search in searches:
        for found in search.found:
            yield Violation(found.invariant, found.message, _command(seed, words_of(search.small.name, found.path)))
        if not search.exhausted and not search.found:
            words = f"{search.small.name} has more than {MOST} states, and was not searched to its end"
            yield Violation("I12", words, _command(seed, f"{search.small.name}: 0"))


def _missed(seed: int, caught: Caught) -> Violation:
    wanted = ", ".join(sorted(caught.guard.invariants))
    words = f"without the guard '{caught.guard.name}' {wanted} should be broken; found: {_invariant(caught)}"
    path = caught.found.path if caught.found else ()
    return Violation(wanted, words, _command(seed, f"{caught.guard.name} | {words_of(caught.world, path)}"))


def _command(seed: int, replay: str) -> str:
    return f"python -m tests.campaign --level {LEVEL} --seed {seed} --replay '{replay}'"


def _replayed(seed: int, replay: str, began: float) -> Outcome:
    """Play one path again and print its trace. `<guard> | ` before it takes that guard away."""
    name, _bar, rest = replay.rpartition(" | ")
    world, path = path_of(rest)
    small = world_named(world)
    with pytest.MonkeyPatch.context() as patch:
        for guard in (guard for guard in (*GUARDS, *IN_DEPTH) if guard.name == name):
            guard.given(patch)
            guard.remove(patch)
        lines, wrong = played(small, path)
    print(*lines, sep="\n")  # noqa: T201 - what a replay is for
    violations = tuple(Violation(invariant, words, _command(seed, replay)) for invariant, words in wrong)
    return Outcome(LEVEL, f"replay: {replay}", 1, 1, violations, seed, time.perf_counter() - began)


__all__ = ["Small", "run"]
