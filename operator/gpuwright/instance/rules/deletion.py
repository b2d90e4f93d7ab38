"""The object is to go: terminate what exists, prove that nothing can still appear and that nothing is left, then let
it go.
"""

from dataclasses import replace

from gpuwright.instance.actions import (
    Action,
    Arms,
    AskList,
    EnterLedger,
    LookAt,
    Nothing,
    Record,
    RemoveFinalizer,
    Wait,
)
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.admission import stall_when_place_changed
from gpuwright.instance.rules.evidence import (
    UNKNOWN_ACCOUNT,
    is_gone,
    next_proof_look,
    owned,
    settled_at,
    settlement_remaining,
)
from gpuwright.instance.rules.records import adopted_launch, nothing_of_ours, with_ending
from gpuwright.instance.rules.residue import prove_residue
from gpuwright.instance.rules.settlement import adopt_what_is_found
from gpuwright.instance.rules.termination import terminate_listed
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.instance_spec import DeletionPolicy
from gpuwright.model.memory import EndingReason, Launch, Outcome
from gpuwright.model.provider_view import ProviderView


def ignore_what_is_not_ours(seen: Observation) -> Action | None:
    """Our finalizer is not on it: it is gone as far as we are concerned."""
    return None if seen.instance.finalized else Nothing()


def wait_when_paused(seen: Observation) -> Action | None:
    """Paused means: change nothing, not even now."""
    if not seen.instance.paused:
        return None
    return Wait(Reason.PAUSED, "paused by the annotation gpuwright.dev/paused: nothing is deleted until it is removed")


def release_what_was_never_sent(seen: Observation) -> Action | None:
    """Nothing was sent by us, or what was sent was never executed; one look by owner excludes a lost record."""
    launch = seen.launch
    if launch is not None and (launch.outcome is not Outcome.NOT_EXECUTED or launch.resent or seen.memory.residue):
        return None
    if launch is None and seen.instance.spec is None:
        words = f"its record is lost, and its spec does not tell where to look: {seen.instance.spec_error}"
        return Wait(Reason.RECORD_LOST, words, stalled=True)
    if seen.several:
        return _release_from_several(seen)
    provider = seen.provider
    if provider is None:
        # A provider that exists and cannot be used at the moment, as after a restart, may hold a machine of ours.
        gone = RemoveFinalizer("nothing was ever sent, and its provider does not exist")
        return None if seen.ref in seen.missing else gone
    if not provider.ever_reached:
        return RemoveFinalizer("nothing was ever sent, and its provider was never reached")
    if not provider.capabilities.reads:
        if launch is not None:
            return RemoveFinalizer("its record says that nothing was ever sent")
        words = "the record is lost and the provider cannot be read: check by hand, then annotate it with force-forget"
        return Wait(Reason.RECORD_LOST, words, stalled=True)
    return _look_by_owner(seen, provider)


def _release_from_several(seen: Observation) -> Action:
    """Of several placements each must show nothing. One on record that nothing was sent to needs no look elsewhere."""
    recorded = seen.launch is not None
    for ref in dict.fromkeys([seen.launch.provider] if seen.launch else [offer.ref for offer in seen.spec.offers]):
        provider = seen.providers.get(ref)
        if provider is None and ref in seen.missing:
            return Wait(Reason.PROVIDER_UNREACHABLE, seen.missing[ref].message, seconds=30)
        if provider is None or not provider.ever_reached or (recorded and not provider.capabilities.reads):
            continue
        if not provider.capabilities.reads:
            words = (
                f"the record is lost and {ref.name} cannot be read: check by hand, then annotate it with force-forget"
            )
            return Wait(Reason.RECORD_LOST, words, stalled=True)
        step = _look_by_owner(seen, provider)
        if not isinstance(step, RemoveFinalizer):
            return step
    return RemoveFinalizer("nothing was ever sent, and no provider that was ever reached shows a machine")


def _look_by_owner(seen: Observation, provider: ProviderView) -> Action:
    sight = seen.witness.sight
    since = sight.at if sight is not None else seen.witness.first_seen
    if provider.snapshot is None or provider.snapshot.began < since:
        if not provider.reachable:
            return _unreachable(provider)
        return AskList(provider.ref, "looking whether a machine of this object exists")
    mine = [machine for machine in owned(seen, provider) if machine.alive]
    if not mine:
        if not provider.absence_counts:
            return Wait(Reason.PROVING_ABSENCE, UNKNOWN_ACCOUNT, seconds=float(provider.spec.poll.period_seconds))
        return RemoveFinalizer("nothing was ever sent, and a complete look by owner showed no machine")
    launch = adopted_launch(seen, mine[0], by_person=False, at=provider)
    memory = replace(seen.memory, launch=launch).with_machine(mine[0])
    return Record(memory, "found by its owner tag", event=EventReason.ADOPTED, note=f"found machine {mine[0].id}")


def forget_when_asked(seen: Observation) -> Action | None:
    """A person takes the responsibility. One terminate of each name is tried, and what is let go is written down
    first.
    """
    if not seen.instance.forget:
        return None
    launch = seen.launch
    others = (launch.name,) if launch is not None and nothing_of_ours(launch) else ()
    names = tuple(name for name in seen.memory.names if name not in others)
    provider = seen.provider if names else None
    if provider is not None:
        untried = tuple(name for name in names if name not in seen.witness.terminate_tried)
        # At another place the same name may be somebody else's machine.
        if untried and stall_when_place_changed(seen) is None:
            step = _announced(seen, names) or terminate_listed(seen, provider, untried)
            if step is not None:
                return step
        unwritten = _enter_leaks(seen, provider, names)
        if unwritten is not None:
            return unwritten
    proof = f"forgotten without proof because of gpuwright.dev/force-forget: {seen.instance.forget}"
    return RemoveFinalizer(proof, event=EventReason.FORGOTTEN)


def _enter_leaks(seen: Observation, provider: ProviderView, names: tuple[str, ...]) -> EnterLedger | None:
    """Return the entry that is still to be made: each name stands in the ledger of its own provider."""
    for ref in dict.fromkeys((provider.ref, *(seen.home(name) for name in names))):
        here = tuple(name for name in names if seen.home(name) == ref)
        if here and ref in seen.providers and ref not in seen.witness.ledgers:
            machine_id = seen.memory.machine_id if ref == provider.ref else ""
            return EnterLedger(ref, here, machine_id, retained=False)
    return None


def wait_for_the_provider(seen: Observation) -> Action | None:
    """A provider that is missing, silent or refuses us is no proof of anything: wait, for ever if need be."""
    provider = seen.provider
    if provider is None:
        words = f"{seen.ref.kind} {seen.ref.name} does not exist: create it again, so that its machine can be ended"
        hindrance = seen.missing.get(seen.ref)
        return Wait(Reason.PROVIDER_UNREACHABLE, hindrance.message if hindrance else words, seconds=30)
    if provider.credentials_rejected:
        return Wait(Reason.CREDENTIALS_REJECTED, provider.message or "the provider refuses our credentials", seconds=30)
    return None if provider.reachable else _unreachable(provider)


def _unreachable(provider: ProviderView) -> Wait:
    words = provider.message or "the provider does not answer"
    return Wait(Reason.PROVIDER_UNREACHABLE, words, seconds=float(provider.spec.probe.period_seconds))


def look_before_terminating_what_is_fresh(seen: Observation) -> Action | None:
    """A look that shows a fresh machine settles its create; without one the whole of F would have to be waited for."""
    launch, provider = seen.launch, seen.provider
    if (
        launch is None
        or provider is None
        or not provider.capabilities.reads
        or launch.name in seen.witness.terminate_tried
    ):
        return None
    if launch.outcome is Outcome.NOT_EXECUTED or settled_at(seen, launch, provider) is not None:
        return None
    sight = seen.witness.sight
    looked = seen.trail(launch.name).looked
    if looked is not None and sight is not None and looked >= sight.at:
        return None
    return LookAt(provider.ref, launch.name)


def keep_what_is_retained(seen: Observation) -> Action | None:
    """Retain settles like any deletion; then the machine is written down, so that nobody takes it for an orphan."""
    launch, provider = seen.launch, seen.provider
    if seen.instance.spec is None or seen.spec.deletion_policy is not DeletionPolicy.RETAIN:
        return None
    if launch is None or provider is None or launch.ends is not None:
        return None
    if launch.unsettled:
        return adopt_what_is_found(seen) or wait_for_settlement(seen)
    if launch.outcome is not Outcome.COMMITTED:
        return None
    if settled_at(seen, launch, provider) is None:
        remaining = settlement_remaining(seen, launch, provider)
        return Wait(
            Reason.WAITING_FOR_SETTLEMENT, "waiting until nothing else can appear", seconds=min(10.0, remaining)
        )
    unfinished = _end_all_but_the_kept(seen, launch, provider) or prove_residue(seen, provider)
    unfinished = unfinished or _prove_by_tag(seen, launch, provider)
    if unfinished is not None:
        return unfinished
    if provider.ref not in seen.witness.ledgers:
        return EnterLedger(provider.ref, (launch.name,), seen.memory.machine_id, retained=True)
    proof = f"machine {seen.memory.machine_id} is kept because deletionPolicy is Retain: it goes on billing"
    return RemoveFinalizer(proof, event=EventReason.RETAINED)


def _end_all_but_the_kept(seen: Observation, launch: Launch, provider: ProviderView) -> Action | None:
    """One machine is kept; what looks show under other names, or beside it under our tag, ends as in any deletion."""
    targets = _targets(seen, launch, provider)
    others = tuple(name for name in targets if name != launch.name and not _gone(seen, name, provider))
    if not others:
        return None
    if launch.ending is None or set(others) - set(launch.ending.names):
        memory = with_ending(seen, EndingReason.DUPLICATE, others)
        return Record(memory, "all but the kept machine end", arms=Arms.DESTRUCTION)
    return terminate_listed(seen, provider, others)


def announce_the_end(seen: Observation) -> Action | None:
    """What is to be destroyed is on record before it is; the same write tells people that it is going."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None:
        return None
    return _announced(seen, _targets(seen, launch, provider))


def _announced(seen: Observation, names: tuple[str, ...]) -> Action | None:
    launch = seen.launch
    if launch is None:
        return None
    on_record = set(launch.ending.names) if launch.ending else set()
    if launch.ends is not None and set(names) <= on_record:
        return None
    every = tuple(dict.fromkeys((*names, *sorted(on_record))))
    return Record(with_ending(seen, EndingReason.DELETED, every), "deletion", arms=Arms.DESTRUCTION)


def terminate_what_exists(seen: Observation) -> Action | None:
    """What looks show under our tag or names, and the recorded machine unless a look shows that it is another's."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None:
        return None
    live = tuple(name for name in _targets(seen, launch, provider) if not _gone(seen, name, provider))
    return terminate_listed(seen, provider, live)


def _targets(seen: Observation, launch: Launch, provider: ProviderView) -> tuple[str, ...]:
    views = (provider, *seen.others)
    shown = [machine.name for view in views for machine in owned(seen, view) if machine.alive]
    shown += [name for name in seen.memory.names if seen.machine_under(name) is not None]
    mine = launch.outcome is Outcome.COMMITTED and not _is_anothers(seen, launch, provider)
    recorded = [launch.name] if mine else []
    # Without reads a delete by name is the only look there is.
    blind = [] if provider.capabilities.reads or nothing_of_ours(launch) else _unreadable(seen)
    return tuple(dict.fromkeys([*recorded, *shown, *blind]))


def _unreadable(seen: Observation) -> list[str]:
    """Return the names on record at providers that cannot be read."""
    homes = {name: seen.providers.get(seen.home(name)) for name in seen.memory.names}
    return [name for name, view in homes.items() if view is not None and not view.capabilities.reads]


def _is_anothers(seen: Observation, launch: Launch, provider: ProviderView) -> bool:
    """Return whether a look shows that the name is another owner's now: nothing of theirs is touched."""
    if launch.adopted:
        return False
    listed = provider.snapshot.by_name.get(launch.name) if provider.snapshot else None
    listed_elsewhere = listed is not None and listed.owner_uid not in {"", seen.instance.owner.uid}
    return listed_elsewhere or seen.trail(launch.name).stranger


def _gone(seen: Observation, name: str, provider: ProviderView) -> bool:
    launch = seen.launch
    if launch is None:
        return False
    if name != launch.name:
        since = seen.witness.residue_since.get(name, seen.witness.first_seen)
        there = seen.providers.get(seen.home(name)) if seen.others else provider
        return there is not None and is_gone(seen, name, _known_id(seen, name), since, there)
    since_or_none = settled_at(seen, launch, provider)
    return since_or_none is not None and is_gone(seen, name, _known_id(seen, name), since_or_none, provider)


def _known_id(seen: Observation, name: str) -> str:
    if seen.launch is not None and name == seen.launch.name and seen.memory.machine_id:
        return seen.memory.machine_id
    machine = seen.trail(name).machine
    return machine.id if machine else ""


def wait_for_settlement(seen: Observation) -> Action | None:
    """(a) Nothing can still appear."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None or settled_at(seen, launch, provider) is not None:
        return None
    remaining = settlement_remaining(seen, launch, provider)
    words = "a machine may still appear: waiting until the create has settled"
    pace = float(provider.spec.poll.period_seconds)
    looked = seen.trail(launch.name).looked
    if provider.capabilities.reads and looked is not None and seen.now - looked >= pace:
        return LookAt(provider.ref, launch.name)
    return Wait(Reason.WAITING_FOR_SETTLEMENT, words, seconds=max(0.05, min(remaining, pace)))


def prove_absence(seen: Observation) -> Action | None:
    """(b) At each place still listed everything is gone, by tag and by every name, shown by looks begun after (a)."""
    launch, provider = seen.launch, seen.provider
    if launch is None or provider is None:
        return None
    blind = not provider.capabilities.reads and nothing_of_ours(launch)
    if launch.name and not blind and not _gone(seen, launch.name, provider):
        since = settled_at(seen, launch, provider)
        delay = next_proof_look(seen, launch.name, since or seen.now, provider)
        if delay <= 0:
            return LookAt(provider.ref, launch.name)
        if not provider.absence_counts:
            return Wait(Reason.PROVING_ABSENCE, UNKNOWN_ACCOUNT, seconds=delay)
        brief = launch.name in seen.witness.terminated
        return Wait(Reason.PROVING_ABSENCE, f"making sure that {launch.name} is gone", seconds=delay, brief=brief)
    unproven = prove_residue(seen, provider)
    if unproven is not None:
        return unproven
    return _prove_by_tag(seen, launch, provider)


def _prove_by_tag(seen: Observation, launch: Launch, provider: ProviderView) -> Action | None:
    """The record may be older than what exists: a status that was restored, an outcome that was never written."""
    since = settled_at(seen, launch, provider)
    for view in (provider, *_also_looked_at(seen)):
        if not view.capabilities.reads:
            continue
        if since is None or view.snapshot is None or view.snapshot.began < since:
            return AskList(view.ref, "looking once more for machines with our tag")
        alive = [machine for machine in owned(seen, view) if machine.alive]
        tagged = [machine for machine in alive if machine.name not in seen.memory.names_at(view.ref)]
        if tagged:
            return Wait(Reason.TERMINATING_MACHINE, f"waiting for {tagged[0].name} to go", seconds=2)
    return _prove_what_is_ending(seen, launch, provider) if provider.capabilities.reads else None


def _also_looked_at(seen: Observation) -> list[ProviderView]:
    """Return the other providers that must show nothing: those where something was tried, and all that answer."""
    tried = {entry.provider for entry in seen.memory.residue}
    return [view for view in seen.others if view.ref in tried or (view.reachable and not view.credentials_rejected)]


def _prove_what_is_ending(seen: Observation, launch: Launch, provider: ProviderView) -> Action | None:
    for name in launch.ending.names if launch.ending else ():
        if name not in seen.memory.names and not _gone(seen, name, provider):
            there = seen.providers.get(seen.home(name), provider)
            delay = next_proof_look(seen, name, seen.witness.first_seen, there)
            words = f"making sure that {name} is gone"
            return LookAt(there.ref, name) if delay <= 0 else Wait(Reason.PROVING_ABSENCE, words, seconds=delay)
    return None


def let_go(seen: Observation) -> Action | None:
    """(a), (b) and (c) hold."""
    launch = seen.launch
    if launch is None:
        return RemoveFinalizer("nothing was ever sent")
    how = "a tombstone" if seen.memory.machine_id in seen.trail(launch.name).tombstones else "looks"
    if launch.outcome is not Outcome.COMMITTED:
        return RemoveFinalizer(
            f"no machine exists under {', '.join(seen.memory.names)}, shown by {how} after the create had settled"
        )
    return RemoveFinalizer(
        f"machine {seen.memory.machine_id} ({launch.name}) is gone, shown by {how} after its termination"
    )
