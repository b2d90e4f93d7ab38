"""What the server believes, its clusters and requests, and what is really there, kept apart."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import count
from typing import Any
from uuid import uuid4

from gpuwright_sandbox.skypilot.tasks import BadTask, resources_of

EPOCH = 1_795_341_600.0  # the server's clock when ours says 0
ACTIVE = frozenset({"PENDING", "WAITING", "RUNNING"})
ANSI = "\x1b[31m{}\x1b[0m"


class Fate(StrEnum):
    """What becomes of a launch."""

    WELL = auto()
    NO_ROOM = auto()
    NO_QUOTA = auto()
    NO_ROOM_BUT_MADE = auto()  # a broken promise: the server has forgotten what it made
    SETUP_FAILS = auto()  # the machine is there, cannot be set up for SkyPilot, and stays
    INTERRUPTED = auto()
    QUEUED = auto()  # it waits until it is let go


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds things take."""

    queue: float = 0.0
    boot: float = 5.0
    stop: float = 5.0
    end: float = 5.0
    refresh: float = 30.0


@dataclass(slots=True)
class Vm:
    """One machine at a cloud: the truth. It bills until `ended`."""

    name: str
    labels: Mapping[str, str]
    born: float
    ended: float | None = None


@dataclass(slots=True)
class Cluster:
    """One row of the server's."""

    name: str
    hash: str
    resources: Mapping[str, Any]
    vm: Vm
    launched: float
    status: str = "INIT"
    ever_up: bool = False


@dataclass(slots=True)
class Request:
    """One request at the server; lost when it restarts."""

    id: str
    name: str
    cluster: str
    created: float
    body: Mapping[str, Any]
    status: str = "PENDING"
    finished: float | None = None
    error: Mapping[str, str] | None = None
    value: Any = None

    @property
    def active(self) -> bool:
        """Whether it is not over."""
        return self.status in ACTIVE


class Fleet:
    """One server and its clouds. `clock`: seconds, growing."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        self.pace = pace
        self.clusters: dict[str, Cluster] = {}
        self.requests: dict[str, Request] = {}
        self.vms: list[Vm] = []
        self.fates: list[Fate] = []
        self.cannot_stop = False
        self.cannot_stop_spot = False
        self._clock = clock
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._queued: list[Callable[[], None]] = []

    @property
    def now(self) -> float:
        """Seconds of the server's clock."""
        return EPOCH + self._clock()

    def tick(self) -> None:
        """Let happen what is due."""
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()

    def live(self) -> list[Vm]:
        """Return the machines that bill."""
        self.tick()
        return [vm for vm in self.vms if vm.ended is None]

    def restart(self) -> None:
        """Lose every request; what their workers do goes on."""
        self.tick()
        self.requests.clear()

    def submit(self, verb: str, body: Mapping[str, Any]) -> Request:
        """Take a request."""
        self.tick()
        name = str(body.get("cluster_name") or "")
        request = Request(str(uuid4()), f"sky.{verb}", name, self.now, body)
        self.requests[request.id] = request
        if verb == "launch":
            fate = self.fates.pop(0) if self.fates else Fate.WELL
            begin = lambda: self._launch(request, Fate.WELL if fate is Fate.QUEUED else fate)  # noqa: E731
            if fate is Fate.QUEUED:
                self._queued.append(begin)
            else:
                self._after(self.pace.queue, begin)
        else:
            {"down": self._down, "stop": self._stop, "start": self._start}[verb](request)
        self.tick()
        return request

    def release(self) -> None:
        """Let the launches go that wait."""
        queued, self._queued = self._queued, []
        for begin in queued:
            begin()

    def cancel(self, request_id: str) -> None:
        """Cancel a request: what it was at stays as it is."""
        request = self.requests.get(request_id)
        if request is not None and request.active:
            self._end(request, "CANCELLED")

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self._order), do))

    def _end(self, request: Request, status: str, kind: str = "", message: str = "") -> None:
        request.status, request.finished = status, self.now
        if kind:
            request.error = {"object": "gASVBgAAAAAAAACMAnRoLg==", "type": kind, "message": ANSI.format(message)}

    def _launch(self, request: Request, fate: Fate) -> None:
        if not request.active:
            return
        request.status = "RUNNING"
        try:
            resources = resources_of(request.cluster, str(request.body.get("task")))
        except BadTask as error:
            self._end(request, "FAILED", error.kind, error.message)
            return
        held = self.clusters.get(request.cluster)
        if held is not None:
            self._launch_again(request, held, resources)
        elif fate in {Fate.NO_ROOM, Fate.NO_QUOTA, Fate.NO_ROOM_BUT_MADE, Fate.INTERRUPTED}:
            self._refuse(request, fate, resources)
        else:
            cluster = self._made(request.cluster, resources)
            self._after(self.pace.boot, lambda: self._up(request, cluster, fate))

    def _launch_again(self, request: Request, held: Cluster, resources: Mapping[str, Any]) -> None:
        """The name is taken: nothing new is made, and the request waits for what is at work on it."""
        wanted, there = (
            {key: value for key, value in found.items() if key != "labels"} for found in (resources, held.resources)
        )
        if wanted != there:
            self._end(
                request, "FAILED", "ResourcesMismatchError", "Requested resources do not match the existing cluster."
            )
        elif held.status == "UP":
            self._end(request, "SUCCEEDED")
        else:
            self._after(self.pace.boot, lambda: self._end(request, "SUCCEEDED") if request.active else None)

    def _refuse(self, request: Request, fate: Fate, resources: Mapping[str, Any]) -> None:
        if fate is Fate.NO_ROOM_BUT_MADE:
            self.vms.append(Vm(request.cluster, dict(resources.get("labels") or {}), self.now))
        if fate is Fate.INTERRUPTED:
            self._end(request, "FAILED", "RequestInterruptedError", "Request interrupted.")
            return
        why = "Quota exceeded" if fate is Fate.NO_QUOTA else "InsufficientInstanceCapacity"
        words = f"Failed to provision all possible launchable resources. {why}"
        self._end(request, "FAILED", "ResourcesUnavailableError", words)

    def _made(self, name: str, resources: Mapping[str, Any]) -> Cluster:
        vm = Vm(name, dict(resources.get("labels") or {}), self.now)
        self.vms.append(vm)
        self.clusters[name] = Cluster(name, str(uuid4()), resources, vm, self.now)
        return self.clusters[name]

    def _up(self, request: Request, cluster: Cluster, fate: Fate) -> None:
        if not request.active or self.clusters.get(cluster.name) is not cluster:
            return
        if fate is Fate.SETUP_FAILS:
            self._end(request, "FAILED", "ClusterSetUpError", "Failed to set up SkyPilot runtime on cluster.")
            return
        cluster.status, cluster.ever_up = "UP", True
        request.value = {"job_id": None, "handle": "gASVBgAAAAAAAACMAnRoLg=="}
        self._end(request, "SUCCEEDED")

    def _down(self, request: Request) -> None:
        for other in self.requests.values():
            if other.cluster == request.cluster and other.active and other.name == "sky.launch":
                self._end(other, "CANCELLED")
        request.status = "RUNNING"
        if request.cluster not in self.clusters:
            self._absent(request)
            return
        self._after(self.pace.end, lambda: self._downed(request))

    def _downed(self, request: Request) -> None:
        cluster = self.clusters.pop(request.cluster, None)
        if cluster is None:
            self._absent(request)
            return
        if cluster.vm.ended is None:
            cluster.vm.ended = self.now
        self._end(request, "SUCCEEDED")

    def _absent(self, request: Request) -> None:
        self._end(request, "FAILED", "ClusterDoesNotExist", f"Cluster '{request.cluster}' does not exist.")

    def _stop(self, request: Request) -> None:
        if self.cannot_stop:
            self._end(request, "FAILED", "NotSupportedError", "Stopping is not supported on this cloud.")
            return
        cluster = self.clusters.get(request.cluster)
        if self.cannot_stop_spot and cluster is not None and cluster.resources.get("use_spot"):
            self._end(request, "FAILED", "NotSupportedError", "Stopping spot instances is not supported.")
            return
        self._turn(request, "STOPPED", self.pace.stop)

    def _start(self, request: Request) -> None:
        self._turn(request, "UP", self.pace.boot)

    def _turn(self, request: Request, word: str, seconds: float) -> None:
        request.status = "RUNNING"
        if request.cluster not in self.clusters:
            self._absent(request)
            return
        self._after(seconds, lambda: self._turned(request, word))

    def _turned(self, request: Request, word: str) -> None:
        cluster = self.clusters.get(request.cluster)
        if cluster is not None and request.active:
            cluster.status = word
            self._end(request, "SUCCEEDED")

    def taken_away(self, name: str) -> None:
        """End a machine behind the server's back: it notices when it looks next."""
        cluster = self.clusters[name]
        cluster.vm.ended = self.now
        self._after(self.pace.refresh, lambda: self._forgotten(cluster))

    def vanish(self, name: str) -> None:
        """End a machine, and let the server have forgotten it."""
        self.clusters[name].vm.ended = self.now
        self.forget(name)

    def forget(self, name: str) -> None:
        """Let the server have forgotten a cluster, whose machine goes on."""
        del self.clusters[name]

    def _forgotten(self, cluster: Cluster) -> None:
        if self.clusters.get(cluster.name) is cluster:
            del self.clusters[cluster.name]

    def fail(self, name: str) -> None:
        """Let a cluster's launch fail, or somebody's later one where it is over; either leaves the cluster in INIT."""
        launches = [found for found in self.requests.values() if (found.name, found.cluster) == ("sky.launch", name)]
        request = next((found for found in launches if found.active), None)
        if request is None:
            request = Request(str(uuid4()), "sky.launch", name, self.now, {}, "RUNNING")
            self.requests[request.id] = request
        self.clusters[name].status = "INIT"
        self._end(request, "FAILED", "CommandError", "Failed to setup with return code 1")
