"""Draw docs/dashboard.svg from a real run: control plane, sandbox gateway, operator, /metrics read once a second.

The run goes through what the panels are about: no room, lost answers, a provider that is away, refused credentials, a
finalizer that somebody tears off, deletions. It takes some three minutes.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hack.dashboard_picture import WINDOW_SECONDS, picture
from hack.dashboard_series import Recording

from gpuwright_sandbox.bench.subject import Subject
from gpuwright_sandbox.controlplane.binaries import Places, find_all
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "dashboard.svg"
SCRAPES = ROOT / "build" / "dashboard-scrapes.json"
NAMESPACE = "team-a"
SCRAPE_SECONDS = 1.0
TRIES = 5  # an API server on a busy machine is late at times
USER = "gpuwright-dashboard-operator"
SPEC = {
    "type": "Gateway",
    "poll": {"periodSeconds": 2},
    "probe": {"periodSeconds": 2, "failureThreshold": 2},
    "timeouts": {"connectSeconds": 1, "requestSeconds": 2},
    "settleSeconds": 4,
    "sweep": {"mode": "Report", "periodSeconds": 15, "minAgeSeconds": 60},
}


class RecordingError(Exception):
    """Something of the run did not do what it should; the message has its words."""


@dataclass(slots=True)
class Scraper:
    """Reads /metrics once a second until it is stopped, in a thread of its own."""

    subject: Subject
    scrapes: list[tuple[float, str]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Scrape; one that is not answered leaves a gap."""
        while not self.stopped.wait(SCRAPE_SECONDS):
            text = self.subject.metrics()
            if text:
                self.scrapes.append((time.time(), text))


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs."""

    plane: ControlPlane
    gateway: GatewayProcess

    def kubectl(self, *arguments: str, body: object = None) -> None:
        """Run kubectl. Raises RecordingError."""
        text = yaml.safe_dump(body) if body is not None else None
        for _ in range(TRIES):
            answer = self.plane.kubectl(*arguments, input=text)
            if answer.returncode == 0:
                return
        raise RecordingError(f"kubectl {' '.join(arguments)}: {answer.stderr.strip()}")

    def instances(self, prefix: str, count: int) -> None:
        """Create so many instances."""
        items = [_instance(f"{prefix}-{number}") for number in range(count)]
        self.kubectl("apply", "--validate=false", "-f", "-", body={"apiVersion": "v1", "kind": "List", "items": items})


def _instance(name: str) -> object:
    spec = {
        "providerRef": {"name": "gateway"},
        "machine": {"gpu": {"type": "H100", "count": 1}, "image": "registry.example/trainer:1"},
    }
    return {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def _begin(stage: Stage) -> None:
    stage.kubectl("create", "namespace", NAMESPACE)
    _put_token(stage, stage.gateway.token)
    reference = {"name": "gateway-token", "key": "token"}
    spec = {**SPEC, "gateway": {"endpoint": stage.gateway.url, "credentialsSecretRef": reference}}
    metadata = {"name": "gateway", "namespace": NAMESPACE}
    body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": "ComputeProvider", "metadata": metadata, "spec": spec}
    stage.kubectl("apply", "--validate=false", "-f", "-", body=body)
    stage.kubectl("wait", "gwprov/gateway", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s")


def _put_token(stage: Stage, token: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gateway-token", "namespace": NAMESPACE},
        "stringData": {"token": token},
    }
    stage.kubectl("apply", "--validate=false", "-f", "-", body=body)


def _no_room(stage: Stage) -> None:
    stage.gateway.add_fault(call="create", action="answer", status=503, count=5)
    stage.instances("first", 10)


def _lost_answers(stage: Stage) -> None:
    stage.gateway.add_fault(call="create", action="drop", commit="first", count=3)
    stage.instances("second", 8)


def _away(stage: Stage) -> None:
    stage.gateway.add_fault(action="refuse", seconds=15)


def _refused(stage: Stage) -> None:
    _put_token(stage, "wrong")


def _good_token(stage: Stage) -> None:
    _put_token(stage, stage.gateway.token)


def _torn_off(stage: Stage) -> None:
    place = ("gwi", "first-0", "-n", NAMESPACE)
    # Paused, so that the operator does not end the machine first.
    stage.kubectl("annotate", *place, "gpuwright.dev/paused=true")
    stage.kubectl("delete", *place, "--wait=false")
    stage.kubectl("patch", *place, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')


def _deletions(stage: Stage) -> None:
    names = [f"second-{number}" for number in range(8)]
    stage.kubectl("delete", "gwi", *names, "-n", NAMESPACE, "--wait=false")


COURSE: tuple[tuple[Callable[[Stage], None], float], ...] = (
    (_begin, 8),
    (_no_room, 20),
    (_lost_answers, 20),
    (_away, 25),
    (_refused, 12),
    (_good_token, 10),
    (_torn_off, 20),
    (_deletions, 30),
)
"""What is done, and for how many seconds the metrics are watched after it."""


def recorded() -> list[tuple[float, str]]:
    """Return what /metrics showed during the run, and when. Raises RecordingError, BenchError, ControlPlaneError."""
    binaries = find_all(Places.of_environment(os.environ))
    # The gateway's machines have prices, and boot in a second and a half.
    with (
        tempfile.TemporaryDirectory(prefix="gpuwright-dashboard-", ignore_cleanup_errors=True) as folder,
        ControlPlane(Path(folder), binaries=binaries) as plane,
        GatewayProcess({"boot_seconds": 1.5}) as gateway,
    ):
        plane.install_crds(ROOT / "crds")
        environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig(USER, ("system:masters",)))}
        subject = Subject((sys.executable, "-P"), environment, ROOT / "build" / "dashboard-operator.log")
        scraper = Scraper(subject)
        thread = threading.Thread(target=scraper.run, name="scraper", daemon=True)
        try:
            subject.start()
            thread.start()
            for act, seconds in COURSE:
                print(f"{act.__name__.strip('_').replace('_', ' ')}, {seconds:.0f} s", flush=True)
                act(Stage(plane, gateway))
                time.sleep(seconds)
        finally:
            scraper.stopped.set()
            if thread.is_alive():
                thread.join()
            subject.stop()
        return scraper.scrapes


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--redraw", action="store_true", help="draw the last run again, without another one")
    if not parser.parse_args(arguments).redraw:
        scrapes = recorded()
        SCRAPES.parent.mkdir(exist_ok=True)
        SCRAPES.write_text(json.dumps(scrapes), encoding="utf-8")
    recording = Recording()
    for moment, text in json.loads(SCRAPES.read_text(encoding="utf-8")):
        recording.add(moment, text)
    seconds = recording.times[-1] - recording.times[0]
    caption = (
        f"Drawn by hack/dashboard_picture.py, not by Grafana, from {len(recording.times)} scrapes of /metrics in "
        f"{seconds:.0f} s of one run in the sandbox; rates over {WINDOW_SECONDS:.0f} s."
    )
    TARGET.write_text(picture(recording, caption), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(recording.times)} scrapes in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
