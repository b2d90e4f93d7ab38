"""PURE: stops creates at a provider that does not answer, and lets one probe through from time to time."""

from dataclasses import dataclass, replace
from enum import StrEnum

LONGEST_PERIODS = 8  # the pause between probes doubles up to this many probe periods


class BreakerState(StrEnum):
    """Closed: all is well. Open: nothing is created. HalfOpen: one probe is on its way."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one provider. `probe_at` in seconds on the monotonic clock; `opened` is the time for people."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    opened: str = ""
    openings: int = 0  # probes that failed since it opened
    probe_at: float = 0.0

    @property
    def closed(self) -> bool:
        """Return whether creates may go through."""
        return self.state is BreakerState.CLOSED

    def after_success(self) -> "Breaker":
        """Return the breaker after an answer of any kind."""
        return Breaker()

    def after_failure(self, *, threshold: int, period: float, now: float, moment: str) -> "Breaker":
        """Return the breaker after a call that got no answer, or an answer that nothing explains."""
        failures = self.failures + 1
        straggler = self.state is BreakerState.OPEN and now < self.probe_at
        if straggler or (self.closed and failures < threshold):
            # What was on its way when it opened fails, too, and says nothing of how the provider is by now.
            return replace(self, failures=failures)
        openings = 0 if self.closed else self.openings + 1
        pause = period * min(2**openings, LONGEST_PERIODS)
        return Breaker(BreakerState.OPEN, failures, self.opened or moment, openings, now + pause)

    def may_probe(self, now: float) -> bool:
        """Return whether it is time for the next probe."""
        return not self.closed and now >= self.probe_at

    def probing(self) -> "Breaker":
        """Return the breaker while its one probe is on its way."""
        return replace(self, state=BreakerState.HALF_OPEN)
