"""deploy/ is what the chart gives, without what only Helm reads; kubectl takes it as a file and as a base."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from tests.charts.helm import NAMESPACE, Body, renderer

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.plane import ControlPlane
from hack import helm_manifests

FOLDER = helm_manifests.FOLDER
HELMS_OWN = ("helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/managed-by")


def bodies(name: str) -> list[Body]:
    return [body for body in yaml.safe_load_all((FOLDER / name).read_text()) if body]


def key(body: Body) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


@pytest.mark.parametrize("major", [3, 4])
def test_the_committed_files_are_what_the_chart_gives(major: int) -> None:
    made = helm_manifests.operator(helm_manifests.rendered(renderer(major).program))
    assert list(helm_manifests.generated(helm_manifests.files(made)).differences()) == []


def test_a_change_of_the_chart_would_be_told() -> None:
    text = helm_manifests.rendered(renderer().program).replace("replicas: 2", "replicas: 5")
    made = helm_manifests.files(helm_manifests.operator(text))
    assert any("replicas: 5" in line for line in helm_manifests.generated(made).differences())


def test_without_helm_the_crds_are_still_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(*_: object) -> NoReturn:
        raise BinariesMissingError("helm4: not found")

    monkeypatch.setattr(helm_manifests, "find", nowhere)
    assert list(helm_manifests.generated(helm_manifests.wanted()).differences()) == []
    assert "operator.yaml is taken as it stands: helm4: not found" in capsys.readouterr().out


def test_nothing_is_lost_on_the_way() -> None:
    wanted = {key(body) for body in renderer().render(None, "--no-hooks")}
    assert {key(body) for body in bodies("install.yaml")} == wanted | {("Namespace", "", NAMESPACE)}
    parts = [key(body) for name in ("namespace", "crds", "operator") for body in bodies(f"{name}.yaml")]
    assert sorted(parts) == sorted(key(body) for body in bodies("install.yaml"))


def test_every_object_is_as_the_chart_renders_it_but_for_helms_own_words() -> None:
    wanted = {key(body): plain(body) for body in renderer().render(None, "--no-hooks")}
    found = {key(body): plain(body) for body in bodies("install.yaml")}
    del found["Namespace", "", NAMESPACE]
    assert found == wanted


def plain(value: Any) -> Any:
    """Return it without what only Helm reads, and a CRD without labels."""
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {name: plain(entry) for name, entry in value.items() if name not in HELMS_OWN}
    if kept.get("kind") == "CustomResourceDefinition":
        kept["metadata"] = {"name": kept["metadata"]["name"]}
    return kept


def test_nothing_says_that_helm_made_it() -> None:
    assert "helm" not in (FOLDER / "install.yaml").read_text().lower().replace("helm_", "")


def test_the_namespace_comes_first_and_is_restricted() -> None:
    first = bodies("install.yaml")[0]
    assert key(first) == ("Namespace", "", NAMESPACE)
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.cluster
def test_kubectl_installs_it_twice_and_as_a_base(tmp_path: Path) -> None:
    # A control plane of its own: the policies would judge the people of other tests.
    with ControlPlane(tmp_path, audit=False) as plane:
        for words in (("-f", str(FOLDER / "install.yaml")), ("-k", str(FOLDER)), ("-f", str(FOLDER / "install.yaml"))):
            applied = plane.kubectl("apply", "--server-side", *words)
            assert applied.returncode == 0, applied.stderr
            assert "Warning" not in applied.stderr
        found = plane.kubectl("get", "-f", str(FOLDER / "install.yaml"), "-o", "name").stdout.splitlines()
    assert len(found) == len(bodies("install.yaml"))
