"""Each guard of the protocol, taken away one at a time: then the search finds the invariant that it keeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tests.campaign import l0_removals as off
from tests.campaign.l0_node import Node, Small
from tests.campaign.l0_removals import Patch, Remove, changed, without
from tests.campaign.l0_search import Found, Search
from tests.campaign.l0_worlds import world_named
from tests.instance import course

from gpuwright.instance.rules import (
    admission,
    decide,
    deletion,
    evidence,
    launch,
    replacement,
    settlement,
)
from gpuwright.provider.absence import MassAbsence


@dataclass(frozen=True)
class Guard:
    """One guard: how it is taken away, in which worlds that is searched for, and which invariants may show it.

    `given`: what else is changed, where a second guard would catch what this one lets through.
    """

    name: str
    remove: Remove
    worlds: tuple[str, ...]
    invariants: frozenset[str]
    given: Remove = lambda patch: None
    guarded: bool = True


@dataclass(frozen=True)
class Caught:
    """What the search has found without a guard; `found` is None where it found nothing."""

    guard: Guard
    world: str
    states: int
    seconds: float
    found: Found | None


def _guard(name: str, remove: Remove, worlds: str, invariants: str, given: Remove | None = None) -> Guard:
    return Guard(
        name,
        remove,
        tuple(worlds.split("; ")),
        frozenset(invariants.split()),
        given or (lambda patch: None),
    )


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


GUARDS = (
    _guard("intent on record before the send", off.without_an_intent, "names", "I5"),
    replace(
        _guard("intent guarded by resourceVersion", lambda patch: None, "two leaders; two leaders, lag", "I1 I5"),
        guarded=False,
    ),
    _guard("only who wrote the intent sends it", off.whoever_finds_it_sends_it, "names", "I1 I5"),
    _guard("send window", _longer_window, "zombie leader", "I1 I2 I5"),
    _guard(
        "finalizer before the first send",
        without(launch.finalize_before_intent, admission.keep_finalizer),
        "names",
        "I2 I6",
    ),
    _guard("no intent while deleting", _deleted_or_not, "names", "I5 I12"),
    _guard("nothing while paused", without(admission.wait_when_paused, deletion.wait_when_paused), "names", "I4 I5"),
    _guard("nothing is bought while Stopped", without(launch.buy_nothing_while_stopped), "stopped at birth", "I12"),
    _guard("never an old token with another body", off.any_body, "names", "I5"),
    _guard("another name after a conflict", off.keep_the_name_after_a_conflict, "names", "I12"),
    _guard("no send again before it has settled", changed(evidence.settle_seconds, off.no_wait), "lists", "I1 I7"),
    _guard("no release before it has settled", off.release_without_settling, "names", "I2 I7"),
    _guard(
        "a second send is a second wait", off.one_sight_for_all_sends, "two leaders, lists; zombie leader", "I1 I2 I7"
    ),
    _guard(
        "recorded settleSeconds wins",
        changed(evidence.settle_seconds, off.wait_as_settings_are_now),
        "settings",
        "I1 I2 I7",
    ),
    _guard("a send that had no answer stays one", off.forget_that_it_was_sent, "names; lists", "I2 I7"),
    _guard(
        "F on delete after Committed",
        changed(evidence._shown_or_answered, off.believe_the_answer),
        "lag; lists and lag",
        "I2",
        changed(evidence._proof_window, off.two_seconds),
    ),
    _guard("F between the looks", changed(evidence._proof_window, off.two_seconds), "lists", "I9"),
    _guard("two looks apart", off.one_look_is_enough, "a terminate does nothing", "I2"),
    _guard("last look direct", changed(evidence.absence_proven, off.lists_are_enough), "no labels", "I9 I2"),
    _guard(
        "looks begun after the record",
        changed(evidence._shown_or_answered, off.believe_any_look),
        "two leaders, lists; two leaders, lag",
        "I9 I2",
    ),
    _guard(
        "looks begun after it has settled",
        changed(evidence.absence_proven, off.looks_from_any_time),
        "lists and lag; lists",
        "I1 I2 I9",
    ),
    _guard("Blind is never empty", off.blind_is_empty, "names", "I9 I2"),
    _guard("mass absence is Blind", _any_list, "many machines", "I9"),
    _guard(
        "tombstone by id only",
        changed(evidence.is_gone, off.tombstone_by_name),
        "status lost; restored after a replacement",
        "I2 I9",
    ),
    _guard("look by owner first", without(launch.look_by_owner_first), "status lost of the second name", "I1"),
    _guard(
        "record first where nothing can be read",
        off.write_again_where_the_record_is_lost,
        "create-only, status lost",
        "I1 I2 I9",
    ),
    _guard("look after a promise", without(launch.look_after_a_promise), "broken promises", "I1"),
    _guard(
        "adopt under our own tag only",
        off.any_owner,
        "a stranger has the name; a hidden stranger has the name",
        "I4 I12",
    ),
    _guard("terminate only ours", off.every_name, "a hidden stranger has the name", "I4"),
    _guard("ending on record before a terminate", off.terminate_before_it_is_written, "expires", "I4"),
    _guard("ending on record before a settling delete", without(settlement.settle_by_delete), "create-only", "I4"),
    _guard("next incarnation only after proof", _replace_unproven, "slow to go", "I1 I9"),
    _guard(
        "gone by tag before the next incarnation",
        without(replacement.take_over_what_lives_on),
        "restored after a replacement",
        "I1",
    ),
    _guard("lagging lists do not bring the dead back", off.any_incarnation, "afterglow", "I1 I9 I12"),
    _guard("tried names are looked for before release", _no_residue_proof, "broken promises found late", "I2"),
    _guard("tried names stay on record", off.forget_tried_names, "broken promises found late", "I2"),
    _guard("tried names are dropped only after F", off.drop_residue_at_once, "broken promises found late", "I2"),
    _guard("proof by tag before release", _no_proof_by_tag, "restored after a second attempt; status lost", "I2"),
    _guard("a take-over waits for the present send", off.take_over_at_once, "broken promises found late", "I7 I2"),
    _guard("of two machines the recorded one stays", off.keep_the_other, "broken promises found late", "I4 I9"),
    _guard("place on record", without(admission.stall_when_place_changed), "another place", "I9 I2"),
    _guard("a kept machine is in the ledger first", off.keep_without_a_ledger, "retained", "I2"),
)


def without_guard(guard: Guard, *, seed: int = 0, most: int = 400_000) -> Caught:
    """Search without a guard, world by world, until something is found."""
    began, states, name = time.perf_counter(), 0, ""
    worlds = {name: world_named(name) for name in guard.worlds}  # made while the guard is still there
    with pytest.MonkeyPatch.context() as patch:
        guard.given(patch)
        guard.remove(patch)
        for name, small in worlds.items():
            start = small.start if guard.guarded else _unguarded(small.start)
            search = Search(replace(small, start=start), seed=seed, most=most).run()
            states += search.states
            for found in search.found:
                return Caught(guard, name, states, time.perf_counter() - began, found)
    return Caught(guard, name, states, time.perf_counter() - began, None)


def _unguarded(start: Callable[[], Node]) -> Callable[[], Node]:
    def begin() -> Node:
        node = start()
        return replace(node, world=replace(node.world, guarded=False))

    return begin


def is_caught(caught: Caught) -> bool:
    """Return whether the search has found what the guard is there against."""
    return caught.found is not None and caught.found.invariant in caught.guard.invariants


__all__ = ["GUARDS", "Caught", "Guard", "Small", "is_caught", "without_guard"]
