"""How much may be created at one provider: machines in all, creates a minute, creates in flight."""

from collections.abc import Callable

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import Limits
from gpuwright.model.provider_view import Room
from gpuwright.model.resources import Key

BUSY = "waiting for its turn (limits.maxInFlight, limits.createsPerMinute)"
"""One sentence for both limits: which of them it is changes from moment to moment, and each change would be a write."""


class Slots:
    """Reservations and a token bucket. The bucket begins empty: a restart must not be a way around the rate.

    `holding` returns how many objects have an intent, a machine or residue here, the reserved ones left out.
    """

    def __init__(self, holding: Callable[[frozenset[Key]], int], now: float) -> None:
        self._holding = holding
        self._reserved: set[Key] = set()
        self._tokens = 0.0
        self._refilled = now

    @property
    def in_flight(self) -> int:
        """Return how many creates hold a slot."""
        return len(self._reserved)

    def room(self, asker: Key, limits: Limits, now: float) -> Room:
        """Return whether the asker could begin a create now."""
        if asker in self._reserved:
            return Room(free=True)
        if limits.max_instances is not None:
            total = self._holding(frozenset(self._reserved | {asker})) + len(self._reserved)
            if total >= limits.max_instances:
                words = f"the provider's limit of {limits.max_instances} machines (limits.maxInstances) is reached"
                return Room(free=False, reason=Reason.LIMIT_REACHED, message=words)
        self._refill(limits, now)
        if len(self._reserved) >= limits.max_in_flight:
            # Whoever gives a slot back wakes the next: no need to ask again before.
            return Room(free=False, reason=Reason.THROTTLED, message=BUSY)
        if self._tokens < 1:
            wait = (1 - self._tokens) * 60 / limits.creates_per_minute
            return Room(free=False, reason=Reason.THROTTLED, message=BUSY, retry_seconds=wait)
        return Room(free=True)

    def reserve(self, asker: Key, limits: Limits, now: float) -> bool:
        """Take a slot and a token; False where there is none."""
        if not self.room(asker, limits, now).free:
            return False
        self._reserved.add(asker)
        self._tokens -= 1
        return True

    def release(self, asker: Key) -> bool:
        """Give a slot back; return whether the asker held one."""
        if asker not in self._reserved:
            return False
        self._reserved.discard(asker)
        return True

    def empty(self, now: float) -> None:
        """Begin the bucket anew, so that creates ramp up after an outage."""
        self._tokens = 0.0
        self._refilled = now

    def _refill(self, limits: Limits, now: float) -> None:
        gained = (now - self._refilled) * limits.creates_per_minute / 60
        self._tokens = min(float(limits.creates_per_minute), self._tokens + gained)
        self._refilled = now
