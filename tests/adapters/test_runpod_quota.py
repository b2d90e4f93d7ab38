"""What RunPod's header RateLimit says of the calls that are left."""

import pytest

from gpuwright.adapters.runpod_quota import RESERVE, Quota

SPENT = '"minute";r=0;t=12, "hour";r=2800;t=1812, "day";r=49500;t=45012'


def noted(header: str | None, now: float = 100.0) -> Quota:
    quota = Quota()
    quota.note(header, now)
    return quota


def test_a_window_that_is_spent_is_waited_for() -> None:
    quota = noted(SPENT)
    assert quota.wait(100.0) == 12.0
    assert quota.wait(111.0) == 1.0
    assert quota.wait(112.0) == 0.0


@pytest.mark.parametrize(("remaining", "waits"), [(RESERVE - 1, True), (RESERVE, True), (RESERVE + 1, False)])
def test_the_last_calls_are_kept_for_others(remaining: int, waits: bool) -> None:
    assert (noted(f'"minute";r={remaining};t=12').wait(100.0) > 0) is waits


def test_the_longest_of_the_spent_windows_counts_up_to_five_minutes() -> None:
    assert noted('"minute";r=0;t=12, "hour";r=0;t=90').wait(100.0) == 90.0
    assert noted('"minute";r=0;t=12, "day";r=0;t=45012').wait(100.0) == 300.0


def test_a_later_answer_replaces_what_an_earlier_one_said() -> None:
    quota = noted(SPENT)
    quota.note('"minute";r=59;t=60', 113.0)
    assert quota.wait(113.0) == 0.0


@pytest.mark.parametrize("header", [None, "", "soon", '"minute";r=-1;t=12', "minute;r=0;t=12", '"minute";r=a;t=b'])
def test_what_cannot_be_read_says_nothing(header: str | None) -> None:
    assert noted(header).wait(100.0) == 0.0


def test_a_header_of_a_thousand_windows_fills_no_memory() -> None:
    quota = noted(",".join(f'"{chr(97 + number % 26)}{chr(97 + number // 26)}";r=0;t=1' for number in range(500)))
    assert len(quota._windows) == 8
