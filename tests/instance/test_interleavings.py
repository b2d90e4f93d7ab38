"""The interleavings that went wrong in earlier drafts of the protocol, each played against the real rules.

Each test is named after what went wrong. What several processes do one after another is played in world.py.
"""

from dataclasses import replace

import pytest
from tests.builders import (
    N_G2,
    N_R2,
    OWNER,
    REF,
    SETTLE,
    N,
    a_hindrance,
    a_launch,
    a_machine,
    a_provider_view,
    a_residue,
    a_snapshot,
    an_observation,
    nothing_yet,
)
from tests.instance.course import decides, goes_on, runs, watches
from tests.instance.far_side import (
    BROKEN_PROMISE,
    CREATED,
    LOST_AFTER_COMMIT,
    LOST_BEFORE_COMMIT,
    NAME_STAYS,
    NAME_STAYS_AND_LOST,
    NO_ROOM,
    NOT_COMMITTED,
    REFUSED,
    THROTTLED,
    FarSide,
    Fate,
    late,
)
from tests.instance.world import Leaving, World, Writing, new_body

from gpuwright.instance.actions import Wait
from gpuwright.instance.report import record_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.witness import Witness
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Memory, Outcome
from gpuwright.model.names import Owner, attempt_name
from gpuwright.model.provider_view import Room

FORGET = "gpuwright.dev/force-forget"
REQUEST = "gpuwright.dev/reconcile-requested-at"
LONG = 1000.0


def running(**changes: object) -> World:
    """Return the world with a machine that runs and has settled."""
    return runs(replace(World(), **changes), 30)  # type: ignore[arg-type]  # the caller names fields of World


def committed(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.COMMITTED


def unknown(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.UNKNOWN


def outcome(world: World) -> Outcome | None:
    return world.memory.launch.outcome if world.memory.launch else None


# A1


def test_a_delete_right_after_201_waits_for_f_although_two_looks_are_empty() -> None:
    world = runs(World(far=FarSide(lag=50)), 5, until=committed)
    world = runs(world.deleted(), 40)
    assert not world.gone
    world = runs(world, LONG)
    assert world.gone
    assert not world.leaked


def test_a_delete_right_after_201_waits_also_in_the_process_that_did_not_get_the_answer() -> None:
    world = runs(World(far=FarSide(lag=50)), 5, until=committed)
    world = runs(world.crashes("A").deleted(), LONG)
    assert world.gone
    assert not world.leaked


def test_a_delete_of_a_settled_machine_waits_for_nothing_where_there_are_tombstones() -> None:
    world = runs(running().deleted(), 10)
    assert world.gone


# A2


@pytest.mark.parametrize(
    ("seconds", "names"),
    [
        pytest.param(5, (N,), id="a moment"),
        pytest.param(59, (N,), id="just before F"),
        pytest.param(90, (N, N_G2), id="longer than F: the assumption is broken"),
    ],
)
def test_empty_looks_for_a_while_do_not_prove_that_a_running_machine_is_gone(
    seconds: float, names: tuple[str, ...]
) -> None:
    world = runs(running().provider_is(empty_lists=True, empty_looks=True), seconds)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 300)
    assert world.sent == names
    assert len(world.alive) == 1


def test_a_delete_while_looks_are_empty_does_not_leak_the_running_machine() -> None:
    world = running().provider_is(empty_lists=True, empty_looks=True)
    world = runs(world.deleted(), 40)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 300)
    assert world.gone
    assert not world.leaked


def test_a_machine_that_lost_its_labels_is_not_gone_although_no_list_shows_it() -> None:
    world = running()
    world = runs(world.at(world.far.changing("i-1", unlisted=True)), LONG)
    assert world.sent == (N,)
    assert world.memory.machine_id == "i-1"


def test_a_machine_that_lost_its_labels_is_terminated_with_its_object() -> None:
    world = running()
    world = runs(world.at(world.far.changing("i-1", unlisted=True)).deleted(), 300)
    assert world.gone
    assert not world.alive


def test_one_cached_list_that_is_handed_out_twice_is_one_look() -> None:
    witness = Witness(first_seen=0).after_list(REF, 10, {}, [N], counts=True)
    assert witness.after_list(REF, 10, {}, [N], counts=True).trail(N).absences == witness.trail(N).absences


def test_a_list_that_misses_a_mass_of_machines_proves_nothing() -> None:
    world = running(neighbours=9)
    world = runs(world.provider_is(empty_lists=True, empty_looks=True), 300)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 300)
    assert world.sent == (N,)


# A3


def test_an_endpoint_that_moved_is_blind_for_the_machine_and_no_second_one_is_made() -> None:
    world = runs(running().provider_is(place="elsewhere"), LONG)
    assert world.sent == (N,)
    world = runs(world.provider_is(place=World().far.place), 100)
    assert world.memory.machine_id == "i-1"


def test_an_endpoint_that_moved_does_not_let_a_deleted_object_go() -> None:
    world = runs(running().provider_is(place="elsewhere").deleted(), LONG)
    assert not world.gone
    assert world.alive == ("i-1",)


def test_force_forget_terminates_nothing_at_another_place_because_the_name_may_be_somebody_elses_there() -> None:
    world = running().provider_is(place="elsewhere")
    theirs = world.at(world.far.with_vm(N, None, 1, 0.0, place="elsewhere"))
    world = runs(theirs.annotated(FORGET, "gone for good").deleted(), 100)
    assert world.gone
    assert [vm.died for vm in world.far.vms] == [None, None]


# A4


def lost_record_with_a_machine_under_the_second_name() -> World:
    world = running(fates=(NOT_COMMITTED,))
    assert world.sent == (N, N_R2)
    return world.restored({}).crashes("A")


def test_a_lost_status_finds_the_machine_by_its_tag_and_makes_no_second_one() -> None:
    world = runs(lost_record_with_a_machine_under_the_second_name(), 300)
    assert world.most == 1
    assert world.memory.machine_id == "i-1"
    assert world.memory.launch is not None
    assert world.memory.launch.name == N_R2


def test_a_delete_of_an_object_that_lost_its_status_looks_before_it_lets_go() -> None:
    world = runs(lost_record_with_a_machine_under_the_second_name().deleted(), 300)
    assert world.gone
    assert not world.leaked


def test_a_delete_of_an_object_that_lost_its_status_waits_for_a_provider_that_cannot_be_used_yet() -> None:
    seen = nothing_yet(
        instance={"deleting": True}, providers={}, missing={a_launch().provider: a_hindrance(message="no Secret")}
    )
    assert decide(seen) == Wait(Reason.PROVIDER_UNREACHABLE, "no Secret", seconds=30)


def test_a_status_of_an_earlier_attempt_is_no_proof_that_the_later_attempt_has_no_machine() -> None:
    world = runs(World(fates=(NOT_COMMITTED,)), 5, until=lambda world: outcome(world) is Outcome.NOT_COMMITTED)
    backup = (world.stored or {})["status"]
    world = runs(world, 100).restored(backup).crashes("A").deleted()
    world = runs(world.provider_is(blind_lists=True), 600)
    assert not world.gone
    world = runs(world.provider_is(blind_lists=False), 600)
    assert world.gone
    assert not world.leaked


@pytest.mark.parametrize(
    "fate", [pytest.param(NOT_COMMITTED, id="nothing was made"), pytest.param(REFUSED, id="never sent")]
)
def test_a_status_from_before_the_machine_was_made_buys_no_second_one(fate: Fate) -> None:
    """What is on record says that nothing was made, and the machine of a later incarnation runs under another name."""
    tried = {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}
    world = runs(World(fates=(fate,), far=FarSide(unique_names=False)), 5, until=lambda world: outcome(world) in tried)
    backup = (world.stored or {})["status"]
    world = runs(runs(world, 30).dies("i-1"), 300)
    world = runs(world.restored(backup).crashes("A"), 600)
    assert world.alive == ("i-2",)
    assert world.memory.machine_id == "i-2"
    assert world.most == 1


def test_a_status_of_an_earlier_incarnation_does_not_kill_the_machine_of_the_later_one() -> None:
    world = running()
    backup = (world.stored or {})["status"]
    world = runs(world.dies("i-1"), 300)
    assert world.memory.machine_id == "i-2"
    world = runs(world.restored(backup).crashes("A"), 600)
    assert world.alive == ("i-2",)
    assert world.memory.machine_id == "i-2"
    assert world.most == 1


def test_a_restored_object_with_a_new_uid_does_not_create_beside_the_machine_of_the_old_one() -> None:
    old = Owner(OWNER.cluster, OWNER.namespace, OWNER.name, "uid-before")
    world = runs(World(far=FarSide().with_vm("trainer-0-0123456789", old, 1, 900.0)), 300)
    assert world.sent == ()
    assert world.memory == Memory()


# A6


def test_a_second_send_of_one_name_begins_a_second_wait_in_the_process_that_waited_for_the_first() -> None:
    world = World(fates=(LOST_BEFORE_COMMIT, late(90))).operator("B")
    world = runs(world, 5, until=unknown)
    world = runs(world, 300, until=lambda world: len(world.sent) == 2)
    world = goes_on(goes_on(world, "A"), "A").stops("A")
    world = runs(world.deleted(), 80)
    assert not world.gone
    world = runs(world, LONG)
    assert world.gone
    assert not world.leaked


# A7


def written_and_not_yet_answered() -> World:
    """Return the world in which the first intent is on record, and its writer does not know it yet."""

    def kept(world: World) -> bool:
        doing = world.operators["A"].doing
        return isinstance(doing, Writing) and doing.kept

    return runs(World(), 5, until=kept)


def test_an_intent_whose_answer_comes_late_is_not_sent() -> None:
    world = written_and_not_yet_answered().passes(25)
    world = runs(world, 0.05)
    assert world.sent == ()
    world = runs(world, 60)
    assert world.sent == (N,)


def test_an_intent_whose_answer_is_lost_is_not_sent_and_replaced_at_once() -> None:
    world = goes_on(written_and_not_yet_answered(), "A", answer_lost=True)
    assert world.sent == ()
    world = runs(world, 1)
    assert world.sent == (N,)
    assert world.memory.launch is not None
    assert world.memory.launch.send == 2


def test_an_intent_found_on_record_after_a_crash_is_never_sent_by_who_finds_it() -> None:
    world = written_and_not_yet_answered().crashes("A")
    world = runs(world, SETTLE - 2)
    assert world.sent == ()
    assert outcome(world) is Outcome.INTENDED


# A8


def test_a_shorter_settle_time_does_not_shorten_the_wait_for_a_create_sent_under_the_longer_one() -> None:
    world = runs(World(fates=(late(400),)).settings(settleSeconds=600), 5, until=unknown)
    world = runs(world.settings(settleSeconds=31), 380)
    assert world.sent == (N,)
    world = runs(world, 300)
    assert (world.sent, world.most) == ((N,), 1)


def test_a_shorter_settle_time_does_not_let_a_deleted_object_go_before_the_longer_one_is_over() -> None:
    world = runs(World(fates=(late(400),)).settings(settleSeconds=600), 5, until=unknown)
    world = runs(world.settings(settleSeconds=31).deleted(), LONG)
    assert world.gone
    assert not world.leaked


# A9


def test_a_strangers_machine_under_our_name_is_not_terminated_with_our_object() -> None:
    world = World(far=FarSide().with_vm(N, Owner("other-cluster", "x", "y", "uid-x"), 1, 900.0))
    world = runs(world, 60)
    assert outcome(world) is Outcome.NOT_EXECUTED
    world = runs(world.deleted(), 300)
    assert world.gone
    assert [vm.died for vm in world.far.vms] == [None]


def test_a_strangers_machine_under_a_name_once_tried_is_not_terminated_with_our_object() -> None:
    stranger = Owner("other-cluster", "x", "y", "uid-x")
    world = World(far=FarSide(lag=5).with_vm(N, stranger, 1, 997.0))
    world = runs(world, 60)
    assert world.sent == (N, N_R2)
    world = runs(world.deleted(), 600)
    assert world.gone
    assert [vm.name for vm in world.far.vms if vm.alive] == [N]


# A10


def answered_and_not_yet_recorded() -> World:
    return runs(World(), 5, until=lambda world: bool(world.sent))


def test_an_outcome_is_not_dropped_when_somebody_else_changed_the_object_during_the_create() -> None:
    world = answered_and_not_yet_recorded().annotated("team", "vision")
    world = runs(world, 1)
    assert outcome(world) is Outcome.COMMITTED
    assert world.memory.machine_id == "i-1"


def test_a_machine_made_for_an_object_that_was_torn_away_is_terminated_and_written_down() -> None:
    world = replace(answered_and_not_yet_recorded(), stored=None)
    world = runs(world, 60)
    assert not world.alive
    assert world.ledger == ("i-1",)


# A11


def test_a_stale_view_cannot_settle_by_delete_what_is_committed_by_now() -> None:
    world = World(far=FarSide(reads=False)).operator("B")
    world = runs(world, 5, until=lambda world: outcome(world) is Outcome.INTENDED)
    world = watches(world, "B")
    stale = replace(world.operators["B"], deaf=True)
    world = runs(world.stops("B"), 10).resumes("B", stale)
    assert committed(world)
    world = runs(world, LONG)
    assert world.alive == ("i-1",)


def test_the_intent_of_a_replacement_takes_the_old_machine_off_the_record_in_the_same_write() -> None:
    world = running().dies("i-1")
    world = runs(world, 300, until=lambda world: bool(world.memory.launch and world.memory.launch.incarnation == 2))
    assert world.memory.machine == {}
    assert [entry["name"] for entry in world.memory.attempts] == [N]


def test_a_machine_killed_for_its_deadline_is_not_taken_for_lost_after_a_crash() -> None:
    world = running(stored=new_body(onLoss="Fail", maxReplacements=1), far=FarSide(boots=1e9))
    world = runs(world.edited(deadlines={"launchSeconds": 60}), 60, until=_ends)
    assert world.memory.launch is not None
    assert world.memory.launch.ends is EndingReason.LAUNCH_DEADLINE_EXCEEDED
    world = runs(world.crashes("A"), 300)
    assert world.sent == (N, N_G2)


def _ends(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.ends is not None


# A13


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [
        pytest.param(1.9, (N,), id="just before the window closes"),
        pytest.param(2.0, (), id="as it closes"),
        pytest.param(3600.0, (), id="hours later"),
    ],
)
def test_an_operator_that_slept_past_its_window_sends_nothing(seconds: float, sent: tuple[str, ...]) -> None:
    world = runs(World(), 5, until=lambda world: isinstance(world.operators["A"].doing, Leaving))
    intended = world.memory.launch
    assert intended is not None
    world = goes_on(world.sleeps("A", seconds - 0.03), "A")
    assert world.sent == sent


# A14


def test_a_machine_made_in_spite_of_a_500_is_found_by_the_look_before_the_next_attempt() -> None:
    world = running(fates=(BROKEN_PROMISE,))
    assert world.sent == (N,)
    assert world.memory.machine_id == "i-1"
    assert world.most == 1


def test_a_machine_that_shows_only_after_the_next_attempt_is_terminated_as_a_second_one() -> None:
    world = running(fates=(BROKEN_PROMISE,), far=FarSide(lag=20))
    world = runs(world, 100)
    assert world.alive == ("i-2",)
    assert world.memory.machine_id == "i-2"


# A15


def test_nothing_is_intended_while_the_provider_or_its_secret_is_being_deleted() -> None:
    world = replace(World(), hindrance=a_hindrance(reason=Reason.PROVIDER_NOT_FOUND))
    assert runs(world, 100).memory == Memory()


def test_the_finalizer_is_on_the_object_before_its_first_intent() -> None:
    world = runs(World(), 5, until=lambda world: outcome(world) is Outcome.INTENDED)
    assert world.finalized


# A16


def create_only(**changes: object) -> World:
    return replace(World(far=FarSide(reads=False)), **changes)  # type: ignore[arg-type]


def test_without_reads_a_lost_create_is_settled_by_deleting_its_name_before_the_next_is_tried() -> None:
    world = runs(create_only(fates=(late(80),)), 400)
    assert world.sent == (N, N_R2)
    assert world.most == 1
    assert world.alive == ("i-2",)


def test_without_reads_an_accepted_delete_is_not_gone() -> None:
    world = create_only(fates=(LOST_AFTER_COMMIT,)).provider_is(dying=50)
    world = runs(world, 400)
    assert world.most == 1


@pytest.mark.parametrize(
    "fate",
    [
        pytest.param(CREATED, id="committed"),
        pytest.param(LOST_AFTER_COMMIT, id="made, answer lost"),
        pytest.param(LOST_BEFORE_COMMIT, id="never made"),
        pytest.param(late(90), id="made late"),
        pytest.param(NOT_COMMITTED, id="not committed"),
    ],
)
def test_without_reads_a_deleted_object_goes_and_leaves_nothing(fate: Fate) -> None:
    world = runs(create_only(fates=(fate,)), 5, until=lambda world: bool(world.sent))
    world = runs(world.deleted(), 600)
    assert world.gone
    assert not world.leaked


def test_without_reads_a_lost_record_stalls_and_waits_for_force_forget() -> None:
    world = runs(create_only(), 30).restored({}).crashes("A")
    world = runs(world.deleted(), 300)
    assert not world.gone
    world = runs(world.annotated(FORGET, "checked by hand"), 10)
    assert world.gone


# A17


def test_a_name_once_tried_is_looked_for_at_deletion_although_its_machine_shows_late() -> None:
    world = World(far=FarSide(lag=40), fates=(BROKEN_PROMISE,))
    world = runs(world, 5, until=lambda world: len(world.sent) == 2 and committed(world))
    assert [entry.name for entry in world.memory.residue] == [N]
    world = runs(world.deleted(), 600)
    assert world.gone
    assert not world.leaked


def test_a_name_once_tried_leaves_the_record_after_f_and_looks_that_do_not_show_it() -> None:
    world = running(fates=(NOT_COMMITTED,))
    assert [entry.name for entry in world.memory.residue] == [N]
    world = runs(world, 200)
    assert world.memory.residue == ()


def test_a_provider_without_room_for_hours_does_not_stop_at_64_names() -> None:
    names = [attempt_name(OWNER, 1, attempt) for attempt in range(1, 65)]
    launch = a_launch(attempt=65, outcome=Outcome.NOT_COMMITTED, send=65)
    status = record_of(Memory(launch=launch, residue=tuple(a_residue(name) for name in names)))
    world = runs(World().restored(status), 300)
    assert world.sent == (attempt_name(OWNER, 1, 66),)
    assert len(world.memory.residue) <= 64


# B1 to B5


def test_a_409_after_an_unknown_ends_when_it_has_settled_too() -> None:
    world = runs(replace(World(), fates=(NAME_STAYS_AND_LOST,)), 600)
    assert world.sent == (N, N, N_R2)
    assert world.most == 1
    assert committed(world)


def test_a_409_on_a_name_never_tried_before_takes_the_next_name_at_once() -> None:
    world = runs(World(far=FarSide(held=frozenset({N}))), 10)
    assert world.sent == (N, N_R2)


@pytest.mark.parametrize(
    "fate", [pytest.param(REFUSED, id="connection refused"), pytest.param(THROTTLED, id="throttled")]
)
def test_what_was_never_executed_keeps_its_name_and_waits_for_no_settlement(fate: Fate) -> None:
    world = runs(replace(World(), fates=(fate, fate)), 10)
    assert world.sent == (N, N, N)
    assert committed(world)


def test_a_request_that_changed_while_its_create_was_unknown_never_repeats_the_old_token() -> None:
    world = runs(replace(World(), fates=(LOST_BEFORE_COMMIT,)), 5, until=unknown)
    world = runs(replace(world, secret="2"), 400)
    assert world.sent == (N, N_R2)


def test_a_machine_that_was_made_and_died_while_its_create_was_unknown_counts_as_committed_and_gone() -> None:
    world = replace(World(), fates=(LOST_AFTER_COMMIT,), far=FarSide(lag=30))
    world = runs(world, 5, until=unknown).dies("i-1")
    world = runs(world, 300)
    assert world.sent == (N, N_G2)
    assert world.most == 1


def test_a_name_is_not_sent_again_while_its_first_send_can_still_land() -> None:
    world = runs(replace(World(), fates=(late(94), NOT_COMMITTED)), 600)
    assert world.sent == (N,)
    assert world.most == 1


# B6 to B10


def test_a_draining_provider_counts_no_attempts() -> None:
    world = replace(World(), hindrance=a_hindrance(reason=Reason.PROVIDER_DRAINING))
    world = runs(world, LONG)
    assert runs(replace(world, hindrance=None), 100).sent == (N,)


def test_the_wait_for_settlement_goes_on_where_the_process_before_had_saved_it() -> None:
    world = runs(replace(World(), fates=(LOST_BEFORE_COMMIT,)), 5, until=unknown)
    for _life in range(8):
        world = runs(world, 75).crashes("A")
        if len(world.sent) == 2:
            return
    pytest.fail("the wait began anew with each process")


def test_a_full_provider_is_not_asked() -> None:
    view = a_provider_view(
        snapshot=a_snapshot(), room=Room(free=False, reason=Reason.LIMIT_REACHED, message="20 of 20")
    )
    assert decide(nothing_yet(view)) == Wait(Reason.LIMIT_REACHED, "20 of 20", seconds=30)


def test_a_stopped_machine_that_vanished_is_not_made_again_before_it_is_wanted() -> None:
    world = runs(running().edited(powerState="Stopped"), 60)
    world = runs(world.dies("i-1"), LONG)
    assert world.sent == (N,)
    world = runs(world.edited(powerState="Running"), 60)
    assert world.sent == (N, N_G2)


def test_force_forget_of_a_live_object_does_nothing() -> None:
    world = runs(running().annotated(FORGET, "why"), 100)
    assert world.alive == ("i-1",)
    assert not world.gone


def test_force_forget_tries_one_terminate_and_writes_down_what_it_lets_go() -> None:
    world = running().provider_is(blind=True)
    world = runs(world.annotated(FORGET, "the provider is bankrupt").deleted(), 60)
    assert world.gone
    assert world.ledger == ("i-1",)
    assert world.operators["A"].cached is None


def test_an_expired_machine_is_not_made_again_by_a_process_that_only_sees_it_gone() -> None:
    world = runs(running(stored=new_body(expireAfterSeconds=100)), 200, until=_ends)
    assert world.memory.launch is not None
    assert world.memory.launch.ends is EndingReason.EXPIRED
    world = runs(world.dies("i-1").crashes("A"), LONG)
    assert world.sent == (N,)


def test_a_reconcile_request_does_not_shorten_the_wait_for_settlement() -> None:
    world = runs(replace(World(), fates=(late(90),)), 5, until=unknown)
    world = runs(world.annotated(REQUEST, "now"), 85)
    assert world.sent == (N,)
    assert runs(world, 300).sent == (N,)


def test_a_capacity_deadline_does_not_end_an_unknown() -> None:
    spec = new_body(deadlines={"capacitySeconds": 60})
    world = runs(World(stored=spec, fates=(NO_ROOM, LOST_BEFORE_COMMIT)), 120, until=unknown)
    assert unknown(runs(world, 80))


# What these tests, a walk over the world's steps and a reading of the rules have shown since


def test_looks_from_before_the_machine_was_found_do_not_prove_it_gone() -> None:
    """One operator finds the machine and records it; the other has a minute of empty looks from before its birth."""
    world = replace(World(), fates=(late(88),), far=FarSide(dying=20)).operator("B")
    world = runs(world, 5, until=unknown)
    world = runs(world, 85)
    stale = world.operators["B"]
    world = runs(world.stops("B").passes(8), 1)
    assert committed(world)
    world = runs(decides(watches(world.resumes("B", stale), "B"), "B"), 300)
    assert world.sent == (N,)
    assert world.most == 1


def test_looks_from_before_the_machine_was_listed_and_one_that_lies_do_not_prove_it_gone() -> None:
    """One operator sees the list lag and then stands still, until the other has seen the machine and written so."""
    world = runs(World(far=FarSide(lag=40)).operator("B"), 15)
    stale = world.operators["B"]
    world = runs(world.stops("B"), 60)
    assert world.memory.launch is not None
    assert world.memory.launch.settled
    world = runs(world.resumes("B", stale).provider_is(empty_lists=True, empty_looks=True), 1)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 100)
    assert world.sent == (N,)


def test_a_mass_of_machines_that_ran_from_the_first_answer_on_is_not_believed_to_be_gone() -> None:
    """Their record says that no look has shown them yet; lists have."""
    world = runs(World(neighbours=9, far=FarSide(boots=0)), 30)
    world = runs(world.provider_is(empty_lists=True, empty_looks=True), 300)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 300)
    assert world.sent == (N,)


def test_a_mass_of_machines_is_not_believed_to_be_gone_after_a_restart_either() -> None:
    """The process that saw them in lists is gone; what it saw is not on record."""
    world = runs(World(neighbours=9, far=FarSide(boots=0)), 300)
    world = world.provider_is(empty_lists=True, empty_looks=True).crashes("A")
    world = runs(world, 300)
    world = runs(world.provider_is(empty_lists=False, empty_looks=False), 300)
    assert world.sent == (N,)


def test_a_launch_deadline_goes_on_where_the_process_before_had_got() -> None:
    world = World(stored=new_body(deadlines={"launchSeconds": 60}), far=FarSide(boots=1e9))
    for _life in range(6):
        world = runs(world, 45).crashes("A")
    assert N_G2 in world.sent


def test_a_create_that_stays_unknown_is_settled_and_sent_again_however_often_lists_come() -> None:
    world = runs(replace(World(), fates=(LOST_BEFORE_COMMIT,)), 200)
    assert world.sent == (N, N)


@pytest.mark.parametrize("period", [1, 5, 10])
def test_a_deleted_object_whose_create_is_unknown_goes_however_often_lists_come(period: int) -> None:
    world = replace(World(), fates=(LOST_BEFORE_COMMIT,)).settings(poll={"periodSeconds": period})
    world = runs(world, 5, until=unknown)
    assert runs(world.deleted(), 300).gone


def test_a_deleted_object_goes_although_its_provider_has_forgotten_the_machine() -> None:
    world = running().dies("i-1", leaves=False)
    assert runs(world.deleted(), 300).gone


def test_an_expired_machine_that_is_switched_off_is_terminated() -> None:
    world = runs(running(stored=new_body(expireAfterSeconds=100)).edited(powerState="Stopped"), 60)
    assert world.far.vms[0].state is MachineState.STOPPED
    assert runs(world, 300).alive == ()


def test_a_retained_machine_whose_answer_was_lost_is_kept_and_written_down() -> None:
    world = World(stored=new_body(deletionPolicy="Retain"), fates=(LOST_AFTER_COMMIT,), far=FarSide(lag=20))
    world = runs(runs(world, 5, until=unknown).deleted(), 300)
    assert world.gone
    assert world.alive == world.ledger == ("i-1",)


def test_a_retained_object_leaves_only_the_machine_that_is_kept() -> None:
    """A promise was broken, and the machine under the first name shows only after the object was deleted."""
    world = World(stored=new_body(deletionPolicy="Retain"), fates=(BROKEN_PROMISE,), far=FarSide(lag=20))
    world = runs(world, 5, until=committed)
    world = runs(world.deleted(), 600)
    assert world.gone
    assert world.alive == world.ledger == ("i-2",)


def test_an_old_tombstone_under_a_name_that_is_sent_again_lets_no_second_machine_be_made() -> None:
    world = replace(running().dies("i-1").restored({}).crashes("A"), fates=(late(40),))
    world = runs(world, 600)
    assert world.most == 1


def test_an_old_tombstone_under_a_name_that_is_sent_again_does_not_leak_the_machine_that_lands_later() -> None:
    world = replace(running().dies("i-1").restored({}).crashes("A"), fates=(late(40),))
    world = runs(runs(world, 5).deleted(), 600)
    assert world.sent == (N, N)
    assert world.gone
    assert not world.leaked


def test_a_list_that_still_shows_the_machine_before_is_not_taken_for_the_lost_answer_of_its_replacement() -> None:
    world = running(far=FarSide(afterglow=80))
    world = replace(world.at(world.far.changing("i-1", state=MachineState.FAILED)), fates=(late(60),))
    world = runs(world, 300)
    assert world.sent == (N, N_G2)
    assert world.memory.machine_id == "i-2"


def test_a_machine_that_runs_and_is_not_looked_at_wakes_nobody() -> None:
    """A residue name that nothing can look for was once asked to be looked at ten times a second."""
    world = runs(create_only(fates=(LOST_BEFORE_COMMIT,)), 400)
    assert world.memory.residue == (a_residue(last_sent=world.memory.residue[0].last_sent),)
    assert decides(world, "A").operators["A"].rests_until > world.now + 60


# The traces of docs/protocol.md, "Outcomes"


@pytest.mark.parametrize(
    ("fates", "suffixes"),
    [
        pytest.param((), ("",), id="201"),
        pytest.param((NOT_COMMITTED,), ("", "-r2"), id="500,201"),
        pytest.param((NOT_COMMITTED, NAME_STAYS), ("", "-r2", "-r3"), id="500,503,201"),
        pytest.param((NOT_COMMITTED,) * 3, ("", "-r2", "-r3", "-r4"), id="500,500,500"),
        pytest.param((REFUSED,), ("", ""), id="refused,201"),
        pytest.param((LOST_AFTER_COMMIT,), ("",), id="reset after commit"),
        pytest.param((LOST_BEFORE_COMMIT,), ("", ""), id="reset before commit,201"),
        pytest.param((NOT_COMMITTED, LOST_BEFORE_COMMIT), ("", "-r2", "-r2"), id="500,reset before commit,201"),
        pytest.param((THROTTLED,), ("", ""), id="429 Retry-After 2,201"),
    ],
)
def test_names_follow_answers_as_the_table_of_traces_says(fates: tuple[Fate, ...], suffixes: tuple[str, ...]) -> None:
    world = runs(replace(World(), fates=fates), 300)
    assert world.sent == tuple(N + suffix for suffix in suffixes)
    assert (world.most, len(world.alive)) == (1, 1)


def test_the_third_failure_of_a_burst_is_followed_by_a_longer_wait() -> None:
    world = runs(replace(World(), fates=(NOT_COMMITTED,) * 3), 4)
    assert world.sent == (N, N_R2, attempt_name(OWNER, 1, 3))


def test_the_world_asks_for_nothing_more_once_a_machine_runs() -> None:
    world = running()
    version = (world.stored or {})["metadata"]["resourceVersion"]
    world = runs(world, 600)
    assert (world.stored or {})["metadata"]["resourceVersion"] == version
    assert isinstance(decide(an_observation(provider=a_provider_view(snapshot=a_snapshot(a_machine())))), Wait)
