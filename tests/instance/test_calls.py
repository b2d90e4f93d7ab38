"""What is asked of a provider: only within its window, and what this process then knows."""

import pytest
from tests.builders import REF, N
from tests.instance.stage import KEY, a_running_stage, act, seen_by

from gpuwright.instance.actions import (
    LookAt,
    Power,
    ReadLive,
    Terminate,
)
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import CannotStart, NotExecuted, ProviderError, Rejected, Unknown

TERMINATE = Terminate(REF, N)


async def test_a_terminate_without_arms_is_not_called() -> None:
    stage = await a_running_stage()
    _delay, knows = await act(stage, TERMINATE)
    assert (stage.desk.calls, knows.terminated) == ([], {})


async def test_a_live_read_opens_the_window_for_a_terminate() -> None:
    stage = await a_running_stage()
    _delay, knows = await act(stage, ReadLive(), TERMINATE)
    assert stage.desk.calls == [f"delete {N}"]
    assert (knows.terminated, knows.tries) == ({N: stage.clock.monotonic()}, 0)


@pytest.mark.parametrize(
    ("late", "called"),
    [
        pytest.param(1.9, True, id="just before"),
        pytest.param(2.0, False, id="at"),
        pytest.param(2.1, False, id="after"),
    ],
)
async def test_a_terminate_after_its_window_is_not_called_and_wants_a_fresh_read(late: float, called: bool) -> None:
    stage = await a_running_stage()
    await act(stage, ReadLive())
    stage.clock.advance(late)
    _delay, knows = await act(stage, TERMINATE)
    assert bool(stage.desk.calls) is called
    assert (knows.armed is not None) is called


async def test_a_refused_terminate_counts_as_tried_only_and_its_answer_is_kept_until_one_is_taken() -> None:
    stage = await a_running_stage()
    stage.desk.refusals.append(Unknown("502"))
    _delay, knows = await act(stage, ReadLive(), TERMINATE)
    assert (set(knows.terminate_tried), knows.terminated, knows.tries, knows.answer) == ({N}, {}, 1, "502")
    _delay, knows = await act(stage, ReadLive(), TERMINATE)
    assert (knows.tries, knows.answer) == (0, "")


async def test_not_found_is_no_accepted_terminate() -> None:
    stage = await a_running_stage()
    stage.desk.machines.clear()
    _delay, knows = await act(stage, ReadLive(), TERMINATE)
    assert (set(knows.terminate_tried), knows.terminated) == ({N}, {})


async def test_a_live_read_of_an_object_that_is_gone_opens_nothing() -> None:
    stage = await a_running_stage()
    seen = await seen_by(stage)
    stage.delete(by_force=True)
    await stage.effects.act(seen, ReadLive())
    assert stage.observer.witness(seen.instance).armed is None
    assert stage.cache.get(KEY) is None


async def test_a_power_call_takes_its_arms_along() -> None:
    stage = await a_running_stage()
    _delay, knows = await act(stage, ReadLive(), Power(REF, N, on=False))
    assert stage.desk.calls == [f"power {N} False"]
    assert (knows.armed, knows.powered_at, stage.desk.asked_lists) == (None, stage.clock.monotonic(), 1)


async def test_a_power_call_without_an_open_window_is_not_made() -> None:
    stage = await a_running_stage()
    _delay, knows = await act(stage, Power(REF, N, on=False))
    assert (stage.desk.calls, knows.powered_at) == ([], -1e9)


async def test_a_start_that_is_refused_for_good_is_remembered_as_that() -> None:
    stage = await a_running_stage()
    stage.desk.refusals.append(CannotStart("no GPU left on its host"))
    _delay, knows = await act(stage, ReadLive(), Power(REF, N, on=True))
    assert (knows.power_refused, knows.answer) == ("no GPU left on its host", "")


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Rejected("404 not found", Reason.REQUEST_REJECTED), id="not found"),
        pytest.param(Rejected("403 not yours", Reason.CREDENTIALS_REJECTED), id="not allowed"),
        pytest.param(NotExecuted("409 not now", Reason.WAITING), id="not in this state"),
        pytest.param(Unknown("no answer"), id="no answer"),
    ],
)
async def test_any_other_refusal_is_told_and_ends_nothing(error: ProviderError, on: bool) -> None:
    stage = await a_running_stage()
    stage.desk.refusals.append(error)
    _delay, knows = await act(stage, ReadLive(), Power(REF, N, on=on))
    assert (knows.power_refused, knows.answer, knows.tries) == ("", error.message, 1)


async def test_of_several_refusals_the_first_is_told_and_a_call_that_is_taken_clears_it() -> None:
    stage = await a_running_stage()
    stage.desk.refusals += [NotExecuted("request 1", Reason.WAITING), NotExecuted("request 2", Reason.WAITING)]
    for expected in (("request 1", 1), ("request 1", 2), ("", 0)):
        _delay, knows = await act(stage, ReadLive(), Power(REF, N, on=True))
        assert (knows.answer, knows.tries) == expected


async def test_a_look_is_remembered() -> None:
    stage = await a_running_stage()
    stage.clock.advance(1)
    _delay, knows = await act(stage, LookAt(REF, N))
    assert knows.trail(N).looked == stage.clock.monotonic()


async def test_an_absence_that_does_not_count_is_not_remembered_as_one() -> None:
    stage = await a_running_stage()
    stage.desk.machines.clear()
    stage.desk.changes = {"absence_counts": False}
    stage.clock.advance(1)
    _delay, knows = await act(stage, LookAt(REF, N))
    assert (knows.trail(N).absences, knows.trail(N).looked) == ((), stage.clock.monotonic())
