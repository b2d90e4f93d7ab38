"""One ComputeInstance as the API server has it: what a test asks of any, whoever makes its machine."""

from typing import Any

from tests.e2e.cluster import INSTANCES, PATIENCE_SECONDS, Body, Cluster, condition, message, wait_for


class StoredInstance:
    """One ComputeInstance as the API server has it.

    Args:
        cluster: the API server.
        body: the object, as it was stored.
        patience: for how many seconds is waited where a caller does not say.
    """

    def __init__(self, cluster: Cluster, body: Body, patience: float = PATIENCE_SECONDS) -> None:
        self._cluster = cluster
        self._patience = patience
        self.namespace: str = body["metadata"]["namespace"]
        self.name: str = body["metadata"]["name"]
        self.uid: str = body["metadata"]["uid"]

    def body(self) -> Body | None:
        """Return the object as it is now, or None where it is gone, be there another one of its name."""
        found = self._cluster.get(INSTANCES, self.namespace, self.name)
        return found if found is not None and found["metadata"]["uid"] == self.uid else None

    def status(self) -> Body:
        """Return its status; empty where it is gone."""
        return dict((self.body() or {}).get("status") or {})

    def launch(self) -> Body:
        """Return the launch record; empty where there is none."""
        return dict(self.status().get("launch") or {})

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition."""
        return condition(self.body(), kind)

    def message(self, kind: str) -> str:
        """Return a condition's message."""
        return message(self.body(), kind)

    def wait_condition(self, kind: str, status: str, reason: str = "", seconds: float | None = None) -> None:
        """Return once the condition has this status, and this reason where one is given."""

        def is_so() -> bool:
            seen = self.condition(kind)
            return seen[0] == status and reason in {"", seen[1]}

        wait_for(f"{self.name} {kind}={status} {reason}", is_so, self._seconds(seconds), self.status)

    def wait_ready(self, seconds: float | None = None) -> None:
        """Return once it is Ready."""
        self.wait_condition("Ready", "True", seconds=seconds)

    def change(self, **spec: Any) -> None:
        """Change fields of the spec."""
        self._cluster.merge(INSTANCES, self.namespace, self.name, {"spec": spec})

    def annotate(self, name: str, value: str | None) -> None:
        """Set the annotation gpuwright.dev/<name>, or take it away."""
        change = {"metadata": {"annotations": {f"gpuwright.dev/{name}": value}}}
        self._cluster.merge(INSTANCES, self.namespace, self.name, change)

    def set_finalizers(self, *finalizers: str) -> None:
        """Replace the finalizers, as somebody who has lost patience does."""
        self._cluster.merge(INSTANCES, self.namespace, self.name, {"metadata": {"finalizers": list(finalizers)}})

    def delete(self) -> None:
        """Ask for its end and return at once."""
        self._cluster.delete(INSTANCES, self.namespace, self.name)

    def wait_gone(self, seconds: float | None = None) -> None:
        """Return once the object is gone."""
        wait_for(f"{self.name} gone", lambda: self.body() is None, self._seconds(seconds), self.status)

    def events(self) -> list[Body]:
        """Return the Events about it, the oldest first."""
        found = self._cluster.events(self.namespace, self.name)
        return [event for event in found if event["regarding"]["uid"] == self.uid]

    def _seconds(self, said: float | None) -> float:
        return self._patience if said is None else said
