"""A double in a thread of its own, for whoever lives outside of an event loop, such as an operator as a process."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from gpuwright_sandbox.doubles.server import DoubleServer

STOP_SECONDS = 10.0

ServerT = TypeVar("ServerT", bound=DoubleServer[Any])


class InThread(Generic[ServerT]):
    """One double; `server` has its truth and its faults.

    Args:
        name: the thread's.
        make: returns the server, and is called within its event loop.
    """

    server: ServerT

    def __init__(self, name: str, make: Callable[[], ServerT]) -> None:
        self._make = make
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return self.server.url

    def __enter__(self) -> Self:
        self._thread.start()
        self.server = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(STOP_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing = asyncio.run_coroutine_threadsafe(self.server.__aexit__(kind, error, traceback), self._loop)
        try:
            closing.result(STOP_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)
            self._loop.close()

    async def _open(self) -> ServerT:
        return await self._make().__aenter__()
