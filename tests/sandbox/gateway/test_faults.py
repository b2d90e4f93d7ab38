"""Which fault is due for which call: pure, no server."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.gateway.asking import at

from gpuwright_sandbox.gateway.actions import ACTIONS, AnswerWith, Commit, Drop, Spoil, word_of
from gpuwright_sandbox.gateway.calls import Call, CallKind
from gpuwright_sandbox.gateway.faults import Count, CountKey, Fault, FaultBook, Match, choose, read_fault
from gpuwright_sandbox.gateway.shapes import FieldError, Json, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def call(name: str = "a", kind: CallKind = CallKind.CREATE, cursor: str = "") -> Call:
    return Call(kind=kind, name=name, query=(("cursor", cursor),))


def fault(match: Match, fault_id: int = 1) -> Fault:
    return Fault(fault_id, match, Drop(), NOW)


def due(match: Match, calls: list[Call], seconds: float = 0.0) -> list[int]:
    """Return which of the calls, from 1, the fault spoils."""
    counts: dict[CountKey, Count] = {}
    spoiled = []
    for number, made in enumerate(calls, 1):
        choice = choose([fault(match)], counts, made, NOW + timedelta(seconds=seconds))
        counts.update(choice.counts)
        if choice.fault is not None:
            spoiled.append(number)
    return spoiled


@pytest.mark.parametrize(
    ("match", "spoiled"),
    [
        pytest.param(Match(), [1], id="the first by default"),
        pytest.param(Match(nth=2), [2], id="the second"),
        pytest.param(Match(nth=(1, 3)), [1, 3], id="several"),
        pytest.param(Match(nth="every"), [1, 2, 3, 4], id="every"),
        pytest.param(Match(count=2), [1, 2], id="a count means every until then"),
        pytest.param(Match(nth="every", count=3), [1, 2, 3], id="every, so often"),
        pytest.param(Match(nth=(2, 3, 4), count=2), [2, 3], id="several, so often"),
        pytest.param(Match(for_seconds=9), [1, 2, 3, 4], id="a time means every until then"),
        pytest.param(Match(count=0), [], id="never"),
    ],
)
def test_counts_the_calls_since_it_was_set(match: Match, spoiled: list[int]) -> None:
    assert due(match, [call() for _ in range(4)]) == spoiled


@pytest.mark.parametrize(
    ("match", "concerned"),
    [
        pytest.param(Match(), True, id="any"),
        pytest.param(Match(call="create"), True, id="this kind"),
        pytest.param(Match(call="get"), False, id="another kind"),
        pytest.param(Match(call=("get", "create")), True, id="one of several kinds"),
        pytest.param(Match(name="trainer-*"), True, id="name fits"),
        pytest.param(Match(name="train"), False, id="part of a name"),
        pytest.param(Match(name="trainer-0-r[2-9]"), False, id="name does not fit"),
        pytest.param(Match(page=1), False, id="a page is for lists"),
    ],
)
def test_concerns_calls_of_its_kind_and_name(match: Match, concerned: bool) -> None:
    assert fault(match).concerns(call("trainer-0"), NOW) is concerned


def test_a_pattern_for_names_never_fits_a_call_without_one() -> None:
    assert not fault(Match(name="*")).concerns(call("", CallKind.LIST), NOW)


@pytest.mark.parametrize(("cursor", "concerned"), [("", False), ("p2-7", True), ("p3-9", False)])
def test_a_page_of_a_list_can_be_meant(cursor: str, concerned: bool) -> None:
    assert fault(Match(page=2)).concerns(call("", CallKind.LIST, cursor), NOW) is concerned


@pytest.mark.parametrize(
    ("seconds", "concerned"),
    [
        pytest.param(4.999, True, id="just before"),
        pytest.param(5.0, False, id="at its end"),
        pytest.param(5.001, False, id="just after"),
    ],
)
def test_ends_with_its_time(seconds: float, concerned: bool) -> None:
    assert due(Match(for_seconds=5), [call()], seconds) == ([1] if concerned else [])


def test_other_calls_do_not_count() -> None:
    calls = [call(kind=CallKind.GET), call(), call(kind=CallKind.LIST), call()]
    assert due(Match(call="create", nth=2), calls) == [4]


def test_each_name_can_be_counted_apart() -> None:
    calls = [call("a"), call("b"), call("a"), call("b"), call("c")]
    assert due(Match(nth=1, per_name=True), calls) == [1, 2, 5]
    assert due(Match(nth=1), calls) == [1]


def test_the_fault_set_first_wins_and_the_others_count_on() -> None:
    first, second = fault(Match(nth=1), 1), fault(Match(nth=2), 2)
    choice = choose([first, second], {}, call(), NOW)
    assert choice.fault == first
    assert choice.counts == {(1, ""): Count(1, 1), (2, ""): Count(1, 0)}
    assert choose([first, second], choice.counts, call(), NOW).fault == second


def test_choosing_changes_nothing_that_it_was_given() -> None:
    counts: dict[CountKey, Count] = {(1, ""): Count(1, 1)}
    choose([fault(Match(nth="every"))], counts, call(), NOW)
    assert counts == {(1, ""): Count(1, 1)}


@given(st.lists(st.sampled_from(["a", "b"]), max_size=20), st.integers(0, 5))
def test_never_happens_more_often_than_it_may(names: list[str], count: int) -> None:
    assert len(due(Match(nth="every", count=count), [call(name) for name in names])) == min(count, len(names))


def test_reads_match_and_action_from_one_flat_object() -> None:
    spec: Json = {"call": ["create", "delete"], "nth": [1, 3], "action": "answer", "status": 502, "commit": "first"}
    read = read_fault(spec, 7, NOW)
    assert read.match == Match(call=("create", "delete"), nth=(1, 3))
    assert read.action == AnswerWith(status=502, commit=Commit.FIRST)
    assert (read.id, read.since) == (7, NOW)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        pytest.param([], "", id="no object"),
        pytest.param({}, "action", id="no action"),
        pytest.param({"action": "explode"}, "action", id="unknown action"),
        pytest.param({"action": "drop", "call": "destroy"}, "call", id="unknown call"),
        pytest.param({"action": "drop", "nth": "often"}, "nth", id="unknown word for nth"),
        pytest.param({"action": "drop", "nth": [1, "x"]}, "nth", id="no numbers"),
        pytest.param({"action": "drop", "seconds": 1}, "seconds", id="field of another action"),
        pytest.param({"action": "hang"}, "seconds", id="missing field"),
        pytest.param({"action": "drop", "how": "gently"}, "how", id="unknown word"),
    ],
)
def test_names_what_is_wrong_with_a_fault(spec: Json, named: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_fault(spec, 1, NOW)
    assert caught.value.field == named


def test_a_book_takes_faults_counts_and_tells() -> None:
    book = FaultBook()
    assert book.take(call(), NOW) is None
    added = book.add({"call": "create", "action": "drop", "count": 1, "per_name": True}, NOW)
    assert [book.take(call(name), NOW) for name in ("a", "b", "a")] == [added, added, None]
    told = book.describe()
    assert [at(told, 0, key) for key in ("id", "action", "how", "seen", "done")] == [1, "drop", "reset", 3, 2]


def test_what_a_book_tells_can_be_sent_again() -> None:
    book = FaultBook()
    first = book.add({"call": "list", "nth": [2, 3], "action": "lose", "machine": "a*"}, NOW)
    told = book.describe()[0]
    assert isinstance(told, dict)
    again = read_fault({key: told[key] for key in told if key not in ("id", "seen", "done")}, first.id, NOW)
    assert again == first


def test_faults_are_removed_one_by_one_or_all() -> None:
    book = FaultBook()
    first, second = (book.add({"action": "drop", "nth": "every"}, NOW) for _ in range(2))
    assert book.remove(first.id)
    assert not book.remove(first.id)
    assert book.take(call(), NOW) == second
    book.clear()
    assert (book.take(call(), NOW), book.describe()) == (None, [])
    assert book.add({"action": "drop"}, NOW).id == 3


def documented() -> list[Json]:
    """Return every fault that the documentation shows."""
    page = Path(__file__).parents[3] / "docs" / "sandbox-gateway.md"
    return [parse(found.encode()) for found in re.findall(r"`(\{[^`]*\"action\"[^`]*\})`", page.read_text())]


def test_every_fault_in_the_documentation_is_one() -> None:
    shown = [word_of(read_fault(spec, 1, NOW).action) for spec in documented()]
    assert set(shown) == set(ACTIONS)
    ways = {at(spec, "how") for spec in documented() if at(spec, "action") == "garble"}
    assert ways == {how.value for how in Spoil}
