"""A create is sent once, within its window, and what became of it is never lost."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    BLIND_CAPABILITIES,
    N_R2,
    OWNER,
    REF,
    N,
)
from tests.instance.stage import Stage, seen_by
from tests.kube.fake_api import an_instance

from gpuwright.adapters.contract import Created
from gpuwright.instance.rules.price import PRICE_PAUSE
from gpuwright.kube.client import Conflict, NoAnswer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import NotCommitted, ProviderError, Rejected, Throttled, TooDear, Unknown
from gpuwright.model.machine import MachineState
from gpuwright.model.names import FINALIZER_MACHINE
from gpuwright.model.resources import INSTANCES


async def test_a_machine_is_made_and_recorded_with_one_create() -> None:
    stage = Stage()
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}"]
    assert stage.outcomes == ["Intended", "Committed"]
    assert (stage.status["machine"]["id"], stage.condition("Ready")) == ("i-1", ("True", "Running"))
    assert stage.body is not None
    assert stage.body["metadata"]["finalizers"] == [FINALIZER_MACHINE]


async def test_the_intent_is_on_record_when_the_create_leaves() -> None:
    stage = Stage()
    seen: list[str] = []
    stage.desk.before_gate.append(lambda: seen.append(stage.status["launch"]["outcome"]))
    await stage.reconcile()
    assert seen == ["Intended"]


async def test_a_conflict_at_the_outcome_is_written_on_top_of() -> None:
    stage = Stage()
    stage.desk.during_create.append(lambda: stage.change({"metadata": {"annotations": {"note": "theirs"}}}))
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}"]
    assert stage.status["launch"]["outcome"] == "Committed"
    assert stage.body is not None
    assert stage.body["metadata"]["annotations"] == {"note": "theirs"}


async def test_an_outcome_speaks_of_the_spec_that_was_looked_at_and_not_of_a_newer_one() -> None:
    stage = Stage()
    stage.desk.during_create.append(lambda: stage.change({"spec": {"powerState": "Stopped"}}))
    await stage.reconcile()
    statuses = [write.body["status"] for write in stage.api.writes if "status" in write.body]
    refused, outcome = [status for status in statuses if status.get("launch", {}).get("outcome") == "Committed"]
    # A patch says what changes: before it stood 1.
    assert outcome.get("observedGeneration", 1) == refused.get("observedGeneration", 1) == 1
    assert {entry["observedGeneration"] for entry in outcome["conditions"]} == {1}
    assert stage.status["observedGeneration"] == 2, "the next pass has looked at it"


async def test_an_outcome_is_written_again_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        assert seconds > 0

    monkeypatch.setattr(asyncio, "sleep", at_once)
    stage = Stage()
    lose = NoAnswer("the connection was reset")
    stage.desk.during_create.append(lambda: stage.api.fail(lose, "PATCH", "/status", times=3))
    await stage.reconcile()
    assert (stage.desk.calls, stage.status["launch"]["outcome"]) == ([f"create {N}"], "Committed")


async def test_a_machine_whose_object_has_another_name_on_record_is_terminated_and_entered_as_a_leak() -> None:
    stage = Stage()
    another = {"send": 9, "sentBy": "other", "name": N_R2}
    stage.desk.during_create.append(lambda: stage.change({"status": {"launch": another}}))
    await stage.reconcile()
    assert stage.desk.calls[:2] == [f"create {N}", f"delete {N}"]
    (entry,) = stage.desk.ledger
    assert (entry.names, entry.machine_id, entry.retained, entry.owner) == ((N,), "i-1", False, OWNER)
    assert stage.status["launch"]["send"] == 9
    assert stage.count("gpuwright_possible_leaks_total") == 1


async def test_a_machine_made_for_an_object_that_is_gone_is_terminated_and_entered_as_a_leak() -> None:
    stage = Stage()
    stage.desk.during_create.append(lambda: stage.delete(by_force=True))
    await stage.reconcile()
    assert stage.desk.calls[:2] == [f"create {N}", f"delete {N}"]
    assert [entry.machine_id for entry in stage.desk.ledger] == ["i-1"]
    assert stage.desk.machines == {}


async def test_what_another_operator_has_made_under_the_name_since_is_not_terminated_for_a_late_answer() -> None:
    stage = Stage()
    again = {"launch": {"send": 2, "outcome": "Committed"}, "machine": {"id": "i-2", "name": N, "state": "Running"}}
    stage.desk.during_create.append(lambda: stage.change({"status": again}))
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}"]
    assert stage.desk.ledger == []
    assert stage.status["machine"]["id"] == "i-2"


@pytest.mark.parametrize("error", [Unknown("reset"), NotCommitted("no room")], ids=["no answer", "a refusal"])
async def test_an_answer_that_came_late_does_not_take_back_a_machine_that_another_operator_has_seen(
    error: ProviderError,
) -> None:
    stage = Stage()
    stage.desk.answers.append(error)
    seen = {"launch": {"outcome": "Committed"}, "machine": {"id": "i-1", "name": N}}
    stage.desk.during_create.append(lambda: stage.change({"status": seen}))
    await stage.reconcile()
    assert stage.desk.calls[0] == f"create {N}"
    assert stage.status["launch"]["outcome"] == "Committed"
    assert stage.status["machine"]["id"] == "i-1"
    assert stage.desk.ledger == [], "nothing of it is a leak"


async def test_an_answer_that_came_late_tells_nothing_older_of_a_machine_that_another_operator_has_seen() -> None:
    stage = Stage()
    ending = {"reason": "Expired", "names": [N], "time": "2026-11-22T00:00:00Z"}
    seen = {
        "launch": {"outcome": "Committed", "ending": ending},
        "machine": {"id": "i-1", "name": N, "state": "Running"},
    }
    stage.desk.during_create.append(lambda: stage.change({"status": seen}))
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}"]
    assert stage.status["machine"]["state"] == "Running", "the create's answer says that it is being made"
    assert stage.status["launch"]["ending"] == ending
    assert stage.desk.ledger == []


async def test_an_answer_that_came_late_brings_back_no_machine_whose_end_was_announced_to_settle_it() -> None:
    """Where nothing can be read a lost create is settled by deletes: what the answer tells of is gone by then."""
    stage = Stage()
    stage.desk.changes["capabilities"] = BLIND_CAPABILITIES
    ending = {"reason": "Settling", "names": [N], "time": "2026-11-22T00:00:00Z"}
    stage.desk.during_create.append(lambda: stage.change({"status": {"launch": {"ending": ending}}}))
    await stage.reconcile()
    assert f"create {N}" in stage.desk.calls
    assert stage.status["launch"]["outcome"] != "Committed"
    assert stage.desk.ledger == []


async def test_another_object_of_the_same_name_does_not_get_the_outcome() -> None:
    stage = Stage()

    def replaced() -> None:
        stage.delete(by_force=True)
        stage.api.add(INSTANCES, an_instance())

    stage.desk.during_create.append(replaced)
    await stage.reconcile()
    assert stage.desk.calls[:2] == [f"create {N}", f"delete {N}"]
    assert "launch" not in stage.status


@pytest.mark.parametrize("suspended", [False, True], ids=["late", "suspended"])
@pytest.mark.parametrize(
    ("late", "sent"),
    [
        pytest.param(1.9, True, id="just before"),
        pytest.param(2.0, False, id="at"),
        pytest.param(2.1, False, id="after"),
    ],
)
async def test_nothing_is_sent_once_the_window_is_closed(late: float, sent: bool, suspended: bool) -> None:
    stage = Stage()
    pass_time = stage.clock.sleep if suspended else stage.clock.advance
    stage.desk.before_gate.append(lambda: pass_time(late))
    await stage.reconcile()
    assert stage.outcomes[:2] == ["Intended", "Committed" if sent else "NotExecuted"]
    # What was never sent is announced and sent again under the same name.
    assert (stage.desk.calls, stage.status["launch"]["send"]) == ([f"create {N}"], 1 if sent else 2)


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        pytest.param(NotCommitted("500"), "NotCommitted", "PlacementFailed", id="a promise"),
        pytest.param(Unknown("reset"), "Unknown", "OutcomeUnknown", id="a lost answer"),
        pytest.param(Unknown("409", conflict=True), "NotCommitted", "NameConflict", id="a conflict never tried before"),
        pytest.param(Throttled("429", 30), "NotExecuted", "Throttled", id="throttled"),
        pytest.param(TooDear("3.50"), "NotExecuted", "PriceTooHigh", id="too dear"),
        pytest.param(Rejected("400", Reason.REQUEST_REJECTED), "NotExecuted", "RequestRejected", id="rejected"),
    ],
)
async def test_each_answer_is_recorded_as_what_it_is(error: ProviderError, outcome: str, reason: str) -> None:
    stage = Stage()
    stage.desk.answers.append(error)
    await stage.reconcile()
    assert stage.outcomes[:2] == ["Intended", outcome]
    written = [(write.body.get("status") or {}).get("launch") or {} for write in stage.api.writes]
    assert reason in [launch.get("reason") for launch in written]
    assert stage.count("gpuwright_creates_total") >= 1


async def test_a_lost_answer_is_looked_for_and_never_sent_again_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage()
    stage.desk.answers.append(Unknown("reset"))
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}", f"look {N}"]
    assert stage.condition("Launched") == ("False", "OutcomeUnknown")
    assert [record.outcome for record in caplog.records if hasattr(record, "outcome")] == ["Unknown"]


async def test_throttled_waits_for_as_long_as_it_was_asked_to() -> None:
    stage = Stage()
    stage.desk.answers.append(Throttled("429", 30))
    assert await stage.reconcile() == 30
    stage.clock.advance(30)
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}", f"create {N}"]


async def test_what_an_adapter_found_too_dear_is_asked_for_again_after_minutes_under_the_same_name() -> None:
    stage = Stage()
    stage.desk.answers.append(TooDear("RunPod asks 3.50 USD an hour or more"))
    delay = await stage.reconcile()
    assert delay is not None
    assert delay >= PRICE_PAUSE / 2
    assert stage.condition("Launched") == ("False", "PriceTooHigh")
    assert stage.condition("Stalled") == ("False", "NotStalled")
    stage.clock.advance(delay - 1)
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}"]
    stage.clock.advance(1)
    await stage.reconcile()
    assert stage.desk.calls == [f"create {N}", f"create {N}"]
    assert (stage.status["launch"]["outcome"], stage.status["replacements"]) == ("Committed", 0)


async def test_a_name_that_is_taken_is_not_followed_by_the_next_one_at_once() -> None:
    stage = Stage()
    stage.desk.answers += [Unknown("409", conflict=True) for _try in range(9)]
    for _pass in range(9):
        delay = await stage.reconcile()
        stage.clock.advance(0.01)
    sent = [call for call in stage.desk.calls if call.startswith("create")]
    assert (len(sent), bool(delay)) == (1, True)


async def test_somebody_faster_at_the_intent_means_that_nothing_is_sent_on_it() -> None:
    stage = Stage()
    stage.api.fail(Conflict("409"), "PATCH", "/status")
    assert await stage.reconcile() == 0.0
    assert (stage.desk.calls, REF.name in str(stage.status)) == ([], False)


@pytest.mark.parametrize(("state", "sighted"), [(MachineState.RUNNING, True), (MachineState.GONE, False)])
async def test_a_dead_machine_that_a_create_is_answered_with_is_no_sight_of_one(
    state: MachineState, sighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    make = stage.desk.create

    async def remembers(*call: Any) -> Created:
        """A provider that keeps its answer by token for longer than the machine lives."""
        created = await make(*call)
        stage.desk.machines.clear()
        return Created(replace(created.machine, state=state), adopted=True)

    monkeypatch.setattr(stage.desk, "create", remembers)
    await stage.reconcile()
    seen = await seen_by(stage)
    assert (seen.trail(N).shown is not None) is sighted
