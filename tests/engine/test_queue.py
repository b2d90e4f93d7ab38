"""The queue in virtual time: one worker a key, bursts coalesced, nothing ever lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterator
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.virtual_loop import in_virtual_time

from gpuwright.engine.queue import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, Engine

HALF = repeat(0.5)

Step = Callable[[str], Awaitable[float | None]]


class Passes:
    """Records what an engine does. `steps` says what each pass does; without one it does nothing."""

    def __init__(
        self,
        step: Step | None = None,
        *,
        concurrency: int = 4,
        random: Iterator[float] = HALF,
        lane: Callable[[str], Hashable] = lambda _key: None,
    ) -> None:
        self._step = step
        self.began: list[tuple[float, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.busiest = 0
        self.engine: Engine[str] = Engine(
            self._work,
            concurrency=concurrency,
            random=lambda: next(random),
            lane=lane,
            observe=lambda key, result: self.ended.append((key, result)),
            expected=(ConnectionError,),
        )

    async def _work(self, key: str) -> float | None:
        self.began.append((_now(), key))
        self.busiest = max(self.busiest, self.engine.busy)
        return await self._step(key) if self._step else None

    @property
    def keys(self) -> list[str]:
        """Return the keys in the order in which they were taken up."""
        return [key for _time, key in self.began]

    @property
    def times(self) -> list[float]:
        """Return when passes began."""
        return [time for time, _key in self.began]


def _now() -> float:
    return asyncio.get_running_loop().time()


def returns(*delays: float | None) -> Step:
    """Return a pass that answers one after the other, then None."""
    left = iter(delays)

    async def step(_key: str) -> float | None:
        return next(left, None)

    return step


def fails(times: int) -> Step:
    """Return a pass that raises so many times, then succeeds."""
    left = iter(range(times))

    async def step(_key: str) -> float | None:
        if next(left, None) is not None:
            raise ValueError("a bug")
        return None

    return step


def takes(seconds: float) -> Step:
    """Return a pass that takes a while."""

    async def step(_key: str) -> float | None:
        await asyncio.sleep(seconds)
        return None

    return step


class TestMarks:
    @in_virtual_time
    async def test_have_the_key_worked_on_at_once(self) -> None:
        passes = Passes()
        passes.engine.mark("a")
        await asyncio.sleep(0)
        assert passes.began == [(0.0, "a")]

    @in_virtual_time
    async def test_before_a_pass_begins_are_one(self) -> None:
        passes = Passes()
        for _ in range(1000):
            passes.engine.mark("a")
        await asyncio.sleep(1)
        assert passes.keys == ["a"]

    @in_virtual_time
    async def test_while_a_pass_runs_are_one_more(self) -> None:
        passes = Passes(takes(10))
        passes.engine.mark("a")
        await asyncio.sleep(5)
        for _ in range(1000):
            passes.engine.mark("a")
        assert passes.engine.busy == 1, "one worker a key"
        await asyncio.sleep(100)
        assert passes.times == [0.0, 10.0]

    @in_virtual_time
    async def test_while_a_pass_runs_outrank_the_delay_that_it_returns(self) -> None:
        async def step(_key: str) -> float | None:
            if len(passes.began) == 1:
                passes.engine.mark("a")
            return 60.0

        passes = Passes(step)
        passes.engine.mark("a")
        await asyncio.sleep(59)
        assert passes.times == [0.0, 0.0]

    @in_virtual_time
    async def test_while_a_pass_fails_are_not_lost(self) -> None:
        async def step(_key: str) -> float | None:
            if len(passes.began) == 1:
                passes.engine.mark("a")
                raise ValueError("a bug")
            return None

        passes = Passes(step)
        passes.engine.mark("a")
        await asyncio.sleep(0.1)
        assert passes.times == [0.0, 0.0]

    @in_virtual_time
    async def test_of_a_key_that_waits_bring_it_forward_and_leave_no_second_pass(self) -> None:
        passes = Passes(returns(60.0))
        passes.engine.mark("a")
        await asyncio.sleep(10)
        passes.engine.mark("a")
        await asyncio.sleep(1000)
        assert passes.times == [0.0, 10.0]


class TestDelays:
    @in_virtual_time
    async def test_are_kept_exactly(self) -> None:
        passes = Passes(returns(5.0, 0.0, 2.5, None))
        passes.engine.mark("a")
        await asyncio.sleep(1000)
        assert passes.times == [0.0, 5.0, 5.0, 7.5]

    @in_virtual_time
    async def test_below_zero_mean_now(self) -> None:
        passes = Passes(returns(-5.0))
        passes.engine.mark("a")
        await asyncio.sleep(1)
        assert passes.times == [0.0, 0.0]

    @pytest.mark.parametrize(("second", "due"), [(9.0, 9.0), (10.0, 10.0), (11.0, 10.0)])
    @in_virtual_time
    async def test_never_postpone_what_is_due_sooner(self, second: float, due: float) -> None:
        passes = Passes()
        passes.engine.mark_after("a", 10.0)
        passes.engine.mark_after("a", second)
        await asyncio.sleep(1000)
        assert passes.times == [due]

    @in_virtual_time
    async def test_of_a_key_that_is_ready_change_nothing(self) -> None:
        passes = Passes(takes(1), concurrency=1)
        passes.engine.mark("a")
        passes.engine.mark("b")
        passes.engine.mark_after("b", 60.0)
        await asyncio.sleep(1000)
        assert passes.began == [(0.0, "a"), (1.0, "b")]

    @in_virtual_time
    async def test_of_a_key_that_is_worked_on_are_not_lost(self) -> None:
        passes = Passes(takes(1))
        passes.engine.mark("a")
        await asyncio.sleep(0.5)
        passes.engine.mark_after("a", 10.0)
        await asyncio.sleep(1000)
        assert passes.times == [0.0, 10.5]

    @in_virtual_time
    async def test_that_end_during_a_pass_make_one_more(self) -> None:
        passes = Passes(takes(10))
        passes.engine.mark("a")
        await asyncio.sleep(1)
        passes.engine.mark_after("a", 2.0)
        await asyncio.sleep(1000)
        assert passes.times == [0.0, 10.0]


class TestFailures:
    @in_virtual_time
    async def test_come_back_after_delays_that_double_up_to_five_minutes(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        passes = Passes(fails(13), random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(10_000)
        gaps = [later - sooner for sooner, later in zip(passes.times, passes.times[1:], strict=False)]
        longest = [min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**failure) for failure in range(1, 14)]
        assert gaps == pytest.approx(longest)
        assert longest[-1] == 300.0
        assert passes.ended == [("a", "error")] * 13 + [("a", "success")]

    @in_virtual_time
    async def test_of_the_world_outside_are_told_in_one_line(self, caplog: pytest.LogCaptureFixture) -> None:
        left = iter([ConnectionError("reset")])

        async def step(_key: str) -> float | None:
            for error in left:
                raise error
            return None

        passes = Passes(step, random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(5)
        assert [result for _key, result in passes.ended] == ["error", "success"]
        (record,) = caplog.records
        assert (record.levelname, record.exc_info) == ("WARNING", None)

    @pytest.mark.parametrize("random", [0.0, 0.25, 0.999])
    @in_virtual_time
    async def test_are_spread_over_the_whole_delay(self, random: float, caplog: pytest.LogCaptureFixture) -> None:
        passes = Passes(fails(2), random=repeat(random))
        passes.engine.mark("a")
        await asyncio.sleep(10_000)
        assert passes.times == pytest.approx([0.0, random, 3 * random])

    @in_virtual_time
    async def test_in_endless_numbers_never_wait_longer(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)
        passes = Passes(fails(2000), random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(10**6)
        assert passes.times[-1] - passes.times[-2] == pytest.approx(LONGEST_BACKOFF_SECONDS)
        assert len(passes.times) == 2001

    @in_virtual_time
    async def test_are_forgiven_by_a_success(self, caplog: pytest.LogCaptureFixture) -> None:
        ends = iter([True, True, False, True])

        async def step(_key: str) -> float | None:
            if next(ends, False):
                raise ValueError("a bug")
            return 100.0 if len(passes.began) == 3 else None

        passes = Passes(step, random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(10_000)
        assert passes.times == pytest.approx([0.0, 1.0, 3.0, 103.0, 104.0])

    @in_virtual_time
    async def test_of_one_key_hold_up_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        async def step(key: str) -> float | None:
            if key == "bad":
                raise ValueError("a bug")
            return None

        passes = Passes(step, concurrency=1)
        for key in ("bad", "a", "b"):
            passes.engine.mark(key)
        await asyncio.sleep(0.1)
        assert passes.keys[:3] == ["bad", "a", "b"]

    @in_virtual_time
    async def test_are_brought_forward_by_a_mark(self, caplog: pytest.LogCaptureFixture) -> None:
        passes = Passes(fails(1), random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(0.5)
        passes.engine.mark("a")
        await asyncio.sleep(1000)
        assert passes.times == [0.0, 0.5]

    @in_virtual_time
    async def test_are_logged_once_each_with_what_happened(self, caplog: pytest.LogCaptureFixture) -> None:
        passes = Passes(fails(1), random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(1000)
        (record,) = caplog.records
        assert record.getMessage() == "a pass failed and will be repeated"
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ValueError)
        assert (vars(record)["instance"], vars(record)["reason"]) == ("a", "1.0 s")


class TestWorkers:
    @in_virtual_time
    async def test_are_never_more_than_the_limit(self) -> None:
        passes = Passes(takes(1), concurrency=3)
        for number in range(10):
            passes.engine.mark(str(number))
        await asyncio.sleep(0.5)
        assert (passes.engine.busy, passes.engine.depth) == (3, 7)
        await asyncio.sleep(1000)
        assert (passes.busiest, len(passes.began), passes.times[-1]) == (3, 10, 3.0)
        assert (passes.engine.busy, passes.engine.depth) == (0, 0)

    @in_virtual_time
    async def test_take_keys_in_the_order_in_which_they_were_marked(self) -> None:
        passes = Passes(takes(1), concurrency=1)
        for key in ("a", "b", "c", "a", "b"):
            passes.engine.mark(key)
        await asyncio.sleep(1000)
        assert passes.keys == ["a", "b", "c"]

    @in_virtual_time
    async def test_let_nobody_starve_for_a_key_that_is_always_dirty(self) -> None:
        async def step(key: str) -> float | None:
            await asyncio.sleep(1)
            if key == "greedy":
                passes.engine.mark("greedy")
            return None

        passes = Passes(step, concurrency=1)
        for key in ("greedy", "a", "b", "c"):
            passes.engine.mark(key)
        await asyncio.sleep(7.5)
        assert passes.keys == ["greedy", "a", "b", "c", "greedy", "greedy", "greedy", "greedy"]

    @in_virtual_time
    async def test_work_ten_thousand_keys_off(self) -> None:
        passes = Passes(takes(1), concurrency=256)
        keys = [str(number) for number in range(10_000)]
        for key in keys:
            passes.engine.mark(key)
        await asyncio.sleep(1000)
        assert (passes.keys, passes.busiest) == (keys, 256)
        assert passes.times[-1] == 39.0

    @in_virtual_time
    async def test_wake_ten_thousand_keys_that_wait(self) -> None:
        passes = Passes(concurrency=256)
        for number in range(10_000):
            passes.engine.mark_after(str(number), 1 + number % 7)
        await asyncio.sleep(7.5)
        assert len(set(passes.keys)) == len(passes.keys) == 10_000


def provider_of(key: str) -> Hashable:
    """Return what comes before the slash."""
    return key.partition("/")[0]


async def hangs_at_b(key: str) -> float | None:
    """Wait for ever for whoever calls provider b."""
    if provider_of(key) == "b":
        await asyncio.Event().wait()
    return None


class TestLanes:
    NEIGHBOURS = tuple(f"a/{number}" for number in range(20))

    async def _beside_a_provider_that_hangs(self, lane: Callable[[str], Hashable]) -> list[str]:
        """Return which neighbours were worked on within an hour of 300 keys that hang, marked before them."""
        passes = Passes(hangs_at_b, concurrency=256, lane=lane)
        for number in range(300):
            passes.engine.mark(f"b/{number}")
        for key in self.NEIGHBOURS:
            passes.engine.mark(key)
        await asyncio.sleep(3600)
        assert await passes.engine.drain(0) > 0
        return [key for key, _result in passes.ended if provider_of(key) == "a"]

    @in_virtual_time
    async def test_of_a_provider_that_hangs_hold_up_no_neighbour(self) -> None:
        assert await self._beside_a_provider_that_hangs(provider_of) == list(self.NEIGHBOURS)

    @in_virtual_time
    async def test_are_what_keeps_neighbours_apart(self) -> None:
        """Without them the one that hangs has every worker, and the test above would see it."""
        assert await self._beside_a_provider_that_hangs(lambda _key: None) == []

    @in_virtual_time
    async def test_have_the_limit_each(self) -> None:
        passes = Passes(takes(1), concurrency=3, lane=provider_of)
        for number in range(10):
            for provider in "abc":
                passes.engine.mark(f"{provider}/{number}")
        await asyncio.sleep(0.5)
        assert (passes.engine.busy, passes.engine.depth) == (9, 21)
        await asyncio.sleep(1000)
        assert (passes.busiest, len(passes.began), passes.times[-1]) == (9, 30, 3.0)

    @in_virtual_time
    async def test_are_asked_anew_by_each_mark(self) -> None:
        moved: list[str] = []
        passes = Passes(takes(10), concurrency=1, lane=lambda key: key in moved)
        for key in ("a", "b"):
            passes.engine.mark(key)
        await asyncio.sleep(1)
        moved.append("a")
        passes.engine.mark("a")
        await asyncio.sleep(1000)
        assert passes.began == [(0.0, "a"), (10.0, "a"), (10.0, "b")]
        assert (passes.engine.busy, passes.engine.depth) == (0, 0)

    @in_virtual_time
    async def test_of_which_nobody_is_left_are_forgotten(self) -> None:
        passes = Passes(lane=lambda key: key)
        for number in range(1000):
            passes.engine.mark(str(number))
        await asyncio.sleep(1)
        passes.engine.mark("gone")
        passes.engine.forget("gone")
        await asyncio.sleep(1)
        assert (len(passes.engine._queues), len(passes.engine._busy)) == (0, 0)


class TestForgetting:
    @in_virtual_time
    async def test_drops_what_is_planned(self) -> None:
        passes = Passes(takes(1), concurrency=1)
        passes.engine.mark("running")
        passes.engine.mark("ready")
        passes.engine.mark_after("waiting", 10.0)
        for key in ("ready", "waiting", "never heard of"):
            passes.engine.forget(key)
        await asyncio.sleep(1000)
        assert passes.keys == ["running"]

    @in_virtual_time
    async def test_lets_a_pass_end_as_usual(self) -> None:
        passes = Passes(takes(10))
        passes.engine.mark("a")
        await asyncio.sleep(1)
        passes.engine.forget("a")
        await asyncio.sleep(1000)
        assert passes.ended == [("a", "success")]

    @in_virtual_time
    async def test_forgets_failures_too(self, caplog: pytest.LogCaptureFixture) -> None:
        passes = Passes(fails(3), random=repeat(1.0))
        passes.engine.mark("a")
        await asyncio.sleep(1.5)
        passes.engine.forget("a")
        passes.engine.mark("a")
        await asyncio.sleep(1.2)
        assert passes.times == pytest.approx([0.0, 1.0, 1.5, 2.5])

    @in_virtual_time
    async def test_does_not_keep_the_key_from_being_marked_again(self) -> None:
        passes = Passes()
        passes.engine.forget("a")
        passes.engine.mark("a")
        await asyncio.sleep(1)
        assert passes.keys == ["a"]


class TestDraining:
    @in_virtual_time
    async def test_of_an_idle_engine_takes_no_time(self) -> None:
        passes = Passes()
        assert await passes.engine.drain(45.0) == 0
        assert _now() == 0.0

    @in_virtual_time
    async def test_lets_what_runs_finish(self) -> None:
        passes = Passes(takes(10))
        passes.engine.mark("a")
        await asyncio.sleep(1)
        assert await passes.engine.drain(45.0) == 0
        assert (_now(), passes.ended) == (10.0, [("a", "success")])

    @in_virtual_time
    async def test_cancels_what_has_not_finished_in_time_and_says_how_many(self) -> None:
        cancelled: list[str] = []

        async def step(key: str) -> float | None:
            try:
                await asyncio.sleep(10 if key == "quick" else 100)
            except asyncio.CancelledError:
                cancelled.append(key)
                raise
            return None

        passes = Passes(step)
        for key in ("quick", "slow", "slower"):
            passes.engine.mark(key)
        await asyncio.sleep(1)
        assert await passes.engine.drain(45.0) == 2
        assert (_now(), sorted(cancelled)) == (46.0, ["slow", "slower"])

    @in_virtual_time
    async def test_waits_for_what_is_cancelled_to_be_put_in_order(self) -> None:
        async def step(_key: str) -> float | None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(5)
            return None

        passes = Passes(step)
        passes.engine.mark("a")
        await asyncio.sleep(1)
        assert await passes.engine.drain(45.0) == 1
        assert (_now(), passes.engine.busy) == (51.0, 0)

    @in_virtual_time
    async def test_begins_nothing_new(self) -> None:
        async def step(_key: str) -> float | None:
            await asyncio.sleep(10)
            passes.engine.mark("running")
            passes.engine.mark("new")
            passes.engine.mark_after("newer", 1.0)
            return 1.0

        passes = Passes(step, concurrency=1)
        passes.engine.mark("running")
        passes.engine.mark("ready")
        passes.engine.mark_after("waiting", 5.0)
        await asyncio.sleep(1)
        await passes.engine.drain(45.0)
        passes.engine.mark("late")
        passes.engine.mark_after("later", 1.0)
        await asyncio.sleep(1000)
        assert passes.keys == ["running"]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["mark", "after", "wait"]), st.sampled_from("abcd"), st.floats(0, 3)), max_size=40
    ),
    st.lists(st.sampled_from(["quick", "slow", "fail"]), max_size=20),
    st.integers(1, 3),
)
def test_whatever_is_marked_is_looked_at_after_that(
    wishes: list[tuple[str, str, float]], ends: list[str], concurrency: int
) -> None:
    logging.getLogger("gpuwright.engine.queue").setLevel(logging.CRITICAL)
    outcomes = iter(ends)
    running: set[str] = set()

    async def step(key: str) -> float | None:
        assert key not in running
        running.add(key)
        try:
            end = next(outcomes, "quick")
            await asyncio.sleep(1.0 if end == "slow" else 0.0)
            if end == "fail":
                raise ValueError("a bug")
        finally:
            running.discard(key)
        return None

    @in_virtual_time
    async def scenario() -> None:
        passes = Passes(step, concurrency=concurrency)
        due: dict[str, float] = {}
        for wish, key, seconds in wishes:
            if wish == "mark":
                passes.engine.mark(key)
                due[key] = _now()
            elif wish == "after":
                passes.engine.mark_after(key, seconds)
                due[key] = max(due.get(key, 0.0), _now())
            else:
                await asyncio.sleep(seconds)
        await asyncio.sleep(10_000)
        for key, time in due.items():
            assert max(began for began, worked in passes.began if worked == key) >= time
        assert (passes.engine.busy, passes.engine.depth) == (0, 0)
        assert passes.busiest <= concurrency

    scenario()
