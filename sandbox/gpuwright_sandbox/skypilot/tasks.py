"""What a task asks for, checked as strictly as the strictest cloud does."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

NAME = re.compile(r"[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?")
_KEYS = {"name", "resources", "num_nodes", "envs", "secrets", "setup", "run"}
_RESOURCES = {
    "cloud",
    "region",
    "zone",
    "infra",
    "instance_type",
    "cpus",
    "memory",
    "accelerators",
    "use_spot",
    "disk_size",
    "image_id",
    "labels",
    "autostop",
    "ports",
}
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)?")


class BadTask(Exception):
    """The task will not do: the type of the error, and its words."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def resources_of(name: str, text: str) -> dict[str, Any]:
    """Return what a task wants to have. Raises BadTask."""
    if not NAME.fullmatch(name):
        raise BadTask(
            "InvalidClusterNameError", f'Cluster name "{name}" is invalid; ensure it is fully matched by regex'
        )
    try:
        task = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadTask("ValueError", f"Invalid task YAML: {error}") from error
    if not isinstance(task, dict) or set(task) - _KEYS:
        raise BadTask("InvalidSkyPilotConfigError", "Invalid task YAML: additional properties are not allowed")
    resources: dict[str, Any] = task.get("resources") or {}
    if set(resources) - _RESOURCES:
        raise BadTask("InvalidSkyPilotConfigError", "Invalid resources YAML: additional properties are not allowed")
    _check_labels(resources.get("labels") or {})
    return resources


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if not (_KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            raise BadTask("ValueError", f"The following labels are invalid: {key}: {value}")
