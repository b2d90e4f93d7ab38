"""How many calls are left: RunPod's headers RateLimit and RateLimit-Policy, for the window of a minute."""

from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_SECONDS = 60.0


@dataclass(slots=True)
class Allowance:
    """Calls that may be made in a minute; the window begins with its first call."""

    clock: Callable[[], float]
    calls: int = 100_000
    _used: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    def take(self) -> bool:
        """Count a call, and return whether it may be made."""
        now = self.clock()
        if now >= self._until:
            self._used, self._until = 0, now + WINDOW_SECONDS
        self._used += 1
        return self._used <= self.calls

    @property
    def seconds(self) -> int:
        """Return in how many seconds the window is whole again, rounded up."""
        return max(0, -int(-(self._until - self.clock()) // 1))

    def headers(self) -> dict[str, str]:
        """Return what every answer to a known key says."""
        left = max(0, self.calls - self._used)
        return {
            "RateLimit-Policy": f'"minute";q={self.calls};w={int(WINDOW_SECONDS)}, "hour";q=1000000;w=3600',
            "RateLimit": f'"minute";r={left};t={self.seconds}, "hour";r=999000;t=1800',
        }
