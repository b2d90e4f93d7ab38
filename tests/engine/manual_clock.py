"""The operator's clocks, moved by hand."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, tzinfo=UTC)


class ManualClock:
    """Implements model.clock.Clock; the three clocks move together unless a test moves one alone."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._slept = 0.0
        self._wall = START

    def monotonic(self) -> float:
        """See Clock."""
        return self._now

    def boottime(self) -> float:
        """See Clock."""
        return self._now + self._slept

    def wall(self) -> datetime:
        """See Clock."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._wall += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass while the machine is suspended: the monotonic clock does not see it."""
        self._slept += seconds
        self._wall += timedelta(seconds=seconds)
