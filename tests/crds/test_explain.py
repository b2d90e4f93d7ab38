"""kubectl explain answers for every path of every kind, with the field's own words."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crds.schema import PLURALS, every_place
from tests.crds.server import Server

from gpuwright_sandbox.controlplane.plane import ControlPlane

GROUP = "gpuwright.dev"
SHORT = {"computeinstances": "gwi", "computeproviders": "gwprov", "clustercomputeproviders": "gwcprov"}
AT_ONCE = 4


def paths(plural: str) -> list[str]:
    """Return every path that a person can ask about; lists and maps are passed through without a word."""
    asked = [at for part in ("spec", "status") for at in every_place(plural, part) if not at.endswith(("[]", "{}"))]
    return [at.replace("[]", "").replace("{}", "") for at in asked]


@pytest.mark.cluster
@pytest.mark.parametrize("plural", PLURALS)
def test_every_path_is_explained(control_plane: ControlPlane, admin: Path, plural: str) -> None:
    def explain(path: str) -> str:
        asked = (f"{plural}.{path}", f"--api-version={GROUP}/v1alpha1")
        explained = control_plane.kubectl("explain", *asked, kubeconfig=admin)
        said = "DESCRIPTION:" in explained.stdout and "<empty>" not in explained.stdout
        return "" if explained.returncode == 0 and said else f"{path}: {explained.stdout}{explained.stderr}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert [failure for failure in pool.map(explain, paths(plural)) if failure] == []


@pytest.mark.cluster
@pytest.mark.parametrize("plural", PLURALS)
def test_the_short_name_is_explained_and_has_every_field(control_plane: ControlPlane, plural: str) -> None:
    explained = control_plane.kubectl("explain", SHORT[plural], "--recursive")
    assert explained.returncode == 0, explained.stderr
    names = {at.rstrip("[]{}").rpartition(".")[2] for part in ("spec", "status") for at in every_place(plural, part)}
    assert names <= set(explained.stdout.split())


@pytest.mark.cluster
def test_the_category_lists_every_kind(server: Server, control_plane: ControlPlane) -> None:
    listed = control_plane.kubectl("get", "gpuwright", "-A", "-o", "name")
    assert listed.returncode == 0, listed.stderr
    assert {line.partition("/")[0] for line in listed.stdout.splitlines()} >= {
        "computeinstance.gpuwright.dev",
        "clustercomputeprovider.gpuwright.dev",
    }
