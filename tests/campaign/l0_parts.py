"""The parts of L0, each of which a process of its own can do: a small world searched, or a search without a guard."""

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.campaign.l0_guards import GUARDS, IN_DEPTH, Guard, is_caught, without_guard
from tests.campaign.l0_replay import words_of
from tests.campaign.l0_search import Found, Search
from tests.campaign.l0_seed import seeded
from tests.campaign.l0_worlds import world_named
from tests.instance import course

TICK = 1 / 128  # a power of two, so that sums of it are exact, and equal times are equal
MOST = 1_500_000  # states of one world: more is a world that does not end
WORLD, GUARD = "world", "guard"

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A small world or a guard, by name. `folder`: where a world's states are kept."""

    kind: str
    name: str
    seed: int
    sample: float
    folder: Path

    @property
    def id(self) -> str:
        """Return what the book calls it."""
        return f"{self.kind}: {self.name}"

    @property
    def keys(self) -> Path:
        """Return the file with the states of a world, as machine words in order."""
        return self.folder / f"{self.name.replace(' ', '-').replace(',', '')}.keys"


def done(part: Part) -> Entry:
    """Do a part, and return what came of it as JSON has it."""
    began = time.process_time()
    with exact_time():
        entry = _searched(part) if part.kind == WORLD else _without(part)
    gc.collect()
    return {**entry, "seconds": round(time.process_time() - began, 1)}


def _searched(part: Part) -> Entry:
    search = Search(seeded(world_named(part.name), part.seed), part.sample, part.seed, most=MOST).run()
    part.folder.mkdir(parents=True, exist_ok=True)
    part.keys.write_bytes(search.keys().tobytes())
    search.forget()
    return {
        "states": search.states,
        "transitions": search.transitions,
        "depth": search.depth,
        "circles": search.circles,
        "exhausted": search.exhausted,
        "found": [_words(part.name, found) for found in search.found],
    }


def _without(part: Part) -> Entry:
    caught = without_guard(guard_named(part.name), seed=part.seed)
    found = [] if caught.found is None else [_words(caught.world, caught.found)]
    return {"states": caught.states, "caught": is_caught(caught), "found": found}


def _words(world: str, found: Found) -> tuple[str, str, str]:
    return found.invariant, found.message, words_of(world, found.path)


def guard_named(name: str) -> Guard:
    """Return a guard. Raises KeyError where there is none of this name."""
    return {guard.name: guard for guard in (*GUARDS, *IN_DEPTH)}[name]


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
