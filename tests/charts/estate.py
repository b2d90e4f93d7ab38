"""A cluster into which the chart is installed: a control plane, its node, a gateway, a tenant, and Helm."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.charts.helm import CHART, NAMESPACE, RELEASE, Body, Helm

from gpuwright_sandbox.chart_node import ChartNode
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

TENANT = "team-a"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
WAIT = ("--wait", "--timeout", "180s")
GLANCE_SECONDS = 0.2
OURS = "gpuwright.dev/v1alpha1"

VALUES: Body = {
    "allowEndpointCidrs": ["127.0.0.0/8"],
    "secrets": {"namespaces": [TENANT], "names": ["gateway-token"], "bootstrapNames": ["trainer-secrets"]},
    "log": {"level": "debug"},
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command has said, and how it ended."""

    code: int
    words: str


@dataclass(frozen=True, slots=True)
class Estate:
    """The cluster, and the verbs that a platform team and a tenant have in it."""

    plane: ControlPlane
    node: ChartNode
    gateway: GatewayProcess
    helm: Helm
    folder: Path

    def release(self, verb: str, *arguments: str, values: Mapping[str, Any] | None = None) -> Said:
        """Run a verb of Helm on the release."""
        given: tuple[str, ...] = ()
        if values is not None:
            file = self.folder / "values.json"
            file.write_text(json.dumps(values))
            given = (str(CHART), "--values", str(file))
        answer = self.helm.run(verb, RELEASE, *given, "--namespace", NAMESPACE, *arguments)
        return Said(answer.returncode, answer.stdout + answer.stderr)

    def state(self) -> str:
        """Return what Helm thinks of the release, such as deployed."""
        answer = self.helm.run("status", RELEASE, "--namespace", NAMESPACE, "--output", "json")
        return str(json.loads(answer.stdout)["info"]["status"]) if answer.returncode == 0 else answer.stderr

    def kubectl(self, *arguments: str, input: str | None = None, kubeconfig: Path | None = None) -> Said:  # noqa: A002
        """Run kubectl, as the administrator unless told otherwise."""
        answer = self.plane.kubectl(*arguments, input=input, kubeconfig=kubeconfig)
        return Said(answer.returncode, answer.stdout + answer.stderr)

    def apply(self, *bodies: Body) -> None:
        """Create or change objects. Raises AssertionError where the server refuses one."""
        said = self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(bodies))
        assert said.code == 0, said.words

    def get(self, kind: str, name: str, namespace: str) -> Body:
        """Return an object as it is now; empty where there is none."""
        answer = self.plane.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        found: Body = json.loads(answer.stdout) if answer.stdout else {}
        return found

    def pods(self) -> list[Body]:
        """Return the operator's pods that are not on their way out."""
        selector = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
        answer = self.plane.kubectl("get", "pods", "-n", NAMESPACE, "-l", selector, "-o", "json")
        return [pod for pod in json.loads(answer.stdout)["items"] if not pod["metadata"].get("deletionTimestamp")]

    def machine(self, name: str) -> str:
        """Return the id of the machine on record; empty where there is none."""
        machine = self.get("gwi", name, TENANT).get("status", {}).get("machine", {})
        return str(machine.get("id", ""))

    def logs(self) -> str:
        """Return what the operator's pods have printed last, for messages."""
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.rglob("node/*.log"))

    def wait_ready(self, name: str, seconds: int = 60) -> None:
        """Return once the instance is Ready."""
        said = self.kubectl("wait", f"gwi/{name}", "-n", TENANT, "--for=condition=Ready", f"--timeout={seconds}s")
        assert said.code == 0, f"{said.words}\n{self.logs()}"


@contextmanager
def estate(major: int, folder: Path) -> Iterator[Estate]:
    """Build everything but the release."""
    with (
        ControlPlane(folder / "plane") as plane,
        ChartNode(plane) as node,
        GatewayProcess({"boot_seconds": 0.1, "delete_seconds": 0.1}) as gateway,
    ):
        made = Estate(plane, node, gateway, Helm(major, folder / "helm", plane.admin_kubeconfig()), folder)
        for namespace in (NAMESPACE, TENANT):
            made.kubectl("create", "namespace", namespace)
        made.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
        made.kubectl("label", "namespace", TENANT, "gpu=true")
        yield made


def objects(gateway: GatewayProcess, own: str, shared: str = "") -> list[Body]:
    """Return Secrets, a provider of each kind, and the tenant's instances: one at its own, one at the shared one."""
    token = {"token": gateway.token}
    shared_spec = {**_provider(gateway), "allowedNamespaces": {"selector": {"matchLabels": {"gpu": "true"}}}}
    found = [
        of("v1", "Secret", "gateway-token", stringData=token),
        of("v1", "Secret", "trainer-secrets", stringData=token),
        of("v1", "Secret", "gateway-token", NAMESPACE, stringData=token),
        of(OURS, "ComputeProvider", "gateway", spec=_provider(gateway)),
        of(OURS, "ClusterComputeProvider", "shared", "", spec=shared_spec),
        of(OURS, "ComputeInstance", own, spec=_instance({"name": "gateway"})),
    ]
    if shared:
        ref = {"kind": "ClusterComputeProvider", "name": "shared"}
        found.append(of(OURS, "ComputeInstance", shared, spec=_instance(ref)))
    return found


def _provider(gateway: GatewayProcess) -> Body:
    return {
        "type": "Gateway",
        "gateway": {"endpoint": gateway.url, "credentialsSecretRef": {"name": "gateway-token", "key": "token"}},
        "poll": {"periodSeconds": 1},
        "timeouts": {"connectSeconds": 1, "requestSeconds": 2},
        "settleSeconds": 3,
        "limits": {"createsPerMinute": 6000},
    }


def _instance(ref: Body) -> Body:
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "trainer-secrets", "key": "token"}}}]
    machine = {"gpu": {"type": "H100"}, "image": "registry.example/trainer:1"}
    return {"providerRef": ref, "machine": machine, "bootstrap": {"env": env}}


def of(version: str, kind: str, name: str, namespace: str = TENANT, **rest: Any) -> Body:
    """Return an object of the tenant, or of another namespace or none."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def wait_until(true: Callable[[], object], seconds: float, what: Callable[[], str]) -> None:
    """Return once something is so. Raises AssertionError, with `what`, after these seconds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what()
        time.sleep(GLANCE_SECONDS)
