"""Names once tried and not yet proven absent: they are looked for until they are."""

from dataclasses import replace

from gpuwright.instance.actions import Action, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import is_gone, next_proof_look
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Residue
from gpuwright.model.provider_view import ProviderView


def prove_residue(seen: Observation, provider: ProviderView) -> Action | None:
    """Return the next step of proving every residue name absent at its own provider, or None when all are. Their sends
    need no further wait. `provider` is the launch's.
    """
    delays = []
    away: Wait | None = None
    for entry in seen.memory.residue:
        there = provider if entry.provider == provider.ref else seen.providers.get(entry.provider)
        since = seen.witness.residue_since.get(entry.name, seen.now)
        if there is not None and is_gone(seen, entry.name, _shown_id(seen, entry.name), since, there):
            continue
        trouble = _trouble(seen, entry, there) if there is not provider else None
        if there is None or trouble is not None:
            away = away or trouble
            continue
        delay = next_proof_look(seen, entry.name, since, there)
        if delay <= 0:
            return LookAt(there.ref, entry.name)
        delays.append(delay)
    if not delays:
        return away
    return Wait(Reason.PROVING_ABSENCE, "making sure that nothing exists under names once tried", seconds=min(delays))


def _trouble(seen: Observation, entry: Residue, provider: ProviderView | None) -> Wait | None:
    """Return the wait for a provider where a name was tried and that cannot be asked: it proves nothing meanwhile."""
    if provider is None:
        hindrance = seen.missing.get(entry.provider)
        words = f"{entry.name} was tried at {entry.provider.kind} {entry.provider.name}, which does not exist"
        return Wait(Reason.PROVIDER_UNREACHABLE, hindrance.message if hindrance else words, seconds=30)
    if provider.credentials_rejected:
        words = provider.message or f"{entry.provider.name} refuses our credentials"
        return Wait(Reason.CREDENTIALS_REJECTED, words, seconds=30)
    if not provider.reachable:
        words = provider.message or f"{entry.provider.name} does not answer, and {entry.name} was tried there"
        return Wait(Reason.PROVIDER_UNREACHABLE, words, seconds=float(provider.spec.probe.period_seconds))
    return None


def drop_proven_residue(seen: Observation) -> Action | None:
    """A name leaves the record when F has passed since its last send and looks after that do not show it."""
    left = tuple(entry for entry in seen.memory.residue if not _may_be_dropped(seen, entry))
    if len(left) == len(seen.memory.residue):
        return None
    return Record(replace(seen.memory, residue=left), "names proven absent")


def _may_be_dropped(seen: Observation, entry: Residue) -> bool:
    provider = seen.providers.get(entry.provider)
    return provider is not None and provider.capabilities.reads and _is_proven(seen, entry.name, provider)


def _is_proven(seen: Observation, name: str, provider: ProviderView) -> bool:
    since = seen.witness.residue_since.get(name, seen.now) + provider.spec.settle_seconds
    return seen.now >= since and is_gone(seen, name, "", since, provider)


def look_for_residue(seen: Observation) -> Action | None:
    """Look at residue names when a look would bring their proof forward, and only once the machine itself is
    settled. Asked before what is proven is dropped, so that many names cost one write.
    """
    for entry in seen.memory.residue:
        provider = seen.providers.get(entry.provider)
        if provider is None or not provider.capabilities.reads or not provider.reachable:
            continue
        if not _is_proven(seen, entry.name, provider) and residue_look_due(seen, entry.name, provider) <= 0:
            return LookAt(provider.ref, entry.name)
    return None


def residue_look_due(seen: Observation, name: str, provider: ProviderView) -> float:
    """Return in how many seconds the next look at a residue name is due."""
    since = seen.witness.residue_since.get(name, seen.now) + provider.spec.settle_seconds
    if seen.now < since:
        return since - seen.now
    return next_proof_look(seen, name, since, provider)


def _shown_id(seen: Observation, name: str) -> str:
    machine = seen.trail(name).machine
    return machine.id if machine else ""
