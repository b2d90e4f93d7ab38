"""Conditions: when they changed, and how long their messages may be."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.model.conditions import Condition, ConditionType, Reason, Status, cut, rendered, timestamp

THEN = "2026-11-21T23:45:00Z"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
READY = Condition(ConditionType.READY, Status.TRUE, Reason.RUNNING, "it runs")


def before(status: str) -> list[dict[str, Any]]:
    return [{"type": "Ready", "status": status, "reason": "Starting", "message": "", "lastTransitionTime": THEN}]


@pytest.mark.parametrize(
    ("old", "moment"),
    [
        pytest.param(before("True"), THEN, id="the same status with another reason"),
        pytest.param(before("False"), "2026-11-22T00:00:00Z", id="another status"),
        pytest.param([], "2026-11-22T00:00:00Z", id="a new condition"),
        pytest.param([before("True")[0] | {"type": "Launched"}], "2026-11-22T00:00:00Z", id="another type"),
    ],
)
def test_the_transition_time_moves_with_the_status_only(old: list[dict[str, Any]], moment: str) -> None:
    assert rendered([READY], old, 7, NOW) == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Running",
            "message": "it runs",
            "observedGeneration": 7,
            "lastTransitionTime": moment,
        }
    ]


def test_conditions_keep_their_order_and_what_is_not_wanted_goes() -> None:
    accepted = Condition(ConditionType.ACCEPTED, Status.TRUE, Reason.ACCEPTED)
    shown = rendered([accepted, READY], [{"type": "Deleting", "status": "True"}], 1, NOW)
    assert [condition["type"] for condition in shown] == ["Accepted", "Ready"]


def test_rendering_twice_changes_nothing() -> None:
    once = rendered([READY], [], 1, NOW)
    assert rendered([READY], once, 1, datetime(2027, 1, 1, tzinfo=UTC)) == once


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("x" * 511, 511, id="just before the limit"),
        pytest.param("x" * 512, 512, id="at the limit"),
        pytest.param("x" * 513, 512, id="just after the limit"),
        pytest.param("x" * 511 + "ä", 511, id="a character of two bytes across the border"),
        pytest.param("x" * 510 + "ä", 511, id="a character of two bytes before the border"),
        pytest.param("x" * 509 + "😀", 509, id="a character of four bytes across the border"),
        pytest.param("\ud800", 1, id="half a surrogate pair"),
    ],
)
def test_messages_are_cut_between_characters(text: str, kept: int) -> None:
    assert len(cut(text)) == kept


@given(st.text(max_size=50), st.integers(0, 60))
def test_what_is_cut_fits_and_is_the_beginning(text: str, limit: int) -> None:
    assert len(cut(text, limit).encode()) <= limit
    assert text.encode("utf-8", "replace").startswith(cut(text, limit).encode())


def test_long_messages_are_cut_when_rendered() -> None:
    long = Condition(ConditionType.READY, Status.FALSE, Reason.BROKEN, "ä" * 1000)
    assert rendered([long], [], 1, NOW)[0]["message"] == "ä" * 256


def test_times_have_whole_seconds() -> None:
    assert timestamp(NOW.replace(microsecond=999_999)) == "2026-11-22T00:00:00Z"
