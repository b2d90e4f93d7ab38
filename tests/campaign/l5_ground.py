"""Where the level runs: a namespace, a gateway, an operator from any sources, and what all objects there share."""

import copy
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.l5_leaves import KINDS, PLAIN_MACHINE
from tests.campaign.l5_watch import Watcher
from tests.crds.schema import CLUSTER_PROVIDERS, INSTANCES, Manifest
from tests.crds.server import Server
from tests.e2e.cluster import NAMESPACES, SECRETS, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.world import FAST_BOOT, SHORT_TIMES

from gpuwright.model.registry_login import SECRET_KEY, SECRET_TYPE
from gpuwright_sandbox.controlplane.clients import open_client
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

SHARED = "gateway"  # the provider of the instances whose own fields are changed
LABELS = {"gpu": "true", "tier": "research"}  # of the namespace: the examples' cluster provider lets it in
SIZES = [
    {"name": "large", "instanceType": "gpu.h100.1", "pricePerHour": "2.10"},
    {"name": "small", "cpu": "4", "memory": "16Gi"},
]
REGISTRY = '{"auths": {"registry.example": {"username": "team-a", "password": "example"}}}'
_EXAMPLE = {"namespace": "team-a", "token": "gateway-token", "spare": "spare-token"}


@dataclass(frozen=True, slots=True)
class Ground:
    """Built once a run."""

    namespace: str
    cluster: Cluster
    server: Server
    gateway: GatewayProcess
    operator: OperatorProcess
    watcher: Watcher

    def placed(self, plural: str, name: str, manifest: Manifest) -> Manifest:
        """Return the manifest under a name and here: with this gateway, Secrets of its own, and this namespace."""
        place = {} if plural == CLUSTER_PROVIDERS else {"namespace": self.namespace}
        found = {**copy.deepcopy(manifest), "metadata": {"name": name, **place}}
        if plural != INSTANCES:
            self._place_provider(name, found["spec"])
        return found

    def _place_provider(self, name: str, spec: Any) -> None:
        gateway = spec.get("gateway")
        if isinstance(gateway, dict) and str(gateway.get("endpoint", "")).startswith("https://gateway.example:8443"):
            gateway["endpoint"] = self.gateway.url
        reference = gateway.get("credentialsSecretRef") if isinstance(gateway, dict) else None
        if isinstance(reference, dict):
            for word in ("token", "spare"):
                if reference.get("name") == _EXAMPLE[word]:
                    reference["name"] = f"{name}-{word}"
        allowed = spec.get("allowedNamespaces")
        if isinstance(allowed, dict) and isinstance(allowed.get("names"), list):
            names = allowed["names"]
            allowed["names"] = [self.namespace if one == _EXAMPLE["namespace"] else one for one in names]

    def make_secrets(self, name: str) -> None:
        """Create the two Secrets of a provider: the same token under two keys."""
        for word in ("token", "spare"):
            self._make_secret(f"{name}-{word}", {"token": self.gateway.token, "other": self.gateway.token})

    def _make_secret(self, name: str, content: Mapping[str, str], kind: str = "Opaque") -> None:
        body = {"metadata": {"name": name, "namespace": self.namespace}, "type": kind, "stringData": dict(content)}
        self.cluster.create(SECRETS, body)

    def make_shared(self) -> None:
        """Create what the instances share: their provider, and the Secrets that they name."""
        self._make_secret("trainer-secrets", {"token": "a", "user-data": "#!/bin/sh\n"})
        self._make_secret("registry", {SECRET_KEY: REGISTRY}, SECRET_TYPE)
        self.make_secrets(SHARED)
        gateway = {"endpoint": self.gateway.url, "credentialsSecretRef": {"name": f"{SHARED}-token", "key": "token"}}
        manifest = {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": "ComputeProvider",
            "metadata": {"name": SHARED, "namespace": self.namespace},
            "spec": {"type": "Gateway", "gateway": gateway, "sizes": SIZES, **SHORT_TIMES},
        }
        answer = self.server.create(manifest, keep=True)
        assert answer.accepted, answer.sentences

    def make_instance(self, kind: str, provider: str) -> None:
        """Create the instance that lives at a provider whose fields are changed; it has the provider's name."""
        manifest = {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": KINDS[INSTANCES],
            "metadata": {"name": provider, "namespace": self.namespace},
            "spec": {"providerRef": {"kind": kind, "name": provider}, "machine": PLAIN_MACHINE},
        }
        answer = self.server.create(manifest, keep=True)
        assert answer.accepted, answer.sentences


class Operator(OperatorProcess):
    """An operator from a folder of sources, which may be a mutant's; None = those that are installed."""

    def __init__(self, kubeconfig: Path, log: Path, namespace: str, sources: Path | None) -> None:
        flags = ("--watch-namespace", namespace, "--namespace", namespace, "--log-level", "info")
        super().__init__(kubeconfig, log, flags)
        if sources is not None:
            self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(sources)}


@contextmanager
def opened(plane: ControlPlane, namespace: str, sources: Path | None = None) -> Iterator[Ground]:
    """Open a namespace with an operator that is ready; the namespace is left to its fate at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="l5-")))
        admin = plane.admin_kubeconfig()
        cluster = stack.enter_context(Cluster(admin))
        cluster.create(NAMESPACES, {"metadata": {"name": namespace, "labels": LABELS}})
        stack.callback(cluster.delete, NAMESPACES, "", namespace)
        api = stack.enter_context(open_client(admin))
        gateway = stack.enter_context(GatewayProcess(FAST_BOOT))
        watcher = stack.enter_context(Watcher(admin, namespace))
        kubeconfig = plane.kubeconfig(f"operator-of-{namespace}", ("system:masters",))
        operator = Operator(kubeconfig, folder / "operator.log", namespace, sources)
        stack.callback(operator.close)
        operator.start()
        yield Ground(namespace, cluster, Server(api, namespace), gateway, operator, watcher)
