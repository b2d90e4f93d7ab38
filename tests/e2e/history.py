"""Every version of the ComputeInstances of a namespace, as a watch shows them: what was true on the way, too."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kubernetes import client, watch
from tests.e2e.cluster import Body, condition

from gpuwright_sandbox.controlplane.clients import open_client

# The watch is begun anew this often, where it ended, so that it can be told to stop.
_ROUND_SECONDS = 2


class History:
    """Records in the background, from its start until it is closed."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._seen: list[Body] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._record, name="history", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def of(self, uid: str) -> list[Body]:
        """Return the versions of one object so far, the oldest first."""
        return [body for body in list(self._seen) if body["metadata"]["uid"] == uid]

    def everything(self) -> list[Body]:
        """Return the versions of all objects so far."""
        return list(self._seen)

    def reasons(self, uid: str, kind: str) -> list[str]:
        """Return the reasons that a condition had, one after the other, repeats left out."""
        reasons: list[str] = []
        for body in self.of(uid):
            reason = condition(body, kind)[1]
            if reason and reasons[-1:] != [reason]:
                reasons.append(reason)
        return reasons

    def _record(self) -> None:
        with open_client(self._kubeconfig) as api:
            version = "0"
            while not self._closed.is_set():
                version = self._record_round(client.CustomObjectsApi(api), version)

    def _record_round(self, objects: client.CustomObjectsApi, version: str) -> str:
        watching: Any = watch.Watch()  # type: ignore[no-untyped-call]  # the package leaves this one untyped
        place = ("gpuwright.dev", "v1alpha1", self._namespace, "computeinstances")
        for event in watching.stream(
            objects.list_namespaced_custom_object, *place, resource_version=version, timeout_seconds=_ROUND_SECONDS
        ):
            self._seen.append(event["object"])
            version = str(event["object"]["metadata"]["resourceVersion"])
        return version
