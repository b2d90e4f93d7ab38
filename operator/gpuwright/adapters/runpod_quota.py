"""How many calls RunPod still takes: its header RateLimit, on every answer (docs.runpod.io/api-reference-v2).

One list of windows, such as `"minute";r=0;t=12, "hour";r=2800;t=1812`: calls that remain, and seconds until it is whole
again. The quota is one for all keys of a user, so creates stop before looks and terminates would have to.
"""

import re

from gpuwright.adapters.retry_after import MAX_RETRY_AFTER

RESERVE = 6
"""Calls of each window that creates leave to others: enough to find and end what is there."""

_WINDOW = re.compile(r'"([a-z]{1,16})"\s*;\s*r=([0-9]{1,9})\s*;\s*t=([0-9]{1,9})')


class Quota:
    """What the last answer said of each window; times are those of the running loop's clock, in seconds."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, float]] = {}

    def note(self, header: str | None, now: float) -> None:
        """Take note of what an answer says; what cannot be read says nothing."""
        for name, remaining, seconds in _WINDOW.findall(header or "")[:8]:
            self._windows[name] = (int(remaining), now + int(seconds))

    def wait(self, now: float, *, reserve: int = RESERVE) -> float:
        """Return in how many seconds a call may be made that leaves the reserve; 0 is now, 300 the most."""
        waits = [until - now for remaining, until in self._windows.values() if remaining <= reserve and until > now]
        return min(max(waits, default=0.0), MAX_RETRY_AFTER)
