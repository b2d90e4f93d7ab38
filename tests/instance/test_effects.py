"""One action, one effect: gated, and what this process then knows."""

import pytest
from tests.builders import REF, N
from tests.instance.stage import Stage, a_running_stage, act, seen_by

from gpuwright.instance.actions import (
    Action,
    AskList,
    EnterLedger,
    Nothing,
    ReadLive,
    RemoveFinalizer,
    Terminate,
    Wait,
)
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.names import FINALIZER_MACHINE

TERMINATE = Terminate(REF, N)


async def test_a_list_is_asked_for_once() -> None:
    stage = await a_running_stage()
    delay, _knows = await act(stage, AskList(REF, "looking"))
    assert (delay, stage.desk.asked_lists) == (30.0, 1)


async def test_what_is_entered_in_the_ledger_is_remembered_as_written() -> None:
    stage = await a_running_stage()
    _delay, knows = await act(stage, EnterLedger(REF, (N,), "i-1", retained=True))
    assert REF in knows.ledgers
    assert [(entry.machine_id, entry.retained) for entry in stage.desk.ledger] == [("i-1", True)]


async def test_a_ledger_that_is_full_is_told_in_the_condition_and_tried_again() -> None:
    stage = await a_running_stage()
    stage.delete()
    stage.desk.full = True
    delay, knows = await act(stage, ReadLive(), EnterLedger(REF, (N,), "i-1", retained=True))
    assert (delay, knows.ledgers) == (60.0, frozenset())
    assert stage.body is not None
    told = {found["type"]: (found["reason"], found["message"]) for found in stage.body["status"]["conditions"]}
    assert told["Deleting"] == ("LedgerFull", "no room: remove some")


async def test_release_takes_our_finalizer_only_and_is_no_forced_forget() -> None:
    stage = await a_running_stage()
    stage.change({"metadata": {"finalizers": [FINALIZER_MACHINE, "theirs"]}}, told=True)
    seen = await seen_by(stage)
    await stage.effects.act(seen, RemoveFinalizer("proven"))
    assert stage.body is not None
    assert stage.body["metadata"]["finalizers"] == ["theirs"]
    assert (stage.spawned, stage.count("gpuwright_possible_leaks_total")) == ([], 0)


async def test_a_forced_forget_is_counted() -> None:
    stage = await a_running_stage()
    await stage.effects.act(await seen_by(stage), RemoveFinalizer("forgotten", event=EventReason.FORGOTTEN))
    labels = {"provider": "team-a/gateway"}
    assert stage.metrics.registry.get_sample_value("gpuwright_possible_leaks_total", labels) == 1


async def test_without_a_slot_no_intent_is_written() -> None:
    stage = Stage()
    stage.desk.slots = -1
    assert await stage.reconcile() == 1.0
    assert (stage.outcomes, stage.desk.calls) == ([], [])


async def test_a_slot_is_given_back_when_the_pass_ends() -> None:
    stage = await a_running_stage()
    assert stage.desk.slots == 1


@pytest.mark.parametrize("action", [Wait(Reason.WAITING, ""), Nothing()], ids=["wait", "nothing"])
async def test_what_is_no_effect_is_a_defect(action: Action) -> None:
    stage = await a_running_stage()
    with pytest.raises(AssertionError, match="is no effect"):
        await act(stage, action)


async def test_a_forced_forget_of_what_nobody_can_read_is_counted_too() -> None:
    stage = Stage()
    stage.change({"spec": {"expireAfterSeconds": "never"}, "metadata": {"finalizers": [FINALIZER_MACHINE]}}, told=True)
    await stage.effects.act(await seen_by(stage), RemoveFinalizer("forgotten", event=EventReason.FORGOTTEN))
    assert stage.body is not None
    assert stage.body["metadata"]["finalizers"] == []
    assert stage.metrics.registry.get_sample_value("gpuwright_possible_leaks_total", {"provider": ""}) == 1
