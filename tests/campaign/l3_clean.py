"""Each workflow without anything going wrong, twice: which effects there are, and what must be so in the end."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.campaign.book import Book
from tests.campaign.l3_kills import Nowhere, steady, worth_killing
from tests.campaign.l3_plays import PLAYS, Play
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Slots


@dataclass(frozen=True, slots=True)
class Clean:
    """How a workflow goes when nothing goes wrong.

    Attributes:
        effects: all that may be spoiled, in order.
        end: the state in the end, by path; what differed between the two runs is left out.
    """

    play: Play
    effects: tuple[str, ...]
    end: Mapping[str, Any]


def all_recorded(slots: Slots, book: Book, at_once: int) -> list[Clean]:
    """Return how each workflow goes, from the book or by playing it."""
    shared = [play for play in PLAYS if not play.fresh]
    own = [play for play in PLAYS if play.fresh]
    found: list[Clean] = []
    for plays in (shared, own):
        with ThreadPoolExecutor(at_once) as pool:
            found += pool.map(partial(recorded, slots, book), plays)
        slots.close_free()
    return found


def recorded(slots: Slots, book: Book, play: Play) -> Clean:
    """Return how one workflow goes, from the book or by playing it. Raises AssertionError where that goes wrong."""
    known = book.get(f"clean/{play.name}")
    if known is None:
        first, second = (_once(slots, play) for _run in range(2))
        ends = flat(first.end), flat(second.end)
        same = {key: value for key, value in ends[0].items() if key in ends[1] and ends[1][key] == value}
        effects = worth_killing(steady(first.effects, second.effects))
        known = book.enter(f"clean/{play.name}", verdict="held", effects=effects, end=same)
    return Clean(play, tuple(known["effects"]), known["end"])


def _once(slots: Slots, play: Play) -> Report:
    with slots.lent(fresh=play.fresh, provider=play.provider) as slot:
        report = played(slot, play, Nowhere())
    assert not report.broken, f"{play.name} goes wrong by itself: {report.broken}"
    return report


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return what is in a nested value by its path."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, entry in value.items():
        found |= flat(entry, f"{path}/{key}")
    return found
