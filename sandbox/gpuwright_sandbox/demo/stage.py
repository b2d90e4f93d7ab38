"""Everything that the demo plays on, started step by step: control plane, gateway, operator, provider."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane import clients
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.demo import manifests
from gpuwright_sandbox.demo.errors import NotStartedError
from gpuwright_sandbox.demo.eyes import NAMESPACE, Eyes
from gpuwright_sandbox.demo.operator_process import OperatorProcess
from gpuwright_sandbox.demo.screen import Screen
from gpuwright_sandbox.gateway.process import GatewayProcess

# sandbox/gpuwright_sandbox/demo/stage.py is three folders below the root of a clone.
ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "demo"
PROVIDER = "gateway"
USER = "gpuwright-demo-operator"
# Machines boot slowly enough to be seen booting.
_GATEWAY_SETTINGS = {"boot_seconds": 1.2, "delete_seconds": 0.8}
_READY_SECONDS = 30.0
_GLANCE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs; `cluster` is the cluster's identity, `kubectl_path` the program that goes with it."""

    plane: ControlPlane
    gateway: GatewayProcess
    operator: OperatorProcess
    eyes: Eyes
    cluster: str
    kubectl_path: Path

    def kubectl(self, *arguments: str, manifest: str | None = None) -> str:
        """Return what kubectl printed.

        Raises:
            NotStartedError: it failed; the message is its own.
        """
        answer = self.plane.kubectl(*arguments, input=manifest)
        if answer.returncode != 0:
            raise NotStartedError(f"kubectl {' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout


@contextlib.contextmanager
def staged(directory: Path, binaries: Binaries, screen: Screen) -> Iterator[Stage]:
    """Start everything below a directory, and end it with the block; the provider is Ready at the start.

    Raises:
        NotStartedError: a part did not start.
        ControlPlaneError: the control plane did not.
        GatewayProcessError: the gateway did not.
    """
    with contextlib.ExitStack() as parts:
        with screen.step("control plane", "etcd, kube-apiserver, kube-controller-manager"):
            plane = parts.enter_context(ControlPlane(directory / "controlplane", binaries=binaries))
        with screen.step("custom resources", f"crds/, and the namespace {NAMESPACE}"):
            plane.install_crds(ROOT / "crds")
            api = parts.enter_context(clients.open_client(plane.admin_kubeconfig()))
            clients.ensure_namespace(api, NAMESPACE)
        with screen.step("gateway", "the sandbox's, which knows the truth"):
            gateway = parts.enter_context(GatewayProcess(_GATEWAY_SETTINGS))
        eyes = Eyes(api, gateway)
        with screen.step("operator", "python -m gpuwright, with an identity of its own"):
            (directory / "operator").mkdir()
            operator = OperatorProcess(directory / "operator", plane.kubeconfig(USER, ("system:masters",)))
            parts.callback(operator.close)
            operator.spawn()
            _wait(operator, operator.is_ready, "the operator says that it is ready")
        stage = Stage(plane, gateway, operator, eyes, eyes.cluster_id(), binaries.kubectl.path)
        with screen.step("provider", "examples/demo/provider.yaml, at this gateway's port"):
            manifest = manifests.with_endpoint((EXAMPLES / "provider.yaml").read_text(), gateway.url)
            stage.kubectl("apply", "-f", "-", manifest=manifest)
            _wait(operator, lambda: eyes.provider_is_ready(PROVIDER), "the provider is Ready")
        yield stage


def _wait(operator: OperatorProcess, holds: Callable[[], bool], expected: str) -> None:
    began = time.monotonic()
    while not holds():
        if operator.pid is None:
            raise NotStartedError(f"the operator ended before {expected}:\n{operator.log_tail()}")
        if time.monotonic() - began > _READY_SECONDS:
            raise NotStartedError(f"not within {_READY_SECONDS:.0f} s: {expected}\n{operator.log_tail()}")
        time.sleep(_GLANCE_SECONDS)
