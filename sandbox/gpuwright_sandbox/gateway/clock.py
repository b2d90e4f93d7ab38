"""The gateway's own clock: it can run faster than the wall, jump, and tell others a wrong time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the truth reads the time from."""

    def now(self) -> datetime:
        """Return the time, aware and never running backwards."""

    def change(self, speed: float | None = None, advance: timedelta = timedelta()) -> None:
        """Jump ahead by `advance`, then run `speed` times as fast as the wall; None keeps the speed."""


class SandboxClock:
    """A clock that starts at the wall's time and then follows `speed`.

    Args:
        wall: the time to start at, aware.
        ticks: seconds that never run backwards, such as `time.monotonic`.
    """

    def __init__(self, wall: datetime | None = None, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._origin = wall or datetime.now(UTC)
        self._since = ticks()
        self.speed = 1.0

    def now(self) -> datetime:
        """Return the gateway's time, aware."""
        return self._origin + timedelta(seconds=(self._ticks() - self._since) * self.speed)

    def change(self, speed: float | None = None, advance: timedelta = timedelta()) -> None:
        """Jump ahead by `advance`, then run `speed` times as fast as the wall; None keeps the speed."""
        self._origin = self.now() + advance
        self._since = self._ticks()
        self.speed = self.speed if speed is None else speed


class ManualClock:
    """A clock that stands still until it is moved, for tests that decide when a machine boots."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time that was last set, aware."""
        return self._now

    def change(self, speed: float | None = None, advance: timedelta = timedelta()) -> None:
        """Jump ahead by `advance`; a speed means nothing here."""
        del speed
        self._now += advance

    def advance(self, seconds: float) -> None:
        """Jump ahead by that many seconds."""
        self._now += timedelta(seconds=seconds)
