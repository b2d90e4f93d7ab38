"""A point of this level: one thing that goes wrong at one moment; and how points are run, some at a time."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.campaign.l3_book import Book
from tests.campaign.l3_checks import Broken
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
    """

    id: str
    run: Callable[[Slots], Report]
    weight: int = 1
    fresh: bool = False

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
    for _try in range(TRIES):
        report = _attempted(point, slots)
        if report.struck or report.broken:
            break
    verdict = "broken" if report.broken else "held" if report.struck else "missed"
    broken = [list(entry) for entry in report.broken]
    return book.enter(point.id, verdict=verdict, broken=broken, seconds=round(time.monotonic() - began, 1))


def _attempted(point: Point, slots: Slots) -> Report:
    try:
        return point.run(slots)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other points are tested, too
        return Report(broken=[Broken("I12", f"it could not be played: {type(error).__name__}: {error}")])


def results_of(points: Iterable[Point], slots: Slots, book: Book, at_once: int) -> list[Mapping[str, Any]]:
    """Return the entries about all points; so many operators run at the same moment, at the most."""
    entries: list[Mapping[str, Any]] = []
    batches: dict[tuple[bool, int], list[Point]] = {}
    for point in points:
        batches.setdefault((point.fresh, point.weight), []).append(point)
    for (_fresh, weight), batch in sorted(batches.items()):
        with ThreadPoolExecutor(max(1, at_once // weight)) as pool:
            entries += pool.map(lambda point: result_of(point, slots, book), batch)
        slots.close_free()
    return entries
