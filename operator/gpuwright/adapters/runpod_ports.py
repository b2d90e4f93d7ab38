"""Ports of a pod: how they are asked for, and how they are reached (docs.runpod.io, "Expose ports", read 2026-11-22).

RunPod's ports have no names. They stand in the pod's environment, as its labels do.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gpuwright.model.conditions import cut
from gpuwright.model.machine_endpoint import MOST, MachineEndpoint, is_port
from gpuwright.model.port_spec import Port

ENV_PORTS = "GPUWRIGHT_PORTS"
_PROXY = "https://{id}-{port}.proxy.runpod.net"


def word_of(port: Port) -> str:
    """Return the port as RunPod writes it, such as 22/tcp."""
    return f"{port.port}/{port.spoken.lower()}"


def names_text(ports: Iterable[Port]) -> str:
    """Return the names as a variable of the environment holds them, such as `ssh=22/tcp,web=8888/http`."""
    return ",".join(f"{port.name}={word_of(port)}" for port in ports)


def endpoints_of(pod: Mapping[str, Any]) -> tuple[MachineEndpoint, ...]:
    """Return how a running pod is reached; what is odd is left out."""
    runtime, listed, env = pod.get("runtime"), pod.get("ports"), pod.get("env")
    if not isinstance(runtime, Mapping) or not isinstance(listed, list):
        return ()
    text = env.get(ENV_PORTS) if isinstance(env, Mapping) else None
    names = _names(text) if isinstance(text, str) else {}
    open_ones = runtime.get("ports")
    found = [
        _endpoint(str(pod.get("id")), word, names.get(word, ""), open_ones if isinstance(open_ones, list) else [])
        for word in listed[:MOST]
        if isinstance(word, str)
    ]
    return tuple(endpoint for endpoint in found if endpoint is not None)


def _names(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {word: cut(name, 63) for name, _equals, word in pairs}


def _endpoint(identity: str, word: str, name: str, open_ones: list[Any]) -> MachineEndpoint | None:
    number, _slash, kind = word.partition("/")
    if not (number.isdecimal() and is_port(port := int(number))):
        return None
    if kind == "http":
        return MachineEndpoint(name, port, url=_PROXY.format(id=cut(identity, 64), port=port))
    for entry in open_ones:
        told = entry if isinstance(entry, Mapping) else {}
        address, public = told.get("ip"), told.get("public")
        if told.get("private") == port and told.get("type") == kind and isinstance(address, str) and is_port(public):
            return MachineEndpoint(name, port, cut(address, 253), public)
    return None
