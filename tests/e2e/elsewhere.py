"""A provider of another type than Gateway, which points at a double, and the instances that a test makes there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.e2e.cluster import INSTANCES, PROVIDERS, SECRETS, Body, wait_for
from tests.e2e.instance import StoredInstance
from tests.e2e.stage import Stage

# What a gateway says in one answer takes these several calls, so both are longer than those of a gateway's tests.
PATIENCE_SECONDS = 120.0
TIMES: Mapping[str, Any] = {
    "timeouts": {"connectSeconds": 2, "requestSeconds": 10},
    "settleSeconds": 12,
    "poll": {"periodSeconds": 1},
    "probe": {"periodSeconds": 1},
}


class Elsewhere:
    """One provider and its Secret, both named as the type's block is.

    Args:
        stage: what it shares with the other tests of its module.
        kind: the provider's type.
        machine: what its instances ask for, unless a test says otherwise.
    """

    def __init__(self, stage: Stage, kind: str, machine: Mapping[str, Any]) -> None:
        self._cluster = stage.cluster
        self._namespace = stage.home
        self._kind = kind
        self._machine = machine
        self.name = kind.lower()

    def make(self, block: Mapping[str, Any], credentials: Mapping[str, str]) -> None:
        """Create the Secret, which has one key, and the provider that refers to it."""
        place = {"name": self.name, "namespace": self._namespace}
        self._cluster.create(SECRETS, {"metadata": place, "stringData": credentials})
        (key,) = credentials
        reference = {"credentialsSecretRef": {"name": self.name, "key": key}}
        spec = {"type": self._kind, self.name: {**block, **reference}, **TIMES}
        body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": PROVIDERS.kind, "metadata": place, "spec": spec}
        self._cluster.create(PROVIDERS, body)

    def provider(self) -> Body:
        """Return the provider as it is now; empty where it is gone."""
        return self._cluster.get(PROVIDERS, self._namespace, self.name) or {}

    def create(self, name: str, **spec: Any) -> StoredInstance:
        """Create a ComputeInstance and return at once; `spec` replaces fields."""
        manifest = {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": INSTANCES.kind,
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": {"providerRef": {"name": self.name}, "machine": self._machine, **spec},
        }
        return StoredInstance(self._cluster, self._cluster.create(INSTANCES, manifest), PATIENCE_SECONDS)

    def remove(self) -> None:
        """Delete the provider and its Secret and return at once."""
        self._cluster.delete(PROVIDERS, self._namespace, self.name)
        self._cluster.delete(SECRETS, self._namespace, self.name)


@contextmanager
def elsewhere(
    stage: Stage, kind: str, block: Mapping[str, Any], credentials: Mapping[str, str], machine: Mapping[str, Any]
) -> Iterator[Elsewhere]:
    """Have a provider of this type for as long as it is needed."""
    made = Elsewhere(stage, kind, machine)
    made.make(block, credentials)
    yield made
    made.remove()


def wait_another(instance: StoredInstance, first: str) -> None:
    """Return once the instance has another machine than the first, whose id is given."""

    def is_another() -> bool:
        return (instance.status().get("machine") or {}).get("id") not in {"", None, first}

    wait_for("another machine", is_another, PATIENCE_SECONDS, instance.status)
