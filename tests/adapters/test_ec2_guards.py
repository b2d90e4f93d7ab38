"""Each guard of the EC2 adapter, taken away: a test of the contract must notice, or it proves nothing."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from tests.adapters import contract, test_ec2
from tests.adapters.contract import Deed, Trouble, Verb
from tests.adapters.ec2_stage import MACHINE, Ec2Stage
from tests.adapters.removals import Removal, UnknownIsGone

from gpuwright.adapters import ec2, ec2_answers, ec2_machines, ec2_request, ec2_wire
from gpuwright.model.errors import NotCommitted, ProviderError
from gpuwright.model.machine import Absent, MachineState

pytestmark = pytest.mark.long


@pytest.fixture
async def stage(moto: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ec2Stage]:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)
    async with Ec2Stage(moto) as stage:
        yield stage


def _without(key: str) -> Callable[..., dict[str, Any]]:
    real = ec2_request.parameters

    def parameters(*arguments: Any) -> dict[str, Any]:
        return {name: value for name, value in real(*arguments).items() if name != key}

    return parameters


def _all_is_a_promise(refusal: ec2_answers.Refusal, **_more: object) -> None:
    raise NotCommitted(refusal.words)


def _anything_goes(answer: Any, _operation: str) -> bytes:
    return bytes(answer.content)


def _first_page_only(page: Any) -> list[Any]:
    found = ec2_machines.instances_in(page)
    page.pop("NextToken", None)
    return found


GONE_TOO_SOON = {**ec2_machines.STATES, "shutting-down": MachineState.GONE}

SUITE = test_ec2.TestEc2()

REMOVALS: Mapping[str, Removal[Ec2Stage]] = {
    "the token": Removal(
        ec2,
        "parameters",
        _without("ClientToken"),
        SUITE.test_sixteen_creates_with_one_token_at_once_make_one_machine,
    ),
    "the tags at birth": Removal(
        ec2, "parameters", _without("TagSpecifications"), SUITE.test_a_look_shows_the_machine_under_the_name
    ),
    "an unknown error is no promise": Removal(
        ec2,
        "raise_for_create",
        _all_is_a_promise,
        lambda s: SUITE.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.UNPROMISED),
    ),
    "the shape of an answer": Removal(
        ec2_wire,
        "_checked",
        _anything_goes,
        lambda s: SUITE.test_a_terminate_without_an_answer_of_the_provider_is_unknown(s, Trouble.PROXY_PAGE),
    ),
    "all pages": Removal(ec2, "instances_in", _first_page_only, SUITE.test_a_list_has_all_its_pages),
    "shutting down is there": Removal(
        ec2_machines, "STATES", GONE_TOO_SOON, SUITE.test_a_machine_is_shown_while_it_goes
    ),
    "an unknown state is alive": Removal(
        ec2_machines,
        "STATES",
        UnknownIsGone(ec2_machines.STATES),
        lambda s: SUITE.test_a_state_that_nobody_knows_is_alive(s, Verb.LOOK),
    ),
    "preempted is told from ended": Removal(
        ec2_machines,
        "PREEMPTED",
        frozenset(),
        lambda s: SUITE.test_what_is_done_behind_our_back_is_seen(s, Deed.PREEMPT, MachineState.PREEMPTED),
    ),
    "the tombstone": Removal(
        ec2,
        "sighting_of",
        lambda _machines: Absent(),
        SUITE.test_a_machine_that_was_deleted_behind_our_back_leaves_its_tombstone,
    ),
    "the gate": Removal(
        ec2_wire._Flight,
        "_may",
        lambda _self: True,
        lambda s: SUITE.test_a_closed_gate_lets_nothing_out(s, Verb.CREATE),
    ),
}


@pytest.mark.parametrize("name", REMOVALS)
async def test_a_guard_that_is_taken_away_is_noticed(
    stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, ProviderError)):
        await REMOVALS[name].play_without(stage, monkeypatch)


@pytest.mark.parametrize("name", REMOVALS)
async def test_the_same_test_passes_with_the_guard(stage: Ec2Stage, name: str) -> None:
    await REMOVALS[name].play(stage)
