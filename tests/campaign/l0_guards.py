"""Each guard of the protocol, taken away one at a time: then the search finds the invariant that it keeps."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tests.campaign.l0_node import Node, Small
from tests.campaign.l0_search import Found, Search
from tests.campaign.l0_seed import seeded
from tests.campaign.l0_worlds import world_named
from tests.instance import course
from tests.instance import removals as off
from tests.instance.removals import Patch, Remove, changed, without

from gpuwright.instance.rules import (
    admission,
    decide,
    deletion,
    evidence,
    first_look,
    launch,
    replacement,
    settlement,
)
from gpuwright.provider.absence import MassAbsence


@dataclass(frozen=True)
class Guard:
    """One guard: how it is taken away, in which world that is searched for, and which invariants may show it.

    `words`: parts of the names of the disturbances that are enough; the others are left out. `given`: what else is
    changed, where a second guard would catch what this one lets through.
    """

    name: str
    remove: Remove
    world: str
    words: tuple[str, ...]
    invariants: frozenset[str]
    given: Remove = lambda patch: None
    guarded: bool = True


@dataclass(frozen=True)
class Caught:
    """What the search has found without a guard; `found` is None where it found nothing.

    `exhausted`: every state was seen.
    """

    guard: Guard
    world: str
    states: int
    found: Found | None
    exhausted: bool


def _guard(name: str, remove: Remove, invariants: str, world: str, given: Remove | None = None) -> Guard:
    """Return a guard; `world` is the small world's name, and after a semicolon parts of its disturbances' names."""
    world, _semicolon, parts = world.partition("; ")
    words = tuple(part for part in parts.split(", ") if part)
    return Guard(name, remove, world, words, frozenset(invariants.split()), given or (lambda patch: None))


def _longer_window(patch: Patch) -> None:
    patch.setattr(course, "SEND_WINDOW_SECONDS", 1e9)


def _deleted_or_not(patch: Patch) -> None:
    patch.setattr(decide, "DELETED", decide.WANTED)


def _any_list(patch: Patch) -> None:
    patch.setattr(MassAbsence, "after_list", lambda self, *looks: self)


def _no_residue_proof(patch: Patch) -> None:
    patch.setattr(deletion, "prove_residue", lambda seen, provider: None)


def _no_proof_by_tag(patch: Patch) -> None:
    patch.setattr(deletion, "_prove_by_tag", lambda seen, launch, provider: None)


def _replace_unproven(patch: Patch) -> None:
    patch.setattr(replacement, "is_ended_machine_gone", lambda seen, provider: True)


LATE = "broken promises found late; and made, no answer, deletes, 500"

GUARDS = (
    _guard("intent on record before the send", off.without_an_intent, "I5", "names"),
    replace(
        _guard("intent guarded by resourceVersion", lambda patch: None, "I1 I5", "two leaders, lag; deletes, hears"),
        guarded=False,
    ),
    _guard("only who wrote the intent sends it", off.whoever_finds_it_sends_it, "I1 I5", "names; crashes, made late"),
    _guard("send window", _longer_window, "I1 I2 I5", "zombie leader; frozen, sleeps, 500"),
    _guard(
        "finalizer before the first send",
        without(launch.finalize_before_intent, admission.keep_finalizer),
        "I6",
        "names",
    ),
    _guard("no intent while deleting", _deleted_or_not, "I5 I12", "names; deletes"),
    _guard(
        "nothing while paused",
        without(admission.wait_when_paused, deletion.wait_when_paused),
        "I4 I5",
        "names; pauses, deletes, frozen for 5",
    ),
    _guard(
        "nothing is bought while Stopped",
        without(launch.leave_a_newcomer_stopped, launch.buy_nothing_while_stopped),
        "I10",
        "stopped at birth",
    ),
    _guard("never an old token with another body", off.any_body, "I5", "names; never made, Secret"),
    _guard("another name after a conflict", off.keep_the_name_after_a_conflict, "I12", "names; name stays"),
    _guard(
        "no send again before it has settled", changed(evidence.settle_seconds, off.no_wait), "I1", "lists; made late"
    ),
    _guard("no release before it has settled", off.release_without_settling, "I2 I7", "names; made late, deletes"),
    _guard(
        "a second send is a second wait",
        off.one_sight_for_all_sends,
        "I1 I2 I7 I9",
        "two leaders, lists; never made, made late, deletes, crashes",
    ),
    _guard(
        "recorded settleSeconds wins",
        changed(evidence.settle_seconds, off.wait_as_settings_are_now),
        "I1 I2 I7",
        "settings; very late, becomes, deletes",
    ),
    _guard(
        "F on delete after Committed",
        changed(evidence._shown_or_answered, off.believe_the_answer),
        "I2 I9",
        "lag; deletes, crashes",
        changed(evidence._proof_window, off.two_seconds),
    ),
    _guard("F between the looks", changed(evidence._proof_window, off.two_seconds), "I9", "lists; show nothing"),
    _guard(
        "two looks apart", off.one_look_is_enough, "I2", "a terminate does nothing; terminate, deletes, show nothing"
    ),
    _guard(
        "last look direct", changed(evidence.absence_proven, off.lists_are_enough), "I9", "no labels; labels, frozen"
    ),
    _guard(
        "looks begun after the record",
        off.old_looks_are_proof,
        "I9 I2",
        "two leaders, lists; made late, deletes, crashes, never made",
    ),
    _guard(
        "looks begun after it has settled",
        changed(evidence.absence_proven, off.looks_from_any_time),
        "I1 I2 I9",
        "lists and lag; made, deletes, never made, crashes",
    ),
    _guard("Blind is never empty", off.blind_is_empty, "I9", "names; away, read"),
    _guard("mass absence is Blind", _any_list, "I9", "many machines; show nothing"),
    _guard(
        "tombstone by id only",
        changed(evidence.is_gone, off.tombstone_by_name),
        "I2 I9 I7",
        "status lost after the machine died; made late, deletes",
    ),
    _guard(
        "look by owner first", without(first_look.look_by_owner_first), "I1", "status lost of the second name; is lost"
    ),
    _guard(
        "record first where nothing can be read",
        off.write_again_where_the_record_is_lost,
        "I1 I2 I9",
        "create-only, status lost; is lost, crashes",
    ),
    _guard(
        "look after a promise",
        without(launch.look_after_a_promise, settlement.adopt_what_is_shown),
        "I1",
        "broken promises; and made",
    ),
    _guard(
        "what lists show is taken over",
        without(settlement.adopt_what_is_shown),
        "I1",
        "restored after a second attempt; dies, comes back",
    ),
    _guard(
        "adopt under our own tag only", off.any_owner, "I4 I12", "a stranger has the name; never made, deletes, 500"
    ),
    _guard("terminate only ours", off.every_name, "I4", "a hidden stranger has the name; deletes"),
    _guard("ending on record before a terminate", off.terminate_before_it_is_written, "I4", "expires; crashes"),
    _guard(
        "ending on record before a settling delete", without(settlement.settle_by_delete), "I4", "create-only; made"
    ),
    _guard("next incarnation only after proof", _replace_unproven, "I1 I9", "slow to go; fails"),
    _guard(
        "gone by tag before the next incarnation",
        without(replacement.take_over_what_lives_on),
        "I1",
        "restored after a replacement; comes back",
    ),
    _guard(
        "tried names are looked for before release",
        _no_residue_proof,
        "I2",
        LATE,
    ),
    _guard(
        "tried names stay on record",
        off.forget_tried_names,
        "I2 I12",
        LATE,
    ),
    _guard(
        "tried names are dropped only after F",
        off.drop_residue_at_once,
        "I2 I12",
        LATE,
    ),
    _guard(
        "proof by tag before release",
        _no_proof_by_tag,
        "I2",
        "restored after a second attempt; comes back, deletes, no list",
    ),
    _guard("of two machines the recorded one stays", off.keep_the_other, "I4", "broken promises found late; and made"),
    _guard(
        "place on record", without(admission.stall_when_place_changed), "I9 I2", "another place; elsewhere, deletes"
    ),
    _guard(
        "an Unknown is not left for the next placement",
        off.leave_an_unknown,
        "I1",
        "placements; made late, away, drains",
    ),
    _guard(
        "a name is looked for where it was tried",
        off.everything_is_at_the_launchs_provider,
        "I2 I12",
        "placements, lag; and made, deletes",
    ),
    _guard("a kept machine is in the ledger first", off.keep_without_a_ledger, "I2", "retained; deletes"),
)


IN_DEPTH = (
    # What was tried before stays in residue, and is looked for until F after the take-over.
    _guard("a take-over waits for the present send", off.take_over_at_once, "", LATE),
    # A second send is only made once the first has settled, so it has nothing left to wait for.
    _guard(
        "a send that had no answer stays one", off.forget_that_it_was_sent, "", "names; never, refused, deletes, late"
    ),
    # The wait for the present send is longer than a list shows what is dead.
    _guard("lagging lists do not bring the dead back", off.any_incarnation, "", "afterglow; fails, dies, no answer"),
)
"""Guards behind which another one stands: the search is made without them too, and finds nothing in these worlds."""


def without_guard(guard: Guard, *, seed: int = 0, most: int = 400_000) -> Caught:
    """Search without a guard until something is found."""
    small = seeded(narrowed(world_named(guard.world), guard.words), seed)  # made while the guard is still there
    with pytest.MonkeyPatch.context() as patch:
        search = Search(taken_away(guard, patch, small), seed=seed, most=most).run()
    return Caught(guard, guard.world, search.states, next(iter(search.found), None), search.exhausted)


def taken_away(guard: Guard, patch: Patch, small: Small) -> Small:
    """Take a guard away for as long as the patch lasts, and return the small world without it."""
    guard.given(patch)
    guard.remove(patch)
    return small if guard.guarded else replace(small, start=_unguarded(small.start))


def narrowed(small: Small, words: tuple[str, ...]) -> Small:
    """Return the small world with the disturbances in whose names one of these words stands."""
    kept = tuple(found for found in small.disturbances if any(word in found.name for word in words))
    return replace(small, disturbances=kept)


def _unguarded(start: Callable[[], Node]) -> Callable[[], Node]:
    def begin() -> Node:
        node = start()
        return replace(node, world=replace(node.world, guarded=False))

    return begin


def is_caught(caught: Caught) -> bool:
    """Return whether the search has found what the guard is there against: nothing, where another one stands behind."""
    if not caught.guard.invariants:
        return caught.found is None and caught.exhausted
    return caught.found is not None and caught.found.invariant in caught.guard.invariants


__all__ = ["GUARDS", "IN_DEPTH", "Caught", "Guard", "Small", "is_caught", "taken_away", "without_guard"]
