"""Lists are paged in the order of creation, whatever is bent about them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright_sandbox.gateway.calls import STRAIGHT, Bend, Call, CallKind, Cursor
from gpuwright_sandbox.gateway.listing import Query, hidden, page_of, read_query
from gpuwright_sandbox.gateway.machines import Machine, MachineRequest, MachineState
from gpuwright_sandbox.gateway.shapes import FieldError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def machine(serial: int, age_seconds: float = 60, **labels: str) -> Machine:
    return Machine(
        serial=serial,
        id=f"i-{serial}",
        name=f"m{serial}",
        account="default",
        state=MachineState.RUNNING,
        request=MachineRequest(image="i", cpu=1, memory_gb=1, labels=labels),
        price_per_hour=1.0,
        created_at=NOW - timedelta(seconds=age_seconds),
    )


def all_pages(machines: Sequence[Machine], limit: int, bend: Bend = STRAIGHT) -> list[list[int]]:
    """Return the serials of each page, following the cursors."""
    pages, cursor = [], Cursor()
    while True:
        rest = [seen for seen in machines if seen.serial > cursor.after]
        page = page_of(rest, Query(frozenset(), limit, cursor), bend, NOW)
        pages.append([seen.serial for seen in page.machines])
        if not page.next_cursor:
            return pages
        cursor = Cursor.parse(page.next_cursor)


FIVE = [machine(serial) for serial in range(1, 6)]


@pytest.mark.parametrize(
    ("limit", "pages"),
    [
        pytest.param(2, [[1, 2], [3, 4], [5]], id="last page not full"),
        pytest.param(5, [[1, 2, 3, 4, 5]], id="just full"),
        pytest.param(4, [[1, 2, 3, 4], [5]], id="one too many"),
        pytest.param(9, [[1, 2, 3, 4, 5]], id="room left"),
    ],
)
def test_pages_end_where_the_limit_says(limit: int, pages: list[list[int]]) -> None:
    assert all_pages(FIVE, limit) == pages


def test_nothing_is_one_empty_page() -> None:
    assert all_pages([], 3) == [[]]


@given(st.integers(0, 30), st.integers(1, 10))
def test_every_machine_is_on_exactly_one_page(count: int, limit: int) -> None:
    pages = all_pages([machine(serial) for serial in range(1, count + 1)], limit)
    assert [serial for page in pages for serial in page] == list(range(1, count + 1))


def test_labels_must_all_be_there() -> None:
    machines = [machine(1, a="1", b="2"), machine(2, a="1"), machine(3, a="1", b="3")]
    query = Query(frozenset({("a", "1"), ("b", "2")}), 10, Cursor())
    assert [seen.serial for seen in page_of(machines, query, STRAIGHT, NOW).machines] == [1]


def test_one_label_cannot_have_two_values() -> None:
    query = Query(frozenset({("a", "1"), ("a", "2")}), 10, Cursor())
    assert page_of([machine(1, a="1")], query, STRAIGHT, NOW).machines == ()


@pytest.mark.parametrize(
    ("bend", "pages"),
    [
        pytest.param(Bend(empty=True), [[]], id="empty"),
        pytest.param(Bend(duplicate=True), [[1, 1, 2, 2], [3, 3, 4, 4], [5, 5]], id="duplicate"),
        pytest.param(Bend(lost="m3"), [[1, 2], [4, 5]], id="lost by name"),
        pytest.param(Bend(lost="i-[12]"), [[3, 4], [5]], id="lost by id"),
        pytest.param(Bend(lost_page=1), [[3, 4], [5]], id="first page lost"),
        pytest.param(Bend(lost_page=2), [[1, 2], [5]], id="middle page lost"),
        pytest.param(Bend(lost_page=3), [[1, 2], [3, 4], []], id="last page lost"),
        pytest.param(Bend(lost_page=9), [[1, 2], [3, 4], [5]], id="no such page"),
    ],
)
def test_a_bent_list_looks_complete(bend: Bend, pages: list[list[int]]) -> None:
    assert all_pages(FIVE, 2, bend) == pages


@pytest.mark.parametrize(
    ("age_seconds", "is_hidden"),
    [
        pytest.param(4.999, True, id="just before"),
        pytest.param(5.0, False, id="at its time"),
        pytest.param(5.001, False, id="just after"),
    ],
)
def test_a_lagging_list_hides_the_young(age_seconds: float, is_hidden: bool) -> None:
    assert hidden(machine(1, age_seconds), Bend(lag_seconds=5), NOW) is is_hidden
    assert all_pages([machine(1, age_seconds)], 2, Bend(lag_seconds=5)) == [[] if is_hidden else [1]]


def listing(*query: tuple[str, str]) -> Call:
    return Call(kind=CallKind.LIST, query=query)


def test_reads_labels_limit_and_cursor() -> None:
    query = read_query(listing(("label", "a=b=c"), ("label", "d="), ("limit", "7"), ("cursor", "p2-9")), 500)
    assert query == Query(frozenset({("a", "b=c"), ("d", "")}), 7, Cursor(9, 2))


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        pytest.param("", 50, id="none"),
        pytest.param("49", 49, id="less"),
        pytest.param("50", 50, id="as many"),
        pytest.param("51", 50, id="more than a page"),
    ],
)
def test_a_limit_is_cut_to_the_page_size(asked: str, limit: int) -> None:
    assert read_query(listing(("limit", asked)), 50).limit == limit


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param(("label", "a"), "label", id="label without a value"),
        pytest.param(("limit", "0"), "limit", id="no machine at all"),
        pytest.param(("limit", "many"), "limit", id="no number"),
        pytest.param(("cursor", "xyz"), "cursor", id="made-up cursor"),
    ],
)
def test_names_the_parameter_that_is_wrong(query: tuple[str, str], named: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_query(listing(query), 50)
    assert caught.value.field == named
