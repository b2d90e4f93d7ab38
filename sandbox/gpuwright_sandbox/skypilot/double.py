"""The emulator for whoever lives outside of an event loop, such as an operator as a process."""

from gpuwright_sandbox.doubles.thread import InThread
from gpuwright_sandbox.skypilot.fleet import Pace
from gpuwright_sandbox.skypilot.server import SkyPilotServer


class SkyPilotDouble(InThread[SkyPilotServer]):
    """One API server. `server.fleet` says what is really there; faults are set in `server.faults`."""

    def __init__(self, pace: Pace | None = None) -> None:
        super().__init__("skypilot-double", lambda: SkyPilotServer(pace))
