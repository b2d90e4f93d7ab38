"""The path of one object: pass after pass until there is nothing to do but wait."""

import pytest
from tests.builders import N
from tests.e2e.kstatus import kstatus
from tests.instance.stage import KEY, Stage

from gpuwright.model.conditions import Reason
from gpuwright.model.names import ANNOTATION_FORGET, ANNOTATION_PAUSED
from gpuwright.model.provider_view import Hindrance, Room
from gpuwright.model.resources import Key


async def test_an_object_that_is_not_there_is_nothing_to_do() -> None:
    stage = Stage()
    assert await stage.reconciler.reconcile(Key(KEY.kind, KEY.namespace, "other")) is None
    assert stage.api.writes == []


async def test_a_second_pass_over_a_machine_that_runs_changes_nothing() -> None:
    stage = Stage()
    await stage.reconcile()
    writes = len(stage.api.writes)
    stage.clock.advance(5)
    await stage.reconcile()
    assert (len(stage.api.writes), stage.desk.calls) == (writes, [f"create {N}"])
    assert stage.body is not None
    assert kstatus(stage.body) == "Current"


async def test_shutdown_begins_nothing() -> None:
    stage = Stage()
    stage.accepting = False
    assert await stage.reconcile() is None
    assert (stage.desk.calls, stage.outcomes) == ([], [])


async def test_shutdown_does_not_announce_a_deletion() -> None:
    stage = Stage()
    await stage.reconcile()
    stage.delete()
    stage.change({}, told=True)
    stage.accepting = False
    await stage.reconcile()
    assert f"delete {N}" not in stage.desk.calls
    assert "ending" not in stage.status["launch"]


async def test_shutdown_sends_what_was_announced_before() -> None:
    stage = Stage()

    def shut_down() -> None:
        stage.accepting = False

    stage.desk.before_gate.append(shut_down)
    await stage.reconcile()
    assert stage.status["launch"]["outcome"] == "Committed"


async def test_a_deleted_object_goes_once_its_machine_is_proven_gone() -> None:
    stage = Stage()
    await stage.reconcile()
    stage.delete()
    stage.change({}, told=True)
    for _second in range(30):
        await stage.reconcile()
        if stage.body is None:
            break
        stage.clock.advance(1)
    assert stage.body is None
    assert (stage.desk.machines, stage.desk.calls.count(f"delete {N}")) == ({}, 1)
    assert stage.count("gpuwright_possible_leaks_total") == 0


async def test_somebody_faster_means_a_live_read_and_another_decision() -> None:
    stage = Stage()
    stage.change({"metadata": {"annotations": {ANNOTATION_PAUSED: "true"}}})
    assert await stage.reconcile() == 0.0
    await stage.reconcile()
    assert (stage.desk.calls, stage.condition("Ready")[1]) == ([], "Paused")


@pytest.mark.parametrize(
    ("after", "told"),
    [pytest.param(29, False, id="just before"), pytest.param(30, True, id="at"), pytest.param(31, True, id="after")],
)
async def test_a_brief_wait_is_told_only_when_it_drags_on(after: float, told: bool) -> None:
    stage = Stage()
    stage.desk.changes = {"room": Room(free=False, message="others first", retry_seconds=1)}
    await stage.reconcile()
    stage.clock.advance(after)
    await stage.reconcile()
    assert bool(stage.status) is told


async def test_a_long_wait_is_told_at_once() -> None:
    stage = Stage()
    stage.desk.changes = {"hindrance": Hindrance(Reason.PROVIDER_DRAINING, "draining")}
    assert await stage.reconcile() == 60
    assert stage.condition("Ready") == ("False", "ProviderDraining")


async def a_damaged_record(stage: Stage, field: str) -> None:
    """Bring a machine up, and take a field from its record as an API server with an older CRD would."""
    await stage.reconcile()
    stage.change({"status": {"launch": {field: None}}}, told=True)
    stage.desk.calls.clear()


@pytest.mark.parametrize("field", ["token", "send", "settleSeconds", "outcome", "providerRef"])
async def test_a_record_that_cannot_be_read_is_left_as_it_is_and_nothing_is_guessed(field: str) -> None:
    stage = Stage()
    await a_damaged_record(stage, field)
    before = stage.status["launch"], stage.status["machine"]
    await stage.reconcile()
    assert (stage.status["launch"], stage.status["machine"]) == before
    assert stage.condition("Stalled") == ("True", "RecordLost")
    assert stage.desk.calls == []


async def test_a_deleted_object_whose_record_cannot_be_read_waits_for_a_person() -> None:
    stage = Stage()
    await a_damaged_record(stage, "token")
    stage.delete()
    stage.change({}, told=True)
    await stage.reconcile()
    assert (stage.desk.calls, stage.condition("Deleting")) == ([], ("True", "RecordLost"))
    stage.change({"metadata": {"annotations": {ANNOTATION_FORGET: "looked: none is there"}}}, told=True)
    await stage.reconcile()
    assert stage.body is None
