"""Waiting until freshly applied custom resources can be used."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gpuwright_sandbox.controlplane.errors import NotReadyError
from gpuwright_sandbox.controlplane.health import wait_until_none

_TIMEOUT_SECONDS = 30.0
_REQUEST_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ServedKind:
    """One served version of a custom resource definition."""

    definition: str
    group: str
    version: str
    plural: str


def read_kinds(folder: Path) -> tuple[ServedKind, ...]:
    """Return the served versions of every custom resource definition in the YAML files of a folder."""
    return tuple(kind for path in manifests(folder) for kind in _kinds_in(path))


def manifests(folder: Path) -> list[Path]:
    """Return the YAML files of a folder, by name."""
    return sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))


def wait_until_served(api: client.ApiClient, kinds: tuple[ServedKind, ...]) -> None:
    """Return once every kind is listed by discovery and answers a list, which it does only when established.

    After a change of a definition the server answers 429 "storage is (re)initializing" for about a second, and
    discovery follows later still: kubectl would say that it does not know the kind.

    Raises:
        NotReadyError: one of them was not within half a minute; the message has the server's last answer.
    """
    for kind in kinds:
        refusal = wait_until_none(functools.partial(_refusal, api, kind), _TIMEOUT_SECONDS)
        if refusal is not None:
            raise NotReadyError(
                f"{kind.definition} {kind.version} is not served: {refusal}; look at its status.conditions"
            )


def _kinds_in(path: Path) -> Iterator[ServedKind]:
    for document in yaml.safe_load_all(path.read_text()):
        if not document or document.get("kind") != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            if version["served"]:
                yield ServedKind(document["metadata"]["name"], spec["group"], version["name"], spec["names"]["plural"])


def _refusal(api: client.ApiClient, kind: ServedKind) -> str | None:
    objects = client.CustomObjectsApi(api)
    try:
        known = objects.get_api_resources(kind.group, kind.version, _request_timeout=_REQUEST_TIMEOUT_SECONDS)
        if kind.plural not in {resource.name for resource in known.resources}:
            return "discovery does not list it yet"
        objects.list_cluster_custom_object(
            kind.group, kind.version, kind.plural, limit=1, _request_timeout=_REQUEST_TIMEOUT_SECONDS
        )
    except ApiException as error:
        return f"{error.status} {error.reason}"
    return None
