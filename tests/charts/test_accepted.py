"""Everything that the chart can render is what the real API server takes, by a dry run, and kubeconform, by schemas."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.charts import schemas, toggles
from tests.charts.helm import NAMESPACE, ROOT, Body, of_kind, renderer

from gpuwright_sandbox.chart_tools import KUBECONFORM
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.go_tools import find

pytestmark = pytest.mark.cluster

MONITORING = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with our kinds, the namespaces of the examples, and stand-ins for the Prometheus operator's."""
    with ControlPlane(tmp_path_factory.mktemp("accepted"), audit=False) as made:
        made.install_crds(ROOT / "crds")
        for name in (NAMESPACE, "team-a", "team-b"):
            made.kubectl("create", "namespace", name)
        made.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/warn=restricted")
        made.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([_stand_in(kind) for kind in MONITORING]))
        yield made


@pytest.fixture(scope="module")
def bodies() -> list[Body]:
    """Every object that differs from all others, from every set of values that the chart must take."""
    distinct = {json.dumps(body): body for _name, values in toggles.all_values() for body in renderer().render(values)}
    return list(distinct.values())


def _stand_in(kind: str) -> Body:
    """Return a CRD that takes anything: the API server is asked about our own kinds and its own."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


def dry_run(plane: ControlPlane, bodies: list[Body]) -> "subprocess.CompletedProcess[str]":
    # Created, not applied: the same object comes many times, each time a little different.
    renamed = [_renamed(body, number) for number, body in enumerate(bodies)]
    return plane.kubectl(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", input=yaml.safe_dump_all(renamed)
    )


def _renamed(body: Body, number: int) -> Body:
    if body["kind"] == "CustomResourceDefinition":
        return body
    return {**body, "metadata": {**body["metadata"], "name": f"{body['metadata']['name']}-{number}"}}


def test_the_api_server_takes_whatever_is_rendered(plane: ControlPlane, bodies: list[Body]) -> None:
    others = [body for body in bodies if body["kind"] != "CustomResourceDefinition"]
    answer = dry_run(plane, others)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("(server dry run)") == len(others)


def test_pods_are_taken_without_a_warning(plane: ControlPlane, bodies: list[Body]) -> None:
    """Pod Security warns about each pod template that the restricted profile would refuse."""
    answer = dry_run(plane, of_kind(bodies, "Deployment", "Job"))
    assert "Warning" not in answer.stderr, answer.stderr


def test_a_pod_that_is_not_restricted_would_be_told(plane: ControlPlane) -> None:
    bodies = renderer().render({"securityContext": {"allowPrivilegeEscalation": True}})
    assert "would violate PodSecurity" in dry_run(plane, of_kind(bodies, "Deployment")).stderr


def test_crds_of_the_chart_are_those_of_the_folder(plane: ControlPlane, bodies: list[Body]) -> None:
    found = {body["metadata"]["name"]: body["spec"] for body in of_kind(bodies, "CustomResourceDefinition")}
    files = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    assert found == {body["metadata"]["name"]: body["spec"] for body in files}
    answer = plane.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "-f",
        "-",
        input=yaml.safe_dump_all(of_kind(bodies, "CustomResourceDefinition")),
    )
    assert answer.returncode == 0, answer.stderr


def test_every_policy_is_free_of_type_errors(plane: ControlPlane, bodies: list[Body]) -> None:
    """The server accepts an expression that can never work on our kinds, and tells of it in the status."""
    found = of_kind(bodies, "ValidatingAdmissionPolicy")
    renamed = [_renamed(body, number) for number, body in enumerate(found)]
    assert plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(renamed)).returncode == 0
    for body in renamed:
        name = body["metadata"]["name"]
        checked = plane.kubectl(
            "wait", "validatingadmissionpolicy", name, "--for=jsonpath={.status.observedGeneration}=1", "--timeout=30s"
        )
        assert checked.returncode == 0, checked.stderr
        status = json.loads(plane.kubectl("get", "validatingadmissionpolicy", name, "-o", "json").stdout)["status"]
        assert status.get("typeChecking", {}).get("expressionWarnings", []) == []


@pytest.fixture(scope="module")
def locations(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> str:
    return schemas.write(plane, tmp_path_factory.mktemp("schemas"))


def conform(location: str, bodies: list[Any], folder: Path) -> "subprocess.CompletedProcess[str]":
    file = folder / "bodies.yaml"
    file.write_text(yaml.safe_dump_all(bodies))
    command = (str(find(KUBECONFORM, os.environ)), "-strict", "-summary", "-schema-location", location, str(file))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_kubeconform_finds_nothing(locations: str, bodies: list[Body], tmp_path: Path) -> None:
    answer = conform(locations, bodies, tmp_path)
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert f"{len(bodies)} resources found" in answer.stdout
    assert "Skipped: 0" in answer.stdout


def test_kubeconform_would_find_a_slip_of_the_pen(locations: str, bodies: list[Body], tmp_path: Path) -> None:
    (first, *_rest) = of_kind(bodies, "Deployment")
    for bad in (
        {**first, "spec": {**first["spec"], "replica": 2}},
        {**first, "spec": {**first["spec"], "replicas": "2"}},
    ):
        assert conform(locations, [bad], tmp_path).returncode == 1
