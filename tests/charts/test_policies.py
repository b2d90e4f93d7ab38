"""Rights over money, asked of the real API server: what tenants may not do with the chart's policies in place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.charts import toggles
from tests.charts.estate import wait_until
from tests.charts.helm import NAMESPACE, RELEASE, ROOT, Body, of_kind, renderer

from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

TENANT, OTHER = "team-a", "team-c"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
SPEC = {"providerRef": {"name": "gateway"}, "machine": {"gpu": {"type": "H100"}}}


class Ground:
    """A control plane with the chart's policies and roles, and people in it."""

    def __init__(self, plane: ControlPlane, values: Body) -> None:
        self.plane = plane
        bodies = renderer().render(values)
        kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ClusterRole", "ServiceAccount")
        self.apply(*of_kind(bodies, *kinds))

    def apply(self, *bodies: Body) -> None:
        """Create or change objects as the administrator."""
        answer = self.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(bodies))
        assert answer.returncode == 0, answer.stderr

    def person(self, name: str, namespace: str, role: str) -> Path:
        """Return the kubeconfig of a person with one of the cluster's own roles in one namespace."""
        role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": role_ref}
        self.apply({**binding, "metadata": {"name": f"{name}-{role}", "namespace": namespace}, "subjects": [subject]})
        return self.plane.kubeconfig(name)

    def may(self, who: Path, verb: str, what: str, namespace: str, part: str = "") -> bool:
        """Return whether RBAC gives them that, on objects or on a part of them such as status."""
        asked = self.plane.kubectl(
            "auth", "can-i", verb, what, f"--subresource={part}", "-n", namespace, kubeconfig=who
        )
        return asked.stdout.strip() == "yes"

    def patch(self, who: Path, kind: str, name: str, namespace: str, change: Body) -> str:
        """Merge a change; return what was said against it, or an empty text."""
        words = ("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(change))
        answer = self.plane.kubectl(*words, kubeconfig=who)
        return answer.stderr if answer.returncode else ""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("policies"), audit=False) as made:
        made.install_crds(ROOT / "crds")
        for name in (NAMESPACE, TENANT, "team-b", OTHER):
            made.kubectl("create", "namespace", name)
        yield made


@pytest.fixture(scope="module")
def ground(plane: ControlPlane) -> Ground:
    """The policies of the chart's defaults, once they are enforced."""
    made = Ground(plane, {"policies": {"finalizers": {"exemptUsers": ["jane"]}}})
    editor = made.person("probe", TENANT, "edit")
    wait_until(lambda: made.may(editor, "create", "computeinstances.gpuwright.dev", TENANT), 30, lambda: "no roles")
    instance(made, "probe")
    wait_until(
        lambda: (
            made.patch(editor, "gwi", "probe", TENANT, {"metadata": {"finalizers": None}}) or instance(made, "probe")
        ),
        30,
        lambda: "the policy is not enforced",
    )
    return made


def instance(ground: Ground, name: str, namespace: str = TENANT) -> str:
    """Have an instance that the operator has put its finalizer on; return nothing, for conditions."""
    ground.apply(
        {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": "ComputeInstance",
            "metadata": {"name": name, "namespace": namespace, "finalizers": ["gpuwright.dev/machine"]},
            "spec": SPEC,
        }
    )
    return ""


def test_a_tenant_may_do_all_but_forget_a_machine(ground: Ground) -> None:
    instance(ground, "trainer-0")
    editor = ground.person("erin", TENANT, "edit")
    said = ground.patch(editor, "gwi", "trainer-0", TENANT, {"metadata": {"finalizers": None}})
    assert "only the operator may remove the finalizer gpuwright.dev/machine" in said
    assert "gpuwright.dev/force-forget" in said
    others = {"metadata": {"finalizers": ["example.com/mine", "gpuwright.dev/machine"], "labels": {"a": "b"}}}
    assert ground.patch(editor, "gwi", "trainer-0", TENANT, others) == ""
    assert (
        ground.patch(editor, "gwi", "trainer-0", TENANT, {"metadata": {"finalizers": ["gpuwright.dev/machine"]}}) == ""
    )


def test_nor_while_the_object_is_being_deleted(ground: Ground) -> None:
    instance(ground, "trainer-1")
    editor = ground.person("erin", TENANT, "edit")
    ground.plane.kubectl("delete", "gwi", "trainer-1", "-n", TENANT, "--wait=false", kubeconfig=editor)
    assert ground.patch(editor, "gwi", "trainer-1", TENANT, {"metadata": {"finalizers": None}}) != ""
    forget = {"metadata": {"annotations": {"gpuwright.dev/force-forget": "the provider is gone"}}}
    assert ground.patch(editor, "gwi", "trainer-1", TENANT, forget) == ""


def test_an_administrator_may_not_either_and_whoever_is_exempt_may(ground: Ground) -> None:
    instance(ground, "trainer-2")
    gone: Body = {"metadata": {"finalizers": None}}
    assert ground.patch(ground.plane.admin_kubeconfig(), "gwi", "trainer-2", TENANT, gone) != ""
    assert ground.patch(ground.person("jane", TENANT, "edit"), "gwi", "trainer-2", TENANT, gone) == ""


def test_the_operator_may(ground: Ground) -> None:
    instance(ground, "trainer-3")
    account = ground.plane.service_account_kubeconfig(NAMESPACE, RELEASE)
    ground.person(OPERATOR, TENANT, "edit")
    assert ground.patch(account, "gwi", "trainer-3", TENANT, {"metadata": {"finalizers": None}}) == ""


@pytest.mark.parametrize(("kind", "name"), [("gwprov", "gateway"), ("gwcprov", "shared")])
def test_a_provider_that_is_in_use_is_kept_as_well(ground: Ground, kind: str, name: str) -> None:
    gateway = {"endpoint": "https://gateway.example", "credentialsSecretRef": {"name": "gateway-token", "key": "token"}}
    metadata: Body = {"name": name, "finalizers": ["gpuwright.dev/in-use"]}
    if kind == "gwprov":
        metadata["namespace"] = TENANT
    word = {"gwprov": "ComputeProvider", "gwcprov": "ClusterComputeProvider"}[kind]
    spec = {"type": "Gateway", "gateway": gateway}
    ground.apply({"apiVersion": "gpuwright.dev/v1alpha1", "kind": word, "metadata": metadata, "spec": spec})
    admin = ground.plane.admin_kubeconfig()
    assert "gpuwright.dev/in-use" in ground.patch(admin, kind, name, TENANT, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_a_tenant_may_not_adopt_a_machine(ground: Ground, role: str) -> None:
    instance(ground, f"adopter-{role}")
    tenant = ground.person(f"tom-{role}", TENANT, role)
    take = {"metadata": {"annotations": {"gpuwright.dev/adopt": "i-of-team-b"}}}
    said = ground.patch(tenant, "gwi", f"adopter-{role}", TENANT, take)
    assert "it needs the verb adopt" in said
    assert f"the ClusterRole {RELEASE}-adopt" in said


def test_an_object_that_is_made_to_adopt_is_refused_too(ground: Ground) -> None:
    editor = ground.person("erin", TENANT, "edit")
    metadata = {"name": "thief", "namespace": TENANT, "annotations": {"gpuwright.dev/adopt": "i-of-team-b"}}
    body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": "ComputeInstance", "metadata": metadata, "spec": SPEC}
    answer = ground.plane.kubectl("create", "-f", "-", input=yaml.safe_dump(body), kubeconfig=editor)
    assert "it needs the verb adopt" in answer.stderr


def test_whoever_was_given_the_role_may_adopt_and_others_may_still_edit(ground: Ground) -> None:
    instance(ground, "adopted")
    ground.person("ann", TENANT, "edit")
    trusted = ground.person("ann", TENANT, f"{RELEASE}-adopt")
    take = {"metadata": {"annotations": {"gpuwright.dev/adopt": "i-42"}}}
    assert ground.patch(trusted, "gwi", "adopted", TENANT, take) == ""
    editor = ground.person("erin", TENANT, "edit")
    assert ground.patch(editor, "gwi", "adopted", TENANT, {"metadata": {"labels": {"a": "b"}}}) == ""
    other = {"metadata": {"annotations": {"gpuwright.dev/adopt": "i-43"}}}
    assert ground.patch(editor, "gwi", "adopted", TENANT, other) != ""


def test_the_clusters_own_roles_have_our_kinds(ground: Ground) -> None:
    viewer, editor = ground.person("vic", TENANT, "view"), ground.person("erin", TENANT, "edit")
    admin = ground.person("ada", TENANT, "admin")
    kind = "computeinstances.gpuwright.dev"
    wait_until(lambda: ground.may(viewer, "list", kind, TENANT), 30, lambda: "view was not aggregated")
    assert not ground.may(viewer, "create", kind, TENANT)
    assert not ground.may(viewer, "list", kind, OTHER)
    assert ground.may(editor, "delete", "computeproviders.gpuwright.dev", TENANT)
    assert not ground.may(editor, "patch", kind, TENANT, "status")
    assert not ground.may(admin, "patch", kind, TENANT, "status")
    assert ground.may(admin, "patch", "computeproviders.gpuwright.dev", TENANT, "status")
    assert ground.may(admin, "create", kind, TENANT)
    assert not ground.may(admin, "adopt", kind, TENANT)


def test_a_namespaced_installation_judges_its_own_namespaces_only(plane: ControlPlane, ground: Ground) -> None:
    for policy in (f"{RELEASE}-finalizers", f"{RELEASE}-adoption"):
        plane.kubectl("delete", "validatingadmissionpolicybinding", policy)
    Ground(plane, toggles.NAMESPACED)
    admin, gone = plane.admin_kubeconfig(), {"metadata": {"finalizers": None}}
    instance(ground, "mine")
    wait_until(
        lambda: ground.patch(admin, "gwi", "mine", TENANT, gone) or instance(ground, "mine"),
        30,
        lambda: "the policy is not enforced",
    )
    instance(ground, "theirs", OTHER)
    # A binding that is deleted is obeyed for a moment still.
    wait_until(
        lambda: ground.patch(admin, "gwi", "theirs", OTHER, gone) == "",
        30,
        lambda: "another namespace is judged, too",
    )
