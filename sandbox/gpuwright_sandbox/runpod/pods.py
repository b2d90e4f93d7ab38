"""What is really there: the pods, with their times, also those that are gone. Tests ask this, never an answer."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

BIRTH = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Status(StrEnum):
    """RunPod's words."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


ACTIONS: Mapping[Status, tuple[str, ...]] = {
    Status.PROVISIONING: ("stop", "terminate"),
    Status.STARTING: ("stop", "terminate"),
    Status.RUNNING: ("stop", "restart", "terminate"),
    Status.EXITED: ("start", "terminate"),
    Status.ERROR: ("start", "terminate"),
    Status.TERMINATED: (),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds things take: to be placed, and to pull the image."""

    provision: float = 2.0
    start: float = 3.0


@dataclass(slots=True)
class Pod:
    """One pod. It bills from `born` until `ended`; a stopped one bills for its disks. `ran`: when it began to run last,
    where it was halted since.
    """

    id: str
    asked: Mapping[str, Any]
    name: str
    env: dict[str, str]
    born: float
    begun: float
    halted: Status | None = None
    ran: float | None = None
    ended: float | None = None
    host_full: bool = False

    @property
    def labels(self) -> dict[str, str]:
        """What its environment says of its owner."""
        found: dict[str, str] = json.loads(self.env.get("GPUWRIGHT_LABELS", "{}"))
        return found


@dataclass(slots=True)
class Fleet:
    """One account. `clock` tells seconds that grow, `price` USD an hour of one GPU."""

    clock: Callable[[], float]
    pace: Pace
    price: float = 0.44
    pods: list[Pod] = field(default_factory=list)

    def make(self, asked: Mapping[str, Any]) -> Pod:
        """Return a new pod: the same name again is one more."""
        now = self.clock()
        made = Pod(secrets.token_hex(7), asked, str(asked["name"]), dict(asked.get("env") or {}), now, now)
        self.pods.append(made)
        return made

    def live(self) -> list[Pod]:
        """Return those that bill, oldest first."""
        return [pod for pod in self.pods if pod.ended is None]

    def named(self, name: str) -> Pod:
        """Return the one pod of this name that bills."""
        (found,) = [pod for pod in self.live() if pod.name == name]
        return found

    def get(self, identity: str) -> Pod | None:
        """Return what bills under this id."""
        return next((pod for pod in self.live() if pod.id == identity), None)

    def end(self, pod: Pod) -> None:
        """End it: it is in no list any more."""
        pod.ended = self.clock()

    def halt(self, pod: Pod, status: Status = Status.EXITED) -> None:
        """Stop it, or let it break."""
        pod.ran = self.started(pod)
        pod.halted = status

    def start(self, pod: Pod) -> None:
        """Start it again: it has its host already."""
        pod.halted, pod.begun = None, self.clock() - self.pace.provision

    def status(self, pod: Pod) -> Status:
        """Return how it is now."""
        if pod.ended is not None:
            return Status.TERMINATED
        if pod.halted is not None:
            return pod.halted
        age = self.clock() - pod.begun
        if age < self.pace.provision:
            return Status.PROVISIONING
        return Status.STARTING if age < self.pace.provision + self.pace.start else Status.RUNNING

    def started(self, pod: Pod) -> float | None:
        """Return when it began to run last; None where it never has."""
        return pod.begun if self.status(pod) is Status.RUNNING else pod.ran

    def shown(self, pod: Pod) -> dict[str, Any]:
        """Return the pod as RunPod describes it."""
        asked, status, started = pod.asked, self.status(pod), self.started(pod)
        running = status is Status.RUNNING
        return {
            "id": pod.id,
            "name": pod.name,
            "image": asked.get("image", ""),
            "args": asked.get("args", ""),
            "disk": asked.get("disk", 50),
            "ports": list(asked.get("ports") or ()),
            "env": dict(pod.env),
            "registry": asked.get("registry"),
            "status": str(status),
            "actions": list(ACTIONS[status]),
            "mounts": asked.get("mounts") or {},
            **{kind: _compute(asked[kind]) for kind in ("gpu", "cpu") if kind in asked},
            "cloud": asked.get("cloud", "SECURE"),
            "dataCenterId": next(iter(asked.get("dataCenterIds") or ()), "US-KS-2"),
            "cudaVersion": "12.8",
            "ssh": {"proxy": None, "direct": None},
            "template": None,
            "cost": 0.0 if pod.halted else round(self.price * int((asked.get("gpu") or {}).get("count", 1)), 4),
            "locked": False,
            "globalNetworking": _network(pod),
            "runtime": {"uptime": int(self.clock() - pod.begun), "ports": _ports(asked)} if running else None,
            "createdAt": _moment(pod.born),
            "startedAt": None if started is None else _moment(started),
        }


def _moment(seconds: float) -> str:
    return (BIRTH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compute(asked: Mapping[str, Any]) -> dict[str, Any]:
    if "vcpuCount" in asked:
        return {**asked, "memory": 2 * int(asked["vcpuCount"])}
    return {"id": asked["id"], "count": asked.get("count", 1)}


def _network(pod: Pod) -> dict[str, Any]:
    if not pod.asked.get("globalNetworking"):
        return {"enabled": False}
    return {"enabled": True, "ip": "10.65.1.42", "internalDns": f"{pod.id}.runpod.internal"}


def _ports(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = [port.split("/") for port in asked.get("ports") or ()]
    return [
        {"private": int(number), "public": 40000 + int(number) % 10000, "type": kind, "ip": "195.26.233.3"}
        for number, kind in wanted
    ]
