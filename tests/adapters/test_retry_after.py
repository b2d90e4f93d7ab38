"""What is read in a Retry-After header, whatever stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.adapters.retry_after import MAX_RETRY_AFTER, retry_after

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("0", 0.0, id="zero"),
        pytest.param("2", 2.0, id="seconds"),
        pytest.param(" 2 ", 2.0, id="seconds with spaces"),
        pytest.param("299", 299.0, id="just below the longest"),
        pytest.param("300", 300.0, id="the longest"),
        pytest.param("301", 300.0, id="just above the longest"),
        pytest.param("1000000000", 300.0, id="absurd"),
        pytest.param("9" * 5000, 300.0, id="absurdly long"),
        pytest.param("Sun, 22 Nov 2026 10:00:02 GMT", 2.0, id="a date"),
        pytest.param("Sunday, 22-Nov-26 10:00:02 GMT", 2.0, id="a date of RFC 850"),
        pytest.param("Sun Nov 22 10:00:02 2026", 2.0, id="a date of asctime"),
        pytest.param("Sun, 22 Nov 2026 09:59:58 GMT", 0.0, id="a date that is over"),
        pytest.param("Sun, 22 Nov 2099 10:00:00 GMT", 300.0, id="a date far away"),
        pytest.param("", 1.0, id="empty"),
        pytest.param("soon", 1.0, id="a word"),
        pytest.param("-1", 1.0, id="negative"),
        pytest.param("1.5", 1.0, id="a fraction"),
        pytest.param("1e3", 1.0, id="an exponent"),
        pytest.param("٣", 1.0, id="a digit of another script"),
        pytest.param("²", 1.0, id="a digit that is no number"),
        pytest.param("nan", 1.0, id="not a number"),
        pytest.param("inf", 1.0, id="infinite"),
        pytest.param(f"Sun, 22 Nov {'9' * 30} 10:00:00 GMT", 1.0, id="a year that fits no integer"),
        pytest.param("Sun, 22 Nov 2026 10:00:02 +9999", 1.0, id="an impossible zone"),
        pytest.param("Sun, 99 Nov 2026 99:99:99 GMT", 1.0, id="an impossible date"),
    ],
)
def test_a_wait_that_is_asked_for_is_read_as(value: str, seconds: float) -> None:
    assert retry_after(value, DATE) == seconds


def test_a_wait_that_is_asked_for_is_none_where_there_is_none() -> None:
    assert retry_after(None, DATE) is None


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_wait_that_is_asked_for_needs_the_date_of_the_answer_to_read_a_date(date: str | None) -> None:
    assert retry_after("Sun, 22 Nov 2026 10:00:02 GMT", date) == 1.0
    assert retry_after("2", date) == 2.0


@given(st.text(max_size=60), st.none() | st.text(max_size=60))
def test_a_wait_that_is_asked_for_is_never_more_than_five_minutes_nor_less_than_nothing(
    value: str, date: str | None
) -> None:
    seconds = retry_after(value, date)
    assert seconds is not None
    assert 0 <= seconds <= MAX_RETRY_AFTER


@given(
    st.tuples(
        st.sampled_from(["Sun, ", "Sunday, ", ""]),
        st.sampled_from(["22", "99", "0", "9" * 40]),
        st.sampled_from(["Nov", "nov", "Xyz", "11"]),
        st.sampled_from(["2026", "26", "0", "-1", "9999", "10000", "9" * 40]),
        st.sampled_from(["10:00:00", "99:99:99", "10", ":", "9" * 40 + ":1:1"]),
        st.sampled_from(["GMT", "+0000", "-9999", "+99999999", "EST", ""]),
    )
)
def test_a_wait_that_is_asked_for_reads_whatever_looks_like_a_date(parts: tuple[str, ...]) -> None:
    day, *rest = parts
    value = day + " ".join(rest)
    assert retry_after(value, value) is not None
