"""What one set of credentials may ask of its endpoint: providers count what is theirs, and the far side who asks.

Provider objects with the same credentials for the same endpoint, in whatever namespace, share one budget: the smallest
of their limits, and every "come back later" that one of them is told. Losing it only makes us wait longer.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import sha256

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import Limits
from gpuwright.model.provider_view import Room
from gpuwright.model.resources import Key

BUSY = "waiting for its turn (limits.maxInFlight, limits.createsPerMinute)"
"""One sentence for both limits: which of them it is changes from moment to moment, and each change would be a write."""
LONGEST_PAUSE_SECONDS = 300.0


@dataclass(slots=True)
class Budget:
    """Creates a minute, creates in flight, and until when nothing is asked for.

    A token bucket that begins empty: a restart must not be a way around the rate. `limits` has those of each user.
    """

    refilled: float
    limits: dict[Hashable, Limits] = field(default_factory=dict)
    askers: set[Key] = field(default_factory=set)
    paused_until: float = -1e9
    _tokens: float = 0.0

    @property
    def creates_per_minute(self) -> int:
        """Return how many creates are sent in a minute at most."""
        return min(limits.creates_per_minute for limits in self.limits.values())

    @property
    def max_in_flight(self) -> int:
        """Return how many creates may wait for their answer at once."""
        return min(limits.max_in_flight for limits in self.limits.values())

    def room(self, now: float) -> Room:
        """Return whether one more create may be begun now."""
        self._refill(now)
        if now < self.paused_until:
            return Room(
                free=False, reason=Reason.THROTTLED, message=BUSY, retry_seconds=max(0.1, self.paused_until - now)
            )
        if len(self.askers) >= self.max_in_flight:
            # Whoever gives a slot back wakes the next: no need to ask again before.
            return Room(free=False, reason=Reason.THROTTLED, message=BUSY)
        if self._tokens < 1:
            wait = (1 - self._tokens) * 60 / self.creates_per_minute
            return Room(free=False, reason=Reason.THROTTLED, message=BUSY, retry_seconds=wait)
        return Room(free=True)

    def take(self, asker: Key) -> None:
        """Give the asker a slot, at the price of a token."""
        self.askers.add(asker)
        self._tokens -= 1

    def empty(self, now: float) -> None:
        """Begin the bucket anew, so that creates ramp up after an outage."""
        self._tokens = 0.0
        self.refilled = now

    def pause(self, now: float, seconds: float) -> None:
        """Ask for nothing for so long, because the far side has said so; an earlier pause that is longer stays."""
        self.paused_until = max(self.paused_until, now + min(seconds, LONGEST_PAUSE_SECONDS))

    def _refill(self, now: float) -> None:
        gained = (now - self.refilled) * self.creates_per_minute / 60
        self._tokens = min(float(self.creates_per_minute), self._tokens + gained)
        self.refilled = now


class Budgets:
    """The budgets by endpoint and credentials; one that nobody uses any more is forgotten."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Budget] = {}
        self._shares: dict[Hashable, tuple[str, bytes]] = {}

    def join(self, user: Hashable, place: str, secret: str, now: float) -> Budget:
        """Return the budget of these credentials at this place; the user gives back the one it had before."""
        self.leave(user)
        # The digest, so that no dump of what is known here shows the secret as a key.
        share = self._shares[user] = (place, sha256(secret.encode()).digest())
        return self._known.setdefault(share, Budget(now))

    def leave(self, user: Hashable) -> None:
        """Take note that the user has no credentials any more."""
        share = self._shares.pop(user, None)
        if share is None:
            return
        self._known[share].limits.pop(user, None)
        if share not in self._shares.values():
            del self._known[share]
