"""The sandbox's only node: it runs every pod as a child process and tells the API server what became of it.

Deployments, ReplicaSets and Jobs are the real controllers' work; of a kubelet there is what they wait for: a pod is
bound, started, ready, restarted, and ended when it is deleted.
"""

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Any, Self

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gpuwright_sandbox.chart_logs import LogServer
from gpuwright_sandbox.chart_pod import Body, Plan, is_ready, plan
from gpuwright_sandbox.controlplane import clients, kubeconfigs
from gpuwright_sandbox.controlplane.layout import LOOPBACK
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.controlplane.processes import Children

NAME = "sandbox"
_GLANCE_SECONDS = 0.2
_RESTART_SECONDS = 1.0
_TOKEN_SECONDS = 3600
_GONE = {404, 409}


@dataclass(slots=True)
class Running:
    """A pod that was started here; `name` is that of its process, `ended` since when it has been down."""

    plan: Plan
    name: str
    log: Path
    restarts: int = 0
    told: str = ""
    asked_to_end: float | None = None
    ended: float | None = None


class ChartNode:
    """Runs the pods of a control plane from `start` to `stop`; as a context manager, started and stopped."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._folder = plane.directory / "node"
        self._folder.mkdir(exist_ok=True)
        self._children = Children(self._folder)
        self._pods: dict[str, Running] = {}
        self._logs = LogServer(self._folder / "pki", self._log)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._children.open()
        self._logs.__enter__()
        with clients.open_client(self._plane.admin_kubeconfig()) as api:
            _register(client.CoreV1Api(api), self._logs.port)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._logs.__exit__(None, None, None)
        self._children.close()
        if self._failure is not None and error is None:
            raise self._failure

    def address(self, namespace: str, pod: str, port: int) -> tuple[str, int]:
        """Return where a port of a pod is reached. Raises KeyError where the pod does not run here."""
        return LOOPBACK, self._pods[f"{namespace}/{pod}"].plan.ports[port]

    def pids(self) -> dict[str, int]:
        """Return the process ids of the pods that run, by namespace/name."""
        running = self._children.pids()
        return {place: running[pod.name] for place, pod in self._pods.items() if pod.name in running}

    def log(self, namespace: str, pod: str) -> str:
        """Return all that a pod has printed, over all its starts."""
        return self._file(namespace, pod).read_text(errors="replace")

    def _file(self, namespace: str, pod: str) -> Path:
        return self._folder / f"{namespace}_{pod}.log"

    def _log(self, namespace: str, pod: str) -> Path | None:
        path = self._file(namespace, pod)
        return path if path.exists() else None

    def _run(self) -> None:
        try:
            with clients.open_client(self._plane.admin_kubeconfig()) as api:
                while not self._stopping.wait(_GLANCE_SECONDS):
                    self._pass(client.CoreV1Api(api))
        except BaseException as failure:  # noqa: BLE001 - told by __exit__, on the thread of whoever uses this
            self._failure = failure

    def _pass(self, core: client.CoreV1Api) -> None:
        # As JSON: the generated classes would rename every field.
        answer: Any = core.list_pod_for_all_namespaces(_preload_content=False)
        seen = set()
        for pod in json.loads(answer.data)["items"]:
            place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            seen.add(place)
            try:
                self._tend(core, place, pod)
            except ApiException as error:
                if error.status not in _GONE:
                    raise
        for place in self._pods.keys() - seen:
            self._children.end((self._pods.pop(place).name,), 0)

    def _tend(self, core: client.CoreV1Api, place: str, pod: Body) -> None:
        running = self._pods.get(place)
        if pod["metadata"].get("deletionTimestamp"):
            self._end(core, place, pod)
        elif pod["status"].get("phase") in {"Succeeded", "Failed"}:
            return
        elif running is None:
            self._begin(core, place, pod)
        elif (code := self._children.exit_code(running.name)) is not None:
            self._down(core, running, pod, code)
        else:
            self._tell(core, pod, running, "Running", ready=is_ready(pod, running.plan.ports))

    def _begin(self, core: client.CoreV1Api, place: str, pod: Body) -> None:
        metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        if not pod["spec"].get("nodeName"):
            _bind(core, metadata)
        user = f"system:serviceaccount:{metadata['namespace']}:{account}"
        kubeconfig = kubeconfigs.write_with_token(
            self._folder / f"{metadata['uid']}.kubeconfig",
            self._plane.url,
            self._plane.ca_pem.encode(),
            user,
            _token(core, metadata, account),
        )
        log = self._file(metadata["namespace"], metadata["name"])
        running = Running(plan(pod, kubeconfig), metadata["uid"], log)
        self._pods[place] = running
        self._spawn(running)

    def _spawn(self, running: Running) -> None:
        self._children.spawn(running.name, running.plan.command, running.log, running.plan.environment)

    def _down(self, core: client.CoreV1Api, running: Running, pod: Body, code: int) -> None:
        """Start it again, or tell how it ended: as its restart policy says."""
        now = time.monotonic()
        if pod["spec"]["restartPolicy"] == "Always":
            running.ended = running.ended or now
            self._tell(core, pod, running, "Running", ready=False)
            if now - running.ended >= _RESTART_SECONDS:
                running.restarts, running.ended = running.restarts + 1, None
                self._spawn(running)
            return
        self._tell(core, pod, running, "Failed" if code else "Succeeded", ready=False, code=code)

    def _end(self, core: client.CoreV1Api, place: str, pod: Body) -> None:
        running, now = self._pods.get(place), time.monotonic()
        if running is not None and self._children.is_running(running.name):
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            if running.asked_to_end is None:
                running.asked_to_end = now
                # It may end between the two looks.
                with suppress(ProcessLookupError):
                    self._children.send(running.name, SIGTERM)
            elif now - running.asked_to_end > grace:
                self._children.send(running.name, SIGKILL)
            return
        self._pods.pop(place, None)
        # In the body: beside one, the server does not read the query.
        guard = client.V1Preconditions(uid=pod["metadata"]["uid"])
        options = client.V1DeleteOptions(grace_period_seconds=0, preconditions=guard)
        core.delete_namespaced_pod(pod["metadata"]["name"], pod["metadata"]["namespace"], body=options)

    def _tell(
        self, core: client.CoreV1Api, pod: Body, running: Running, phase: str, *, ready: bool, code: int | None = None
    ) -> None:
        told = f"{phase} {ready} {running.restarts}"
        if told == running.told:
            return
        core.patch_namespaced_pod_status(
            pod["metadata"]["name"],
            pod["metadata"]["namespace"],
            {"status": _status(pod, running, phase, ready, code)},
        )
        running.told = told


def _register(core: client.CoreV1Api, port: int) -> None:
    with suppress(ApiException):
        core.delete_node(NAME)
    core.create_node(client.V1Node(metadata=client.V1ObjectMeta(name=NAME)))
    status = {
        "addresses": [{"type": "InternalIP", "address": LOOPBACK}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Sandbox", "message": "pods are processes"}],
    }
    core.patch_node_status(NAME, {"status": status})


def _bind(core: client.CoreV1Api, metadata: Body) -> None:
    body = client.V1Binding(
        metadata=client.V1ObjectMeta(name=metadata["name"]), target=client.V1ObjectReference(kind="Node", name=NAME)
    )
    # The answer is a Status, which the generated client takes for a Binding and refuses.
    core.create_namespaced_binding(metadata["namespace"], body, _preload_content=False)


def _token(core: client.CoreV1Api, metadata: Body, account: str) -> str:
    """Return a token of the pod's account that ends with the pod."""
    bound = client.V1BoundObjectReference(kind="Pod", api_version="v1", name=metadata["name"], uid=metadata["uid"])
    spec = client.V1TokenRequestSpec(audiences=[], expiration_seconds=_TOKEN_SECONDS, bound_object_ref=bound)
    answer: Any = core.create_namespaced_service_account_token(
        account, metadata["namespace"], client.AuthenticationV1TokenRequest(spec=spec), _preload_content=False
    )
    return str(json.loads(answer.data)["status"]["token"])


def _status(pod: Body, running: Running, phase: str, ready: bool, code: int | None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    state: Body = {"running": {"startedAt": now}}
    if code is not None:
        words = running.log.read_text(errors="replace")[-2000:] if code else ""
        reason = "Error" if code else "Completed"
        state = {"terminated": {"exitCode": code, "reason": reason, "message": words, "finishedAt": now}}
    image = pod["spec"]["containers"][0]["image"]
    container = {"name": running.plan.container, "image": image, "imageID": image, "ready": ready, "started": True}
    done = {"reason": "PodCompleted"} if phase == "Succeeded" else {}
    conditions = [
        {"type": kind, "status": str(value), "lastTransitionTime": now, **done}
        for kind, value in (("Initialized", True), ("ContainersReady", ready), ("Ready", ready))
    ]
    return {
        "phase": phase,
        "startTime": pod["status"].get("startTime") or now,
        "hostIP": LOOPBACK,
        "podIP": LOOPBACK,
        "podIPs": [{"ip": LOOPBACK}],
        "conditions": conditions,
        "containerStatuses": [{**container, "restartCount": running.restarts, "state": state}],
    }
