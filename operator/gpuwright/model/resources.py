"""Which Kubernetes resources we touch, and the keys by which their objects are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

GROUP = "gpuwright.dev"
VERSION = "v1alpha1"


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, as URLs name it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path of the collection, an object or a subresource of it."""
        parts = ["/api" if not self.group else f"/apis/{self.group}", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


INSTANCES = Resource(GROUP, VERSION, "computeinstances", "ComputeInstance")
PROVIDERS = Resource(GROUP, VERSION, "computeproviders", "ComputeProvider")
CLUSTER_PROVIDERS = Resource(GROUP, VERSION, "clustercomputeproviders", "ClusterComputeProvider", namespaced=False)
SECRETS = Resource("", "v1", "secrets", "Secret")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")

OURS = (INSTANCES, PROVIDERS, CLUSTER_PROVIDERS)
BY_KIND: Mapping[str, Resource] = {resource.kind: resource for resource in OURS}


class Key(NamedTuple):
    """Which object: kind, namespace (empty for cluster-scoped ones) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(kind: str, body: Mapping[str, Any]) -> Key:
    """Return the key of an object as the API server shows it."""
    metadata = body["metadata"]
    return Key(kind, metadata.get("namespace") or "", metadata["name"])


def version_of(body: Mapping[str, Any]) -> int:
    """Return the resourceVersion as a number: versions of one resource can be compared (KEP-5504)."""
    return int(body["metadata"]["resourceVersion"])
