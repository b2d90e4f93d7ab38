"""A machine that is to go, and the one after it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    N_G2,
    N_R2,
    NOW,
    REF,
    F,
    N,
    a_launch,
    a_machine,
    a_memory,
    a_provider_spec,
    a_provider_view,
    a_residue,
    a_sight,
    a_snapshot,
    a_spec,
    a_strangers_machine,
    a_witness,
    absent,
    an_empty_provider_view,
    an_ending,
    an_observation,
    armed,
    shown,
    waiting_for,
)

from gpuwright.instance.actions import Arms, AskList, LookAt, ReadLive, Record, Terminate, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.replacement import (
    finish_ending,
    is_ended_machine_gone,
    replace_what_is_gone,
    take_back_what_shows_again,
    take_over_what_lives_on,
)
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import EndingReason, Outcome
from gpuwright.model.provider_view import Room

TOO_DEAR = {
    "spec": {"machine": {"instanceType": "t", "maxPricePerHour": "1.99"}},
    "view": {"spec": a_provider_spec(sizes=[{"name": "a", "instanceType": "t", "pricePerHour": "2.00"}])},
}
RULES = (finish_ending, take_back_what_shows_again, take_over_what_lives_on, replace_what_is_gone)
GONE = {**a_machine().recorded(), "state": "Gone"}


def ending(why: EndingReason = EndingReason.BROKEN, **witness: Any) -> Observation:
    """Return a machine whose end is on record and that looks still show."""
    launch = a_launch(ending=an_ending(why))
    return an_observation(launch, witness=a_witness(launch, **witness))


def gone(why: EndingReason = EndingReason.LOST, **changes: Any) -> Observation:
    """Return a machine whose record says gone; `memory`, `spec`, `view`, `witness` and `launch` have changes."""
    launch = a_launch(**{"ending": an_ending(why)} | changes.get("launch", {}))
    witness = {"trails": {N: absent(NOW - F, NOW)}} | changes.get("witness", {})
    return an_observation(
        memory=a_memory(launch, **{"machine": GONE} | changes.get("memory", {})),
        witness=a_witness(launch, **witness),
        provider=an_empty_provider_view(**changes.get("view", {})),
        instance={"spec": a_spec(**changes.get("spec", {}))},
        **changes.get("observation", {}),
    )


@pytest.mark.parametrize(
    "rule", [finish_ending, take_back_what_shows_again, take_over_what_lives_on, replace_what_is_gone]
)
def test_a_machine_that_is_wanted_is_not_ended_or_replaced(rule: Any) -> None:
    assert rule(an_observation()) is None


@pytest.mark.parametrize("reason", [EndingReason.DUPLICATE, EndingReason.POWER_OFF, EndingReason.SETTLING])
@pytest.mark.parametrize(
    "rule", [finish_ending, take_back_what_shows_again, take_over_what_lives_on, replace_what_is_gone]
)
def test_endings_that_leave_the_machine_in_use_end_nothing(rule: Any, reason: EndingReason) -> None:
    assert rule(an_observation(a_launch(ending=an_ending(reason)))) is None


def test_what_is_ending_is_terminated_once_armed() -> None:
    assert finish_ending(ending()) == ReadLive()
    launch = a_launch(ending=an_ending(EndingReason.BROKEN))
    assert finish_ending(ending(armed=armed(launch, destructive=True))) == Terminate(REF, N)


def test_only_the_names_on_record_are_terminated() -> None:
    launch = a_launch(ending=an_ending(EndingReason.BROKEN))
    provider = a_provider_view(snapshot=a_snapshot(a_machine(), a_machine(id="i-2", name="not-announced")))
    witness = a_witness(
        launch,
        armed=armed(launch, destructive=True),
        terminated={N: NOW - 1},
        terminate_tried={N: NOW - 1},
        trails={N: shown(began=NOW - 0.5)},
    )
    action = finish_ending(an_observation(launch, witness=witness, provider=provider))
    assert isinstance(action, LookAt | Wait)


def test_after_an_accepted_terminate_it_is_looked_at_until_it_is_gone() -> None:
    accepted: dict[str, Any] = {"terminated": {N: NOW - 10}, "terminate_tried": {N: NOW - 10}}
    assert finish_ending(ending(**accepted, trails={N: shown(began=NOW - 11)})) == LookAt(REF, N)


def test_between_looks_the_wait_says_why_it_ends() -> None:
    accepted: dict[str, Any] = {"terminated": {N: NOW - 10}, "terminate_tried": {N: NOW - 10}}
    action = finish_ending(ending(EndingReason.EXPIRED, **accepted, trails={N: absent(NOW - 1)}))
    assert isinstance(action, Wait)
    assert (action.reason, action.seconds) == (Reason.EXPIRED, 1.0)


@pytest.mark.parametrize(
    ("apart", "ended"),
    [pytest.param(1.9, False, id="just before"), pytest.param(2.0, True, id="at"), pytest.param(2.1, True, id="after")],
)
def test_two_looks_two_seconds_apart_after_the_accepted_terminate_prove_it_gone(apart: float, ended: bool) -> None:
    accepted: dict[str, Any] = {"terminated": {N: NOW - 10}, "terminate_tried": {N: NOW - 10}}
    action = finish_ending(ending(**accepted, trails={N: absent(NOW - apart, NOW)}))
    assert isinstance(action, Record) is ended
    if isinstance(action, Record):
        assert (action.why, action.arms, action.memory.machine["state"]) == ("ended", Arms.NOTHING, "Gone")


@pytest.mark.parametrize(
    ("machine", "ended"),
    [
        pytest.param(a_machine(state=MachineState.PREEMPTED), True, id="a dead word for its id"),
        pytest.param(a_machine(id="i-9", state=MachineState.PREEMPTED), False, id="a dead word for another id"),
        pytest.param(a_machine(state=MachineState.FAILED), False, id="failed still bills"),
    ],
)
def test_a_dead_word_for_the_recorded_id_proves_it_gone(machine: Machine, ended: bool) -> None:
    seen = ending(trails={N: shown(machine)})
    assert seen.provider is not None
    assert is_ended_machine_gone(seen, seen.provider) is ended


def test_an_ending_waits_until_nothing_can_still_appear() -> None:
    launch = a_launch(ending=an_ending(EndingReason.BROKEN), settled=False)
    witness = a_witness(
        launch,
        sight=a_sight(launch, at=NOW - 5),
        trails={N: absent(NOW - 3, NOW)},
        terminated={N: NOW - 4},
        terminate_tried={N: NOW - 4},
    )
    action = finish_ending(an_observation(launch, witness=witness))
    assert isinstance(action, Wait)
    assert action.reason is Reason.WAITING_FOR_SETTLEMENT


def test_what_is_recorded_gone_is_not_ended_again() -> None:
    assert finish_ending(gone()) is None


def test_the_next_incarnation_takes_the_place_of_what_is_gone() -> None:
    action = replace_what_is_gone(gone())
    assert isinstance(action, Record)
    assert (action.why, action.arms, action.event) == ("replacement", Arms.SEND, EventReason.REPLACING)
    memory, launch = action.memory, action.memory.launch
    assert launch is not None
    assert (launch.incarnation, launch.attempt, launch.name, launch.send) == (2, 1, N_G2, 2)
    assert (launch.outcome, launch.ending, launch.waited_seconds) == (Outcome.INTENDED, None, 0)
    assert (memory.replacements, memory.machine, memory.residue) == (1, {}, ())


def test_the_old_machine_moves_to_attempts_in_the_same_write() -> None:
    action = replace_what_is_gone(gone(EndingReason.PREEMPTED))
    assert isinstance(action, Record)
    (entry,) = action.memory.attempts
    assert (entry["incarnation"], entry["name"], entry["reason"], entry["message"]) == (1, N, "Preempted", "i-1")


def test_the_machine_is_not_replaced_before_it_is_recorded_gone() -> None:
    assert replace_what_is_gone(ending(EndingReason.LOST)) is None


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        pytest.param(EndingReason.LOST, Reason.LOST, id="lost"),
        pytest.param(EndingReason.PREEMPTED, Reason.PREEMPTED, id="preempted"),
        pytest.param(EndingReason.BROKEN, Reason.BROKEN, id="broken"),
    ],
)
def test_on_loss_fail_stalls_instead(why: EndingReason, reason: Reason) -> None:
    action = replace_what_is_gone(gone(why, spec={"onLoss": "Fail"}))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled) == (reason, True)


def test_on_loss_says_nothing_about_a_machine_that_never_came_up() -> None:
    assert isinstance(
        replace_what_is_gone(gone(EndingReason.LAUNCH_DEADLINE_EXCEEDED, spec={"onLoss": "Fail"})), Record
    )


@pytest.mark.parametrize(
    ("spent", "stalls"),
    [
        pytest.param(2, False, id="just before"),
        pytest.param(3, True, id="at"),
        pytest.param(4, True, id="just after"),
    ],
)
@pytest.mark.parametrize(
    ("why", "reason"),
    [
        pytest.param(EndingReason.LOST, Reason.REPLACEMENTS_SPENT, id="lost"),
        pytest.param(EndingReason.LAUNCH_DEADLINE_EXCEEDED, Reason.LAUNCH_DEADLINE_EXCEEDED, id="overdue"),
    ],
)
def test_replacements_end_at_max_replacements(why: EndingReason, reason: Reason, spent: int, stalls: bool) -> None:
    action = replace_what_is_gone(gone(why, memory={"replacements": spent}))
    assert isinstance(action, Wait if stalls else Record)
    if isinstance(action, Wait):
        assert (action.reason, action.stalled) == (reason, True)


def test_max_replacements_zero_never_replaces() -> None:
    action = replace_what_is_gone(gone(spec={"maxReplacements": 0}))
    assert isinstance(action, Wait)
    assert action.reason is Reason.REPLACEMENTS_SPENT


def test_an_expired_machine_is_never_replaced() -> None:
    action = replace_what_is_gone(gone(EndingReason.EXPIRED))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled) == (Reason.EXPIRED, True)


def test_nothing_is_made_again_while_stopped_is_wanted() -> None:
    action = replace_what_is_gone(gone(spec={"powerState": "Stopped"}))
    assert isinstance(action, Wait)
    assert (action.reason, action.ready) == (Reason.STOPPED, True)


def test_the_next_machine_waits_until_nothing_of_this_one_can_appear() -> None:
    seen = gone(launch={"settled": False}, witness={"trails": {}, "sight": a_sight(a_launch(), at=NOW - 5)})
    action = replace_what_is_gone(seen)
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled, action.seconds) == (Reason.LOST, False, 5)


def test_the_next_machine_waits_until_every_name_of_this_incarnation_is_proven_absent() -> None:
    since = {N_R2: NOW - 10 * F}
    memory = {"residue": (a_residue(N_R2),)}
    unproven = gone(memory=memory, witness={"residue_since": since})
    assert replace_what_is_gone(unproven) == LookAt(REF, N_R2)
    trails = {N: absent(NOW - F, NOW), N_R2: absent(NOW - F, NOW)}
    assert isinstance(
        replace_what_is_gone(gone(memory=memory, witness={"residue_since": since, "trails": trails})), Record
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"view": {"room": Room(free=False, reason=Reason.LIMIT_REACHED)}}, Reason.LIMIT_REACHED, id="room"
        ),
        pytest.param(TOO_DEAR, Reason.PRICE_TOO_HIGH, id="dearer than asked by now"),
        pytest.param({"observation": {"wishes": waiting_for()}}, Reason.SECRET_NOT_FOUND, id="a Secret is missing"),
    ],
)
def test_a_replacement_is_held_back_like_any_create(changes: dict[str, Any], reason: Reason) -> None:
    action = replace_what_is_gone(gone(**changes))
    assert isinstance(action, Wait)
    assert action.reason is reason


def test_a_list_begun_after_settlement_is_asked_for_before_anything_follows() -> None:
    seen = gone(view={"snapshot": None})
    assert isinstance(take_over_what_lives_on(seen), AskList)
    unreachable = take_over_what_lives_on(gone(view={"snapshot": None, "reachable": False}))
    assert isinstance(unreachable, Wait)
    assert unreachable.reason is Reason.PROVIDER_UNREACHABLE


def test_nothing_is_taken_over_where_lists_show_nothing_else() -> None:
    assert take_over_what_lives_on(gone()) is None
    assert take_over_what_lives_on(gone(view={"snapshot": a_snapshot(a_strangers_machine())})) is None
    assert take_over_what_lives_on(gone(view={"snapshot": a_snapshot(a_machine())})) is None


def test_another_machine_of_ours_is_taken_over_instead_of_making_one_beside_it() -> None:
    other = a_machine(id="i-2", name=N_R2)
    memory = {"residue": (a_residue(N_R2), a_residue("third"))}
    action = take_over_what_lives_on(gone(memory=memory, view={"snapshot": a_snapshot(other)}))
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.NOTHING, EventReason.ADOPTED)
    launch = action.memory.launch
    assert launch is not None
    assert (launch.name, launch.attempt, launch.send, launch.outcome) == (N_R2, 2, 1, Outcome.COMMITTED)
    assert (launch.ending, action.memory.machine_id) == (None, "i-2")
    assert [entry.name for entry in action.memory.residue] == ["third"]
    assert [entry["name"] for entry in action.memory.attempts] == [N]


def test_of_several_that_live_on_the_oldest_is_taken_over() -> None:
    older = a_machine(id="i-2", name=N_R2)
    younger = a_machine(id="i-3", name="third", created="2026-11-21T23:50:00Z")
    action = take_over_what_lives_on(gone(view={"snapshot": a_snapshot(younger, older)}))
    assert isinstance(action, Record)
    assert (action.memory.machine_id, action.note) == ("i-2", "took over machine i-2")


def test_a_list_begun_when_it_had_settled_counts() -> None:
    assert take_over_what_lives_on(gone(view={"snapshot": a_snapshot(began=NOW - 900)})) is None
    assert isinstance(take_over_what_lives_on(gone(view={"snapshot": a_snapshot(began=NOW - 901)})), AskList)


def shows_again(why: EndingReason = EndingReason.LOST, machine: Machine | None = None, **witness: Any) -> Observation:
    """Return a machine whose record says gone and that a direct look shows."""
    trail = absent(NOW - 2 * F, NOW - F).present(NOW - 3, machine or a_machine(), direct=True)
    return gone(why, witness={"trails": {N: trail}} | witness)


@pytest.mark.parametrize(
    "spec", [{}, {"onLoss": "Fail"}, {"powerState": "Stopped"}], ids=["recreate", "fail", "stopped"]
)
def test_a_machine_that_counted_as_lost_and_shows_again_is_kept(spec: dict[str, Any]) -> None:
    seen = replace(shows_again(), instance=replace(shows_again().instance, spec=a_spec(**spec)))
    action = decide(seen)
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.NOTHING, EventReason.ADOPTED)
    assert action.memory.launch is not None
    assert (action.memory.launch.ending, action.memory.machine["state"]) == (None, "Running")


def test_a_list_alone_brings_nothing_back() -> None:
    by_list = absent(NOW - 2 * F, NOW - F).present(NOW - 3, a_machine(), direct=False)
    assert take_back_what_shows_again(gone(witness={"trails": {N: by_list}})) == LookAt(REF, N)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(gone(), id="not shown"),
        pytest.param(shows_again(EndingReason.PREEMPTED), id="its provider called it gone"),
        pytest.param(shows_again(EndingReason.BROKEN), id="ended by us"),
        pytest.param(shows_again(terminated={N: NOW - 100}), id="terminated by us"),
        pytest.param(shows_again(machine=a_machine(id="i-2")), id="another machine of the name"),
        pytest.param(shows_again(machine=a_machine(state=MachineState.DELETING)), id="on its way out"),
        pytest.param(shows_again(machine=a_machine(state=MachineState.GONE)), id="dead"),
    ],
)
def test_nothing_else_is_taken_back(seen: Observation) -> None:
    assert take_back_what_shows_again(seen) is None


def test_a_tombstone_outweighs_what_a_look_shows() -> None:
    trail = absent(NOW - F).buried(NOW - 9, "i-1").present(NOW - 3, a_machine(), direct=True)
    assert take_back_what_shows_again(gone(witness={"trails": {N: trail}})) is None


def test_a_machine_that_shows_again_keeps_its_birth() -> None:
    action = take_back_what_shows_again(shows_again(machine=a_machine(created="2026-11-21T09:00:00Z")))
    assert isinstance(action, Record)
    assert action.memory.machine["createdTime"] == a_machine().created
