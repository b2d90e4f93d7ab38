"""A machine that is to go, and the one after it: only when the one before is proven gone."""

from dataclasses import replace

from gpuwright.instance.actions import Action, Arms, AskList, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.admission import held_back
from gpuwright.instance.rules.evidence import is_gone, is_look_due, living, next_proof_look, settled_at
from gpuwright.instance.rules.launch import intent_at
from gpuwright.instance.rules.liveness import recorded_machine
from gpuwright.instance.rules.placement import Target, next_target
from gpuwright.instance.rules.records import next_intent, taken_over
from gpuwright.instance.rules.residue import prove_residue
from gpuwright.instance.rules.termination import terminate_listed
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.instance_spec import OnLoss
from gpuwright.model.machine import MachineState, gone
from gpuwright.model.memory import EndingReason, Launch, Memory
from gpuwright.model.provider_view import ProviderView


def finish_ending(seen: Observation) -> Action | None:
    """Terminate what is ending until it is proven gone."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or launch.ends is None or _is_recorded_gone(seen.memory):
        return None
    if is_ended_machine_gone(seen, provider):
        return Record(replace(seen.memory, machine=gone(seen.memory.machine)), "ended")
    names = launch.ending.names if launch.ending else (launch.name,)
    step = terminate_listed(seen, provider, names)
    if step is not None:
        return step
    since = settled_at(seen, launch, provider)
    if since is None:
        return Wait(Reason.WAITING_FOR_SETTLEMENT, "waiting until nothing can still appear", seconds=5)
    delay = next_proof_look(seen, launch.name, since, provider)
    if delay <= 0:
        return LookAt(provider.ref, launch.name)
    return Wait(_ending_reason(launch.ends), f"terminating {', '.join(names)}: {launch.ends}", seconds=delay)


def is_ended_machine_gone(seen: Observation, provider: ProviderView) -> bool:
    """Return whether the machine of an ended launch is proven gone and nothing of it can still appear."""
    launch = seen.launch
    if launch is None:
        return False
    since = settled_at(seen, launch, provider)
    return since is not None and is_gone(seen, launch.name, seen.memory.machine_id, since, provider)


def _is_recorded_gone(memory: Memory) -> bool:
    return memory.machine.get("state") == str(MachineState.GONE)


def take_back_what_shows_again(seen: Observation) -> Action | None:
    """The record says Lost, and looks show that very machine again: its provider hid it for longer than F. Nothing was
    bought for it yet, so it is ours again.

    Only what was lost by proof of absence, and on a direct look: lists of some providers show for a while what is gone.
    What a provider itself called gone, and what we have ended, stays gone.
    """
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or launch.ends is not EndingReason.LOST or not _is_recorded_gone(seen.memory):
        return None
    machine, trail = recorded_machine(seen), seen.trail(launch.name)
    if machine is None or machine.id != seen.memory.machine_id or machine.id in trail.tombstones:
        return None
    if not machine.stays or launch.name in seen.witness.terminated:
        return None
    if is_look_due(seen, launch.name, provider):
        return LookAt(provider.ref, launch.name)
    if not trail.shown_directly:
        return None
    memory = seen.memory.with_machine(machine).with_launch(ending=None)
    note = f"machine {machine.id} counted as lost and shows again: it is kept"
    return Record(memory, "shows again", event=EventReason.ADOPTED, note=note)


def take_over_what_lives_on(seen: Observation) -> Action | None:
    """The record says gone, and a list shows another machine of ours: a restored status, a broken promise. It is the
    next one; none is made beside it.
    """
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or launch.ends is None or not _is_recorded_gone(seen.memory):
        return None
    since = settled_at(seen, launch, provider)
    if since is None or not provider.capabilities.reads:
        return None
    if provider.snapshot is None or provider.snapshot.began < since:
        return _ask_list(provider)
    others = [m for m in living(seen, provider, launch.incarnation) if m.id != seen.memory.machine_id]
    if not others:
        return _take_over_at_another(seen, launch, since)
    kept = others[0]
    memory = taken_over(seen, launch, kept)
    return Record(memory, "found by its owner tag", event=EventReason.ADOPTED, note=f"took over machine {kept.id}")


def _take_over_at_another(seen: Observation, launch: Launch, since: float) -> Action | None:
    """Look at the other placements' providers, too, as far as they answer."""
    for other in seen.others:
        if not other.capabilities.reads or not other.reachable or other.credentials_rejected:
            continue
        if other.snapshot is None or other.snapshot.began < since:
            return _ask_list(other)
        kept = next(iter(living(seen, other, launch.incarnation)), None)
        if kept is not None:
            memory = taken_over(seen, launch, kept, other)
            note = f"took over machine {kept.id} at {other.ref.name}"
            return Record(memory, "found by its owner tag", event=EventReason.ADOPTED, note=note)
    return None


def _ask_list(provider: ProviderView) -> Action:
    if not provider.reachable or provider.credentials_rejected:
        return Wait(Reason.PROVIDER_UNREACHABLE, provider.message or "the provider does not answer", seconds=30)
    return AskList(provider.ref, "looking whether another machine of this object lives")


def replace_what_is_gone(seen: Observation) -> Action | None:
    """The next incarnation, where the spec wants one, once every name of this one is settled and gone."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or launch.ends is None or not _is_recorded_gone(seen.memory):
        return None
    stalled = _no_replacement(seen, launch.ends)
    if stalled is not None:
        return stalled
    reason = _ending_reason(launch.ends)
    if settled_at(seen, launch, provider) is None:
        return Wait(reason, "the next machine waits until nothing of this one can still appear", seconds=5)
    unproven = prove_residue(seen, provider)
    if unproven is not None:
        return unproven
    if not seen.wants_running:
        return Wait(Reason.STOPPED, "powerState is Stopped: nothing is made again until it is Running", ready=True)
    if not seen.several:
        return held_back(seen, provider) or _intend_the_next(seen, provider, launch.ends)
    target = next_target(seen)
    return target if isinstance(target, Wait) else _intend_the_next(seen, provider, launch.ends, target)


def _intend_the_next(
    seen: Observation, provider: ProviderView, why: EndingReason, target: Target | None = None
) -> Record:
    if target is not None:
        memory = intent_at(seen, target, capacity_waited=0)
    else:
        memory = next_intent(seen, provider, seen.known_wishes, capacity_waited=0)
    note = f"replacing {seen.memory.machine_id}: {why}"
    return Record(memory, "replacement", arms=Arms.SEND, event=EventReason.REPLACING, note=note)


def _no_replacement(seen: Observation, why: EndingReason) -> Wait | None:
    reason = _ending_reason(why)
    if why is EndingReason.EXPIRED:
        return Wait(
            Reason.EXPIRED, "the machine reached its age and was terminated; take this object out", stalled=True
        )
    lost = why in {EndingReason.LOST, EndingReason.PREEMPTED, EndingReason.BROKEN}
    if lost and seen.spec.on_loss is OnLoss.FAIL:
        return Wait(reason, f"machine {seen.memory.machine_id} is gone and onLoss is Fail", stalled=True)
    if seen.memory.replacements < seen.spec.max_replacements:
        return None
    if why is EndingReason.LAUNCH_DEADLINE_EXCEEDED:
        words = f"{seen.memory.replacements} replacements did not come up in time either"
        return Wait(Reason.LAUNCH_DEADLINE_EXCEEDED, words, stalled=True)
    return Wait(Reason.REPLACEMENTS_SPENT, f"{seen.memory.replacements} replacements are spent: {why}", stalled=True)


def _ending_reason(why: EndingReason) -> Reason:
    known = {
        EndingReason.LOST: Reason.LOST,
        EndingReason.PREEMPTED: Reason.PREEMPTED,
        EndingReason.BROKEN: Reason.BROKEN,
        EndingReason.EXPIRED: Reason.EXPIRED,
        EndingReason.LAUNCH_DEADLINE_EXCEEDED: Reason.BROKEN,
    }
    return known.get(why, Reason.LOST)
