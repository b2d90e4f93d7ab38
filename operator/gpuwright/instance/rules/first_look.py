"""Before anything is bought: what of this object exists already, because its record was lost or a person says so."""

from dataclasses import replace

from gpuwright.instance.actions import Action, AskList, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.admission import hindered, missing_provider
from gpuwright.instance.rules.evidence import owned
from gpuwright.instance.rules.placement import next_target
from gpuwright.instance.rules.records import adopted_launch, first_launch
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine
from gpuwright.model.memory import ProviderRef
from gpuwright.model.provider_view import ProviderView

STRANGER_LOOK_SECONDS = 30.0


def look_by_owner_first(seen: Observation) -> Action | None:
    """An object without a record may have a machine all the same: its status may have been lost, or it was restored.

    It is looked for at every placement. One that cannot be looked at now is waited for, unless our finalizer has never
    been on the object: then nothing was ever sent, and that is on record before the finalizer is.
    """
    if seen.launch is not None:
        return None
    unseen = None
    for ref in dict.fromkeys(offer.ref for offer in seen.spec.offers):
        step = _look_at_provider(seen, ref)
        if isinstance(step, Wait) and seen.several and not step.brief:
            unseen = unseen or step
        elif step is not None:
            return step
    if seen.provider is not None:
        step = _adopt_by_annotation(seen, seen.provider)
        if step is not None:
            return step
    strangers = (_stall_beside_stranger(seen, view) for view in seen.providers.values())
    return next((step for step in strangers if step is not None), None) or _record_what_is_unseen(seen, unseen)


def _look_at_provider(seen: Observation, ref: ProviderRef) -> Action | None:
    """Return the step that finds out whether a machine of this object is at one provider; None where there is none."""
    provider = seen.providers.get(ref)
    if provider is None:
        # The only one is waited for by the rules of admission.
        return missing_provider(seen, ref) if seen.several else None
    if not provider.capabilities.reads:
        words = f"{ref.name} cannot be read, and nothing is on record: check by hand whether a machine exists there"
        return Wait(Reason.RECORD_LOST, words, stalled=True) if seen.several else None
    if provider.snapshot is None or provider.snapshot.began < seen.witness.first_seen:
        if provider.hindrance is not None and (not provider.reachable or provider.credentials_rejected):
            return hindered(provider.hindrance)
        return AskList(provider.ref, "looking whether a machine of this object exists already")
    mine = [machine for machine in owned(seen, provider) if machine.alive]
    if not mine:
        return None
    kept = mine[0]
    launch = adopted_launch(seen, kept, by_person=False, at=provider)
    memory = replace(seen.memory, launch=launch).with_machine(kept)
    return Record(memory, "found by its owner tag", event=EventReason.ADOPTED, note=f"took over machine {kept.id}")


def _record_what_is_unseen(seen: Observation, unseen: Wait | None) -> Action | None:
    """Return what follows where a placement could not be looked at."""
    if unseen is None or seen.instance.finalized:
        return unseen
    target = next_target(seen)
    if isinstance(target, Wait):
        return target
    return Record(replace(seen.memory, launch=first_launch(seen, target.provider, target.placement)), "first record")


def _adopt_by_annotation(seen: Observation, provider: ProviderView) -> Action | None:
    """A person names a machine to take over. Nobody else's may be taken, and on a shared provider only where
    allowed.
    """
    wanted = seen.instance.adopt
    if not wanted:
        return None
    machine = provider.snapshot.by_id.get(wanted) if provider.snapshot else None
    trail = seen.trail(wanted)
    machine = machine or seen.machine_under(wanted)
    if machine is None and (trail.looked is None or seen.now - trail.looked >= STRANGER_LOOK_SECONDS):
        return LookAt(provider.ref, wanted)
    refusal = _adoption_refusal(seen, provider, machine)
    if refusal is not None or machine is None:
        return Wait(Reason.NAME_CONFLICT, refusal or "", seconds=STRANGER_LOOK_SECONDS, stalled=True)
    launch = adopted_launch(seen, machine, by_person=True)
    memory = replace(seen.memory, launch=launch).with_machine(machine)
    return Record(memory, "adopted", event=EventReason.ADOPTED, note=f"took over machine {machine.id} as asked")


def _adoption_refusal(seen: Observation, provider: ProviderView, machine: Machine | None) -> str | None:
    if machine is None or not machine.alive:
        return f"there is no machine {seen.instance.adopt} to adopt: correct the annotation gpuwright.dev/adopt"
    if not provider.adoption_allowed:
        return "this cluster provider does not allow adoption: its owner can set spec.adoption to Allowed"
    elsewhere = provider.recorded_elsewhere.get(machine.id) or provider.recorded_elsewhere.get(machine.name)
    if elsewhere is not None:
        return f"machine {machine.id} is already recorded by {elsewhere}"
    owner = machine.owner
    if owner is not None and seen.other_owner_alive:
        return f"machine {machine.id} belongs to {owner.namespace}/{owner.name}, which exists"
    if provider.cluster_scoped and owner is not None and owner.namespace != seen.instance.owner.namespace:
        return f"machine {machine.id} is tagged for another namespace"
    return None


def _stall_beside_stranger(seen: Observation, provider: ProviderView) -> Action | None:
    """A machine of the same namespace and name but another uid: an older object's, or a restored backup's. A person
    decides.
    """
    owner = seen.instance.owner
    if provider.snapshot is None:
        return None
    for machine in provider.snapshot.by_label.get(owner.label, ()):
        other = machine.owner
        if other is None or not machine.alive or other.uid == owner.uid or other.cluster != owner.cluster:
            continue
        if machine.id not in provider.retained_ids and machine.name not in provider.leaked_names:
            words = (
                f"machine {machine.id} of an earlier {owner.namespace}/{owner.name} still exists: remove it, or take "
                f"it over with the annotation gpuwright.dev/adopt={machine.id}"
            )
            return Wait(Reason.NAME_CONFLICT, words, seconds=STRANGER_LOOK_SECONDS, stalled=True)
    return None


def record_first_where_nothing_can_be_read(seen: Observation) -> Action | None:
    """Without reads a lost record can never be found again, so the record comes before the finalizer."""
    provider = seen.provider
    if seen.launch is not None or seen.several or provider is None or provider.capabilities.reads:
        return None
    if seen.instance.finalized:
        words = (
            "this object was launched before, its record is lost, and its provider cannot be read: check by hand "
            "whether a machine exists, then delete the object with the annotation gpuwright.dev/force-forget"
        )
        return Wait(Reason.RECORD_LOST, words, stalled=True)
    return Record(replace(seen.memory, launch=first_launch(seen, provider)), "first record")
