"""A pod as a process: exactly its arguments and environment, on ports that this machine has."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gpuwright_sandbox.chart_pod import ENTRYPOINT, UnsupportedPodError, is_ready, plan

KUBECONFIG = Path("/somewhere/kubeconfig")


def pod(**container: Any) -> dict[str, Any]:
    """Return a pod with one container, as the API server shows it."""
    found = {"name": "operator", "image": "gpuwright:1", "args": [], **container}
    spec = {"serviceAccountName": "gpuwright", "restartPolicy": "Always", "containers": [found]}
    return {"metadata": {"name": "pod-0", "namespace": "gpuwright-system", "uid": "u-1"}, "spec": spec, "status": {}}


def test_arguments_go_to_the_images_program_as_they_are() -> None:
    made = plan(pod(args=["--log-level=debug", "--namespace=x"]), KUBECONFIG)
    assert made.command == (*ENTRYPOINT, "--log-level=debug", "--namespace=x")


def test_a_command_replaces_the_images_program() -> None:
    assert plan(pod(command=["/bin/true"]), KUBECONFIG).command == ("/bin/true",)


def test_nothing_of_the_callers_environment_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUWRIGHT_LOG_LEVEL", "debug")
    env = [
        {"name": "TZ", "value": "UTC"},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    found = plan(pod(env=env), KUBECONFIG).environment
    assert found == {"PYTHONUNBUFFERED": "1", "TZ": "UTC", "POD_NAME": "pod-0", "KUBECONFIG": str(KUBECONFIG)}


def test_references_are_expanded_and_unknown_ones_stay() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]
    assert plan(pod(env=env, args=["--x=$(B)", "--y=$(C)"]), KUBECONFIG).command[-2:] == ("--x=12", "--y=$(C)")


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_all_addresses_of_a_pod_are_one_free_port_of_loopback(host: str) -> None:
    ports = [{"name": "http", "containerPort": 8080}]
    first, second = (plan(pod(args=[f"--http-bind={host}:8080"], ports=ports), KUBECONFIG) for _ in range(2))
    assert first.command[-1] == f"--http-bind=127.0.0.1:{first.ports[8080]}"
    assert first.ports != second.ports, "two replicas on one machine"


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"envFrom": [{"secretRef": {"name": "x"}}]}, id="envFrom"),
        pytest.param({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x"}}}]}, id="a Secret's value"),
        pytest.param({"volumeMounts": [{"name": "none", "mountPath": "/x"}]}, id="a volume that is not there"),
    ],
)
def test_what_cannot_be_done_here_is_refused(container: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedPodError):
        plan(pod(**container), KUBECONFIG)


def test_a_second_container_is_refused() -> None:
    two = pod()
    two["spec"]["containers"] *= 2
    with pytest.raises(UnsupportedPodError):
        plan(two, KUBECONFIG)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(("path", "ready"), [("/readyz", True), ("/healthz", False)])
def test_a_probe_is_asked_where_the_process_listens(path: str, ready: bool) -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.handle_request).start()
        probe = {"httpGet": {"path": path, "port": "http"}}
        asked = pod(readinessProbe=probe, ports=[{"name": "http", "containerPort": 8080}])
        assert is_ready(asked, {8080: server.server_port}) is ready


def test_a_process_that_does_not_listen_yet_is_not_ready() -> None:
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    assert not is_ready(pod(readinessProbe=probe), {8080: 1})
    assert is_ready(pod(), {})
