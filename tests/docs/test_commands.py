"""Every command of the documents is run: kubectl's against a real API server, the gateway's against a gateway.

What cannot run here, or is run by another test, is listed with that test; an entry that is used no more must go.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.docs.pages import ROOT, page, pages

from gpuwright_sandbox.controlplane.binaries import Places, find_all
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.door import PortReservation

ELSEWHERE = {
    "gpuwright-sandbox demo": "tests/sandbox/demo",
    "helm ": "tests/charts/test_install.py",
    "kubectl apply --server-side -f deploy/install.yaml": "tests/charts/test_accepted.py",
    "kubectl delete gwi --all -A": "tests/charts/test_install.py",
    "kubectl -n gpuwright-system logs": "tests/charts/test_install.py, whose pod has a log; no kubelet serves it here",
    "python3 -m venv .venv": "tests/image/test_installed.py",
    "KUBECONFIG=~/.kube/config .venv/bin/gpuwright": "tests/docs/test_quickstart.py",
}
IN_ORDER = ("quickstart.md", "sandbox-gateway.md")
"""Pages whose commands build on each other: each has a test of its own."""

_BLOCK = re.compile(r"^( *)```console\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
NAMESPACE = "team-a"


@dataclass(frozen=True, slots=True)
class Command:
    """What a reader types, and where it stands."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]}"


def typed(text: str) -> list[str]:
    """Return what is typed in a document's console blocks, indented ones among them; continued lines are one."""
    bodies = [found[2].replace("\\\n", " ") for found in _BLOCK.finditer(text)]
    lines = [line.strip() for body in bodies for line in body.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def commands() -> list[Command]:
    """Return the commands of all documents, but of those that are done in order."""
    return [
        Command(found.name, text) for found in pages() if found.path.name not in IN_ORDER for text in typed(found.text)
    ]


ALL = commands()
RUN = [command for command in ALL if not command.text.startswith(tuple(ELSEWHERE))]


def status(summary: str, ready: str) -> str:
    """Return a status with one condition, as a patch."""
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": summary,
        "message": "",
        "lastTransitionTime": "2026-11-22T10:00:00Z",
        "observedGeneration": 1,
    }
    return yaml.safe_dump({"status": {"observedGeneration": 1, "summary": summary, "conditions": [condition]}})


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An administrator's kubeconfig with the namespace in which the documents' commands are typed."""
    copy = tmp_path_factory.mktemp("reader") / "kubeconfig"
    copy.write_bytes(control_plane.admin_kubeconfig().read_bytes())
    environment = os.environ | {"KUBECONFIG": str(copy)}
    kubectl = str(find_all(Places.of_environment(os.environ)).kubectl.path)
    words = ("config", "set-context", "--current", f"--namespace={NAMESPACE}")
    subprocess.run((kubectl, *words), env=environment, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="module")
def estate(control_plane: ControlPlane) -> None:
    """What the commands speak of: the examples, an instance that waits for a person, the operator's own objects."""
    kubectl = control_plane.kubectl
    for name in (NAMESPACE, "gpuwright-system"):
        kubectl("create", "namespace", name)
    second = (ROOT / "examples" / "instance-minimal.yaml").read_text().replace("trainer-0", "trainer-1")
    applied = kubectl(
        "apply", "-f", str(ROOT / "examples/provider.yaml"), "-f", str(ROOT / "examples/instance-minimal.yaml")
    )
    assert applied.returncode == 0, applied.stderr
    assert kubectl("apply", "-f", "-", input=second).returncode == 0
    for name, patch in (("trainer-0", status("Running", "True")), ("trainer-1", status("NameConflict", "False"))):
        words = ("patch", "gwi", name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch)
        assert kubectl(*words).returncode == 0
    metadata = {"name": "gpuwright", "namespace": "gpuwright-system"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    assert kubectl("apply", "-f", "-", input=yaml.safe_dump(lease)).returncode == 0


@pytest.mark.cluster
@pytest.mark.usefixtures("estate")
@pytest.mark.parametrize("command", [c for c in RUN if "kubectl" in c.text], ids=str)
def test_a_command_does_what_it_says(command: Command, kubeconfig: Path) -> None:
    folder = find_all(Places.of_environment(os.environ)).kubectl.path.parent
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "KUBE_EDITOR": "true",
    }
    shell = ("bash", "-euo", "pipefail", "-c", command.text)
    answer = subprocess.run(shell, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_command_is_run_here_or_by_a_test_that_is_named() -> None:
    assert [str(command) for command in RUN if "kubectl" not in command.text] == []


@pytest.mark.parametrize(("prefix", "test"), ELSEWHERE.items())
def test_what_is_run_elsewhere_is_still_there(prefix: str, test: str) -> None:
    assert any(command.text.startswith(prefix) for command in ALL), "take it off the list"
    assert (ROOT / test.partition(",")[0]).exists()


def test_commands_are_found_wherever_they_stand() -> None:
    text = "- a list\n\n    ```console\n    $ one \\\n        more\n    ```\n\n```console\n$ two\nits answer\n```\n"
    assert [line.split() for line in typed(text)] == [["one", "more"], ["two"]]
    assert len(ALL) > 20


@pytest.fixture
def gateway_script() -> str:
    """The commands of the gateway's page as one script, at a port that nobody else has."""
    reservation = PortReservation(0)
    port = reservation.port
    reservation.close()
    start, *rest = typed(page("sandbox-gateway.md").text)
    lines = [start + " > log 2>&1 &", f"until curl -s localhost:{port}/healthz > answer; do sleep 0.1; done", *rest]
    return "\n".join(["set -euo pipefail; shopt -s expand_aliases", *lines, "kill %1"]).replace("8700", str(port))


@pytest.mark.timeout(60)
def test_the_gateways_page_can_be_typed_from_top_to_bottom(gateway_script: str, tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    began = time.monotonic()
    shell = ("bash", "-c", gateway_script)
    answer = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert time.monotonic() - began < 30
    assert '"code":"invalid"' not in answer.stdout.replace(" ", "")
    assert '"state":' in answer.stdout
