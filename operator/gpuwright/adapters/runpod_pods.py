"""What RunPod says of its pods, translated: states, owners, addresses, prices.

RunPod has no tags. What others put into tags stands in the pod's environment, which every answer shows, so the labels
go in there at birth as one variable, and the name as another: people may rename a pod.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from gpuwright.adapters.runpod_ports import endpoints_of
from gpuwright.model.conditions import cut, timestamp
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Sighting, Tombstone
from gpuwright.model.names import LABEL_CLUSTER

ENV_LABELS = "GPUWRIGHT_LABELS"
ENV_NAME = "GPUWRIGHT_INSTANCE_NAME"

STATES: Mapping[str, MachineState] = {
    "PROVISIONING": MachineState.PENDING,
    "STARTING": MachineState.PROVISIONING,  # the image is being pulled, which may take 20 minutes
    "RUNNING": MachineState.RUNNING,
    "EXITED": MachineState.STOPPED,
    "ERROR": MachineState.FAILED,  # unless it has run: see _state
    "TERMINATED": MachineState.GONE,
}


def pods_in(body: Any) -> tuple[Machine, ...]:
    """Return the pods of an answer to a list. Raises Blind unless each of them is one."""
    pods = body.get("pods") if isinstance(body, Mapping) else None
    if not isinstance(pods, list):
        raise Blind("RunPod answered with something that is no list of pods")
    return tuple(machine_of(pod) for pod in pods)


def machine_of(pod: Any) -> Machine:
    """Return the machine that RunPod describes. Raises Blind where it is none.

    A pod that does not carry a name of ours in its environment goes by the name that people see.
    """
    if not isinstance(pod, Mapping):
        raise Blind("RunPod's answer holds something that is no pod")
    identity, name, word, env = pod.get("id"), pod.get("name"), pod.get("status"), pod.get("env")
    texts = (identity, name, word)
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(env, Mapping):
        raise Blind("RunPod's answer holds something that is no pod")
    identity, name, word = (str(text) for text in texts)
    state = _state(word, pod)
    return Machine(
        id=cut(identity, 1000),
        name=cut(_text(env.get(ENV_NAME)) or name, 1000),
        state=state,
        word=cut(word, 1000),
        labels=labels_of(env.get(ENV_LABELS)),
        addresses=_addresses(pod) if state is MachineState.RUNNING else (),
        endpoints=endpoints_of(pod) if state is MachineState.RUNNING else (),
        region=_text(pod.get("dataCenterId")),
        instance_type=_text((pod.get("gpu") or {}).get("id")) if isinstance(pod.get("gpu"), Mapping) else "",
        purchase="OnDemand",
        created=_moment(pod.get("createdAt")),
        price_per_hour=_price(pod.get("cost")),
        currency="USD",
    )


def _state(word: str, pod: Mapping[str, Any]) -> MachineState:
    """Return the state. What has failed is ended with its disks, and RunPod starts a pod in ERROR like a stopped one
    (podAction in its OpenAPI document 2.0.0, read 2026-11-22): one that has run may hold something, and is kept.
    """
    state = STATES.get(word, MachineState.UNKNOWN)
    return MachineState.UNKNOWN if state is MachineState.FAILED and pod.get("startedAt") is not None else state


def labels_of(text: Any) -> dict[str, str]:
    """Return the labels that a variable of the environment holds; none where somebody has made it unreadable."""
    try:
        found = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def labels_text(labels: Mapping[str, str]) -> str:
    """Return the labels as a variable of the environment holds them; the same labels give the same text."""
    return orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS).decode()


def of_cluster(machines: Iterable[Machine], cluster: str) -> tuple[Machine, ...]:
    """Return what a list shows: the pods that say that they are this cluster's, and are not gone."""
    return tuple(
        machine
        for machine in machines
        if machine.labels.get(LABEL_CLUSTER) == cluster and machine.state is not MachineState.GONE
    )


def under(machines: Iterable[Machine], name: str, cluster: str) -> tuple[Machine, ...]:
    """Return the pods that a name means, oldest first. An id means its own pod alone, whatever others are called.

    A pod without labels counts by its name: somebody may have emptied the environment of one of ours, and no name of
    ours is likely to be anybody else's. Only what says that it is another cluster's does not.
    """
    ours = [machine for machine in machines if machine.labels.get(LABEL_CLUSTER, cluster) == cluster]
    by_id = [machine for machine in ours if machine.id == name]
    meant = by_id or [machine for machine in ours if machine.name == name]
    oldest_first = sorted(meant, key=lambda machine: (machine.created, machine.id))
    return tuple(replace(machine, name=name) for machine in oldest_first)


def sighting_of(oldest_first: Iterable[Machine]) -> Sighting:
    """Return what one look at a name showed. The oldest that lives counts; names are unique by their hash only."""
    dead = ""
    for machine in oldest_first:
        if machine.alive:
            return Present(machine)
        dead = machine.id
    return Tombstone(dead) if dead else Absent()


def _text(value: Any) -> str:
    return cut(value, 1000) if isinstance(value, str) else ""


def _moment(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return ""
    return timestamp(moment.astimezone(UTC)) if moment is not None and moment.tzinfo else ""


def _price(value: Any) -> str:
    """Return what the pod costs an hour. RunPod says 0 for a stopped one, whose disks go on costing: not known."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        return ""
    return format(Decimal(str(value)), "f")


def _addresses(pod: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    runtime, network = pod.get("runtime"), pod.get("globalNetworking")
    ports = runtime.get("ports") if isinstance(runtime, Mapping) else None
    private = network if isinstance(network, Mapping) else {}
    public = [port.get("ip") for port in ports if isinstance(port, Mapping)] if isinstance(ports, list) else []
    found = [
        ("InternalIP", private.get("ip")),
        ("InternalDNS", private.get("internalDns")),
        *(("ExternalIP", address) for address in public),
    ]
    texts = dict.fromkeys((kind, cut(value, 253)) for kind, value in found if isinstance(value, str) and value)
    return tuple({"type": kind, "address": address} for kind, address in [*texts][:16])
