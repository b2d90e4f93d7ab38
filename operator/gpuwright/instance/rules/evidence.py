"""When something counts as settled, and when as gone: the proofs that every other rule rests on.

docs/protocol.md, "Words" and "Delete"; each clause closes a hole that was shown.
"""

from gpuwright.instance.observation import Observation
from gpuwright.instance.witness import Trail
from gpuwright.model.machine import Machine
from gpuwright.model.memory import Launch, Outcome
from gpuwright.model.provider_view import ProviderView

FIRST_LOOK_SECONDS = 1.0  # after an accepted terminate
LOOKS_APART = 2.0  # seconds at least between the first and the last look of a proof

UNKNOWN_ACCOUNT = (
    "the credentials are new, and no machine on record has shown with them: nothing counts as gone before one does, or "
    "a person sets gpuwright.dev/reconcile-requested-at on the provider"
)


def settle_seconds(launch: Launch, provider: ProviderView) -> float:
    """Return how long this send may be unsettled: as recorded by who sent it, or as it is now, whichever is longer."""
    return float(max(launch.settle_seconds, provider.settle_seconds))


def waited(seen: Observation, launch: Launch) -> float:
    """Return how long has been waited for this send: what is on record, and our own time since its first sight."""
    sight = seen.witness.sight
    if sight is None or sight.send != launch.send:
        return float(launch.waited_seconds)
    return sight.base + (seen.now - sight.at)


def settled_at(seen: Observation, launch: Launch, provider: ProviderView) -> float | None:
    """Return since when nothing of the launch's send can still appear; None while something can.

    An answered create is settled for sending, but not for looking: what it made may still be unlisted. NotCommitted and
    NotExecuted need no wait, because nothing was made.
    """
    sight = seen.witness.sight
    since = sight.at if sight and sight.send == launch.send else seen.now
    if launch.outcome in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}:
        return since
    if launch.outcome is Outcome.COMMITTED:
        moment = _shown_or_answered(seen, launch, provider, since)
        if moment is not None:
            return moment
    shown = seen.trail(launch.name).shown
    if launch.unsettled and shown is not None and shown >= since:
        return shown
    remaining = settle_seconds(launch, provider) - waited(seen, launch)
    return None if remaining > 0 else seen.now + remaining


def _shown_or_answered(seen: Observation, launch: Launch, provider: ProviderView, since: float) -> float | None:
    shown = seen.trail(launch.name).shown
    if launch.settled:
        # Not since we first saw the record: our looks from before a machine was shown prove nothing about it.
        sight = seen.witness.sight
        return seen.now if sight is None or sight.settled is None else max(since, sight.settled)
    if shown is not None and shown >= since:
        return shown
    if seen.witness.answered_send == launch.send:
        moment = seen.witness.answered_at + provider.spec.settle_seconds
        return moment if seen.now >= moment else None
    return None


def settlement_remaining(seen: Observation, launch: Launch, provider: ProviderView) -> float:
    """Return the seconds until the launch's send has settled, at the longest."""
    if seen.witness.answered_send == launch.send and launch.outcome is Outcome.COMMITTED:
        return max(0.0, seen.witness.answered_at + provider.spec.settle_seconds - seen.now)
    return max(0.0, settle_seconds(launch, provider) - waited(seen, launch))


def is_gone(seen: Observation, name: str, machine_id: str, since: float, provider: ProviderView) -> bool:
    """Return whether what was under the name is proven gone: a tombstone or dead word for its id, or absence long
    enough.

    `since`: looks that began before it prove nothing. `machine_id` is empty where no id was ever recorded: then a
    tombstone is no more than an absent look, because it may be that of an earlier machine of this name.
    """
    trail = seen.trail(name)
    if _lives(seen.machine_under(name), machine_id):
        return False
    if machine_id and machine_id in trail.tombstones:
        return True
    if _is_dead(trail, machine_id):
        return True
    return absence_proven(seen, name, since, provider)


def _lives(machine: Machine | None, machine_id: str) -> bool:
    """Return whether the newest look shows another machine alive: a name can come back, with a restored status."""
    return machine is not None and machine.alive and machine.id != machine_id


def _is_dead(trail: Trail, machine_id: str) -> bool:
    machine = trail.machine
    return machine is not None and bool(machine_id) and machine.id == machine_id and not machine.alive


def absence_proven(seen: Observation, name: str, since: float, provider: ProviderView) -> bool:
    """Return whether every look since then, over at least F and the last one direct, did not show the name."""
    since, spread = _proof_window(seen, name, since, provider)
    looks = [look for look in seen.trail(name).absences if look.began >= since]
    if not looks:
        return False
    return any(look.direct and look.began - looks[0].began >= spread for look in looks)


def _proof_window(seen: Observation, name: str, since: float, provider: ProviderView) -> tuple[float, float]:
    """Return since when looks count, and how far apart the first and the last of them must begin."""
    accepted = seen.witness.terminated.get(name)
    if accepted is not None:
        # The provider has said that it terminates it: what is left to exclude is a slow list, not a slow create.
        return max(since, accepted), LOOKS_APART
    if not provider.capabilities.reads:
        return since, LOOKS_APART
    return since, max(LOOKS_APART, float(provider.spec.settle_seconds))


def next_proof_look(seen: Observation, name: str, since: float, provider: ProviderView) -> float:
    """Return in how many seconds the next direct look at the name would bring the proof forward; 0 = now."""
    since, spread = _proof_window(seen, name, since, provider)
    looks = [look for look in seen.trail(name).absences if look.began >= since]
    if not looks:
        looked = seen.trail(name).looked
        if looked is None or looked < since:
            # A machine takes its time to go: a look right after its terminate would only show that it is going.
            return max(0.0, since + FIRST_LOOK_SECONDS - seen.now) if name in seen.witness.terminated else 0.0
        return max(0.0, looked + _patience(looked - since) - seen.now)
    delay = looks[0].began + spread - seen.now
    looked = seen.trail(name).looked
    if looked is not None and looked > looks[-1].began:
        # The newest look proved nothing, as while the credentials are new: the next would not either, a moment later.
        delay = max(delay, looked + _patience(looked - since) - seen.now)
    return max(0.0, delay)


def _patience(shown_for: float) -> float:
    """Return the pause after a look that still showed the machine: short at first, then longer.

    By the age that it had in that look, not now: a pause that grows while it is waited for wakes us again and again.
    """
    return min(10.0, max(FIRST_LOOK_SECONDS, shown_for))


def is_look_due(seen: Observation, name: str, provider: ProviderView) -> bool:
    """Return whether the newest direct look at the name is as old as a list may be, or there was none."""
    looked = seen.trail(name).looked
    return looked is None or seen.now - looked >= provider.spec.poll.period_seconds


def living(seen: Observation, provider: ProviderView, incarnation: int) -> tuple[Machine, ...]:
    """Return what the newest list shows alive under our owner tag, from this incarnation on, the oldest first.

    Those of earlier incarnations were proven gone before this one began, and those with a tombstone are gone too: a
    list that still shows them lags.
    """
    return tuple(
        machine
        for machine in owned(seen, provider)
        if machine.alive
        and machine.incarnation >= incarnation
        and machine.id not in seen.trail(machine.name).tombstones
    )


def owned(seen: Observation, provider: ProviderView) -> tuple[Machine, ...]:
    """Return the machines that the newest list shows under our owner tag, the oldest first."""
    if provider.snapshot is None:
        return ()
    return provider.snapshot.by_owner.get(seen.instance.owner.uid, ())
