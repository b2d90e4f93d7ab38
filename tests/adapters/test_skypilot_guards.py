"""Each guard of the SkyPilot adapter, taken away: a test must notice, or it proves nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.adapters import contract, test_skypilot
from tests.adapters.contract import Trouble, Verb
from tests.adapters.removals import Removal, UnknownIsGone
from tests.adapters.skypilot_stage import MACHINE, SkyPilotStage

from gpuwright.adapters import (
    skypilot,
    skypilot_answers,
    skypilot_machines,
    skypilot_request,
    skypilot_wire,
)
from gpuwright.adapters.contract import Deletion
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_machines import Remembered
from gpuwright.adapters.skypilot_wire import Wire
from gpuwright.model.errors import Blind, NotCommitted, ProviderError
from gpuwright.model.machine import Absent, Tombstone

OnItsWay = test_skypilot.TestALaunchOnItsWay
Restarts = test_skypilot.TestAServerThatRestarts
Powers = test_skypilot.TestPower


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SkyPilotStage]:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)
    monkeypatch.setattr(skypilot, "POWER_SECONDS", 0.3)
    async with SkyPilotStage() as stage:
        yield stage


async def _nothing_there(_self: Calls, _refused: object, _read: object) -> None:
    return None


def _all_is_a_promise(refusal: skypilot_answers.Refusal, **_more: object) -> None:
    raise NotCommitted(refusal.words)


def _failure_is_a_promise(failure: skypilot_answers.Failure, **_more: object) -> None:
    raise NotCommitted(failure.words)


def _always_shaped(answer: Any) -> skypilot_answers.Refusal:
    return replace(skypilot_answers.refusal_of(answer), shaped=True)


def _any_id(answer: Any, _path: str) -> str:
    return str(answer.headers.get(skypilot_wire.REQUEST_ID) or "0123456789ab")


async def _without_the_gate(self: Wire, path: str, body: Any, _gate: object) -> str:
    answer = await self._http.call_once("POST", path, headers=self._headers, body=dict(body), gate=lambda: True)
    return skypilot_wire._request_id(answer, path)


async def _once(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


def _any_row_is_a_tombstone(self: Remembered, name: str, _requests: object) -> Any:
    row = self._rows.get(name)
    return Tombstone(row.hash) if row else Absent()


async def _accepted_at_once(self: skypilot.SkyPilot, _name: str, _request_id: str) -> Any:
    return Deletion.ACCEPTED


async def _never_busy(self: skypilot.SkyPilot, name: str, gate: Any) -> Any:
    return await self._calls.row(name, gate), False


async def _known_or_ended(self: Calls, request_id: str) -> Any:
    found = await self.requests(request_ids=request_id, all_status="true")
    return found[0] if found else skypilot_machines.RequestState(request_id, "launch", "", "CANCELLED")


SUITE = test_skypilot.TestSkyPilot()

REMOVALS: Mapping[str, Removal[SkyPilotStage]] = {
    "the look before a launch": Removal(
        Calls, "before", _nothing_there, OnItsWay().test_another_owners_machine_is_not_launched_upon
    ),
    "one launch is one request": Removal(
        Wire,
        "submit",
        Wire.ask,
        lambda s: SUITE.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.LOST),
    ),
    "the labels at birth": Removal(
        skypilot_request, "encoded", lambda _labels: {}, SUITE.test_a_look_shows_the_machine_under_the_name
    ),
    "an unknown answer is no promise": Removal(
        skypilot,
        "raise_for_launch",
        _all_is_a_promise,
        lambda s: SUITE.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.UNPROMISED),
    ),
    "an unknown failure is no promise": Removal(
        skypilot,
        "raise_for_failed_launch",
        _failure_is_a_promise,
        OnItsWay().test_a_launch_that_was_interrupted_is_unknown,
    ),
    "the shape of an answer": Removal(
        skypilot_wire,
        "refusal_of",
        _always_shaped,
        lambda s: SUITE.test_a_terminate_without_an_answer_of_the_provider_is_unknown(s, Trouble.PROXY_PAGE),
    ),
    "the shape of a request that was taken": Removal(
        skypilot_wire,
        "_request_id",
        _any_id,
        lambda s: SUITE.test_an_answer_lost_after_the_machine_was_made_is_unknown(s, Trouble.PAGE_AFTER),
    ),
    "the gate": Removal(
        Wire,
        "submit",
        _without_the_gate,
        lambda s: SUITE.test_a_closed_gate_lets_nothing_out(s, Verb.DELETE),
    ),
    "a read is repeated": Removal(
        skypilot_wire,
        "_again",
        _once,
        lambda s: SUITE.test_a_read_is_repeated_once_when_its_connection_breaks(s, Verb.LIST),
    ),
    "a failed launch leaves a broken machine": Removal(
        skypilot_machines, "_INIT", "NEVER", SUITE.test_a_machine_that_has_failed_while_it_came_up_is_seen
    ),
    "a failed launch breaks nothing that was up": Removal(
        skypilot_machines.Row,
        "ever_up",
        False,
        SUITE.test_a_machine_that_fails_after_it_has_run_is_not_given_up,
    ),
    "what goes is shown while it goes": Removal(
        skypilot_machines, "DOWN", "never", SUITE.test_a_machine_is_shown_while_it_goes
    ),
    "an unknown state is alive": Removal(
        skypilot_machines,
        "_STATES",
        UnknownIsGone(skypilot_machines._STATES),
        lambda s: SUITE.test_a_state_that_nobody_knows_is_alive(s, Verb.LOOK),
    ),
    "a launch that waits proves nothing": Removal(
        skypilot, "LAUNCH", "never", OnItsWay().test_a_launch_that_waits_is_neither_there_nor_gone
    ),
    "the tombstone": Removal(
        Remembered,
        "sighting",
        lambda _self, _name, _requests: Absent(),
        SUITE.test_a_machine_that_was_deleted_behind_our_back_leaves_its_tombstone,
    ),
    "no tombstone without the server's word": Removal(
        Remembered,
        "sighting",
        _any_row_is_a_tombstone,
        Restarts().test_a_server_that_has_lost_its_database_proves_nothing,
    ),
    "a terminate is accepted when its machine shows": Removal(
        skypilot.SkyPilot,
        "_going",
        _accepted_at_once,
        SUITE.test_terminating_what_was_never_there_is_no_failure_and_no_proof,
    ),
    "a spot machine speaks for itself": Removal(
        skypilot_machines.Row,
        "spot",
        False,
        Powers().test_a_spot_machine_that_cannot_be_stopped_says_nothing_of_others,
    ),
    "a power call under way is not repeated": Removal(
        skypilot.SkyPilot,
        "_standing",
        _never_busy,
        Powers().test_a_call_that_is_under_way_is_not_repeated,
    ),
    "a request that is not known yet is no failure": Removal(
        Calls,
        "request",
        _known_or_ended,
        OnItsWay().test_a_launch_that_is_not_registered_yet_is_waited_for,
    ),
}


@pytest.mark.parametrize("name", REMOVALS)
async def test_a_guard_that_is_taken_away_is_noticed(
    stage: SkyPilotStage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, ProviderError, Blind)):
        await REMOVALS[name].play_without(stage, monkeypatch)


@pytest.mark.parametrize("name", REMOVALS)
async def test_the_same_test_passes_with_the_guard(stage: SkyPilotStage, name: str) -> None:
    await REMOVALS[name].play(stage)
