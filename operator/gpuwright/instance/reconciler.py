"""The path of one ComputeInstance: observe, decide, act, report; one effect a turn, until there is nothing to do but
wait.
"""

from collections.abc import Callable
from dataclasses import replace

from gpuwright.instance.actions import Action, Arms, Nothing, Record, Wait
from gpuwright.instance.effects import Effects
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer
from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.writer import StatusWriter
from gpuwright.kube.client import Conflict, NotFound
from gpuwright.model.resources import Key

MAX_TURNS = 200  # effects in one pass; more means that two rules undo each other's work
BRIEF_SECONDS = 30.0  # a brief wait that lasts longer than this is worth a status write


class InstanceReconciler:
    """Keeps every ComputeInstance at exactly one machine, or none. `reconcile` is the engine's work for a key."""

    def __init__(
        self, observer: Observer, effects: Effects, writer: StatusWriter, *, accepting: Callable[[], bool]
    ) -> None:
        self._observer = observer
        self._effects = effects
        self._writer = writer
        self._accepting = accepting

    async def reconcile(self, key: Key) -> float | None:
        """Bring one object one pass further; return the seconds until it wants to be looked at again, or None."""
        try:
            return await self._turns(key)
        except (Conflict, NotFound):
            # Somebody was faster: read live, and decide again on what is there now.
            await self._observer.read_live(key)
            return 0.0
        finally:
            self._effects.release(key)

    async def _turns(self, key: Key) -> float | None:
        for _turn in range(MAX_TURNS):
            seen = await self._observer.observe(key)
            if seen is None:
                return None
            action = decide(seen)
            if not self._accepting() and _begins_something(action):
                return None
            match action:
                case Wait():
                    return await self._settle_down(seen, action)
                case Nothing():
                    return None
                case _:
                    delay = await self._effects.act(seen, action)
            if delay is not None:
                return delay
        raise RuntimeError(
            f"{key}: {MAX_TURNS} effects without coming to rest; the last one was {type(action).__name__}"
        )

    async def _settle_down(self, seen: Observation, wait: Wait) -> float | None:
        """Publish how things stand, unless the wait is too short for anybody to care."""
        witness = self._observer.witness(seen.instance)
        since = witness.idle_since if witness.idle_since is not None else seen.now
        if wait.brief and seen.now - since < BRIEF_SECONDS:
            self._observer.remember(seen.instance, replace(witness, idle_since=since))
            return min(wait.seconds or BRIEF_SECONDS, BRIEF_SECONDS)
        if witness.idle_since is not None and not wait.brief:
            self._observer.remember(seen.instance, replace(witness, idle_since=None))
        await self._writer.publish(seen, status_of(seen, wait))
        return wait.seconds


def _begins_something(action: Action) -> bool:
    """Return whether a process that is shutting down must leave this to its successor."""
    return isinstance(action, Record) and action.arms is not Arms.NOTHING
