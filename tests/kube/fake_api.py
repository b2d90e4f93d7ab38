"""A Kubernetes API server in memory, behind the real client: what tests of controllers read from and write to.

It keeps what the protocol rests on, as the real one was seen to do (facts/api-server.md, 3; test_guards.py asks both):
resourceVersion guards, a uid that is immutable but ignored on /status, status as a subresource, generation, finalizers.
It validates nothing.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import orjson

from gpuwright.kube.client import ApiError, Conflict, Forbidden, Invalid, KubeClient, NotFound
from gpuwright.model.resources import (
    CLUSTER_PROVIDERS,
    EVENTS,
    INSTANCES,
    NAMESPACES,
    OURS,
    PROVIDERS,
    SECRETS,
    Resource,
)
from gpuwright.telemetry import Metrics

T = TypeVar("T")
Body = dict[str, Any]
Listener = Callable[[str, str, Body], None]
"""Told of each change: kind, ADDED, MODIFIED or DELETED, and the object."""

_PLURALS = {resource.plural for resource in (*OURS, SECRETS, NAMESPACES, EVENTS)}
_WITH_STATUS = {resource.plural for resource in OURS}


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was asked for, whatever became of it."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class _Fault:
    method: str
    part: str
    happen: Callable[[], None]
    times: int


class FakeApi(KubeClient):
    """One API server. `requests` has every request as "METHOD path", `writes` those that change something."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._objects: dict[str, Body] = {}
        self._versions = itertools.count(101)
        self._faults: list[_Fault] = []
        self._listeners: list[Listener] = []
        self.requests: list[str] = []
        self.writes: list[Write] = []
        self.terminating: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    def listen(self, listener: Listener) -> None:
        """Have a listener told of each change, as a watch is."""
        self._listeners.append(listener)

    def add(self, resource: Resource, body: Mapping[str, Any]) -> Body:
        """Create an object as somebody else; return it as it is stored."""
        return self._create(resource.path(body["metadata"].get("namespace")), resource.kind, body)

    def now(self, resource: Resource, namespace: str | None, name: str) -> Body | None:
        """Return an object as it is now."""
        return _copy(self._objects.get(resource.path(namespace, name)))

    def all(self, resource: Resource) -> list[Body]:
        """Return all objects of a kind."""
        return [_copy(body) for path, body in self._objects.items() if path.split("/")[-2] == resource.plural]

    def change(self, resource: Resource, namespace: str | None, name: str, change: Mapping[str, Any]) -> Body:
        """Merge something into an object as somebody else, without a guard; its status, too. Return the object."""
        path = resource.path(namespace, name)
        return self._store(path, merged(self._objects[path], change))

    def delete(self, resource: Resource, namespace: str | None, name: str) -> None:
        """Delete an object as somebody else does: one with finalizers waits for them."""
        path = resource.path(namespace, name)
        body = self._objects[path]
        if body["metadata"].get("finalizers"):
            self._store(path, merged(body, {"metadata": {"deletionTimestamp": "2026-11-22T10:00:00Z"}}))
        else:
            self._remove(path)

    def fail(self, error: ApiError, method: str = "", part: str = "", *, times: int = 1) -> None:
        """Let requests with this method and this part in their path fail; nothing is done for them."""

        def happen() -> None:
            raise error

        self._faults.append(_Fault(method, part, happen, times))

    def before(self, happen: Callable[[], object], method: str = "", part: str = "") -> None:
        """Let something happen right before the next such request is served: somebody else was faster."""

        def once() -> None:
            happen()

        self._faults.append(_Fault(method, part, once, 1))

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Body:
        self.requests.append(f"{method} {path}")
        if body is not None:
            self.writes.append(Write(method, path, _copy(body)))
        self._go_wrong(method, path)
        if method == "GET":
            return self._read(path, query or {})
        if method == "POST" and body is not None:
            return self._post(path, body)
        if method == "PATCH" and body is not None:
            assert content_type == "application/merge-patch+json"
            return self._patch(path, body)
        raise AssertionError(f"{method} {path}: the operator has no business with that")

    def _go_wrong(self, method: str, path: str) -> None:
        for fault in self._faults:
            if fault.times and fault.method in {"", method} and fault.part in path:
                fault.times -= 1
                fault.happen()
                return

    def _read(self, path: str, query: Mapping[str, str]) -> Body:
        found = self._objects.get(path)
        if found is not None:
            return _copy(found)
        if path.rpartition("/")[2] not in _PLURALS:
            raise NotFound(f"GET {path}: 404", {"details": {"name": path.rpartition("/")[2]}})
        return self._page(path, int(query.get("limit") or 500), int(query.get("continue") or 0))

    def _page(self, path: str, limit: int, begin: int) -> Body:
        root, _slash, plural = path.rpartition("/")
        found = [
            {key: value for key, value in body.items() if key not in {"kind", "apiVersion"}}  # as in real lists
            for known, body in self._objects.items()
            if known.split("/")[-2] == plural and known.startswith(f"{root}/")
        ]
        following = str(begin + limit) if len(found) > begin + limit else ""
        return {"items": _copy(found[begin : begin + limit]), "metadata": {"continue": following}}

    def _post(self, path: str, body: Mapping[str, Any]) -> Body:
        if body["metadata"].get("namespace") in self.terminating:
            raise Forbidden(f"POST {path}: 403 the namespace is being terminated")
        if f"{path}/{body['metadata']['name']}" in self._objects:
            raise Conflict(f"POST {path}: 409 already exists")
        return self._create(path, str(body.get("kind", "")), body)

    def _create(self, path: str, kind: str, body: Mapping[str, Any]) -> Body:
        metadata = body["metadata"]
        object_path = f"{path}/{metadata['name']}"
        made = {"kind": kind, **_copy(dict(body))}
        made["metadata"] = {"uid": f"uid-{next(self._versions)}", "generation": 1, **_copy(dict(metadata))}
        return self._store(object_path, made, "ADDED")

    def _patch(self, path: str, change: Mapping[str, Any]) -> Body:
        root, _slash, last = path.rpartition("/")
        status = last == "status" and root in self._objects
        object_path = root if status else path
        known = self._objects.get(object_path)
        if known is None:
            raise NotFound(f"PATCH {path}: 404")
        guard = change.get("metadata", {})
        if guard.get("resourceVersion", known["metadata"]["resourceVersion"]) != known["metadata"]["resourceVersion"]:
            raise Conflict(f"PATCH {path}: 409 the object has been modified")
        if not status and guard.get("uid", known["metadata"]["uid"]) != known["metadata"]["uid"]:
            raise Invalid(f"PATCH {path}: 422 metadata.uid: field is immutable")
        return self._apply(object_path, known, change, status=status)

    def _apply(self, path: str, known: Body, change: Mapping[str, Any], *, status: bool) -> Body:
        if status:
            new = merged(known, {"status": change.get("status", {})})
        elif path.split("/")[-2] in _WITH_STATUS:
            new = merged(known, {key: value for key, value in change.items() if key != "status"})
        else:
            new = merged(known, change)
        added = set(new["metadata"].get("finalizers") or ()) - set(known["metadata"].get("finalizers") or ())
        if added and "deletionTimestamp" in known["metadata"]:
            raise Invalid(f"PATCH {path}: 422 no new finalizers can be added if the object is being deleted")
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            self._remove(path)
            return new
        return self._store(path, new)

    def _store(self, path: str, body: Body, event: str = "MODIFIED") -> Body:
        known = self._objects.get(path)
        if known is not None and body == known:
            return _copy(known)
        metadata = {**body["metadata"], "resourceVersion": str(next(self._versions))}
        if known is not None and body.get("spec") != known.get("spec"):
            metadata["generation"] = known["metadata"]["generation"] + 1
        stored = {**body, "metadata": metadata}
        self._objects[path] = stored
        self._tell(event, stored)
        return _copy(stored)

    def _remove(self, path: str) -> None:
        self._tell("DELETED", self._objects.pop(path))

    def _tell(self, event: str, body: Body) -> None:
        for listener in self._listeners:
            listener(str(body.get("kind", "")), event, _copy(body))


def _copy(value: T) -> T:
    """Return the value as it comes back from a server; many times faster than copy.deepcopy."""
    copied: T = orjson.loads(orjson.dumps(value))
    return copied


def merged(target: Any, patch: Mapping[str, Any]) -> Body:
    """Return the target after a merge patch, as RFC 7386, 2, has it."""
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(result.get(key), value)
        else:
            result[key] = _copy(value)
    return result


def an_instance(name: str = "trainer-0", namespace: str = "team-a", **changes: Any) -> Body:
    """Return a ComputeInstance as somebody would create it; `changes` go into its spec."""
    machine = {"cpu": "2", "memory": "8Gi", "image": "registry.example/trainer:1"}
    return {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": INSTANCES.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"providerRef": {"kind": PROVIDERS.kind, "name": "gateway"}, "machine": machine, **changes},
    }


def a_provider(endpoint: str, name: str = "gateway", namespace: str = "team-a", **changes: Any) -> Body:
    """Return a ComputeProvider of type Gateway; `changes` go into its spec, those of `gateway` into its block."""
    block = {"endpoint": endpoint, "credentialsSecretRef": {"name": "gateway-token", "key": "token"}}
    block.update(changes.pop("gateway", {}))
    return {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": PROVIDERS.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "Gateway", "gateway": block, **changes},
    }


def a_cluster_provider(endpoint: str, name: str = "shared", **changes: Any) -> Body:
    """Return a ClusterComputeProvider of type Gateway."""
    body = a_provider(endpoint, name, **changes)
    del body["metadata"]["namespace"]
    return {**body, "kind": CLUSTER_PROVIDERS.kind}
