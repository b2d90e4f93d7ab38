"""What is going to happen, and the time at which it does: nothing runs in the background."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gpuwright_sandbox.gateway.clock import Clock


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    at: datetime
    number: int
    happen: Callable[[], object] = field(compare=False)


class Agenda:
    """Things that are due at some time of a clock. They happen when somebody asks, in order, and as of that time.

    So an hour may pass between two questions, and the history in between is still exact.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._due: list[_Due] = []
        self._moment: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time; while something due happens, the time at which it was due."""
        return self._moment or self._clock.now()

    def at(self, at: datetime, happen: Callable[[], object]) -> None:
        """Let something happen at that time."""
        heapq.heappush(self._due, _Due(at, next(self._numbers), happen))

    def after(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen after so many seconds."""
        self.at(self.now + timedelta(seconds=seconds), happen)

    def advance(self) -> None:
        """Let everything happen that is due by now; does nothing while something due is happening."""
        if self._moment is not None:
            return
        now = self._clock.now()
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            self._moment = due.at
            try:
                due.happen()
            finally:
                self._moment = None

    def clear(self) -> None:
        """Let nothing happen any more."""
        self._due.clear()
