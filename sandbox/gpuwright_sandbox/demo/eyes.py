"""Looks at the API server and at the gateway's truth, and returns both as one view."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gpuwright_sandbox.demo.errors import BlindError
from gpuwright_sandbox.demo.facts import Body, Call, Instance, Machine, OwnerCount, Truth, View
from gpuwright_sandbox.gateway.process import GatewayProcess, GatewayProcessError

NAMESPACE = "team-a"
GROUP, VERSION = "gpuwright.dev", "v1alpha1"
_TIMEOUT_SECONDS = 10.0
_CHANGING = frozenset({"create", "delete", "stop", "start"})


class Eyes:
    """Sees everything, and remembers the instances that are gone; raises BlindError when nobody answers.

    Args:
        api: any identity that may read instances, providers and namespaces.
        gateway: the one whose truth counts.
    """

    def __init__(self, api: client.ApiClient, gateway: GatewayProcess) -> None:
        self._core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._gateway = gateway
        self._known: dict[str, Instance] = {}

    def look(self) -> View:
        """Return what there is now.

        The instances are read first, so that a machine which a status names is never younger than the truth.
        """
        with _seeing():
            return self._look()

    def _look(self) -> View:
        listed: Any = self._objects.list_namespaced_custom_object(
            GROUP, VERSION, NAMESPACE, "computeinstances", _request_timeout=_TIMEOUT_SECONDS
        )
        instances = tuple(Instance.of(body) for body in listed["items"])
        self._known |= {instance.uid: instance for instance in instances}
        present = {instance.uid for instance in instances}
        departed = tuple(instance for uid, instance in self._known.items() if uid not in present)
        return View(datetime.now(UTC), instances, departed, self._truth())

    def _truth(self) -> Truth:
        return Truth(
            tuple(Machine.of(body) for body in self._gateway.machines()),
            {uid: OwnerCount.of(body) for uid, body in self._gateway.owners().items()},
            tuple(Call.of(body) for body in self._gateway.requests() if body["call"] in _CHANGING),
        )

    def cluster_id(self) -> str:
        """Return the uid of namespace kube-system: the cluster's identity, part of every machine's name."""
        with _seeing():
            namespace = self._core.read_namespace("kube-system", _request_timeout=_TIMEOUT_SECONDS)
        return "" if namespace.metadata is None else str(namespace.metadata.uid)

    def provider_is_ready(self, name: str) -> bool:
        """Return whether the provider's condition Ready is True."""
        conditions = self._provider_status(name).get("conditions") or ()
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def leaks(self, name: str) -> tuple[str, ...]:
        """Return the names of the machines that a provider's status lists as leaks."""
        return tuple(leak["name"] for leak in self._provider_status(name).get("leaks") or ())

    def _provider_status(self, name: str) -> Body:
        with _seeing():
            body: Any = self._objects.get_namespaced_custom_object(
                GROUP, VERSION, NAMESPACE, "computeproviders", name, _request_timeout=_TIMEOUT_SECONDS
            )
        status: Body = body.get("status") or {}
        return status


@contextlib.contextmanager
def _seeing() -> Iterator[None]:
    try:
        yield
    except (ApiException, HTTPError, GatewayProcessError, OSError) as error:
        raise BlindError(f"the API server or the gateway did not answer: {error}") from error
