"""An event loop whose time jumps to the next thing that is due, so that tests of waiting wait for nothing."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, ParamSpec

from tests.engine.manual_clock import START

P = ParamSpec("P")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds. Whoever waits for a thread, a socket or nothing at all while nothing is due is told so."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is due any more")
        self._jump(timeout)
        return []


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class LoopClock:
    """Implements model.clock.Clock by the time of the running loop."""

    def monotonic(self) -> float:
        """See Clock."""
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        """See Clock."""
        return self.monotonic()

    def wall(self) -> datetime:
        """See Clock."""
        return START + timedelta(seconds=self.monotonic())
