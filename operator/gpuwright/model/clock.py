"""What the rest of the code may know of time; the one implementation stands in __main__.py."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Three clocks, because each lies in its own way.

    A virtual machine that sleeps stops the monotonic clock, so a send window is checked on the boot-time clock too;
    waits use
    the monotonic one, which errs towards waiting longer. The wall clock is for people, and a second check on windows.
    """

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back and stands still while the machine sleeps."""

    def boottime(self) -> float:
        """Return seconds on a clock that goes on while the machine sleeps."""

    def wall(self) -> datetime:
        """Return the aware date and time in UTC."""
