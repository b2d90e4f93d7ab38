"""Asking for a machine's end: only what is on record as ending, only within the window of a write or a live read."""

from gpuwright.instance.actions import Action, LookAt, ReadLive, Terminate, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import owned
from gpuwright.model.conditions import Reason
from gpuwright.model.provider_view import ProviderView

ASK_AGAIN_SECONDS = 30.0  # a machine still shown as alive this long after an accepted terminate is terminated again


def terminate_listed(seen: Observation, provider: ProviderView, names: tuple[str, ...]) -> Action | None:
    """Terminate what is on record as ending, one name a pass, within the window of a write or a live read.

    Each at the provider where it is; `provider` is the launch's. One that does not answer holds up nothing at another.
    """
    for name in names:
        there = seen.providers.get(seen.home(name)) if seen.others else provider
        if there is None or (there.ref != provider.ref and not there.reachable):
            continue
        if name in seen.witness.terminated and not _shown_after(seen, there, name):
            continue
        tried = seen.witness.terminate_tried.get(name)
        if tried is not None and _absent_since(seen, name, tried):
            continue
        pause = seen.witness.retry_seconds if tried is not None else 0.0
        if tried is not None and seen.now < tried + pause:
            words = seen.witness.told(f"terminating {name}")
            waits = Wait(Reason.TERMINATING_MACHINE, words, seconds=tried + pause - seen.now)
            return _look_after_try(seen, there, name, tried) or waits
        armed = seen.witness.armed
        if armed is None or not armed.destructive:
            return ReadLive()
        return Terminate(there.ref, name)
    return None


def _absent_since(seen: Observation, name: str, tried: float) -> bool:
    """Return whether a look after the terminate was tried shows nothing: then there is nothing to ask an end for.

    It proves nothing yet, so what follows is the proof. Without this a machine that its provider has already forgotten
    would be terminated again and again, and the proof would never begin.
    """
    return any(look.direct and look.began >= tried for look in seen.trail(name).absences)


def _look_after_try(seen: Observation, provider: ProviderView, name: str, tried: float) -> Action | None:
    """Look once after a terminate that was not accepted: there may be nothing under the name."""
    looked = seen.trail(name).looked
    return LookAt(provider.ref, name) if looked is None or looked < tried else None


def _shown_after(seen: Observation, provider: ProviderView, name: str) -> bool:
    """Return whether a look long after the accepted terminate still shows it alive, so that it must be asked for
    again. What goes by its id has no trail of lists: there the newest list itself is asked.
    """
    late = seen.witness.terminated[name] + ASK_AGAIN_SECONDS
    trail = seen.trail(name)
    shown = trail.shown is not None and trail.shown > late and not trail.absences
    if shown and trail.machine is not None and trail.machine.stays:
        return True
    listed = provider.snapshot is not None and provider.snapshot.began > late
    return listed and any(machine.id == name and machine.stays for machine in owned(seen, provider))
