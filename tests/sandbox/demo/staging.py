"""A stage to practise on: a real gateway, an operator that was not started, and eyes that see what they are told."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kubernetes import client
from tests.sandbox.demo.making import view

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.demo.eyes import Eyes
from gpuwright_sandbox.demo.facts import View
from gpuwright_sandbox.demo.operator_process import OperatorProcess
from gpuwright_sandbox.demo.stage import Stage
from gpuwright_sandbox.gateway.process import GatewayProcess


class StillEyes(Eyes):
    """Sees the same again and again."""

    def __init__(self, gateway: GatewayProcess, seen: View) -> None:
        super().__init__(client.ApiClient(), gateway)
        self._seen = seen

    def look(self) -> View:
        return self._seen


@contextlib.contextmanager
def stage_with(folder: Path, *, seen: View | None = None, plane: ControlPlane | None = None) -> Iterator[Stage]:
    """Return the stage as a context; without `seen` there is nothing to see, without `plane` no API server."""
    operator = OperatorProcess(folder, folder / "kubeconfig")
    with GatewayProcess() as gateway, contextlib.closing(operator):
        eyes = StillEyes(gateway, seen or view())
        yield Stage(plane or ControlPlane(folder / "plane"), gateway, operator, eyes, "c1", folder / "kubectl")
