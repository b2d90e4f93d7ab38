"""The emulator for whoever lives outside of an event loop, such as an operator as a process."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from gpuwright_sandbox.skypilot.fleet import Pace
from gpuwright_sandbox.skypilot.server import SkyPilotServer

STOP_SECONDS = 10.0


class SkyPilotDouble:
    """One API server. `server.fleet` says what is really there; faults are set in `server.faults`."""

    server: SkyPilotServer

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="skypilot-double", daemon=True)

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
        closing = asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop)
        closing.result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()

    async def _open(self) -> SkyPilotServer:
        return await SkyPilotServer(self._pace).__aenter__()
