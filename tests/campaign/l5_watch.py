"""Every version of the objects of a namespace and of the cluster's providers, as watches show them."""

import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kubernetes import client, watch
from tests.campaign.l5_leaves import KINDS
from tests.campaign.trace import Event, Trace, Written
from tests.crds.schema import CLUSTER_PROVIDERS
from tests.crds.server import GROUP, VERSION

from gpuwright_sandbox.controlplane.clients import open_client

USER = "user"
OPERATOR = "operator"
_ROUND_SECONDS = 2  # a watch is begun anew this often, so that it can be told to stop

Body = Mapping[str, Any]


class Watcher:
    """Records in the background, from its start until it is closed."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._events: list[Written] = []
        self._latest: dict[tuple[str, str], Body] = {}
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._record, args=(plural,), daemon=True) for plural in KINDS]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def latest(self, kind: str, name: str) -> Body | None:
        """Return an object as it was seen last; None where it is gone or has not come yet."""
        with self._lock:
            return self._latest.get((kind, name))

    def left(self, names: Collection[str]) -> list[str]:
        """Return the objects of these names that there are."""
        with self._lock:
            return [f"{kind} {name}" for kind, name in self._latest if name in names]

    def trace(self, *names: str) -> Trace:
        """Return what was written so far, of all objects or of some."""
        with self._lock:
            events: list[Event] = [event for event in self._events if not names or _name(event) in names]
        return Trace(events)

    def _record(self, plural: str) -> None:
        with open_client(self._kubeconfig) as api:
            version = "0"
            while not self._closed.is_set():
                with suppress(client.ApiException):  # a watch that ends is begun anew where it ended
                    version = self._record_round(client.CustomObjectsApi(api), plural, version)

    def _record_round(self, objects: client.CustomObjectsApi, plural: str, version: str) -> str:
        watching: Any = watch.Watch()  # type: ignore[no-untyped-call]  # the package leaves this one untyped
        call: Any = objects.list_namespaced_custom_object
        place: tuple[str, ...] = (GROUP, VERSION, self._namespace, plural)
        if plural == CLUSTER_PROVIDERS:
            call, place = objects.list_cluster_custom_object, (GROUP, VERSION, plural)
        for event in watching.stream(call, *place, resource_version=version, timeout_seconds=_ROUND_SECONDS):
            self._take(plural, event["type"], event["object"])
            version = str(event["object"]["metadata"]["resourceVersion"])
        return version

    def _take(self, plural: str, word: str, body: Body) -> None:
        kind = KINDS[plural]
        key = (kind, str(body["metadata"]["name"]))
        with self._lock:
            before = self._latest.get(key)
            if word == "DELETED":
                self._latest.pop(key, None)
            else:
                self._latest[key] = body
            after = None if word == "DELETED" else body
            self._events.append(Written(time.time(), _writer(before, after), kind, before, after))


def _writer(before: Body | None, after: Body | None) -> str:
    """Return who wrote: the operator alone writes status, and nobody else's finalizers change."""
    if before is None or after is None or before["metadata"]["generation"] != after["metadata"]["generation"]:
        return USER
    return OPERATOR


def _name(event: Written) -> str:
    body = event.after or event.before or {"metadata": {"name": ""}}
    return str(body["metadata"]["name"])
