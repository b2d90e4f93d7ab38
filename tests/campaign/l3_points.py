"""A point of this level: one thing that goes wrong at one moment; and how points are run, some at a time."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.campaign.book import Book
from tests.campaign.l3_run import Report
from tests.campaign.l3_slot import Slots

TRIES = 3  # for a point that was not reached: which reads there are, for one, is partly chance


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that goes wrong at one moment.

    Attributes:
        id: such as kill/create/create#1/lost; the first word is its kind.
        run: plays it, in a place of its choice.
        weight: how many operators it has at once.
        fresh: whether it wants a place of its own.
        alone: whether nothing else may go on meanwhile.
        by_chance: whether it is at a read, or a report of how things stand, which may or may not come.
    """

    id: str
    run: Callable[[Slots], Report]
    weight: int = 1
    fresh: bool = False
    alone: bool = False
    by_chance: bool = False

    @property
    def kind(self) -> str:
        """What kind of thing goes wrong."""
        return self.id.partition("/")[0]


def result_of(point: Point, slots: Slots, book: Book) -> Mapping[str, Any]:
    """Return the book's entry about a point; it is played if there is none yet."""
    known = book.get(point.id)
    if known is not None and known["verdict"] != "missed":
        return known
    began = time.monotonic()
    report, hindrance = Report(), ""
    for _try in range(TRIES):
        report, hindrance = _attempted(point, slots)
        if report.struck or report.broken:
            break
    verdict = "broken" if report.broken else "held" if report.struck else "missed"
    if verdict == "missed" and point.by_chance and not hindrance:
        verdict = "absent"
    facts = {"broken": [list(entry) for entry in report.broken], **({"hindrance": hindrance} if hindrance else {})}
    return book.enter(point.id, verdict=verdict, seconds=round(time.monotonic() - began, 1), **facts)


def _attempted(point: Point, slots: Slots) -> tuple[Report, str]:
    """Return what came of one try; or, where it could not be played to its end, an empty report and why."""
    try:
        return point.run(slots), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the other points are tested, too
        return Report(), f"{type(error).__name__}: {error}"


def results_of(points: Iterable[Point], slots: Slots, book: Book, at_once: int) -> list[Mapping[str, Any]]:
    """Return the entries about all points; so many operators run at the same moment, at the most."""
    entries: list[Mapping[str, Any]] = []
    batches: dict[tuple[bool, bool, int], list[Point]] = {}
    for point in points:
        batches.setdefault((point.alone, point.fresh, point.weight), []).append(point)
    for (alone, _fresh, weight), batch in sorted(batches.items()):
        with ThreadPoolExecutor(1 if alone else max(1, at_once // weight)) as pool:
            entries += pool.map(lambda point: result_of(point, slots, book), batch)
        slots.close_free()
    return entries
