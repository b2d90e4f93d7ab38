"""What is asked of a provider for one instance, beside the create (sending.py): looks, terminates, power."""

import logging
from dataclasses import replace

from gpuwright.adapters.contract import Deletion
from gpuwright.adapters.desk import ProviderDesk
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer, absence_counts, is_dead_namesake, is_taken_over
from gpuwright.instance.window import SendWindow
from gpuwright.instance.witness import Witness
from gpuwright.model.clock import Clock
from gpuwright.model.errors import Blind, CannotStart, ProviderError
from gpuwright.model.machine import Absent, Present, Sighting
from gpuwright.model.memory import ProviderRef

log = logging.getLogger(__name__)

BLIND_PAUSE_SECONDS = 5.0


class ProviderCalls:
    """Each returns None to look again at once, or the seconds until the next look."""

    def __init__(self, observer: Observer, desk: ProviderDesk, window: SendWindow, clock: Clock) -> None:
        self._observer = observer
        self._desk = desk
        self._window = window
        self._clock = clock

    async def look(self, seen: Observation, provider: ProviderRef, name: str) -> float | None:
        """Look at one name, and take note of what was shown; where nothing can be read a look is a delete."""
        view = seen.providers.get(provider)
        if view is not None and not view.capabilities.reads:
            # Here a look is a delete: only on a fresh read of the object, and within its window.
            await self.read_live(seen)
        try:
            began, sighting = await self._desk.look(
                provider, seen.instance.key, name, self._window.gate(seen, destructive=True)
            )
        except Blind:
            pace = float(view.spec.poll.period_seconds) if view else BLIND_PAUSE_SECONDS
            return min(BLIND_PAUSE_SECONDS, pace)
        counts = view is None or absence_counts(seen.memory, view)
        witness = self._observer.witness(seen.instance)
        if isinstance(sighting, Present) and is_dead_namesake(seen.instance, sighting.machine):
            sighting = Absent()
        uid = _wanted_owner(seen, sighting)
        self._observer.remember(seen.instance, witness.after_look(name, began, sighting, uid, counts=counts))
        return None

    async def terminate(self, seen: Observation, provider: ProviderRef, name: str) -> float | None:
        """Ask for the end of the machine under a name that is on record as ending."""
        now = self._clock.monotonic()
        witness = self._observer.witness(seen.instance)
        witness = replace(witness, terminate_tried={**witness.terminate_tried, name: now}, tries=witness.tries + 1)
        try:
            answer = await self._desk.delete(
                provider, seen.instance.key, name, self._window.gate(seen, destructive=True)
            )
        except ProviderError as error:
            witness = _not_accepted(witness, error)
            log.info(
                "a terminate was not accepted",
                extra={"instance": str(seen.instance.key), "names": name, "error": error.message},
            )
        else:
            if answer is Deletion.ACCEPTED:
                accepted = {**witness.terminated, name: self._clock.monotonic()}
                witness = replace(witness, terminated=accepted, tries=0, answer="")
        self._observer.remember(seen.instance, self._disarmed_if_late(seen, witness))
        return None

    def _disarmed_if_late(self, seen: Observation, witness: Witness) -> Witness:
        """A window that is over needs a fresh read before the next call."""
        return witness if self._window.gate(seen, destructive=True)() else replace(witness, armed=None)

    async def power(self, seen: Observation, provider: ProviderRef, name: str, *, on: bool) -> float | None:
        """Switch the machine on or off. What is answered instead is kept: people are told, and a start that is refused
        for good ends the machine.
        """
        gate = self._window.gate(seen, destructive=True)
        if not gate():
            # The window of the write that announced it was over while it waited its turn: a fresh read opens another.
            self._observer.remember(seen.instance, replace(self._observer.witness(seen.instance), armed=None))
            return None
        witness = self._observer.witness(seen.instance)
        said = witness.answer if witness.powered_on is on else ""
        now = self._clock.monotonic()
        witness = replace(
            witness, powered_at=now, powered_on=on, tries=witness.tries + 1, answer=said, power_refused=""
        )
        try:
            await self._desk.power(provider, seen.instance.key, name, gate, on=on)
        except CannotStart as error:
            witness = replace(witness, power_refused=error.message)
        except ProviderError as error:
            witness = _not_accepted(witness, error)
            log.info(
                "a power call was not accepted", extra={"instance": str(seen.instance.key), "error": error.message}
            )
        else:
            witness = replace(witness, tries=0, answer="")
        self._observer.remember(seen.instance, replace(witness, armed=None))
        self._desk.ask_list(provider, seen.instance.key)
        return None

    async def read_live(self, seen: Observation) -> None:
        """Read the object live and open a window for what was announced on it before. Raises ApiError."""
        armed_for = seen.launch.send if seen.launch else 0
        async with self._window.turn:
            window = self._window.open(armed_for, destructive=True)
            body = await self._observer.read_live(seen.instance.key)
        if body is None or body["metadata"]["uid"] != seen.instance.owner.uid:
            return
        self._observer.remember(seen.instance, replace(self._observer.witness(seen.instance), armed=window))


def _not_accepted(witness: Witness, error: ProviderError) -> Witness:
    """Return the witness with what was answered. The first answer stays: some providers write another number into each
    of theirs, and each would be a write.
    """
    return replace(witness, answer=witness.answer or error.message)


def _wanted_owner(seen: Observation, sighting: Sighting) -> str:
    """Return the owner that a machine under one of our names must be tagged with to be ours."""
    if isinstance(sighting, Present) and is_taken_over(seen.instance, sighting.machine):
        return sighting.machine.owner_uid
    return seen.instance.owner.uid
