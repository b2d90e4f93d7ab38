"""Asking the real API server what it makes of a manifest."""

import json
import re
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from tests.crds.schema import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, Manifest

GROUP = "gpuwright.dev"
VERSION = "v1alpha1"
NO_FIELD = "<nil>"
"""Stands on lines that the server adds to a refusal, such as that some rules were not looked at; they help nobody."""

BLOCK = re.compile('Invalid value: "object": ')
"""How Kubernetes 1.34 shows the value of a block; 1.37 leaves it out."""

PLURAL_OF = {
    "ComputeInstance": INSTANCES,
    "ComputeProvider": PROVIDERS,
    "ClusterComputeProvider": CLUSTER_PROVIDERS,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the object as it would be stored, or the sentences of the refusal."""

    stored: Manifest | None
    sentences: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Return whether the server took it."""
        return self.stored is not None


class Server:
    """One namespace of a real API server, asked with strict field validation, as kubectl does."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._objects = client.CustomObjectsApi(api)
        self._namespace = namespace

    def create(self, manifest: Manifest, *, keep: bool = False) -> Answer:
        """Return the answer to a create; nothing is stored unless `keep`."""
        return self._answer("create", manifest, [manifest], keep)

    def replace(self, manifest: Manifest, *, keep: bool = False) -> Answer:
        """Return the answer to an update of the stored object of this name."""
        name = manifest["metadata"]["name"]
        current = self.read(manifest)
        body = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": resource_version(current)}}
        return self._answer("replace", manifest, [name, body], keep)

    def read(self, manifest: Manifest) -> Manifest:
        """Return the stored object of this kind and name."""
        found: Manifest = self._call("get", manifest)(*self._where(manifest), manifest["metadata"]["name"])
        return found

    def patch_status(self, manifest: Manifest, status: Manifest) -> Answer:
        """Return the answer to a merge patch of the stored object's status, as the operator writes it."""
        name = manifest["metadata"]["name"]
        scope = "cluster" if self._cluster(manifest) else "namespaced"
        call = getattr(self._objects, f"patch_{scope}_custom_object_status")
        return self._said(call, [*self._where(manifest), name, {"status": status}], {})

    def delete(self, manifest: Manifest) -> None:
        """Delete the stored object of this kind and name."""
        self._call("delete", manifest)(*self._where(manifest), manifest["metadata"]["name"])

    def _answer(self, verb: str, manifest: Manifest, rest: list[Any], keep: bool) -> Answer:
        options = {"field_validation": "Strict", **({} if keep else {"dry_run": "All"})}
        return self._said(self._call(verb, manifest), [*self._where(manifest), *rest], options)

    def _said(self, call: Any, arguments: list[Any], options: dict[str, str]) -> Answer:
        try:
            return Answer(call(*arguments, **options))
        except client.ApiException as error:
            return Answer(None, _sentences(json.loads(error.body or "{}")))

    def _call(self, verb: str, manifest: Manifest) -> Any:
        scope = "cluster" if self._cluster(manifest) else "namespaced"
        return getattr(self._objects, f"{verb}_{scope}_custom_object")

    def _where(self, manifest: Manifest) -> tuple[str, ...]:
        plural = PLURAL_OF[manifest["kind"]]
        return (GROUP, VERSION, plural) if self._cluster(manifest) else (GROUP, VERSION, self._namespace, plural)

    @staticmethod
    def _cluster(manifest: Manifest) -> bool:
        return bool(manifest["kind"] == "ClusterComputeProvider")


def resource_version(stored: Manifest) -> str:
    """Return the version that moves with every write."""
    return str(stored["metadata"]["resourceVersion"])


def _sentences(status: dict[str, Any]) -> tuple[str, ...]:
    causes = status.get("details", {}).get("causes") or []
    if not causes:
        return (status["message"],)
    return tuple(
        f"{cause.get('field', '')}: {BLOCK.sub('Invalid value: ', cause['message'])}"
        for cause in causes
        if cause.get("field") != NO_FIELD
    )
