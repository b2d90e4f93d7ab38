"""The API server as the tests ask it: a client that shares nothing with the operator's."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from gpuwright_sandbox.controlplane.clients import open_client

Body: TypeAlias = dict[str, Any]
T = TypeVar("T")

GLANCE_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
_TIMEOUT_SECONDS = 15.0
_MERGE_PATCH = "application/merge-patch+json"
_GROUP = "/apis/gpuwright.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Resource:
    """Where objects of a kind are found."""

    root: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of one object, or of all in the namespace."""
        middle = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{middle}/{self.plural}" + (f"/{name}" if name else "")


INSTANCES = Resource(_GROUP, "computeinstances", "ComputeInstance")
PROVIDERS = Resource(_GROUP, "computeproviders", "ComputeProvider")
CLUSTER_PROVIDERS = Resource(_GROUP, "clustercomputeproviders", "ClusterComputeProvider", namespaced=False)
SECRETS = Resource("/api/v1", "secrets", "Secret")
NAMESPACES = Resource("/api/v1", "namespaces", "Namespace", namespaced=False)
EVENTS = Resource("/apis/events.k8s.io/v1", "events", "Event")


class Refused(Exception):
    """The API server said no; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Cluster:
    """A few verbs on any object, as the administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self._stack = ExitStack()
        self._api = self._stack.enter_context(open_client(kubeconfig))
        self._host = str(self._api.configuration.host)
        self._cluster_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def cluster_id(self) -> str:
        """Return the uid of the namespace kube-system."""
        if not self._cluster_id:
            self._cluster_id = str(self._ask("GET", NAMESPACES.path("", "kube-system"))["metadata"]["uid"])
        return self._cluster_id

    def create(self, resource: Resource, body: Body) -> Body:
        """Return the object as it was stored. Raises Refused."""
        return self._ask("POST", resource.path(body["metadata"].get("namespace", "")), body)

    def get(self, resource: Resource, namespace: str, name: str) -> Body | None:
        """Return the object as it is now; None where there is none. Raises Refused."""
        try:
            return self._ask("GET", resource.path(namespace, name))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def all(self, resource: Resource, namespace: str) -> list[Body]:
        """Return all objects of the namespace."""
        return list(self._ask("GET", resource.path(namespace))["items"])

    def merge(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any], part: str = "") -> Body:
        """Return the object after a merge patch of it, or of its `part`, such as status. Raises Refused."""
        path = resource.path(namespace, name) + (f"/{part}" if part else "")
        return self._ask("PATCH", path, change, _MERGE_PATCH)

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Ask for the object's end; nothing happens where there is none."""
        try:
            self._ask("DELETE", resource.path(namespace, name))
        except Refused as error:
            if error.status != 404:
                raise

    def events(self, namespace: str, name: str) -> list[Body]:
        """Return the Events about an object, the oldest first."""
        found = [event for event in self.all(EVENTS, namespace) if event["regarding"]["name"] == name]
        return sorted(found, key=lambda event: str(event["eventTime"]))

    def _ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Body:
        headers = {"Accept": "application/json", "Content-Type": kind}
        answer = self._api.rest_client.request(
            method, f"{self._host}{path}", headers=headers, body=body, _request_timeout=_TIMEOUT_SECONDS
        )
        content: Body = json.loads(answer.read())
        if answer.status >= 300:
            raise Refused(answer.status, f"{method} {path}: {content.get('message')}")
        return content


def condition(body: Mapping[str, Any] | None, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition; two empty strings where it is absent."""
    for entry in ((body or {}).get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return str(entry["status"]), str(entry["reason"])
    return "", ""


def message(body: Mapping[str, Any] | None, kind: str) -> str:
    """Return a condition's message; empty where the condition is absent."""
    for entry in ((body or {}).get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return str(entry.get("message") or "")
    return ""


def wait_for(
    what: str,
    look: Callable[[], T | None],
    seconds: float = PATIENCE_SECONDS,
    shown: Callable[[], object] | None = None,
) -> T:
    """Return what `look` shows as soon as that is true; it is asked every 0.1 s.

    Raises:
        AssertionError: it was not true in time; the message has `what`, and what `shown` shows then.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}" + (f"; seen: {shown()}" if shown else ""))
        time.sleep(GLANCE_SECONDS)


def holds_for(seconds: float, look: Callable[[], bool]) -> bool:
    """Return whether something stays true for so long; it is asked every 0.1 s."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not look():
            return False
        time.sleep(GLANCE_SECONDS)
    return True


def pause(seconds: float) -> None:
    """Let time pass: for what must not happen, however long one looks."""
    time.sleep(seconds)
