"""L0: the real rules inside an exhaustive search over small worlds; then the same without each of their guards.

A small world is one object, re-created at most once, one provider and one or two operators. Its ordinary course is
played step by step as tests/instance/course.py plays it; at every step everything that may disturb it is tried, up to a
number of disturbances a path. States that go on in the same way are looked at once (l0_key.py), so that every world is
searched to its end. Each world and each guard is a part that is done by itself; what came of it is kept in
build/campaign/l0.jsonl, and a part that was done with the same version and seed is not done again.
"""

import time
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from tests.campaign.book import BUILD, ROOT, Book, version_of
from tests.campaign.l0_guards import GUARDS, IN_DEPTH, taken_away
from tests.campaign.l0_node import Small
from tests.campaign.l0_parts import GUARD, MOST, WORLD, Entry, Part, done, exact_time, guard_named
from tests.campaign.l0_replay import path_of, played
from tests.campaign.l0_seed import seeded
from tests.campaign.l0_worlds import small_worlds, world_named
from tests.campaign.outcome import Outcome, Violation
from tests.campaign.pool import spread

LEVEL = "L0"
WHAT = "exhaustive search: the real decide() in small worlds, with every guard and without each"
PARTS = ("instance", "model", "kube/merge_patch.py", "provider/absence.py", "provider/index.py", "adapters/contract.py")
HELP = ("builders.py", "instance/world.py", "instance/course.py", "instance/far_side.py")
Results = dict[Part, Entry]


def run(seed: int, *, sample: float = 1.0, replay: str = "", processes: int = 1) -> Outcome:
    """Search all small worlds, and all again without each guard; a share of the disturbances where sample < 1."""
    began = time.perf_counter()
    if replay:
        with exact_time():
            return _replayed(seed, replay, began)
    version = tested_version()
    book = Book(BUILD / "l0.jsonl" if sample >= 1 else None, version, seed)
    parts = [*_worlds(version, seed, sample), *_guards(version, seed, sample)]
    results = dict(_results(parts, book, processes))
    return _outcome(seed, {part: results[part] for part in parts}, time.perf_counter() - began)


def tested_version() -> str:
    """Return a hash over what is searched, and over what searches."""
    searched = [ROOT / "operator" / "gpuwright" / path for path in PARTS] + [ROOT / "tests" / path for path in HELP]
    return version_of(*searched, *sorted(Path(__file__).parent.glob("l0*.py")))


def _worlds(version: str, seed: int, sample: float) -> list[Part]:
    folder = BUILD / "l0" / f"{version}-{seed}-{sample:g}"
    return [Part(WORLD, small.name, seed, sample, folder) for small in small_worlds()]


def _guards(version: str, seed: int, sample: float) -> list[Part]:
    guards = [Part(GUARD, guard.name, seed, sample, BUILD) for guard in (*GUARDS, *IN_DEPTH)]
    return guards if sample >= 1.0 else Random(seed).sample(guards, round(len(guards) * sample))


def _results(parts: list[Part], book: Book, processes: int) -> Iterator[tuple[Part, Entry]]:
    """Yield each part with what came of it, now or when it was done before."""
    missing = []
    for part in parts:
        entry = book.get(part.id)
        if entry is not None and (part.kind == GUARD or part.keys.exists()):
            yield part, entry
        else:
            missing.append(part)
    for part, entry in spread(done, missing, processes, apart=True):
        yield part, book.enter(part.id, **entry)


def distinct(worlds: Iterable[Part]) -> int:
    """Return how many states there are in all: one that two worlds with the same constants have counts once."""
    states: set[int] = set()
    for world in worlds:
        states.update(array("q", world.keys.read_bytes()))
    return len(states)


def _outcome(seed: int, results: Results, seconds: float) -> Outcome:
    worlds = {part: entry for part, entry in results.items() if part.kind == WORLD}
    guards = {part: entry for part, entry in results.items() if part.kind == GUARD}
    states = distinct(worlds)
    violations = [*_violations(seed, worlds), *_missed(seed, guards)]
    unfinished = sum(not entry["exhausted"] for entry in worlds.values())
    figures: dict[str, float] = {
        "states": states,
        "transitions": sum(entry["transitions"] for entry in worlds.values()),
        "worlds": len(worlds),
        "longest path": max(entry["depth"] for entry in worlds.values()),
        "places of rest": sum(entry["circles"] for entry in worlds.values()),
        "guards taken away": len(guards),
        "guards caught": sum(entry["caught"] and bool(entry["found"]) for entry in guards.values()),
        "guards with another behind them": sum(entry["caught"] and not entry["found"] for entry in guards.values()),
        "CPU seconds": round(sum(entry["seconds"] for entry in results.values())),
    }
    figures |= {f"states of {part.name}": entry["states"] for part, entry in worlds.items()}
    figures |= {f"without: {part.name} -> {_invariant(entry)}": entry["states"] for part, entry in guards.items()}
    facts = tuple((name, float(value)) for name, value in figures.items())
    return Outcome(LEVEL, WHAT, states + unfinished, states, tuple(violations), seed, round(seconds, 1), facts)


def _invariant(entry: Entry) -> str:
    return str(entry["found"][0][0]) if entry["found"] else "nothing"


def _violations(seed: int, worlds: Results) -> Iterator[Violation]:
    for part, entry in worlds.items():
        for invariant, message, words in entry["found"]:
            yield Violation(invariant, message, _command(seed, words))
        if not entry["exhausted"] and not entry["found"]:
            words = f"{part.name} has more than {MOST} states, and was not searched to its end"
            yield Violation("I12", words, _command(seed, f"{part.name}: 0"))


def _missed(seed: int, guards: Results) -> Iterator[Violation]:
    for part, entry in guards.items():
        if entry["caught"]:
            continue
        guard = guard_named(part.name)
        wanted = ", ".join(sorted(guard.invariants)) or "nothing"
        words = f"without the guard '{part.name}' {wanted} should be broken; found: {_invariant(entry)}"
        path = entry["found"][0][2] if entry["found"] else f"{guard.world}: 0"
        yield Violation(wanted, words, _command(seed, f"{part.name} | {path}"))


def _command(seed: int, replay: str) -> str:
    return f"python -m tests.campaign --level {LEVEL} --seed {seed} --replay '{replay}'"


def _replayed(seed: int, replay: str, began: float) -> Outcome:
    """Play one path again and print its trace. `<guard> | ` before it takes that guard away."""
    name, _bar, rest = replay.rpartition(" | ")
    world, path = path_of(rest)
    small = seeded(world_named(world), seed)
    with pytest.MonkeyPatch.context() as patch:
        lines, wrong = played(taken_away(guard_named(name), patch, small) if name else small, path)
    print(*lines, sep="\n")  # noqa: T201 - what a replay is for
    violations = tuple(Violation(invariant, words, _command(seed, replay)) for invariant, words in wrong)
    return Outcome(LEVEL, f"replay: {replay}", 1, 1, violations, seed, time.perf_counter() - began)


__all__ = ["Small", "exact_time", "run"]
