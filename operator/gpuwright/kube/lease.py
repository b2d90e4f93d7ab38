"""The Lease: one object that says which replica leads. Every write is guarded by its resourceVersion."""

from collections.abc import Mapping
from typing import Any

from gpuwright.kube.client import KubeClient, NotFound
from gpuwright.model.election import LeaseRecord
from gpuwright.model.resources import LEASES

NAME = "gpuwright"


class LeaseStore:
    """Reads and writes the Lease of one namespace. Each of its calls raises ApiError."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        """`client` has connections of its own: a renewal waits in no queue behind other requests."""
        self._client = client
        self.namespace = namespace

    async def read(self) -> LeaseRecord | None:
        """Return the Lease as it is now; None where there is none."""
        try:
            return record_of(await self._client.get(LEASES, self.namespace, NAME))
        except NotFound:
            return None

    async def create(self, spec: Mapping[str, Any]) -> LeaseRecord:
        """Create the Lease.

        Raises:
            Conflict: somebody was faster.
            NotFound: there is no such namespace.
        """
        body = {
            "apiVersion": f"{LEASES.group}/{LEASES.version}",
            "kind": LEASES.kind,
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": spec,
        }
        return record_of(await self._client.post(LEASES, self.namespace, body))

    async def change(self, record: LeaseRecord, spec: Mapping[str, Any]) -> LeaseRecord:
        """Change the Lease of which `record` is what is known. Raises Conflict where it is not that any more."""
        metadata = {
            "name": NAME,
            "namespace": self.namespace,
            "uid": record.uid,
            "resourceVersion": record.version,
        }
        return record_of(await self._client.patch(LEASES, {"metadata": metadata}, {"spec": spec}, status=False))


def record_of(body: Mapping[str, Any]) -> LeaseRecord:
    """Return what a Lease says; fields that somebody has left out are read as a Lease that was given back."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    return LeaseRecord(
        uid=str(metadata["uid"]),
        version=str(metadata["resourceVersion"]),
        holder=str(spec.get("holderIdentity") or ""),
        seconds=int(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        acquired=str(spec.get("acquireTime") or ""),
        renewed=str(spec.get("renewTime") or ""),
    )
