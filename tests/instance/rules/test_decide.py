"""The order of the rules is the specification: none is forgotten, the first that answers wins."""

import importlib
import inspect
import pkgutil
from types import ModuleType, NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import (
    NOW,
    REF,
    F,
    N,
    a_hindrance,
    a_launch,
    a_machine,
    a_provider_view,
    a_snapshot,
    a_spec,
    a_witness,
    absent,
    an_empty_provider_view,
    an_ending,
    an_observation,
    an_unsettled_launch,
    armed,
    nothing_yet,
    shown,
)

from gpuwright.instance import rules
from gpuwright.instance.actions import Action, LookAt, Send, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import decide as rules_in_order
from gpuwright.instance.rules.decide import DELETED, WANTED, Rule, decide
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Launch, Memory, Outcome
from gpuwright.model.names import ANNOTATION_PAUSED
from gpuwright.model.provider_view import Room

ACTIONS = frozenset(get_args(Action))


def modules() -> list[ModuleType]:
    names = [found.name for found in pkgutil.iter_modules(rules.__path__)]
    assert len(names) > 10
    return [importlib.import_module(f"{rules.__name__}.{name}") for name in names]


def is_rule(function: Any) -> bool:
    """Return whether it takes one Observation, and answers with some action or passes."""
    hints = get_type_hints(function)
    answer = hints.pop("return", None)
    members = frozenset(get_args(answer)) if isinstance(answer, UnionType) else frozenset({answer})
    return list(hints.values()) == [Observation] and NoneType in members and bool(members & ACTIONS)


def public_rules() -> list[Rule]:
    return [
        function
        for module in modules()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_") and is_rule(function)
    ]


def test_every_rule_is_listed() -> None:
    found = public_rules()
    assert len(found) > 40
    assert {rule.__name__ for rule in found} - {rule.__name__ for rule in (*WANTED, *DELETED)} == set()


def test_everything_listed_is_a_rule() -> None:
    assert {rule.__name__ for rule in (*WANTED, *DELETED)} <= {rule.__name__ for rule in public_rules()}


@pytest.mark.parametrize("listed", [pytest.param(WANTED, id="wanted"), pytest.param(DELETED, id="deleted")])
def test_no_rule_is_asked_twice(listed: tuple[Rule, ...]) -> None:
    assert len(set(listed)) == len(listed)


def test_every_rule_says_in_a_sentence_what_it_is_for() -> None:
    assert [rule.__name__ for rule in (*WANTED, *DELETED) if not rule.__doc__] == []


LAUNCHES: tuple[Launch | None, ...] = (
    None,
    a_launch(),
    a_launch(settled=False),
    a_launch(ending=an_ending()),
    an_unsettled_launch(),
    a_launch(outcome=Outcome.INTENDED),
    a_launch(outcome=Outcome.NOT_COMMITTED),
    a_launch(outcome=Outcome.NOT_EXECUTED),
)
TRAILS: tuple[dict[str, Trail], ...] = (
    {},
    {N: shown()},
    {N: shown(a_machine(), direct=True)},
    {N: absent(NOW - F, NOW)},
)
VIEWS = (
    a_provider_view(),
    an_empty_provider_view(),
    an_empty_provider_view(reachable=False, hindrance=a_hindrance()),
    a_provider_view(snapshot=None),
    a_provider_view(snapshot=a_snapshot(a_machine(), a_machine(id="i-2", name="second"))),
)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    launch = draw(st.sampled_from(LAUNCHES))
    base = an_observation(launch) if launch else nothing_yet()
    permitted = (None, armed(launch), armed(launch, destructive=True)) if launch else (None,)
    witness = a_witness(launch, trails=draw(st.sampled_from(TRAILS)), armed=draw(st.sampled_from(permitted)))
    return an_observation(
        memory=base.memory if launch else Memory(),
        witness=witness,
        provider=draw(st.sampled_from(VIEWS)),
        instance={
            "deleting": draw(st.booleans()),
            "finalized": draw(st.booleans()),
            "spec": a_spec(powerState=draw(st.sampled_from(["Running", "Stopped"]))),
            "annotations": draw(st.sampled_from([{}, {ANNOTATION_PAUSED: "true"}])),
        },
    )


@settings(deadline=None)  # a machine with other work on it is late, not wrong
@given(observations())
def test_deciding_twice_gives_the_same_answer(seen: Observation) -> None:
    assert decide(seen) == decide(seen)


@settings(deadline=None)  # a machine with other work on it is late, not wrong
@given(observations())
def test_the_first_rule_that_answers_wins(seen: Observation) -> None:
    listed = DELETED if seen.instance.deleting else WANTED
    answers = [answer for answer in (rule(seen) for rule in listed) if answer is not None]
    assert decide(seen) == answers[0]


@settings(deadline=None)  # a machine with other work on it is late, not wrong
@given(observations())
def test_nothing_is_sent_for_what_is_deleted_or_paused(seen: Observation) -> None:
    if seen.instance.deleting or seen.instance.paused:
        assert not isinstance(decide(seen), Send)


def test_an_invalid_spec_comes_before_anything_else() -> None:
    seen = an_observation(instance={"spec": None, "spec_error": "gpu is missing"})
    assert decide(seen) == Wait(Reason.INVALID_SPEC, "gpu is missing", stalled=True)


def test_where_no_rule_answers_the_object_is_looked_at_again_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_in_order, "WANTED", ())
    assert decide(an_observation()) == Wait(Reason.WAITING, "nothing to do", brief=True, seconds=60)


def test_without_room_no_intent_is_written() -> None:
    room = Room(free=False, reason=Reason.LIMIT_REACHED, message="10 of 10", retry_seconds=30)
    seen = nothing_yet(an_empty_provider_view(room=room))
    assert decide(seen) == Wait(Reason.LIMIT_REACHED, "10 of 10", seconds=30)


def test_what_was_rejected_is_not_asked_for_again() -> None:
    launch = a_launch(outcome=Outcome.NOT_EXECUTED, reason=str(Reason.REQUEST_REJECTED), message="no such image")
    action = decide(an_observation(launch, provider=an_empty_provider_view()))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled) == (Reason.REQUEST_REJECTED, True)


def test_a_machine_that_no_list_can_show_is_looked_at_directly() -> None:
    launch = a_launch(adopted=True)
    seen = an_observation(launch, witness=a_witness(launch, trails={N: shown()}))
    assert decide(seen) == LookAt(REF, N)


def test_what_is_paused_buys_nothing() -> None:
    action = decide(nothing_yet(instance={"annotations": {ANNOTATION_PAUSED: "true"}}))
    assert isinstance(action, Wait)
    assert action.reason is Reason.PAUSED
