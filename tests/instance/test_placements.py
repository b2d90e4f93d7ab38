"""Placements against the real rules: the next one is asked only when the one before is proven empty.

The interleavings that went wrong in earlier drafts of the protocol, and those around them, as in test_interleavings.py.
The first provider has the faults; the second one always tells the truth.
"""

from dataclasses import replace

import pytest
from tests.builders import (
    N_G2,
    N_R2,
    OWNER,
    PLACE,
    PLACE_B,
    REF,
    REF_B,
    SETTLE,
    TWO_PLACEMENTS,
    F,
    N,
    a_hindrance,
)
from tests.instance.course import runs
from tests.instance.far_side import (
    LOST_AFTER_COMMIT,
    LOST_BEFORE_COMMIT,
    NO_ROOM,
    NOT_COMMITTED,
    REJECTED,
    THROTTLED,
    Answer,
    FarSide,
    Fate,
    late,
)
from tests.instance.world import World, with_two_placements

from gpuwright.instance.actions import Wait
from gpuwright.instance.rules.decide import decide
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Outcome
from gpuwright.model.provider_view import Hindrance

NO_ROOM_BUT_MADE = Fate(Answer.NO_ROOM, 0)
DRAINING = Hindrance(Reason.PROVIDER_DRAINING, "planned work")
FIRST, SECOND = REF.name, REF_B.name
LONG = 1000.0


def of_two(*fates: Fate, far: FarSide | None = None, **spec: object) -> World:
    return with_two_placements(spec, far=far or FarSide(), fates=fates)


def offline(world: World) -> World:
    """Return the world whose first provider answers nothing."""
    return replace(world.provider_is(blind=True), hindrance=a_hindrance())


def online(world: World) -> World:
    return replace(world.provider_is(blind=False), hindrance=None)


def places(world: World) -> list[str]:
    """Return where the machines of the object are that bill."""
    return [vm.place for vm in world.far.alive_of(OWNER.uid)]


def unknown(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.UNKNOWN


def committed(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.COMMITTED


def history(world: World) -> list[tuple[object, ...]]:
    return [(entry["placement"], entry["outcome"], entry["reason"]) for entry in world.memory.attempts]


def where(world: World) -> tuple[int, str, str]:
    launch = world.memory.launch
    assert launch is not None
    return launch.placement, launch.provider.name, launch.place


# B6


def test_the_second_serves_at_once_what_the_first_has_no_room_for() -> None:
    world = runs(of_two(NO_ROOM), 5)
    assert (world.asked, world.sent) == ((FIRST, SECOND), (N, N_R2))
    assert (places(world), where(world)) == ([PLACE_B], (1, SECOND, PLACE_B))
    assert history(world) == [(0, "NotCommitted", "CapacityUnavailable")]


def test_the_first_is_asked_for_a_whole_burst_where_its_creates_fail() -> None:
    world = runs(of_two(NOT_COMMITTED, NOT_COMMITTED, NOT_COMMITTED), 10)
    assert world.asked == (FIRST, FIRST, FIRST, SECOND)
    assert places(world) == [PLACE_B]


@pytest.mark.parametrize("hindrance", [a_hindrance(), DRAINING], ids=["offline", "draining"])
def test_a_first_that_was_never_asked_is_not_waited_for(hindrance: Hindrance) -> None:
    blind = hindrance is not DRAINING
    world = runs(replace(of_two().provider_is(blind=blind), hindrance=hindrance), 10)
    assert (world.asked, places(world)) == ((SECOND,), [PLACE_B])
    assert history(world) == [(0, "NotExecuted", str(hindrance.reason))]


def test_a_refused_request_is_tried_at_the_second() -> None:
    world = runs(of_two(REJECTED), 10)
    assert (world.asked, places(world)) == ((FIRST, SECOND), [PLACE_B])


def test_a_short_throttling_is_waited_for() -> None:
    assert runs(of_two(THROTTLED), 10).asked == (FIRST, FIRST)


@pytest.mark.parametrize("fate", [LOST_AFTER_COMMIT, LOST_BEFORE_COMMIT, late(SETTLE - 20)], ids=str)
def test_an_unknown_is_not_left_while_its_provider_is_offline(fate: Fate) -> None:
    world = offline(runs(of_two(fate), 10, until=unknown))
    world = runs(world, LONG)
    assert world.asked == (FIRST,)
    world = runs(online(world), LONG)
    assert world.most == 1
    assert len(world.alive) == 1


@pytest.mark.parametrize("fate", [LOST_AFTER_COMMIT, late(20.0)], ids=["made", "made late"])
def test_an_unknown_that_is_found_is_kept_although_its_provider_drains(fate: Fate) -> None:
    world = replace(runs(of_two(fate), 10, until=unknown), hindrance=DRAINING)
    world = runs(world, LONG)
    assert (world.asked, places(world), where(world)[0]) == ((FIRST,), [PLACE], 0)


def test_an_unknown_is_left_only_once_it_has_settled_and_is_proven_absent() -> None:
    world = replace(runs(of_two(LOST_BEFORE_COMMIT), 10, until=unknown), hindrance=DRAINING)
    world = runs(world, SETTLE - 2)
    assert world.asked == (FIRST,)
    world = runs(world, F + 20)
    assert (world.asked, world.sent) == ((FIRST, SECOND), (N, N_R2))
    assert [(entry.name, entry.provider) for entry in world.memory.residue] == [(N, REF)]
    world = runs(world, LONG)
    assert (world.memory.residue, world.most) == ((), 1)


def test_a_lost_answer_of_the_second_is_not_made_good_at_the_first() -> None:
    world = runs(of_two(NO_ROOM, LOST_AFTER_COMMIT), 300)
    assert world.asked == (FIRST, SECOND)
    assert (places(world), world.most) == ([PLACE_B], 1)


def test_a_crash_after_the_intent_at_the_second_sends_nothing_at_the_first() -> None:
    def intended(world: World) -> bool:
        launch = world.memory.launch
        return launch is not None and launch.outcome is Outcome.INTENDED and launch.placement == 1

    world = runs(of_two(NO_ROOM), 10, until=intended).crashes("A")
    world = runs(world, SETTLE - 10)
    assert world.asked == (FIRST,)
    world = runs(world, LONG)
    assert (world.most, len(world.alive)) == (1, 1)


def test_where_none_has_room_both_are_asked_again_later() -> None:
    world = runs(of_two(NO_ROOM, NO_ROOM), 2)
    assert (world.asked, world.alive) == ((FIRST, SECOND), ())
    world = runs(world, 60)
    assert world.asked[:3] == (FIRST, SECOND, FIRST)
    assert (len(world.alive), world.most) == (1, 1)


def test_the_capacity_deadline_counts_over_all_placements() -> None:
    world = runs(of_two(*[NO_ROOM] * 60, deadlines={"capacitySeconds": 120}), LONG)
    seen = world.sees("A")
    assert seen is not None
    decision = decide(seen)
    assert isinstance(decision, Wait)
    assert (decision.reason, decision.stalled) == (Reason.CAPACITY_DEADLINE_EXCEEDED, True)
    assert {FIRST, SECOND} == set(world.asked)
    before = world.asked
    assert runs(world, LONG).asked == before


# A14 and A17: a name is looked for where it was tried


def test_a_machine_of_the_first_that_shows_late_is_terminated_there() -> None:
    world = runs(of_two(NO_ROOM_BUT_MADE, far=FarSide(lag=30)), 20, until=committed)
    assert sorted(places(world)) == sorted([PLACE, PLACE_B])
    world = runs(world, 200)
    assert (places(world), where(world)[0]) == ([PLACE_B], 1)


def test_a_delete_looks_for_the_name_of_the_first_there() -> None:
    world = runs(of_two(NO_ROOM_BUT_MADE, far=FarSide(lag=30)), 20, until=committed)
    world = runs(world.deleted(), LONG)
    assert (world.gone, world.alive, world.leaked) == (True, (), ())


def test_a_delete_ends_the_machine_of_the_second_and_waits_for_a_first_that_is_away() -> None:
    world = offline(runs(of_two(NO_ROOM), 20))
    assert world.memory.residue
    world = runs(world.deleted(), LONG)
    assert (world.gone, world.alive) == (False, ())
    world = runs(online(world), LONG)
    assert (world.gone, world.leaked) == (True, ())


def test_a_name_once_tried_at_the_first_leaves_the_record_once_it_is_proven_absent_there() -> None:
    world = runs(of_two(NO_ROOM), 2 * F + 60)
    assert (places(world), world.memory.residue) == ([PLACE_B], ())


def test_a_list_of_the_second_says_nothing_about_a_name_of_the_first() -> None:
    world = offline(runs(of_two(NO_ROOM), 5))
    assert [entry.name for entry in runs(world, LONG).memory.residue] == [N]


def test_a_first_that_shows_another_place_lets_nothing_be_concluded() -> None:
    world = runs(of_two(NO_ROOM), 5).provider_is(place="elsewhere")
    world = runs(world.deleted(), LONG)
    assert not world.gone


# A4: the record is lost


def test_a_lost_status_finds_the_machine_at_the_second() -> None:
    world = runs(of_two(NO_ROOM), 200)
    world = runs(world.restored({}).crashes("A"), 200)
    assert (world.most, places(world), where(world)) == (1, [PLACE_B], (1, SECOND, PLACE_B))


def test_a_lost_status_makes_nothing_while_a_placement_cannot_be_looked_at() -> None:
    world = runs(of_two(), 200)
    assert places(world) == [PLACE]
    world = runs(offline(world.restored({}).crashes("A")), LONG)
    assert (world.most, world.asked) == (1, (FIRST,))
    world = runs(online(world), 100)
    assert (world.most, where(world)[0]) == (1, 0)


def test_a_delete_of_an_object_that_lost_its_status_looks_at_every_placement() -> None:
    world = runs(of_two(NO_ROOM), 200)
    world = runs(world.restored({}).crashes("A").deleted(), LONG)
    assert (world.gone, world.alive) == (True, ())


def test_a_status_from_before_the_second_was_asked_makes_no_second_machine() -> None:
    world = runs(
        of_two(NO_ROOM), 10, until=lambda w: w.asked == (FIRST,) and bool(w.memory.launch and w.memory.launch.reason)
    )
    before = (world.stored or {})["status"]
    world = runs(world, 100)
    assert places(world) == [PLACE_B]
    world = runs(world.restored(before).crashes("A"), 200)
    assert (world.most, places(world), where(world)[0]) == (1, [PLACE_B], 1)


def test_a_crash_between_the_finalizer_and_the_intent_does_not_wait_for_a_first_that_is_away() -> None:
    world = runs(offline(of_two()), 10, until=lambda w: w.finalized)
    assert world.sent == ()
    world = runs(world.crashes("A"), 60)
    assert (world.asked, places(world)) == ((SECOND,), [PLACE_B])


# the next incarnation


def test_a_machine_lost_at_the_second_is_replaced_from_the_first_on() -> None:
    world = runs(of_two(NO_ROOM), 300)
    (lost,) = world.alive
    world = runs(world.dies(lost), 300)
    assert (world.asked, world.sent[-1]) == ((FIRST, SECOND, FIRST), N_G2)
    assert (places(world), where(world)[0], world.most) == ([PLACE], 0, 1)


def test_a_machine_is_not_replaced_while_a_name_of_the_first_is_not_proven_absent() -> None:
    world = offline(runs(of_two(NO_ROOM), 20))
    (lost,) = world.alive
    world = runs(world.dies(lost), LONG)
    assert (world.alive, world.asked) == ((), (FIRST, SECOND))
    assert len(runs(online(world), LONG).alive) == 1


def test_an_entry_that_is_added_at_the_end_is_asked_too() -> None:
    two = TWO_PLACEMENTS["placements"]
    world = of_two(NO_ROOM, NO_ROOM, NO_ROOM).edited(placements=two[:1])
    world = runs(world, 3)
    assert (world.asked, world.alive) == ((FIRST, FIRST, FIRST), ())
    world = runs(world.edited(placements=two), 3)
    assert (world.asked[3:], places(world)) == ((SECOND,), [PLACE_B])


def test_force_forget_writes_each_name_into_the_ledger_of_its_own_provider() -> None:
    world = offline(runs(of_two(NO_ROOM), 20))
    world = runs(world.annotated("gpuwright.dev/force-forget", "given up").deleted(), 100)
    assert world.gone
    assert len(world.ledger) == 2
