"""The double in a thread of its own, for whoever lives outside of an event loop, such as an operator as a process."""

from gpuwright_sandbox.doubles.thread import InThread
from gpuwright_sandbox.runpod.pods import Pace
from gpuwright_sandbox.runpod.server import RunpodDouble


class RunpodInThread(InThread[RunpodDouble]):
    """One account at RunPod; `server` has its truth and its faults."""

    def __init__(self, pace: Pace | None = None) -> None:
        super().__init__("runpod-double", lambda: RunpodDouble(pace=pace))
