"""What kubectl, Argo CD and Helm do all day: apply, apply again, read back what nobody has looked at yet."""

from pathlib import Path

import pytest
import yaml
from tests.crds.schema import BASES, EXAMPLES, INSTANCES, PLURALS, Manifest, changed, example, version
from tests.crds.server import Server, resource_version

from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

MINIMAL = example("instance-minimal.yaml", "trainer-0")
WAITING = {
    "observedGeneration": 0,
    "summary": "Waiting",
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "WaitingForOperator",
            "message": "no operator has looked at this object yet: is gpuwright running and watching this namespace?",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ],
}


def named(manifest: Manifest, name: str) -> Manifest:
    return changed(manifest, {"metadata.name": name})


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(MINIMAL, id="instance"),
        pytest.param(example("provider.yaml", "gateway"), id="provider"),
        pytest.param(BASES["shared-gateway"], id="cluster provider"),
    ],
)
def test_an_object_that_nobody_has_looked_at_says_so(server: Server, manifest: Manifest) -> None:
    answer = server.create(named(manifest, "unseen"))
    assert answer.stored is not None
    assert answer.stored["status"] == WAITING


def test_the_minimal_instance_reads_back_with_every_default(server: Server) -> None:
    answer = server.create(named(MINIMAL, "defaults"))
    assert answer.stored is not None
    assert answer.stored["spec"] == {
        "providerRef": {"kind": "ComputeProvider", "name": "gateway"},
        "machine": {
            "gpu": {"type": "H100", "count": 1},
            "image": "registry.example/trainer:1",
            "purchase": "OnDemand",
        },
        "powerState": "Running",
        "createPolicy": {"maxAttempts": 3, "retryBaseDelayMilliseconds": 250},
        "deadlines": {"capacitySeconds": 0, "launchSeconds": 1800},
        "onLoss": "Recreate",
        "maxReplacements": 3,
        "expireAfterSeconds": 0,
        "deletionPolicy": "Delete",
    }


def test_the_minimal_provider_reads_back_with_every_default(server: Server) -> None:
    answer = server.create(named(example("provider.yaml", "gateway"), "defaults"))
    assert answer.stored is not None
    assert answer.stored["spec"] == {
        "type": "Gateway",
        "gateway": {
            "endpoint": "http://127.0.0.1:8700",
            "credentialsSecretRef": {"name": "gateway-token", "key": "token"},
            "idempotencyKeys": False,
            "dialect": "Full",
            "outcomes": {"500": "NotCommitted", "503": "NotCommitted"},
        },
        "draining": False,
        "limits": {"createsPerMinute": 100, "maxInFlight": 8},
        "timeouts": {"connectSeconds": 5, "requestSeconds": 30},
        "probe": {"periodSeconds": 30, "failureThreshold": 3},
        "poll": {"periodSeconds": 10},
        "settleSeconds": 60,
        "sweep": {"mode": "Report", "periodSeconds": 120, "minAgeSeconds": 600, "maxPerPass": 10},
    }


def test_a_map_that_is_given_replaces_its_default(server: Server) -> None:
    manifest = changed(example("provider.yaml", "gateway"), {"spec.gateway.outcomes": {}, "metadata.name": "promises"})
    answer = server.create(manifest)
    assert answer.stored is not None
    assert answer.stored["spec"]["gateway"]["outcomes"] == {}


@pytest.mark.parametrize("name", list(BASES))
def test_applying_an_unchanged_manifest_again_says_unchanged(
    control_plane: ControlPlane, admin: Path, namespace: str, name: str
) -> None:
    text = yaml.safe_dump(named(BASES[name], f"again-{namespace}"), default_style='"')
    asked = ("apply", "-n", namespace, "-f", "-")
    first = control_plane.kubectl(*asked, kubeconfig=admin, input=text)
    second = control_plane.kubectl(*asked, kubeconfig=admin, input=text)
    assert first.stdout.endswith("created\n"), first.stderr
    assert second.stdout.endswith("unchanged\n"), second.stderr
    difference = control_plane.kubectl("diff", "-n", namespace, "-f", "-", kubeconfig=admin, input=text)
    assert (difference.returncode, difference.stdout) == (0, "")


@pytest.mark.parametrize("name", list(BASES))
def test_applying_on_the_server_again_writes_nothing(
    control_plane: ControlPlane, admin: Path, namespace: str, name: str
) -> None:
    """The first write after the create does write: etcd gets the default of status then, which readers saw before."""
    manifest = named(BASES[name], f"server-side-{namespace}")
    asked = ("apply", "-n", namespace, "--server-side", "-o", "json", "-f", "-")
    versions = []
    for _ in range(4):
        applied = control_plane.kubectl(*asked, kubeconfig=admin, input=yaml.safe_dump(manifest))
        assert applied.returncode == 0, applied.stderr
        versions.append(resource_version(yaml.safe_load(applied.stdout)))
    assert versions[1] == versions[2] == versions[3]


def test_applying_on_the_server_writes_nothing_once_the_operator_has_looked(
    control_plane: ControlPlane, admin: Path, namespace: str
) -> None:
    text = yaml.safe_dump(named(MINIMAL, "looked-at"))
    apply = ("apply", "-n", namespace, "--server-side", "-o", "json", "-f", "-")
    look = ("patch", "gwi", "looked-at", "-n", namespace, "--subresource=status", "--type=merge", "-o", "json", "-p")
    control_plane.kubectl(*apply, kubeconfig=admin, input=text)
    looked = control_plane.kubectl(*look, '{"status": {"observedGeneration": 1}}', kubeconfig=admin)
    again = control_plane.kubectl(*apply, kubeconfig=admin, input=text)
    assert resource_version(yaml.safe_load(looked.stdout)) == resource_version(yaml.safe_load(again.stdout))


def test_a_second_manager_may_own_one_field_without_a_conflict(
    control_plane: ControlPlane, admin: Path, namespace: str
) -> None:
    asked = ("apply", "-n", namespace, "--server-side", "-f", "-")
    whole = named(BASES["trainer-typed"], "shared")
    parts = [whole, {**whole, "spec": {"powerState": "Stopped"}}, whole]
    managers = ["git", "scheduler", "git"]
    for manager, manifest in zip(managers, parts, strict=True):
        text = yaml.safe_dump(manifest)
        applied = control_plane.kubectl(*asked, f"--field-manager={manager}", kubeconfig=admin, input=text)
        assert applied.returncode == 0, applied.stderr
    read = control_plane.kubectl("get", "gwi", "shared", "-n", namespace, "-o", "yaml", kubeconfig=admin)
    assert yaml.safe_load(read.stdout)["spec"]["powerState"] == "Stopped"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_applies_as_it_stands(
    server: Server, control_plane: ControlPlane, admin: Path, path: Path
) -> None:
    control_plane.kubectl("create", "namespace", "team-a", kubeconfig=admin)
    applied = control_plane.kubectl("apply", "--dry-run=server", "-f", str(path), kubeconfig=admin)
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize("plural", PLURALS)
def test_every_printer_column_can_be_printed(control_plane: ControlPlane, admin: Path, plural: str) -> None:
    printed = control_plane.kubectl("get", plural, "-A", "-o", "wide", kubeconfig=admin)
    assert printed.returncode == 0, printed.stderr
    headings = [column["name"].upper() for column in version(plural)["additionalPrinterColumns"]]
    assert not printed.stdout or set(headings) <= set(printed.stdout.splitlines()[0].split())


@pytest.mark.parametrize("path", [field["jsonPath"] for field in version(INSTANCES)["selectableFields"]])
def test_every_selectable_field_selects(server: Server, control_plane: ControlPlane, admin: Path, path: str) -> None:
    selector = f"--field-selector={path.removeprefix('.')}=nothing-has-this"
    found = control_plane.kubectl("get", "gwi", "-A", "-o", "name", selector, kubeconfig=admin)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr
