"""Names once tried and not yet proven absent: they are looked for until they are."""

from dataclasses import replace

from gpuwright.instance.actions import Action, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import is_gone, next_proof_look
from gpuwright.model.conditions import Reason
from gpuwright.model.provider_view import ProviderView


def prove_residue(seen: Observation, provider: ProviderView) -> Action | None:
    """Return the next step of proving every residue name absent, or None when all are. Their sends need no further
    wait.
    """
    delays = []
    for entry in seen.memory.residue:
        since = seen.witness.residue_since.get(entry.name, seen.now)
        if is_gone(seen, entry.name, _shown_id(seen, entry.name), since, provider):
            continue
        delay = next_proof_look(seen, entry.name, since, provider)
        if delay <= 0:
            return LookAt(provider.ref, entry.name)
        delays.append(delay)
    if not delays:
        return None
    return Wait(Reason.PROVING_ABSENCE, "making sure that nothing exists under names once tried", seconds=min(delays))


def drop_proven_residue(seen: Observation) -> Action | None:
    """A name leaves the record when F has passed since its last send and looks after that do not show it."""
    provider = seen.provider
    if provider is None or not provider.capabilities.reads:
        return None
    left = tuple(entry for entry in seen.memory.residue if not _is_proven(seen, entry.name, provider))
    if len(left) == len(seen.memory.residue):
        return None
    return Record(replace(seen.memory, residue=left), "names proven absent")


def _is_proven(seen: Observation, name: str, provider: ProviderView) -> bool:
    since = seen.witness.residue_since.get(name, seen.now) + provider.spec.settle_seconds
    return seen.now >= since and is_gone(seen, name, "", since, provider)


def look_for_residue(seen: Observation) -> Action | None:
    """Look at residue names when a look would bring their proof forward, and only once the machine itself is
    settled. Asked before what is proven is dropped, so that many names cost one write.
    """
    provider = seen.provider
    if provider is None or not provider.capabilities.reads or not provider.reachable:
        return None
    for entry in seen.memory.residue:
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
