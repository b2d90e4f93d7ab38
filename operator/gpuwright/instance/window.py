"""The send window: what was announced may leave for two seconds, by two clocks, and never afterwards."""

import asyncio

from gpuwright.adapters.contract import Gate
from gpuwright.instance.actions import Arms, Record
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer
from gpuwright.instance.witness import Armed
from gpuwright.model.clock import Clock
from gpuwright.model.provider_view import SEND_WINDOW_SECONDS

ANNOUNCEMENTS = 8  # writes and reads at once after which something must leave within the window


class SendWindow:
    """Opens windows, and tells right before the first byte of a call whether its window is still open."""

    def __init__(self, observer: Observer, clock: Clock) -> None:
        self._observer = observer
        self._clock = clock
        # Taken before a window is opened: in a burst every window would be over before its write is made.
        self.turn = asyncio.Semaphore(ANNOUNCEMENTS)

    def for_record(self, action: Record) -> Armed | None:
        """Return the window that a write opens; None where it announces nothing."""
        if action.arms is Arms.NOTHING or action.memory.launch is None:
            return None
        return self.open(action.memory.launch.send, destructive=action.arms is Arms.DESTRUCTION)

    def open(self, send: int, *, destructive: bool) -> Armed:
        """Return a window that begins now."""
        wall = self._clock.wall().timestamp()
        return Armed(send, self._clock.boottime() + SEND_WINDOW_SECONDS, wall + SEND_WINDOW_SECONDS, destructive)

    def gate(self, seen: Observation, *, destructive: bool = False) -> Gate:
        """Return the check made right before the first byte: announced, and the window open on both clocks."""

        def is_open() -> bool:
            armed = self._observer.witness(seen.instance).armed
            if armed is None or armed.destructive is not destructive:
                return False
            return self._clock.boottime() < armed.boottime and self._clock.wall().timestamp() < armed.wall

        return is_open
