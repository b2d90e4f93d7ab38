"""One pod of the chart as a child process: under its service account, with exactly its arguments and environment.

What a kubelet gives and a process lacks: a network of its own (a port that is asked for on all addresses becomes a free
one on loopback), a root file system (limits, users and read-only roots are the real API server's and the image's to
judge), and the token's file (a kubeconfig with the same account's token stands in for it).
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.loopback import ask

Body = dict[str, Any]

# What the image runs where a pod names no command.
ENTRYPOINT = (sys.executable, "-P", "-m", "gpuwright")
_PROBE_SECONDS = 2.0
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class UnsupportedPodError(ControlPlaneError):
    """The pod asks for what the sandbox cannot do; teach `plan`, or take it out of the chart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pod is run here.

    Attributes:
        container: the name of its only container.
        command: what is started.
        environment: all of it; nothing comes from whoever starts it.
        ports: of this machine, by the container's port.
    """

    container: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: Mapping[int, int]


def plan(pod: Body, kubeconfig: Path) -> Plan:
    """Return how to run this pod as whom the kubeconfig names.

    Raises:
        UnsupportedPodError: it has something that nothing here stands in for.
    """
    spec = pod["spec"]
    if len(spec["containers"]) != 1 or spec.get("initContainers"):
        raise UnsupportedPodError(f"{pod['metadata']['name']}: one container is run, and no init containers")
    container = spec["containers"][0]
    _check_mounts(spec, container)
    ports = {port["containerPort"]: free_port() for port in container.get("ports", ())}
    environment = _environment(pod, container)
    words = [
        _expanded(word, environment) for word in (*container.get("command", ENTRYPOINT), *container.get("args", ()))
    ]
    return Plan(
        container["name"],
        tuple(_on_loopback(word, ports) for word in words),
        # Debian's Python would otherwise keep a line until its buffer is full; an image sets this, too.
        {"PYTHONUNBUFFERED": "1", **environment, "KUBECONFIG": str(kubeconfig)},
        ports,
    )


def is_ready(pod: Body, ports: Mapping[int, int], probe: str = "readinessProbe") -> bool:
    """Ask what the pod's probe asks; a pod without that probe is ready."""
    container = pod["spec"]["containers"][0]
    asked = container.get(probe, {}).get("httpGet")
    if asked is None:
        return True
    named = {port.get("name"): port["containerPort"] for port in container.get("ports", ())}
    status, _text = ask(ports[named.get(asked["port"], asked["port"])], asked["path"], _PROBE_SECONDS)
    return 200 <= status < 400


def _environment(pod: Body, container: Body) -> dict[str, str]:
    if container.get("envFrom"):
        raise UnsupportedPodError(f"{pod['metadata']['name']}: envFrom is not read here")
    found: dict[str, str] = {}
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            found[entry["name"]] = _field(pod, entry)
        else:
            found[entry["name"]] = _expanded(entry.get("value", ""), found)
    return found


def _field(pod: Body, entry: Body) -> str:
    path = entry["valueFrom"].get("fieldRef", {}).get("fieldPath", "")
    values = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.serviceAccountName": pod["spec"]["serviceAccountName"],
        "status.podIP": LOOPBACK,
    }
    if path not in values:
        raise UnsupportedPodError(f"{pod['metadata']['name']}: {entry['name']} is from what is not read here: {entry}")
    return str(values[path])


def _expanded(word: str, environment: Mapping[str, str]) -> str:
    # A reference to what is not set stays as it is (kubernetes.io, "Define dependent environment variables").
    return _REFERENCE.sub(lambda found: environment.get(found[1], found[0]), word)


def _on_loopback(word: str, ports: Mapping[int, int]) -> str:
    for inside, outside in ports.items():
        word = re.sub(rf"(0\.0\.0\.0|\[::\]):{inside}\b", f"{LOOPBACK}:{outside}", word)
    return word


def _check_mounts(spec: Body, container: Body) -> None:
    volumes = {volume["name"] for volume in spec.get("volumes", ())}
    missing = [mount["name"] for mount in container.get("volumeMounts", ()) if mount["name"] not in volumes]
    if missing:
        raise UnsupportedPodError(f"mounts of volumes that are not there: {missing}")
