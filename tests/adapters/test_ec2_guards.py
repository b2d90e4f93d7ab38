"""Each guard of the EC2 adapter, taken away: a test of the contract must notice, or it proves nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from tests.adapters import contract, test_ec2
from tests.adapters.contract import Deed, Trouble, Verb
from tests.adapters.ec2_stage import MACHINE, Ec2Stage

from gpuwright.adapters import ec2, ec2_answers, ec2_machines, ec2_request, ec2_wire
from gpuwright.model.errors import NotCommitted, ProviderError
from gpuwright.model.machine import Absent, MachineState

pytestmark = pytest.mark.long

Play: TypeAlias = Callable[[test_ec2.TestEc2, Ec2Stage], Awaitable[None]]


@pytest.fixture
async def stage(moto: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ec2Stage]:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)
    async with Ec2Stage(moto) as stage:
        yield stage


@dataclass(frozen=True, slots=True)
class Removal:
    """A guard, what stands in its place, and the test of the contract that must fail then."""

    where: Any
    name: str
    instead: Any
    play: Play


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
UNKNOWN_IS_GONE = type(
    "Lenient", (dict,), {"get": lambda self, key, _default=None: dict.get(self, key, MachineState.GONE)}
)

REMOVALS = {
    "the token": Removal(
        ec2,
        "parameters",
        _without("ClientToken"),
        lambda c, s: c.test_sixteen_creates_with_one_token_at_once_make_one_machine(s),
    ),
    "the tags at birth": Removal(
        ec2, "parameters", _without("TagSpecifications"), lambda c, s: c.test_a_look_shows_the_machine_under_the_name(s)
    ),
    "an unknown error is no promise": Removal(
        ec2,
        "raise_for_create",
        _all_is_a_promise,
        lambda c, s: c.test_an_answer_lost_before_anything_was_done_is_unknown(s, Trouble.UNPROMISED),
    ),
    "the shape of an answer": Removal(
        ec2_wire,
        "_checked",
        _anything_goes,
        lambda c, s: c.test_a_terminate_without_an_answer_of_the_provider_is_unknown(s, Trouble.PROXY_PAGE),
    ),
    "all pages": Removal(ec2, "instances_in", _first_page_only, lambda c, s: c.test_a_list_has_all_its_pages(s)),
    "shutting down is there": Removal(
        ec2_machines, "STATES", GONE_TOO_SOON, lambda c, s: c.test_a_machine_is_shown_while_it_goes(s)
    ),
    "an unknown state is alive": Removal(
        ec2_machines,
        "STATES",
        UNKNOWN_IS_GONE(ec2_machines.STATES),
        lambda c, s: c.test_a_state_that_nobody_knows_is_alive(s, Verb.LOOK),
    ),
    "preempted is told from ended": Removal(
        ec2_machines,
        "PREEMPTED",
        frozenset(),
        lambda c, s: c.test_what_is_done_behind_our_back_is_seen(s, Deed.PREEMPT, MachineState.PREEMPTED),
    ),
    "the tombstone": Removal(
        ec2,
        "sighting_of",
        lambda _machines: Absent(),
        lambda c, s: c.test_a_machine_that_was_deleted_behind_our_back_leaves_its_tombstone(s),
    ),
    "the gate": Removal(
        ec2_wire._Flight, "_may", lambda _self: True, lambda c, s: c.test_a_closed_gate_lets_nothing_out(s, Verb.CREATE)
    ),
}


@pytest.mark.parametrize("name", REMOVALS)
async def test_a_guard_that_is_taken_away_is_noticed(
    stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    removal = REMOVALS[name]
    monkeypatch.setattr(removal.where, removal.name, removal.instead)
    with pytest.raises((AssertionError, pytest.fail.Exception, ProviderError)):
        await removal.play(test_ec2.TestEc2(), stage)


@pytest.mark.parametrize("name", REMOVALS)
async def test_the_same_test_passes_with_the_guard(stage: Ec2Stage, name: str) -> None:
    await REMOVALS[name].play(test_ec2.TestEc2(), stage)
