"""moto and the shim together, for whoever lives outside of an event loop, such as an operator as a process."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from gpuwright_sandbox.ec2.fates import Pace
from gpuwright_sandbox.ec2.moto_process import MotoProcess
from gpuwright_sandbox.ec2.shim import Ec2Shim

STOP_SECONDS = 10.0


class Ec2Double:
    """One account at EC2. `shim.truth` says what is really there; faults are set in `shim.faults`."""

    shim: Ec2Shim

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace
        self._moto = MotoProcess()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ec2-double", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return self.shim.url

    def __enter__(self) -> Self:
        self._moto.start()
        self._thread.start()
        self.shim = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(STOP_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing = asyncio.run_coroutine_threadsafe(self.shim.__aexit__(None, None, None), self._loop)
        closing.result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()
        self._moto.close()

    async def _open(self) -> Ec2Shim:
        return await Ec2Shim(self._moto.url, self._pace).__aenter__()
