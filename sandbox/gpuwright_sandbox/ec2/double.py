"""moto and the shim together, for whoever lives outside of an event loop, such as an operator as a process."""

from types import TracebackType
from typing import Self

from gpuwright_sandbox.doubles.thread import InThread
from gpuwright_sandbox.ec2.fates import Pace
from gpuwright_sandbox.ec2.moto_process import MotoProcess
from gpuwright_sandbox.ec2.shim import Ec2Shim


class Ec2Double(InThread[Ec2Shim]):
    """One account at EC2. `server.truth` says what is really there; faults are set in `server.faults`."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._moto = MotoProcess()
        super().__init__("ec2-double", lambda: Ec2Shim(self._moto.url, pace))

    def __enter__(self) -> Self:
        self._moto.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            self._moto.close()
