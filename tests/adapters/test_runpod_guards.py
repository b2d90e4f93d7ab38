"""Each guard of the RunPod adapter, taken away: a test must notice, or it proves nothing."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.adapters import contract, test_runpod
from tests.adapters.contract import Trouble, Verb
from tests.adapters.removals import Removal, UnknownIsGone
from tests.adapters.runpod_stage import MACHINE, RunpodStage

from gpuwright.adapters import runpod, runpod_answers, runpod_pods, runpod_request
from gpuwright.adapters.runpod_gpus import Doubts
from gpuwright.adapters.runpod_quota import Quota
from gpuwright.http_client import Answer, HttpClient
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NotCommitted, NotExecuted, ProviderError
from gpuwright.model.machine import Absent, Machine, MachineState


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunpodStage]:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)
    async with RunpodStage() as stage:
        yield stage


def _all_is_a_promise(refusal: runpod_answers.Refusal, **_more: object) -> None:
    raise NotCommitted(refusal.words)


def _asked_for_ever(refusal: runpod_answers.Refusal) -> None:
    raise NotExecuted(refusal.words, Reason.WAITING)


def _without(key: str) -> Callable[..., dict[str, Any]]:
    real = runpod_request.create_body

    def create_body(*arguments: Any) -> dict[str, Any]:
        body = real(*arguments)
        return {**body, "env": {name: value for name, value in body["env"].items() if name != key}}

    return create_body


def _always_shaped(answer: Answer) -> runpod_answers.Refusal:
    return replace(runpod_answers.refusal_of(answer), shaped=True)


def _what_can_be_read(body: Any) -> tuple[Machine, ...]:
    found = []
    for pod in (body.get("pods") if isinstance(body, dict) else None) or ():
        try:
            found.append(runpod_pods.machine_of(pod))
        except Blind:
            continue
    return tuple(found)


def _of_anybody(machines: Any, name: str, _cluster: str) -> tuple[Machine, ...]:
    return tuple(machine for machine in machines if machine.name == name)


def _first_only(machines: Any, name: str, cluster: str) -> tuple[Machine, ...]:
    return runpod_pods.under(machines, name, cluster)[:1]


async def _ungated(self: HttpClient, method: str, path: str, **more: Any) -> Answer:
    return await HttpClient.call(self, method, path, headers=more["headers"], body=more["body"])


async def _again(self: HttpClient, method: str, path: str, **more: Any) -> Answer:
    """Send twice, as a client that retries would."""
    first = await _REAL_ONCE(self, method, path, **more)
    return first if first.status < 500 else await _REAL_ONCE(self, method, path, **more)


_REAL_ONCE = HttpClient.call_once
OWN = test_runpod
SUITE = OWN.TestRunpod()

REMOVALS: Mapping[str, Removal[RunpodStage]] = {
    "the labels at birth": Removal(
        runpod,
        "create_body",
        _without(runpod_pods.ENV_LABELS),
        SUITE.test_a_list_shows_the_machines_of_all_owners,
    ),
    "the name at birth": Removal(
        runpod,
        "create_body",
        _without(runpod_pods.ENV_NAME),
        OWN.test_a_pod_that_somebody_renamed_is_still_found_under_its_name,
    ),
    "a failure of its own is no promise": Removal(
        runpod,
        "raise_for_create",
        _all_is_a_promise,
        lambda s: SUITE.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.UNPROMISED),
    ),
    "the shape of an answer": Removal(
        runpod,
        "refusal_of",
        _always_shaped,
        lambda s: SUITE.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.PROXY_PAGE),
    ),
    "all of the list or nothing": Removal(
        runpod,
        "pods_in",
        _what_can_be_read,
        lambda s: SUITE.test_a_read_that_is_not_answered_in_full_is_blind(s, Verb.LOOK, Trouble.WRONG_TYPES_AFTER),
    ),
    "an unknown state is alive": Removal(
        runpod_pods,
        "STATES",
        UnknownIsGone(runpod_pods.STATES),
        lambda s: SUITE.test_a_state_that_nobody_knows_is_alive(s, Verb.LOOK),
    ),
    "an error is there and broken": Removal(
        runpod_pods,
        "STATES",
        {**runpod_pods.STATES, "ERROR": MachineState.RUNNING},
        SUITE.test_a_machine_that_has_failed_while_it_came_up_is_seen,
    ),
    "an error ends no pod that has run": Removal(
        runpod_pods,
        "_state",
        lambda word, _pod: runpod_pods.STATES[word],
        SUITE.test_a_machine_that_fails_after_it_has_run_is_not_given_up,
    ),
    "another cluster's pods": Removal(
        runpod,
        "of_cluster",
        lambda machines, _cluster: machines,
        OWN.test_a_machine_of_another_cluster_is_not_in_our_list,
    ),
    "another cluster's names": Removal(
        runpod, "under", _of_anybody, OWN.test_a_machine_of_another_cluster_is_not_in_our_list
    ),
    "every pod under the name is ended": Removal(
        runpod, "under", _first_only, SUITE.test_a_terminate_ends_all_that_is_under_the_name
    ),
    "a look finds what is there": Removal(
        runpod, "sighting_of", lambda _machines: Absent(), SUITE.test_a_look_shows_the_machine_under_the_name
    ),
    "the gate of a create": Removal(
        HttpClient, "call_once", _ungated, lambda s: SUITE.test_a_closed_gate_lets_nothing_out(s, Verb.CREATE)
    ),
    "one create is one request": Removal(
        HttpClient,
        "call_once",
        _again,
        lambda s: OWN.test_a_failure_of_runpods_own_is_unknown_whatever_its_documentation_advises(s, True),
    ),
    "a text about the request": Removal(
        runpod_answers,
        "_TEXTS",
        runpod_answers._TEXTS[:1],
        OWN.TestFourHundred().test_a_text_about_the_request_is_believed_at_once,
    ),
    "a text about room": Removal(
        runpod_answers,
        "_TEXTS",
        ((runpod_answers.Meaning.WRONG, ("available",)),),
        OWN.TestFourHundred().test_a_text_about_room_made_nothing_and_is_tried_again,
    ),
    "doubts need several": Removal(
        Doubts, "believe", lambda *_any: True, OWN.TestFourHundred().test_one_gpu_alone_is_never_enough_to_believe_it
    ),
    "doubts end": Removal(
        Doubts,
        "believe",
        lambda *_any: False,
        OWN.TestFourHundred().test_a_text_that_says_nothing_is_believed_only_when_each_of_several_gpus_says_it,
    ),
    "a start is not asked for for ever": Removal(
        runpod,
        "raise_for_start",
        _asked_for_ever,
        OWN.TestPower().test_a_start_on_a_host_without_a_free_gpu_is_refused_for_good,
    ),
    "the reserve of calls": Removal(
        Quota,
        "wait",
        lambda *_any: 0.0,
        OWN.TestQuota().test_creates_leave_the_last_calls_to_looks_and_terminates,
    ),
    "each attempt takes the next GPU": Removal(
        runpod,
        "attempt_of",
        lambda _name: 1,
        OWN.TestGpus().test_a_name_means_every_gpu_that_has_its_words_and_each_attempt_takes_the_next,
    ),
}


@pytest.mark.parametrize("name", REMOVALS)
async def test_a_guard_that_is_taken_away_is_noticed(
    stage: RunpodStage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, ProviderError, Blind)):
        await REMOVALS[name].play_without(stage, monkeypatch)


@pytest.mark.parametrize("name", REMOVALS)
async def test_the_same_test_passes_with_the_guard(stage: RunpodStage, name: str) -> None:
    await REMOVALS[name].play(stage)
