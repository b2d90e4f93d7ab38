"""The real thing: etcd, kube-apiserver and kube-controller-manager as child processes."""

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane import identity
from gpuwright_sandbox.controlplane.errors import ControlPlaneError, DirectoryInUseError
from gpuwright_sandbox.controlplane.layout import COMPONENTS
from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-color}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  validations: [{expression: "!('color' in object.metadata.?labels.orValue({}))", message: no color please}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-color}
spec: {policyName: no-color, validationActions: [Deny]}
"""
OWNER = """
import sys
from pathlib import Path
from gpuwright_sandbox.controlplane.plane import ControlPlane
plane = ControlPlane(Path(sys.argv[1]))
plane.start()
print(*plane.pids().values(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def own_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of this module's own: the faults done to it must not reach other tests."""
    with ControlPlane(tmp_path_factory.mktemp("own")) as plane:
        yield plane


def _kubectl(plane: ControlPlane, *arguments: str, kubeconfig: Path | None = None) -> str:
    answer = plane.kubectl(*arguments, kubeconfig=kubeconfig)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _within(seconds: float, plane: ControlPlane, *arguments: str) -> bool:
    """Return whether a kubectl command succeeds in time."""
    deadline = time.monotonic() + seconds
    while plane.kubectl(*arguments).returncode != 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_stranger_may_ask_for_health_and_for_nothing_else(control_plane: ControlPlane) -> None:
    context = ssl.create_default_context(cadata=control_plane.ca_pem)
    host = control_plane.url.removeprefix("https://")
    answers = {}
    for path in ("/readyz", "/livez", "/version", "/api/v1/namespaces"):
        connection = http.client.HTTPSConnection(host, context=context, timeout=10)
        connection.request("GET", path)
        answers[path] = connection.getresponse().status
        connection.close()
    assert answers == {"/readyz": 200, "/livez": 200, "/version": 401, "/api/v1/namespaces": 401}


def test_a_user_without_a_role_is_forbidden(control_plane: ControlPlane, namespace: str) -> None:
    nobody = control_plane.kubeconfig("nobody")
    answer = control_plane.kubectl("get", "configmaps", "-n", namespace, kubeconfig=nobody)
    assert answer.returncode != 0
    assert 'User "nobody" cannot list resource "configmaps"' in answer.stderr


def test_a_user_has_the_rights_of_the_groups(control_plane: ControlPlane, namespace: str) -> None:
    viewers = "--group=team-a"
    _kubectl(control_plane, "create", "rolebinding", "view", "-n", namespace, "--clusterrole=view", viewers)
    member = control_plane.kubeconfig("jane", ("team-a",))
    _kubectl(control_plane, "get", "configmaps", "-n", namespace, kubeconfig=member)


def test_a_service_account_is_itself_and_may_nothing(control_plane: ControlPlane, namespace: str) -> None:
    robot = control_plane.service_account_kubeconfig(namespace, "robot", expiration_seconds=600)
    assert f"system:serviceaccount:{namespace}:robot" in _kubectl(control_plane, "auth", "whoami", kubeconfig=robot)
    assert control_plane.kubectl("get", "configmaps", "-n", namespace, kubeconfig=robot).returncode != 0
    assert robot.stat().st_mode & 0o777 == 0o600


def test_a_deleted_namespace_goes_with_all_it_holds(control_plane: ControlPlane, namespace: str) -> None:
    _kubectl(control_plane, "create", "configmap", "content", "-n", namespace)
    _kubectl(control_plane, "delete", "namespace", namespace, "--wait", "--timeout=60s")
    assert control_plane.kubectl("get", "namespace", namespace).returncode != 0


def test_what_an_owner_left_is_collected(control_plane: ControlPlane, namespace: str) -> None:
    _kubectl(control_plane, "create", "configmap", "owner", "-n", namespace)
    _kubectl(control_plane, "create", "configmap", "owned", "-n", namespace)
    uid = _kubectl(control_plane, "get", "configmap", "owner", "-n", namespace, "-o=jsonpath={.metadata.uid}")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    patch = json.dumps({"metadata": {"ownerReferences": [reference]}})
    _kubectl(control_plane, "patch", "configmap", "owned", "-n", namespace, "--type=merge", f"--patch={patch}")
    _kubectl(control_plane, "delete", "configmap", "owner", "-n", namespace)
    _kubectl(control_plane, "wait", "--for=delete", "configmap/owned", "-n", namespace, "--timeout=60s")


def test_a_new_node_is_not_tainted(own_plane: ControlPlane) -> None:
    node = json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bare"}})
    assert own_plane.kubectl("create", "-f", "-", input=node).returncode == 0
    assert _kubectl(own_plane, "get", "node", "bare", "-o=jsonpath={.spec.taints}") == ""


def test_admission_policies_are_enforced(own_plane: ControlPlane) -> None:
    assert own_plane.kubectl("apply", "-f", "-", input=POLICY).returncode == 0
    colored = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"color": "red"}}}
    )
    # A new policy takes a moment to reach the admission chain, and a dry run changes nothing meanwhile.
    deadline = time.monotonic() + 30
    while (answer := own_plane.kubectl("create", "--dry-run=server", "-f", "-", input=colored)).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "no color please" in answer.stderr


def test_every_answered_request_is_one_line_of_the_audit_log(control_plane: ControlPlane, namespace: str) -> None:
    _kubectl(control_plane, "create", "configmap", "audited", "-n", namespace)
    events = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    named = [event for event in events if event.get("objectRef", {}).get("name") == "audited"]
    (event,) = (event for event in named if event["objectRef"]["namespace"] == namespace)
    assert event["level"] == "Metadata"
    assert (event["verb"], event["stage"]) == ("create", "ResponseComplete")
    assert event["responseStatus"]["code"] == 201


def test_a_custom_resource_can_be_used_at_once(own_plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "widgets.yaml").write_text(WIDGETS)
    own_plane.install_crds(tmp_path)
    widget = json.dumps({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}})
    assert own_plane.kubectl("create", "-f", "-", input=widget).returncode == 0
    own_plane.install_crds(tmp_path)
    assert _kubectl(own_plane, "get", "widgets", "-o=name") == "widget.example.org/w\n"


def test_a_refused_manifest_is_quoted(own_plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "widgets.yaml").write_text(WIDGETS.replace("widgets.example.org", "other.example.org"))
    with pytest.raises(ControlPlaneError, match=r"refused; mend it.*spec\.names\.plural"):
        own_plane.install_crds(tmp_path)


def test_a_folder_without_manifests_installs_nothing(own_plane: ControlPlane, tmp_path: Path) -> None:
    own_plane.install_crds(tmp_path)


def test_objects_survive_a_killed_api_server(own_plane: ControlPlane) -> None:
    _kubectl(own_plane, "create", "configmap", "before-apiserver")
    own_plane.kill("kube-apiserver")
    assert not own_plane.is_ready()
    own_plane.start_component("kube-apiserver")
    _kubectl(own_plane, "get", "configmap", "before-apiserver")


def test_a_killed_etcd_comes_back_with_its_objects(own_plane: ControlPlane) -> None:
    _kubectl(own_plane, "create", "configmap", "before-etcd")
    own_plane.kill("etcd")
    assert own_plane.kubectl("get", "configmap", "before-etcd", "--request-timeout=3s").returncode != 0
    own_plane.start_component("etcd")
    assert _within(30, own_plane, "get", "configmap", "before-etcd", "--request-timeout=3s")
    assert _within(30, own_plane, "create", "configmap", "after-etcd", "--request-timeout=3s")


def test_a_frozen_api_server_answers_nobody_until_it_goes_on(own_plane: ControlPlane) -> None:
    own_plane.pause("kube-apiserver")
    assert not own_plane.is_ready()
    assert set(own_plane.pids()) == set(COMPONENTS)
    own_plane.resume("kube-apiserver")
    assert _within(30, own_plane, "get", "--raw=/readyz", "--request-timeout=3s")


def test_a_killed_controller_manager_can_be_started_again(own_plane: ControlPlane) -> None:
    before = own_plane.pids()["kube-controller-manager"]
    own_plane.kill("kube-controller-manager")
    assert "kube-controller-manager" not in own_plane.pids()
    own_plane.start_component("kube-controller-manager")
    assert own_plane.pids()["kube-controller-manager"] != before
    _kubectl(own_plane, "create", "namespace", "short-lived")
    _kubectl(own_plane, "delete", "namespace", "short-lived", "--wait", "--timeout=60s")


def test_a_component_that_runs_is_not_started_twice(own_plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="etcd cannot start"):
        own_plane.start_component("etcd")


def test_usage_is_told_for_every_component(own_plane: ControlPlane) -> None:
    usage = own_plane.usage()
    assert set(usage) == set(COMPONENTS)
    for seen in usage.values():
        assert seen.cpu_seconds > 0
        assert seen.peak_rss_bytes >= seen.rss_bytes > 10_000_000


def test_two_control_planes_do_not_see_each_other(control_plane: ControlPlane, own_plane: ControlPlane) -> None:
    _kubectl(own_plane, "create", "configmap", "mine-alone")
    assert control_plane.kubectl("get", "configmap", "mine-alone").returncode != 0
    theirs = own_plane.admin_kubeconfig().read_text().replace(own_plane.url, control_plane.url)
    mixed = own_plane.directory / "mixed.kubeconfig"
    mixed.write_text(theirs)
    assert "certificate" in control_plane.kubectl("get", "configmaps", kubeconfig=mixed).stderr


def test_the_directory_of_a_running_control_plane_is_refused(own_plane: ControlPlane) -> None:
    with pytest.raises(DirectoryInUseError):
        ControlPlane(own_plane.directory).start()
    assert own_plane.is_ready()


def test_objects_and_identities_survive_a_stop_and_a_killed_owner(tmp_path: Path) -> None:
    with ControlPlane(tmp_path, audit=False) as plane:
        kubeconfig, url = plane.service_account_kubeconfig("team", "robot"), plane.url
        assert not plane.audit_log.exists()
    assert plane.pids() == {}
    with subprocess.Popen(
        (sys.executable, "-c", OWNER, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        owner.kill()
    assert len(pids) == len(COMPONENTS)
    with ControlPlane(tmp_path) as plane:
        assert [pid for pid in pids if identity.is_alive(pid)] == []
        assert plane.url == url
        assert "system:serviceaccount:team:robot" in _kubectl(plane, "auth", "whoami", kubeconfig=kubeconfig)
