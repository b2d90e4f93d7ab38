"""How the guards of the protocol are taken away, one at a time."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.builders import REF, REF_B
from tests.instance import course
from tests.instance.far_side import FarSide
from tests.instance.world import World, Writing

from gpuwright.instance.actions import Action, Arms, ReadLive, Record, Send, Terminate
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import (
    admission,
    decide,
    deletion,
    duplicates,
    evidence,
    first_look,
    launch,
    liveness,
    records,
    replacement,
    residue,
    settlement,
)
from gpuwright.instance.rules.decide import Rule
from gpuwright.instance.witness import Witness
from gpuwright.model.machine import Machine, Present, Sighting
from gpuwright.model.memory import Launch, Memory, Outcome, Residue
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import Wishes

Patch = pytest.MonkeyPatch
Remove = Callable[[Patch], None]


def everywhere(patch: Patch, function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Replace a function in every module that has imported it."""
    name = function.__name__
    for module in list(sys.modules.values()):
        if module.__name__.startswith("gpuwright.instance") and getattr(module, name, None) is function:
            patch.setattr(module, name, other)


def without(*rules: Rule) -> Remove:
    """Return the removal of rules from both lists."""

    def remove(patch: Patch) -> None:
        for name in ("WANTED", "DELETED"):
            patch.setattr(decide, name, tuple(rule for rule in getattr(decide, name) if rule not in rules))

    return remove


def instead_of(rule: Rule, other: Rule) -> Remove:
    """Return the replacement of one rule by another."""

    def remove(patch: Patch) -> None:
        for name in ("WANTED", "DELETED"):
            patch.setattr(decide, name, tuple(other if found is rule else found for found in getattr(decide, name)))

    return remove


def changed(function: Callable[..., Any], other: Callable[..., Any]) -> Remove:
    """Return the replacement of a function wherever it is used."""
    return lambda patch: everywhere(patch, function, other)


# Before a create


def old_looks_are_proof(patch: Patch) -> None:
    """Looks from before the record prove something about it, and what shows again is not taken back."""
    changed(evidence._shown_or_answered, believe_any_look)(patch)
    without(replacement.take_back_what_shows_again)(patch)


def without_an_intent(patch: Patch) -> None:
    """The intent is only kept in memory: nothing is on record when the create leaves."""
    goes_on = course.goes_on

    def goes(world: World, who: str, *, answer_lost: bool = False) -> World:
        doing = world.operators[who].doing
        if not isinstance(doing, Writing) or doing.kept or doing.action.arms is not Arms.SEND:
            return goes_on(world, who, answer_lost=answer_lost)
        op = world.operators[who]
        body = {**(op.cached or {}), "status": doing.status}
        known = replace(op.witness or Witness(first_seen=world.monotonic(who)), armed=doing.armed)
        return world.operator(who, doing=None, deaf=True, cached=body, witness=known).passes(course.TICK)

    patch.setattr(course, "goes_on", goes)


def whoever_finds_it_sends_it(patch: Patch) -> None:
    def send(seen: Observation) -> Action | None:
        found = seen.launch
        if found is None or found.outcome is not Outcome.INTENDED or seen.witness.left >= found.send:
            return None
        request = launch.current_request(seen, found)
        return None if request is None else Send(found.provider, request)

    instead_of(launch.send_what_was_announced, send)(patch)
    patch.setattr(course, "_is_open", lambda world, who, *, destructive: True)


def any_body(patch: Patch) -> None:
    """The same name and token are sent again although what is asked for has changed."""
    following = records._next

    def same(seen: Observation, wishes: Wishes) -> tuple[int, int, bool]:
        found = seen.launch
        if found is None or found.outcome is not Outcome.UNKNOWN or found.conflict:
            return following(seen, wishes)
        return found.incarnation, found.attempt, True

    patch.setattr(records, "_next", same)


def keep_the_name_after_a_conflict(patch: Patch) -> None:
    def again(seen: Observation) -> Action | None:
        found = seen.launch
        if found is None or not found.unsettled or not found.conflict:
            return settlement.send_again_what_was_never_made(seen)
        plain = replace(seen.instance, memory=seen.memory.with_launch(conflict=False))
        return settlement.send_again_what_was_never_made(replace(seen, instance=plain))

    instead_of(settlement.send_again_what_was_never_made, again)(patch)


# Waits and proofs


def no_wait(launch: Launch, provider: ProviderView) -> float:
    return 0.0


def wait_as_settings_are_now(launch: Launch, provider: ProviderView) -> float:
    return float(provider.settle_seconds)


def believe_the_answer(seen: Observation, launch: Launch, provider: ProviderView, since: float) -> float:
    return since


def believe_any_look(seen: Observation, launch: Launch, provider: ProviderView, since: float) -> float:
    return seen.witness.first_seen


def two_seconds(seen: Observation, name: str, since: float, provider: ProviderView) -> tuple[float, float]:
    return since, evidence.LOOKS_APART


def one_sight_for_all_sends(patch: Patch) -> None:
    first_sight = Witness.sighted

    def sighted(self: Witness, memory: Memory, now: float, visible: float) -> Witness:
        launch = memory.launch
        if launch is None or self.sight is None:
            return first_sight(self, memory, now, visible)
        return replace(self, sight=replace(self.sight, send=launch.send, outcome=str(launch.outcome)))

    patch.setattr(Witness, "sighted", sighted)


def lists_are_enough(seen: Observation, name: str, since: float, provider: ProviderView) -> bool:
    looks = [look for look in seen.trail(name).absences if look.began >= since]
    return bool(looks) and looks[-1].began - looks[0].began >= provider.spec.settle_seconds


def looks_from_any_time(seen: Observation, name: str, since: float, provider: ProviderView) -> bool:
    """Looks count that began before the send could have no effect any more."""
    return proven(seen, name, -1e9, provider)


proven = evidence.absence_proven


def one_look_is_enough(patch: Patch) -> None:
    patch.setattr(evidence, "LOOKS_APART", 0.1)


def blind_is_empty(patch: Patch) -> None:
    """A read without an answer is taken for one that shows nothing."""
    look, machines = FarSide.look, FarSide.machines

    def looked(self: FarSide, now: float, name: str) -> Sighting:
        return look(replace(self, blind=False, empty_looks=self.blind or self.empty_looks), now, name)

    def listed(self: FarSide, now: float) -> tuple[Machine, ...]:
        away = self.blind or self.blind_lists
        return machines(replace(self, blind=False, blind_lists=False, empty_lists=away or self.empty_lists), now)

    patch.setattr(FarSide, "look", looked)
    patch.setattr(FarSide, "machines", listed)


def tombstone_by_name(seen: Observation, name: str, machine_id: str, since: float, provider: ProviderView) -> bool:
    return bool(seen.trail(name).tombstones) or evidence.absence_proven(seen, name, since, provider)


# Whose it is, and which


def any_owner(patch: Patch) -> None:
    """A machine under our name counts as ours, whoever's tag it carries."""

    def after(self: Witness, name: str, began: float, sighting: Sighting, owner_uid: str, *, counts: bool) -> Witness:
        if isinstance(sighting, Present):
            return self.with_trail(name, self.trail(name).present(began, sighting.machine, direct=True))
        return looked(self, name, began, sighting, owner_uid, counts=counts)

    looked = Witness.after_look
    patch.setattr(Witness, "after_look", after)


def every_name(patch: Patch) -> None:
    patch.setattr(deletion, "_targets", lambda seen, launch, provider: seen.memory.names)


def keep_the_other(patch: Patch) -> None:
    """Of two machines the recorded one is ended."""

    def others(seen: Observation, provider: ProviderView, launch: Launch) -> list[Machine]:
        mine = evidence.living(seen, provider, 1)
        return [m for m in mine if m.id == seen.memory.machine_id] if len(mine) > 1 else []

    patch.setattr(duplicates, "_others", others)


def take_over_at_once(patch: Patch) -> None:
    """A machine under an earlier name becomes the recorded one while the present send may still make another."""
    take_over = settlement._take_over_under_another_name

    def now(seen: Observation, launch: Launch, provider: ProviderView, found: Machine) -> Record | None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(settlement, "settled_at", lambda seen, launch, provider: seen.now)
            return take_over(seen, launch, provider, found)

    patch.setattr(settlement, "_take_over_under_another_name", now)


def terminate_before_it_is_written(patch: Patch) -> None:
    def end(seen: Observation) -> Action | None:
        found, age, limit = liveness.committed(seen), liveness.age_of(seen), seen.spec.expire_after_seconds
        if found is None or not limit or age is None or age < limit or found.name in seen.witness.terminated:
            return None
        armed = seen.witness.armed
        return Terminate(seen.ref, found.name) if armed is not None and armed.destructive else ReadLive()

    instead_of(liveness.end_when_expired, end)(patch)


def forget_tried_names(patch: Patch) -> None:
    def none(memory: Memory, keep: str, *, reads: bool) -> tuple[Residue, ...]:
        return ()

    patch.setattr(records, "_residue", none)


def forget_that_it_was_sent(patch: Patch) -> None:
    """A name whose earlier send had no answer counts as never sent once a second send of it was refused."""
    release = deletion.release_what_was_never_sent

    def released(seen: Observation) -> Action | None:
        if seen.launch is None:
            return release(seen)
        plain = replace(seen.instance, memory=seen.memory.with_launch(resent=False))
        return release(replace(seen, instance=plain))

    instead_of(release, released)(patch)


def release_without_settling(patch: Patch) -> None:
    def at_once(seen: Observation, launch: Launch, provider: ProviderView) -> float:
        return seen.witness.sight.at if seen.witness.sight else seen.now

    patch.setattr(deletion, "settled_at", at_once)


def write_again_where_the_record_is_lost(patch: Patch) -> None:
    def first(seen: Observation) -> Action | None:
        provider = seen.provider
        if seen.launch is not None or provider is None or provider.capabilities.reads:
            return None
        return Record(replace(seen.memory, launch=records.first_launch(seen, provider)), "first record")

    instead_of(first_look.record_first_where_nothing_can_be_read, first)(patch)


def keep_without_a_ledger(patch: Patch) -> None:
    keep = deletion.keep_what_is_retained

    def kept(seen: Observation) -> Action | None:
        return keep(replace(seen, witness=replace(seen.witness, ledgers=frozenset(seen.providers))))

    instead_of(keep, kept)(patch)


def leave_an_unknown(patch: Patch) -> None:
    """A create of which nobody knows what became of it is left for the next placement while its provider is away."""
    look = settlement.look_while_unsettled

    def leave(seen: Observation) -> Action | None:
        found, provider = seen.launch, seen.provider
        if found is None or provider is None or not found.unsettled or provider.hindrance is None:
            return look(seen)
        return Record(seen.memory.with_launch(outcome=Outcome.NOT_EXECUTED, resent=True), "left")

    instead_of(look, leave)(patch)


def everything_is_at_the_launchs_provider(patch: Patch) -> None:
    """What is on record does not say where a name was tried: it is looked for where the launch is."""
    kept = records._residue

    def here(memory: Memory, keep: str, *, reads: bool) -> tuple[Residue, ...]:
        last = REF_B if memory.launch is not None and memory.launch.placement == 0 else REF
        return tuple(replace(entry, provider=last, place="") for entry in kept(memory, keep, reads=reads))

    patch.setattr(records, "_residue", here)
    without(admission.stall_when_place_changed)(patch)


def drop_residue_at_once(patch: Patch) -> None:
    patch.setattr(residue, "_is_proven", lambda seen, name, provider: bool(seen.trail(name).absences))


def any_incarnation(patch: Patch) -> None:
    """What a list shows under our tag counts as alive, of whatever incarnation, and whatever its tombstone says."""

    def found(seen: Observation, provider: ProviderView, incarnation: int) -> tuple[Machine, ...]:
        return tuple(machine for machine in evidence.owned(seen, provider) if machine.alive)

    everywhere(patch, evidence.living, found)
