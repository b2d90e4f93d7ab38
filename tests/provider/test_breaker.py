"""The breaker: every transition, and the moments just before, at and just after."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.provider.breaker import LONGEST_PERIODS, Breaker, BreakerState

PERIOD = 30.0
NOW = 1000.0
MOMENT = "2026-11-22T10:00:00Z"


def failed(breaker: Breaker, now: float = NOW, *, times: int = 1, threshold: int = 3, moment: str = MOMENT) -> Breaker:
    for _ in range(times):
        breaker = breaker.after_failure(threshold=threshold, period=PERIOD, now=now, moment=moment)
    return breaker


OPEN = failed(Breaker(), times=3)


class TestClosed:
    def test_is_how_it_begins(self) -> None:
        assert Breaker().closed
        assert not Breaker().may_probe(NOW), "a provider that answers needs no probe"

    @pytest.mark.parametrize("threshold", [1, 2, 3, 100])
    def test_bears_one_failure_less_than_the_threshold(self, threshold: int) -> None:
        assert failed(Breaker(), times=threshold - 1, threshold=threshold).closed
        assert not failed(Breaker(), times=threshold, threshold=threshold).closed

    def test_forgets_failures_by_a_success(self) -> None:
        breaker = failed(Breaker(), times=2).after_success()
        assert breaker == Breaker()
        assert failed(breaker, times=2).closed

    def test_has_no_time_of_opening(self) -> None:
        assert failed(Breaker(), times=2).opened == ""


class TestOpen:
    def test_says_since_when(self) -> None:
        assert (OPEN.state, OPEN.opened, OPEN.failures) == (BreakerState.OPEN, MOMENT, 3)

    def test_keeps_its_first_time_of_opening(self) -> None:
        later = failed(OPEN.probing(), OPEN.probe_at, moment="2026-11-22T10:05:00Z")
        assert later.opened == MOMENT

    @pytest.mark.parametrize(("after", "may"), [(PERIOD - 0.001, False), (PERIOD, True), (PERIOD + 0.001, True)])
    def test_lets_a_probe_through_after_one_period(self, after: float, may: bool) -> None:
        assert OPEN.may_probe(NOW + after) is may

    def test_takes_no_late_failure_for_a_failed_probe(self) -> None:
        """Forty creates were on their way when it opened: their time-outs say nothing new."""
        after = failed(OPEN, NOW + 5, times=40)
        assert (after.probe_at, after.openings) == (OPEN.probe_at, OPEN.openings)
        assert after.may_probe(NOW + PERIOD)

    def test_takes_a_failure_for_a_failed_probe_once_one_is_due(self) -> None:
        """Looks and terminates go on at the probe's pace, and are probes themselves."""
        after = failed(OPEN, NOW + PERIOD)
        assert after.probe_at == NOW + PERIOD + 2 * PERIOD

    def test_closes_by_any_answer(self) -> None:
        assert OPEN.after_success() == Breaker()


class TestHalfOpen:
    def test_creates_nothing(self) -> None:
        assert OPEN.probing().state is BreakerState.HALF_OPEN
        assert not OPEN.probing().closed

    def test_closes_by_an_answer(self) -> None:
        assert OPEN.probing().after_success() == Breaker()

    def test_opens_again_by_a_failure(self) -> None:
        assert failed(OPEN.probing(), OPEN.probe_at).state is BreakerState.OPEN

    def test_doubles_the_pause_with_each_failed_probe_up_to_eight_periods(self) -> None:
        breaker, pauses = OPEN, [OPEN.probe_at - NOW]
        for _ in range(6):
            now = breaker.probe_at
            breaker = failed(breaker.probing(), now)
            pauses.append(breaker.probe_at - now)
        assert pauses == [PERIOD * factor for factor in (1, 2, 4, 8, 8, 8, 8)]
        assert LONGEST_PERIODS == 8

    def test_begins_anew_with_one_period_when_it_opens_the_next_time(self) -> None:
        worn = failed(failed(OPEN.probing(), OPEN.probe_at).probing(), NOW + 1000)
        again = failed(worn.after_success(), NOW + 5000, times=3)
        assert again.probe_at == NOW + 5000 + PERIOD


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["ok", "failure", "probe"]), st.floats(0, 500)), max_size=60))
def test_whatever_happens_a_probe_is_never_more_than_eight_periods_away(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), NOW
    for step, seconds in steps:
        now += seconds
        if step == "ok":
            breaker = breaker.after_success()
        elif step == "failure":
            breaker = failed(breaker, now)
        elif breaker.may_probe(now):
            breaker = breaker.probing()
        assert breaker.closed or breaker.probe_at <= now + LONGEST_PERIODS * PERIOD
        assert breaker.closed or breaker.opened
        assert breaker.may_probe(now + LONGEST_PERIODS * PERIOD) is not breaker.closed


def test_a_breaker_taken_over_from_an_earlier_process_goes_on_from_there() -> None:
    taken = Breaker(BreakerState.OPEN, 3, MOMENT, 0, NOW)
    assert taken.may_probe(NOW)
    assert failed(taken.probing(), NOW) == replace(taken, failures=4, openings=1, probe_at=NOW + 2 * PERIOD)
