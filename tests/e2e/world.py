"""A gateway, a provider that points there, and the instances that a test makes: the nouns that tests speak in."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.e2e.cluster import (
    CLUSTER_PROVIDERS,
    INSTANCES,
    NAMESPACES,
    PATIENCE_SECONDS,
    PROVIDERS,
    SECRETS,
    Body,
    Cluster,
    condition,
    wait_for,
)
from tests.e2e.history import History
from tests.e2e.instance import StoredInstance
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage

from gpuwright_sandbox.gateway.process import GatewayProcess
from gpuwright_sandbox.gateway.shapes import Json

MACHINE = {"gpu": {"type": "H100", "count": 1}, "image": "registry.example/trainer:1"}
OWN_NAMESPACE = "e2e-own-"  # what the names of tests' own namespaces begin with
FAST_BOOT = {"boot_seconds": 0.1, "delete_seconds": 0.1, "stop_seconds": 0.1, "start_seconds": 0.1}

SHORT_TIMES: Mapping[str, Any] = {
    "timeouts": {"connectSeconds": 1, "requestSeconds": 2},
    "settleSeconds": 3,
    "poll": {"periodSeconds": 1},
    "probe": {"periodSeconds": 1},
    "limits": {"createsPerMinute": 6000},
}

HEX = "[0-9a-f]"  # behind an instance's name stand ten of these: one's faults must not strike another's machines


class Instance(StoredInstance):
    """One ComputeInstance, and what its gateway has of it."""

    def __init__(self, cluster: Cluster, gateway: GatewayProcess, body: Body) -> None:
        super().__init__(cluster, body)
        self.gateway = gateway

    def machines(self) -> list[Body]:
        """Return every machine that the gateway has or had of this owner, the oldest first."""
        return [dict(machine) for machine in self.gateway.machines() if machine["owner_uid"] == self.uid]

    def live(self) -> list[Body]:
        """Return its machines that bill now."""
        return [machine for machine in self.machines() if machine["alive"]]

    def peak(self) -> int:
        """Return how many machines it had at the same moment, at the most; exact however late it is asked."""
        return int(str(self.gateway.owners().get(self.uid, {}).get("peak", 0)))

    def sent(self) -> list[str]:
        """Return the names under which creates reached the gateway, in order, each as what follows the base."""
        return [self.suffix(str(record["name"])) for record in self.creates()]

    def creates(self) -> list[Body]:
        """Return the creates of this owner that reached the gateway, in order."""
        return [dict(record) for record in self.gateway.requests(call="create") if _owner(record) == self.uid]

    def suffix(self, name: str) -> str:
        """Return `n` with what a name has behind the base, so that `n-r2` is the second attempt."""
        base = self.machine_name()
        return f"n{name.removeprefix(base)}" if name.startswith(base) else name

    def machine_name(self) -> str:
        """Return the name of its first machine."""
        digest = hashlib.sha256(f"{self._cluster.cluster_id()}/{self.uid}".encode()).hexdigest()[:10]
        return f"{self.name[:40].rstrip('-')}-{digest}"

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Return name, outcome and reason of the attempts that are over."""
        attempts = self.status().get("attempts") or ()
        return [(self.suffix(entry["name"]), entry["outcome"], entry["reason"]) for entry in attempts]


class World:
    """One gateway and one provider that points there, and what a test makes of them.

    Args:
        stage: what it shares with the other tests of its module.
        gateway: where the machines are; it may be shared, too.
        name: the provider's name, and its Secret's.
        tag: put behind the names of instances, so that tests side by side cannot choose the same.
    """

    def __init__(self, stage: Stage, gateway: GatewayProcess, name: str, tag: str = "") -> None:
        self._tag = tag
        self.stage = stage
        self.gateway = gateway
        self.name = name
        self.namespace = stage.home
        self.made: list[Instance] = []
        self.left_on_purpose: set[str] = set()  # ids of machines that a test means to leave behind
        self.doubled_on_purpose: set[str] = set()  # uids of owners to which a test gave a second machine
        self._smuggled: set[str] = set()
        self._providers = PROVIDERS

    @property
    def cluster(self) -> Cluster:
        """The API server."""
        return self.stage.cluster

    @property
    def operator(self) -> OperatorProcess:
        """The operator that sees to all this."""
        return self.stage.operator

    @property
    def history(self) -> History:
        """What the instances of the module's namespace were like on the way."""
        return self.stage.history

    @contextmanager
    def own_namespace(self) -> Iterator[None]:
        """Move to a fresh namespace; it is deleted at the end, which nobody waits for."""
        self.namespace = f"{OWN_NAMESPACE}{uuid.uuid4().hex[:8]}"
        self.cluster.create(NAMESPACES, {"metadata": {"name": self.namespace}})
        yield
        self.cluster.delete(NAMESPACES, "", self.namespace)

    def make_secret(self, name: str = "", **text: str) -> None:
        """Create a Secret; named after the test and holding the gateway's token unless told otherwise."""
        content = text or {"token": self.gateway.token}
        metadata = {"name": name or self.name, "namespace": self.namespace}
        self.cluster.create(SECRETS, {"metadata": metadata, "stringData": content})

    def use_cluster_provider(self) -> None:
        """Mean a ClusterComputeProvider from now on; its Secret lies in the operator's own namespace."""
        self._providers = CLUSTER_PROVIDERS

    def make_provider(self, **spec: Any) -> None:
        """Create the provider with short times; `spec` replaces fields of them."""
        gateway = {"endpoint": self.gateway.url, "credentialsSecretRef": {"name": self.name, "key": "token"}}
        place = {"namespace": self.namespace} if self._providers.namespaced else {}
        body = {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": self._providers.kind,
            "metadata": {"name": self.name, **place},
            "spec": {"type": "Gateway", "gateway": gateway, **SHORT_TIMES, **spec},
        }
        self.cluster.create(self._providers, body)

    def provider(self) -> Body:
        """Return the provider as it is now; empty where it is gone."""
        return self.cluster.get(self._providers, self.namespace, self.name) or {}

    def change_provider(self, **spec: Any) -> None:
        """Change fields of the provider's spec."""
        self.cluster.merge(self._providers, self.namespace, self.name, {"spec": spec})

    def wait_provider(self, kind: str, status: str, reason: str = "", seconds: float = PATIENCE_SECONDS) -> None:
        """Return once the provider's condition has this status, and this reason where one is given."""

        def is_so() -> bool:
            seen = condition(self.provider(), kind)
            return seen[0] == status and reason in {"", seen[1]}

        wait_for(f"provider {self.name} {kind}={status} {reason}", is_so, seconds, self.provider)

    def provider_events(self) -> list[str]:
        """Return the reasons of the Events about the provider, the oldest first."""
        place = self.namespace if self._providers.namespaced else "default"
        return [str(event["reason"]) for event in self.cluster.events(place, self.name)]

    def smuggle(self, name: str, *, owner: str = "", owner_uid: str = "") -> str:
        """Make a machine at the gateway behind the operator's back; return its id.

        Args:
            name: the machine's name.
            owner: the name of the ComputeInstance that its tag names; empty = it has no tags.
            owner_uid: the uid that its tag names.
        """
        labels: dict[str, Json] = {
            "gpuwright.dev/cluster": self.cluster.cluster_id(),
            "gpuwright.dev/owner": f"{self.namespace}.{self._full(owner)}",
            "gpuwright.dev/owner-uid": owner_uid,
            "gpuwright.dev/incarnation": "1",
        }
        body: Json = {"name": name, "image": "x", "cpu": 1, "memory_gb": 1, "labels": labels if owner else {}}
        made = self.gateway.ask("POST", "/api/instances", body)
        assert isinstance(made, dict)
        self._smuggled.add(str(made["id"]))
        return str(made["id"])

    def manifest(self, name: str, *, annotations: Mapping[str, str] | None = None, **spec: Any) -> Body:
        """Return a ComputeInstance of this provider; `spec` replaces fields."""
        return {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": "ComputeInstance",
            "metadata": {
                "name": self._full(name),
                "namespace": self.namespace,
                "annotations": dict(annotations or {}),
            },
            "spec": {"providerRef": {"kind": self._providers.kind, "name": self.name}, "machine": MACHINE, **spec},
        }

    def create(self, name: str, *, annotations: Mapping[str, str] | None = None, **spec: Any) -> Instance:
        """Create a ComputeInstance and return at once."""
        body = self.cluster.create(INSTANCES, self.manifest(name, annotations=annotations, **spec))
        made = Instance(self.cluster, self.gateway, body)
        self.made.append(made)
        return made

    def existing(self, name: str) -> Instance:
        """Return a ComputeInstance that somebody else created; it is cleared away with the others."""
        body = self.cluster.get(INSTANCES, self.namespace, self._full(name))
        assert body is not None, name
        made = Instance(self.cluster, self.gateway, body)
        self.made.append(made)
        return made

    def create_ready(self, name: str, **spec: Any) -> Instance:
        """Create a ComputeInstance and return once it is Ready."""
        made = self.create(name, **spec)
        made.wait_ready()
        return made

    def _full(self, instance: str) -> str:
        return f"{instance}-{self._tag}" if self._tag else instance

    def fault(self, instance: str, call: str = "create", **spec: Any) -> int:
        """Have the gateway spoil calls about one instance's machines; return the fault's id."""
        pattern = f"{self._full(instance)}-{HEX * 10}*"
        return int(str(self.gateway.add_fault(call=call, name=pattern, **spec)["id"]))

    def clear_fault(self, number: int) -> None:
        """Clear one fault."""
        self.gateway.ask("DELETE", f"/_sandbox/faults/{number}")

    def clear_away(self) -> None:
        """Delete every instance that was made, and wait until all are gone."""
        for made in self.made:
            made.delete()
        for made in self.made:
            made.wait_gone()

    def remove_provider(self) -> None:
        """Delete the provider and its Secret and wait until both are gone."""
        self.cluster.delete(self._providers, self.namespace, self.name)
        self.cluster.delete(SECRETS, self.namespace, self.name)
        wait_for("provider gone", lambda: not self.provider(), shown=self.provider)

    def close(self) -> None:
        """Clear all away. Raises AssertionError where an owner ever had two machines, or one is left that bills."""
        self.clear_away()
        self.remove_provider()
        doubled = [made.name for made in self.made if made.peak() > 1 and made.uid not in self.doubled_on_purpose]
        assert doubled == [], "an owner had two machines at the same moment"
        owners = {made.uid for made in self.made}
        live = {
            str(machine["id"])
            for machine in self.gateway.live_machines()
            if machine["owner_uid"] in owners or machine["id"] in self._smuggled
        }
        assert live <= self.left_on_purpose, "machines are left that bill"


def _owner(record: Mapping[str, Any]) -> str:
    body = record["body"]
    return str(body["labels"].get("gpuwright.dev/owner-uid", "")) if isinstance(body, dict) else ""
