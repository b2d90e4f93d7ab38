"""Lists: label filters, pages, cursors, and what a bent list leaves out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice

from gpuwright_sandbox.gateway.calls import Bend, Call, Cursor
from gpuwright_sandbox.gateway.machines import Machine
from gpuwright_sandbox.gateway.shapes import FieldError


@dataclass(frozen=True, slots=True)
class Query:
    """What a list is asked for: all these labels, so many machines, from there on."""

    labels: frozenset[tuple[str, str]]
    limit: int
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Page:
    """Machines in the order of creation; `next_cursor` is empty on the last page."""

    machines: tuple[Machine, ...]
    next_cursor: str


def read_query(call: Call, page_size: int) -> Query:
    """Return what a list call asks for; a larger limit than the page size is cut to it.

    Raises:
        FieldError: a parameter cannot be read.
    """
    labels = frozenset(_label(value) for key, value in call.query if key == "label")
    return Query(labels, _limit(call.first("limit"), page_size), _cursor(call.first("cursor")))


def page_of(machines: Iterable[Machine], query: Query, bend: Bend, now: datetime) -> Page:
    """Return one page; `machines` are in the order of creation and begin behind the cursor."""
    matching = _matching(machines, query, bend, now)
    cursor = query.cursor
    if bend.lost_page == cursor.page:
        lost = tuple(islice(matching, query.limit))
        cursor = Cursor(lost[-1].serial if lost else cursor.after, cursor.page + 1)
    # One more than fits tells whether another page follows.
    found = tuple(islice(matching, query.limit + 1))
    page = found[: query.limit]
    following = str(Cursor(page[-1].serial, cursor.page + 1)) if len(found) > query.limit else ""
    if bend.duplicate:
        page = tuple(machine for machine in page for _ in range(2))
    return Page(page, following)


def hidden(machine: Machine, bend: Bend, now: datetime) -> bool:
    """Whether a machine is still too young to be shown."""
    return now - machine.created_at < timedelta(seconds=bend.lag_seconds)


def _matching(machines: Iterable[Machine], query: Query, bend: Bend, now: datetime) -> Iterator[Machine]:
    if bend.empty:
        return
    for machine in machines:
        # Sets are compared in C: a list by owner looks at every machine.
        if query.labels <= machine.request.labels.items() and not _left_out(machine, bend, now):
            yield machine


def _left_out(machine: Machine, bend: Bend, now: datetime) -> bool:
    lost = bend.lost != "" and any(fnmatchcase(known, bend.lost) for known in (machine.name, machine.id))
    return lost or hidden(machine, bend, now)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise FieldError("label", f"must be <key>=<value>, not {text!r}")
    return key, value


def _limit(text: str, page_size: int) -> int:
    if not text:
        return page_size
    if not text.isdecimal() or int(text) < 1:
        raise FieldError("limit", f"must be a whole number from 1, not {text!r}")
    return min(int(text), page_size)


def _cursor(text: str) -> Cursor:
    cursor = Cursor.parse(text)
    if text and str(cursor) != text:
        raise FieldError("cursor", f"{text!r} is none that this gateway gave out")
    return cursor
