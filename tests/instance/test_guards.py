"""Each guard of the protocol, taken away: then the double, the leak or the loss does happen that it is there against.

Every scenario is played twice, as the rules are and without one of their guards; so no test of this promise passes only
because nothing is at stake.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tests.builders import N_R2, OWNER, N
from tests.instance import course
from tests.instance import removals as off
from tests.instance.course import decides, goes_on, runs, watches
from tests.instance.far_side import (
    CREATED,
    LOST_BEFORE_COMMIT,
    NOT_COMMITTED,
    Answer,
    FarSide,
    Fate,
    late,
)
from tests.instance.removals import Patch, Remove, changed, without
from tests.instance.world import Leaving, World, new_body

from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import admission, decide, deletion, evidence, first_look, replacement
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Launch, Outcome
from gpuwright.model.names import Owner
from gpuwright.model.provider_view import ProviderView
from gpuwright.provider.absence import MassAbsence

LONG = 1000.0
PROMISED_AND_MADE_LATE = Fate(Answer.NOT_COMMITTED, 40)
STRANGER = Owner("other-cluster", "x", "y", "uid-x")


@dataclass(frozen=True)
class Guard:
    """What is played, how the guard is taken away, and what then goes wrong."""

    name: str
    scenario: Callable[[World], World]
    harm: Callable[[World], bool]
    remove: Remove = lambda patch: None
    given: Callable[[Patch], None] = lambda patch: None
    """What is changed in both runs, where another guard would hide what is to be shown."""
    guarded: bool = True


def doubled(world: World) -> bool:
    return world.most > 1


def leaked(world: World) -> bool:
    return bool(world.leaked)


def committed(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.COMMITTED


# Guarded intent


def two_write_an_intent(world: World) -> World:
    """One operator has not seen that the other launched."""
    world = replace(world, far=FarSide(unique_names=False, lag=50)).operator("B")
    world = runs(world, 5, until=lambda world: world.finalized)
    world = watches(world, "B")
    stale = replace(world.operators["B"], deaf=True)
    world = runs(world.stops("B"), 30)
    return runs(world.resumes("B", stale), LONG)


# Waits


def a_lost_create_lands_while_the_name_is_sent_again(world: World) -> World:
    return runs(replace(world, fates=(late(94), NOT_COMMITTED)), LONG)


def a_lost_create_lands_after_a_delete(world: World) -> World:
    world = runs(replace(world, fates=(late(94),)), 5, until=lambda world: bool(world.sent))
    return runs(world.deleted(), LONG)


def a_delete_right_after_201(world: World) -> World:
    world = runs(replace(world, far=FarSide(lag=50)), 5, until=committed)
    return runs(world.deleted(), LONG)


def settings_are_made_shorter(world: World) -> World:
    world = replace(world, fates=(late(400),)).settings(settleSeconds=600)
    world = runs(world, 5, until=lambda world: bool(world.sent))
    return runs(world.settings(settleSeconds=31).deleted(), 2 * LONG)


def the_name_is_sent_a_second_time_by_another(world: World) -> World:
    """B has waited for the first send when A, unnoticed, sends again; then the object is deleted and A is gone."""
    world = runs(replace(world, fates=(LOST_BEFORE_COMMIT, late(90))).operator("B"), 300, until=_sent_twice)
    world = goes_on(goes_on(world, "A"), "A").stops("A")
    return runs(world.deleted(), LONG)


def _sent_twice(world: World) -> bool:
    return len(world.sent) == 2


# Looks


def a_terminate_does_nothing_and_one_look_lies(world: World) -> World:
    world = runs(replace(world, far=FarSide(dying=0.2)), 30)
    world = world.at(world.far.changing("i-1", immortal=True)).provider_is(empty_looks=True, empty_lists=True)
    world = runs(world.deleted(), 1.5)
    return runs(world.provider_is(empty_looks=False, empty_lists=False), LONG)


def looks_are_empty_for_a_while(world: World) -> World:
    world = runs(runs(world, 30).provider_is(empty_lists=True, empty_looks=True), 50)
    return runs(world.provider_is(empty_lists=False, empty_looks=False), LONG)


def a_machine_loses_its_labels(world: World) -> World:
    world = runs(world, 30)
    return runs(world.at(world.far.changing("i-1", unlisted=True)), LONG)


def a_whole_list_is_empty_for_minutes(world: World) -> World:
    world = runs(replace(world, neighbours=9), 30).provider_is(empty_lists=True, empty_looks=True)
    return runs(runs(world, 300).provider_is(empty_lists=False, empty_looks=False), LONG)


def believe_any_list(patch: Patch) -> None:
    patch.setattr(MassAbsence, "after_list", lambda self, *_lists: self)


def a_machine_is_found_after_a_minute_of_empty_looks(world: World) -> World:
    """B's looks are from before the machine's birth; A has found and recorded it."""
    world = runs(replace(world, fates=(late(88),)).operator("B"), 86)
    stale = world.operators["B"]
    world = runs(world.stops("B").passes(6), 1, until=committed)
    return runs(decides(watches(world.resumes("B", stale), "B"), "B"), LONG)


# Who sends, and when


def a_create_is_on_its_way_when_its_sender_dies(world: World) -> World:
    world = runs(replace(world, fates=(late(20), NOT_COMMITTED)), 5, until=lambda world: bool(world.sent))
    return runs(world.crashes("A"), LONG)


def an_operator_sleeps_between_intent_and_send(world: World) -> World:
    """Another settles what the sleeper announced, is told 500, and makes the next; then the sleeper wakes."""
    world = runs(world.operator("B"), 5, until=lambda world: isinstance(world.operators["A"].doing, Leaving))
    asleep = world.operators["A"]
    world = runs(replace(world.stops("A"), fates=(NOT_COMMITTED,)), 400)
    assert world.sent == (N, N_R2)
    return goes_on(world.resumes("A", replace(asleep, slept=400.0)), "A")


def no_window(patch: Patch) -> None:
    patch.setattr(course, "SEND_WINDOW_SECONDS", 1e9)


def a_failure_is_followed_by_a_delete(world: World) -> World:
    world = runs(replace(world, fates=(NOT_COMMITTED,)), 5, until=lambda world: bool(world.sent))
    return runs(world.deleted(), 60)


def deleted_or_not_is_the_same(patch: Patch) -> None:
    patch.setattr(decide, "DELETED", decide.WANTED)


# What is on record


def the_status_is_lost(world: World) -> World:
    world = runs(replace(world, fates=(NOT_COMMITTED,)), 30)
    return runs(world.restored({}).crashes("A"), 300)


def the_endpoint_moves(world: World) -> World:
    return runs(runs(world, 30).provider_is(place="elsewhere"), 300)


def the_endpoint_moves_and_the_object_is_deleted(world: World) -> World:
    return runs(runs(world, 30).provider_is(place="elsewhere").deleted(), 300)


def an_older_status_comes_back_after_a_replacement(world: World) -> World:
    world = runs(replace(world, far=FarSide(unique_names=False)), 30)
    backup = (world.stored or {})["status"]
    world = runs(world.dies("i-1"), 300)
    return runs(world.restored(backup).crashes("A"), LONG)


def a_failed_name_gets_its_machine_late(world: World) -> World:
    """The promise is broken, which no guard can prevent; what is to be shown is that the name is looked for."""
    world = replace(world, fates=(PROMISED_AND_MADE_LATE, CREATED))
    world = runs(world, 20, until=committed)
    return runs(world.deleted(), 300)


def a_stranger_holds_a_name_once_tried(world: World) -> World:
    world = replace(world, far=FarSide(lag=5).with_vm(N, STRANGER, 1, 997.0))
    world = runs(world, 60)
    assert world.sent == (N, N_R2)
    return runs(world.deleted(), 600)


def terminate_every_name(patch: Patch) -> None:
    def targets(seen: Observation, launch: Launch, provider: ProviderView) -> tuple[str, ...]:
        return seen.memory.names

    patch.setattr(deletion, "_targets", targets)
    patch.setattr(deletion, "_gone", lambda seen, name, provider: name in seen.witness.terminated)


def strangers_died(world: World) -> bool:
    return any(vm.owner == STRANGER and not vm.alive for vm in world.far.vms)


def a_machine_expires_and_its_operator_dies(world: World) -> World:
    world = runs(replace(world, stored=new_body(expireAfterSeconds=100)), 300, until=_dying)
    return runs(world.crashes("A"), 90, until=bought_again)


def _dying(world: World) -> bool:
    return any(vm.dies is not None for vm in world.far.vms)


def bought_again(world: World) -> bool:
    return len(world.sent) > 1


def an_old_tombstone_stands_under_the_name_that_is_sent_again(world: World) -> World:
    world = runs(world, 30).dies("i-1").restored({}).crashes("A")
    world = runs(replace(world, fates=(late(40),)), 5, until=_sent_twice)
    return runs(world.deleted(), 600)


def a_failed_machine_takes_its_time_to_go(world: World) -> World:
    world = runs(replace(world, far=FarSide(dying=30)), 30)
    return runs(world.at(world.far.changing("i-1", state=MachineState.FAILED)), 300)


SETTLE_AT_ONCE = changed(evidence.settle_seconds, off.no_wait)
LOOK_ONLY_TWO_SECONDS = changed(evidence._proof_window, off.two_seconds)
BELIEVE_THE_ANSWER = changed(evidence._shown_or_answered, off.believe_the_answer)
GUARDS = (
    Guard("guarded intent", two_write_an_intent, doubled, guarded=False),
    Guard("wait before resend", a_lost_create_lands_while_the_name_is_sent_again, doubled, SETTLE_AT_ONCE),
    Guard("wait on delete after Unknown", a_lost_create_lands_after_a_delete, leaked, SETTLE_AT_ONCE),
    Guard(
        "wait on delete after Committed", a_delete_right_after_201, leaked, BELIEVE_THE_ANSWER, LOOK_ONLY_TWO_SECONDS
    ),
    Guard("first sight per send", the_name_is_sent_a_second_time_by_another, leaked, off.one_sight_for_all_sends),
    Guard(
        "recorded settleSeconds wins",
        settings_are_made_shorter,
        leaked,
        changed(evidence.settle_seconds, off.wait_as_settings_are_now),
    ),
    Guard("two looks apart", a_terminate_does_nothing_and_one_look_lies, leaked, off.one_look_is_enough),
    Guard("F between the looks", looks_are_empty_for_a_while, doubled, LOOK_ONLY_TWO_SECONDS),
    Guard(
        "last look direct", a_machine_loses_its_labels, doubled, changed(evidence.absence_proven, off.lists_are_enough)
    ),
    Guard("mass absence", a_whole_list_is_empty_for_minutes, doubled, believe_any_list),
    Guard(
        "looks begun after the record",
        a_machine_is_found_after_a_minute_of_empty_looks,
        doubled,
        off.old_looks_are_proof,
    ),
    Guard("only the writer sends", a_create_is_on_its_way_when_its_sender_dies, doubled, off.whoever_finds_it_sends_it),
    Guard("send window", an_operator_sleeps_between_intent_and_send, doubled, no_window),
    Guard("no intent while deleting", a_failure_is_followed_by_a_delete, bought_again, deleted_or_not_is_the_same),
    Guard("look by owner first", the_status_is_lost, doubled, without(first_look.look_by_owner_first)),
    Guard("place recorded, wanted", the_endpoint_moves, doubled, without(admission.stall_when_place_changed)),
    Guard(
        "place recorded, deleted",
        the_endpoint_moves_and_the_object_is_deleted,
        leaked,
        without(admission.stall_when_place_changed),
    ),
    Guard(
        "gone by tag before the next incarnation",
        an_older_status_comes_back_after_a_replacement,
        doubled,
        without(replacement.take_over_what_lives_on),
    ),
    Guard(
        "residue proof",
        a_failed_name_gets_its_machine_late,
        leaked,
        lambda patch: patch.setattr(deletion, "prove_residue", lambda seen, provider: None),
    ),
    Guard("terminate only ours", a_stranger_holds_a_name_once_tried, strangers_died, terminate_every_name),
    Guard(
        "ending written first",
        a_machine_expires_and_its_operator_dies,
        bought_again,
        off.terminate_before_it_is_written,
    ),
    Guard(
        "tombstone by id only",
        an_old_tombstone_stands_under_the_name_that_is_sent_again,
        leaked,
        changed(evidence.is_gone, off.tombstone_by_name),
    ),
    Guard(
        "replacement needs proof",
        a_failed_machine_takes_its_time_to_go,
        doubled,
        lambda patch: patch.setattr(replacement, "is_ended_machine_gone", lambda seen, provider: True),
    ),
)
every_guard = pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])


@every_guard
def test_with_the_guard_nothing_goes_wrong(guard: Guard, monkeypatch: Patch) -> None:
    guard.given(monkeypatch)
    assert not guard.harm(guard.scenario(World()))


@every_guard
def test_without_the_guard_it_does_go_wrong(guard: Guard, monkeypatch: Patch) -> None:
    guard.given(monkeypatch)
    guard.remove(monkeypatch)
    assert guard.harm(guard.scenario(World(guarded=guard.guarded)))


def test_the_owner_of_the_world_is_the_one_that_is_counted() -> None:
    assert runs(World(), 30).far.alive_of(OWNER.uid)
