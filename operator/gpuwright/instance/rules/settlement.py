"""An answer was lost: look until the machine is found, or until it has settled that there is none."""

from dataclasses import replace

from gpuwright.instance.actions import Action, Arms, AskList, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.admission import held_back
from gpuwright.instance.rules.evidence import (
    absence_proven,
    living,
    next_proof_look,
    settle_seconds,
    settled_at,
    settlement_remaining,
    waited,
)
from gpuwright.instance.rules.launch import capacity_waited, make_room_for_names
from gpuwright.instance.rules.placement import next_target
from gpuwright.instance.rules.records import moment, next_intent, taken_over
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import Ending, EndingReason, Launch, Outcome
from gpuwright.model.provider_view import ProviderView

SHORTEST_SAVE = 60.0  # seconds between two writes of the waited time


def adopt_what_is_found(seen: Observation) -> Action | None:
    """A machine under our owner tag or our name is what the lost create made."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled:
        return None
    found = _found(seen, launch, provider)
    if found is None:
        return None
    if found.name != launch.name:
        return _take_over_under_another_name(seen, launch, provider, found)
    memory = seen.memory.with_machine(found).with_launch(
        outcome=Outcome.COMMITTED,
        settled=True,
        conflict=False,
        reason=str(Reason.ADOPTED),
        message="",
        waited_seconds=0,
    )
    note = f"the answer to the create was lost; a look found machine {found.id} under {found.name}"
    return Record(memory, "found by a look", event=EventReason.ADOPTED, note=note)


def _take_over_under_another_name(
    seen: Observation, launch: Launch, provider: ProviderView, found: Machine
) -> Record | None:
    """An earlier name has a machine after all. It becomes the recorded one, but only once the present send has settled:
    until then a machine may appear under the present name, too.
    """
    if settled_at(seen, launch, provider) is None:
        return None
    note = f"machine {found.id} exists under {found.name}, a name tried before"
    memory = taken_over(seen, launch, found)
    return Record(memory, "found under another name", event=EventReason.ADOPTED, note=note)


def _found(seen: Observation, launch: Launch, provider: ProviderView) -> Machine | None:
    named = seen.machine_under(launch.name)
    if named is not None and named.alive and named.id not in seen.trail(launch.name).tombstones:
        return named
    return next(iter(living(seen, provider, launch.incarnation)), None)


def adopt_what_is_shown(seen: Observation) -> Action | None:
    """The record says that nothing was made, and a list shows a machine of ours: a restored status, a broken promise.
    It is taken over; none is made beside it.
    """
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not provider.capabilities.reads:
        return None
    if launch.outcome not in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}:
        return None
    if provider.snapshot is None or provider.snapshot.began < seen.witness.first_seen:
        words = "looking whether a machine of this object exists already"
        return AskList(provider.ref, words) if provider.hindrance is None else None
    # The name itself is looked at directly after a promise, so that a broken one is told as such.
    promised = launch.name if launch.outcome is Outcome.NOT_COMMITTED else ""
    found = next((m for m in living(seen, provider, launch.incarnation) if m.name != promised), None)
    if found is None:
        return _adopt_what_another_shows(seen, launch)
    note = f"machine {found.id} exists under {found.name}, although the record says that nothing was made"
    return Record(taken_over(seen, launch, found), "found by its owner tag", event=EventReason.ADOPTED, note=note)


def _adopt_what_another_shows(seen: Observation, launch: Launch) -> Action | None:
    """Look at the other placements' providers, too, as far as they answer: the record may be older than what exists."""
    for other in seen.others:
        if not other.capabilities.reads or not other.reachable or other.hindrance is not None:
            continue
        if other.snapshot is None or other.snapshot.began < seen.witness.first_seen:
            return AskList(other.ref, "looking whether a machine of this object exists already")
        found = next(iter(living(seen, other, launch.incarnation)), None)
        if found is not None:
            note = f"machine {found.id} exists at {other.ref.name}, although the record says that nothing was made"
            memory = taken_over(seen, launch, found, other)
            return Record(memory, "found by its owner tag", event=EventReason.ADOPTED, note=note)
    return None


def take_note_of_a_tombstone(seen: Observation) -> Action | None:
    """What the create made lived and is gone already: it counts as committed and gone, not as never made.

    Gone is not written yet: after a restored status the tombstone may be that of an earlier machine of this name, while
    the create is still on its way. It is proven like any ending, once the create has settled.
    """
    launch = seen.launch
    if launch is None or not launch.unsettled or launch.resent:
        return None
    trail = seen.trail(launch.name)
    sight = seen.witness.sight
    dead = trail.machine is not None and not trail.machine.alive
    buried = bool(trail.tombstones) and sight is not None and (trail.tombstone_began or 0.0) >= sight.at
    if not (dead or buried):
        return None
    machine_id = trail.machine.id if dead and trail.machine else min(trail.tombstones)
    memory = replace(
        seen.memory, machine={"id": machine_id, "name": launch.name, "state": str(MachineState.UNKNOWN)}
    ).with_launch(
        outcome=Outcome.COMMITTED,
        ending=Ending(EndingReason.LOST, (launch.name,), moment(seen)),
        message="",
        waited_seconds=0,
    )
    return Record(
        memory, "made and gone", event=EventReason.LOST, note=f"machine {machine_id} was made and is gone already"
    )


def look_while_unsettled(seen: Observation) -> Action | None:
    """Look by name at once, then at the pace of the provider's lists."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled or not provider.capabilities.reads:
        return None
    looked = seen.trail(launch.name).looked
    sight = seen.witness.sight
    since = sight.at if sight else seen.now
    pace = float(provider.spec.poll.period_seconds)
    if looked is None or looked < since or seen.now - looked >= pace:
        return LookAt(provider.ref, launch.name)
    return None


def save_waited_time(seen: Observation) -> Action | None:
    """Keep what has been waited, so that restarts do not begin it again; seldom, because each is a write."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled:
        return None
    pause = max(SHORTEST_SAVE, provider.spec.settle_seconds / 4)
    so_far = waited(seen, launch)
    if so_far - launch.waited_seconds < pause:
        return None
    return Record(seen.memory.with_launch(waited_seconds=int(so_far)), "waited time")


def wait_until_settled(seen: Observation) -> Action | None:
    """Nothing is concluded before the send can have no effect any more."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled:
        return None
    if settled_at(seen, launch, provider) is not None:
        return None
    remaining = settlement_remaining(seen, launch, provider)
    words = launch.message or "nobody knows yet whether a machine was made"
    until = f"{words}; looking for it until it has settled, {settle_seconds(launch, provider):.0f} s after the send"
    pace = float(provider.spec.poll.period_seconds)
    return Wait(Reason.OUTCOME_UNKNOWN, until, seconds=max(0.05, min(remaining, pace)))


def settle_by_delete(seen: Observation) -> Action | None:
    """Without reads a lost create is settled by deleting its name until it is absent; written first, like all
    destruction.
    """
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled or provider.capabilities.reads:
        return None
    if launch.ending is None:
        ending = Ending(EndingReason.SETTLING, (launch.name,), moment(seen))
        return Record(seen.memory.with_launch(ending=ending), "settling by delete", arms=Arms.DESTRUCTION)
    return None


def prove_that_nothing_was_made(seen: Observation) -> Action | None:
    """It has settled: gather looks that show nothing, over F, the last one direct."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled:
        return None
    since = settled_at(seen, launch, provider)
    if since is None or absence_proven(seen, launch.name, since, provider):
        return None
    delay = next_proof_look(seen, launch.name, since, provider)
    if delay <= 0:
        return LookAt(provider.ref, launch.name)
    return Wait(Reason.OUTCOME_UNKNOWN, "settled; making sure that no machine was made", seconds=delay)


def send_again_what_was_never_made(seen: Observation) -> Action | None:
    """Proven absent: the same name and token again under a fresh intent, or the next name after a conflict or a
    changed request.
    """
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or not launch.unsettled:
        return None
    if not provider.capabilities.reads or launch.conflict:
        memory = seen.memory.with_launch(
            outcome=Outcome.NOT_COMMITTED,
            ending=None,
            message="settled: no machine was made",
            reason=str(Reason.PLACEMENT_FAILED),
        )
        return Record(memory, "settled as not committed")
    if not seen.wants_running:
        memory = seen.memory.with_launch(outcome=Outcome.NOT_EXECUTED, reason="", message="", resent=True)
        return Record(memory, "settled: no machine was made, and none is wanted now")
    held = held_back(seen, provider)
    if held is not None:
        return _leave_what_is_settled(seen, held) or held
    memory = next_intent(seen, provider, seen.known_wishes, capacity_waited=int(capacity_waited(seen, launch)))
    return make_room_for_names(seen, memory) or Record(memory, "intent after settlement", arms=Arms.SEND)


def _leave_what_is_settled(seen: Observation, held: Wait) -> Record | None:
    """Its placement gives nothing at the moment: what is proven never to have been made is no Unknown any more, so that
    another placement may be asked. The name stays to be looked for.
    """
    if not seen.several or held.brief:
        return None
    target = next_target(seen)
    if isinstance(target, Wait) or target.placement == seen.placement:
        return None
    words = f"settled: no machine was made; {held.message}"
    memory = seen.memory.with_launch(outcome=Outcome.NOT_EXECUTED, reason=str(held.reason), message=words, resent=True)
    return Record(memory, "settled: no machine was made, and its placement gives none now")
