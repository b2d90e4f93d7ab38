"""What the chart renders, without any cluster: each value does something, and no pod is what nobody may run."""

import json
from typing import Any

import pytest
import yaml
from tests.charts import toggles
from tests.charts.helm import (
    CHART,
    NAMESPACE,
    RELEASE,
    ROOT,
    Body,
    default_values,
    leaves,
    of_kind,
    one,
    renderer,
    together,
)
from tests.docs.pages import page

PODS = ("Deployment", "Job")
CLUSTER_WIDE_RIGHTS = ("ClusterRole", "ClusterRoleBinding")
WITHOUT_CRDS: Body = {"crds": {"enabled": False}}  # most of the text, and the same in nearly all


@pytest.fixture(scope="module")
def defaults() -> list[Body]:
    return renderer().render()


def pod_spec(body: Body) -> Body:
    spec: Body = body["spec"]["template"]["spec"]
    return spec


def operator(bodies: list[Body]) -> Body:
    """Return the operator's container."""
    container: Body = pod_spec(one(bodies, "Deployment"))["containers"][0]
    return container


def rules(bodies: list[Body]) -> list[Body]:
    return [rule for role in of_kind(bodies, "Role", "ClusterRole") for rule in role["rules"]]


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize("values", ["defaults", "everything on"])
def test_helm_has_nothing_to_say_against_it(major: int, values: str) -> None:
    settings = [f"--set-json={key}={json.dumps(value)}" for key, value in toggles.COMBINATIONS[values].items()]
    said = renderer(major).run("lint", "--strict", str(CHART), *settings)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "[WARNING]" not in said.stdout


@pytest.mark.parametrize("name", list(toggles.COMBINATIONS))
def test_both_helms_render_the_same(name: str) -> None:
    values = toggles.COMBINATIONS[name]
    assert renderer(3).render(values) == renderer(4).render(values)


def test_every_value_has_another_one_to_be_tried_with() -> None:
    tried = tuple(toggles.OTHER)
    untried = [path for path in leaves(default_values()) if not any(f"{path}.".startswith(f"{to}.") for to in tried)]
    assert untried == []


@pytest.mark.parametrize("path", list(toggles.OTHER))
def test_a_value_changes_what_is_rendered(path: str) -> None:
    without = {} if path.startswith("crds.") else WITHOUT_CRDS
    before = renderer().template(together(without, toggles.BESIDE.get(path, {})))
    after = renderer().template(together(without, toggles.values_of(path)))
    assert (before.returncode, after.returncode) == (0, 0), after.stderr
    assert (after.stdout == before.stdout) == (path in toggles.SAME or _has_no_file(path))


def _has_no_file(path: str) -> bool:
    """Return whether a value is about a file that the chart does not have."""
    files = {"metrics.dashboard": "dashboard.json", "metrics.prometheusRule": "alerts.yaml"}
    return any(path.startswith(part) and not (CHART / "files" / name).exists() for part, name in files.items())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"replica": 3}, "replica", id="an unknown key"),
        pytest.param({"image": {"name": "x"}}, "name", id="an unknown key further down"),
        pytest.param({"replicas": "two"}, "replicas", id="a text for a number"),
        pytest.param({"image": {"digest": "sha256:short"}}, "digest", id="a digest that is none"),
        pytest.param({"watchNamespaces": ["Team A"]}, "watchNamespaces", id="a name that is none"),
        pytest.param({"terminationGracePeriodSeconds": 10}, "terminationGracePeriodSeconds", id="less than it needs"),
        pytest.param({"uninstall": {"whileMachinesLive": "Maybe"}}, "whileMachinesLive", id="an unknown word"),
        pytest.param({"allowEndpointCidrs": ["10.1.0.0"]}, "allowEndpointCidrs", id="a network without its length"),
        pytest.param({"caBundle": "/etc/ca.crt"}, "caBundle", id="a path for a certificate"),
        pytest.param({"replicas": 2, "leaderElection": {"enabled": False}}, "replicas: write 1", id="two leaders"),
        pytest.param({"watchNamespaces": ["team-a"]}, "clusterId is needed", id="namespaced without an identity"),
        pytest.param({"secrets": {"clusterWide": True}}, "secrets.names is needed", id="every Secret of the cluster"),
        pytest.param(
            together(toggles.NAMESPACED, {"secrets": {"clusterWide": True, "names": ["x"]}}),
            "secrets.clusterWide needs a ClusterRole",
            id="cluster-wide in namespaced mode",
        ),
        pytest.param({"serviceAccount": {"create": False}}, "serviceAccount.name is needed", id="no account"),
    ],
)
@pytest.mark.parametrize("major", [3, 4])
def test_a_mistake_is_refused_and_named(major: int, values: Body, words: str) -> None:
    said = renderer(major).template(values)
    assert said.returncode != 0
    assert words in said.stderr


def test_namespaced_mode_has_no_right_on_the_whole_cluster() -> None:
    bodies = renderer().render(toggles.COMBINATIONS["namespaced without anything cluster-scoped"])
    assert of_kind(bodies, *CLUSTER_WIDE_RIGHTS, "CustomResourceDefinition", "ValidatingAdmissionPolicy") == []
    assert {body["metadata"].get("namespace") for body in bodies} == {NAMESPACE, "team-a", "team-b"}
    assert "clustercomputeproviders" not in json.dumps(rules(bodies))
    assert of_kind(renderer().render(toggles.NAMESPACED), *CLUSTER_WIDE_RIGHTS) == []


@pytest.mark.parametrize("name", [*toggles.COMBINATIONS, "secrets.names", "secrets.clusterWide"])
def test_no_right_is_a_wildcard_and_no_secret_is_listed(name: str) -> None:
    found = rules(renderer().render(dict(toggles.all_values())[name]))
    assert "*" not in {word for rule in found for part in rule.values() for word in part}
    secrets = [rule for rule in found if "secrets" in rule["resources"]]
    assert {verb for rule in secrets for verb in rule["verbs"]} <= {"get", "patch"}


def test_the_operators_rights_are_those_of_the_manual(defaults: list[Body]) -> None:
    """docs/operations.md tells them to those who write their own; Secrets and the Lease are bound apart here."""
    (block,) = [block for block in page("operations.md").blocks if "ClusterRole" in block.body]
    written = rights(rules([body for body in yaml.safe_load_all(block.body) if body]))
    apart = {right for right in written if right[1] in {"secrets", "coordination.k8s.io/leases"}}
    assert rights(one(defaults, "ClusterRole")["rules"]) == written - apart
    assert rights(one(defaults, "Role", f"{RELEASE}-leader")["rules"]) == {
        right for right in apart if right[1] != "secrets"
    }


def rights(found: list[Body]) -> set[tuple[str, str]]:
    return {
        (verb, f"{group}/{resource}".lstrip("/"))
        for rule in found
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_every_secret_of_the_cluster_is_never_given(defaults: list[Body]) -> None:
    """The ClusterRole without names is bound in namespaces only."""
    bound = [body for body in of_kind(defaults, "ClusterRoleBinding") if "secrets" in body["roleRef"]["name"]]
    assert bound == []
    wide = renderer().render(toggles.values_of("secrets.clusterWide"))
    named = [rule for rule in one(wide, "ClusterRole", f"{RELEASE}-secrets")["rules"] if not rule.get("resourceNames")]
    assert named == []


def test_without_finalizers_on_secrets_they_are_only_read() -> None:
    bodies = renderer().render({"secrets": {"finalizers": False}})
    assert "--no-secret-finalizers" in operator(bodies)["args"]
    assert one(bodies, "ClusterRole", f"{RELEASE}-secrets")["rules"][0]["verbs"] == ["get"]


def test_pods_of_a_hook_are_none_of_the_deployments(defaults: list[Body]) -> None:
    wanted = one(defaults, "Deployment")["spec"]["selector"]["matchLabels"]
    labels = one(defaults, "Job", f"{RELEASE}-check-uninstall")["spec"]["template"]["metadata"]["labels"]
    assert not wanted.items() <= labels.items()
    for kind, name in (("PodDisruptionBudget", RELEASE), ("Service", f"{RELEASE}-metrics")):
        selector = one(defaults, kind, name)["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        own = one(defaults, "Deployment")["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= own.items()
        assert not selector.items() <= labels.items()


def test_every_object_says_whose_it_is(defaults: list[Body]) -> None:
    for body in defaults:
        labels = body["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert "helm.sh/chart" in labels


def test_crds_outlive_the_release_unless_somebody_says_otherwise(defaults: list[Body]) -> None:
    def policies(bodies: list[Body]) -> set[Any]:
        found = of_kind(bodies, "CustomResourceDefinition")
        assert len(found) == 3
        return {body["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for body in found}

    assert policies(defaults) == {"keep"}
    assert policies(renderer().render({"crds": {"keep": False}})) == {None}


@pytest.mark.parametrize("name", ["defaults", "everything on", "everything off", "namespaced"])
def test_pods_are_what_the_restricted_profile_wants(name: str) -> None:
    for body in of_kind(renderer().render(toggles.COMBINATIONS[name]), *PODS):
        spec, (container,) = pod_spec(body), pod_spec(body)["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert container["resources"]["limits"]["memory"]


def test_pods_run_as_the_user_of_the_image_and_what_it_runs(defaults: list[Body]) -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ") and ":" in line]
    for body in of_kind(defaults, *PODS):
        security = pod_spec(body)["securityContext"]
        assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
        assert "command" not in pod_spec(body)["containers"][0], "the image says what it runs"
    assert any(line.startswith("ENTRYPOINT") and "gpuwright" in line for line in lines)


def test_one_replica_at_a_time_where_there_is_no_leader() -> None:
    bodies = renderer().render({"replicas": 1, "leaderElection": {"enabled": False}})
    assert one(bodies, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert "--no-leader-elect" in operator(bodies)["args"]
    assert [rule for rule in rules(bodies) if "leases" in rule["resources"]] == []


def test_replicas_that_are_spread_are_the_operators_own() -> None:
    bodies = renderer().render(toggles.values_of("topologySpreadConstraints"))
    (spread,) = pod_spec(one(bodies, "Deployment"))["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == one(bodies, "Deployment")["spec"]["selector"]["matchLabels"]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"


def test_the_metadata_service_is_out_of_reach(defaults: list[Body]) -> None:
    spec = one(defaults, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    open_to = [peer["ipBlock"] for rule in spec["egress"] for peer in rule["to"] if "ipBlock" in peer]
    anywhere = [block for block in open_to if block["cidr"] == "0.0.0.0/0"]
    assert anywhere[-1]["except"] == ["169.254.0.0/16"]
    # To the API server, which may be anywhere, on its own ports only: a metadata service listens on 80.
    bare = [rule for rule in spec["egress"] if {"ipBlock": {"cidr": "0.0.0.0/0"}} in rule["to"]]
    assert [{port["port"] for port in rule["ports"]} for rule in bare] == [{443, 6443}]


def test_the_dashboard_and_the_alerts_are_those_of_the_files() -> None:
    bodies = renderer().render(toggles.COMBINATIONS["everything on"])
    for file, kind in (("dashboard.json", "ConfigMap"), ("alerts.yaml", "PrometheusRule")):
        present = (CHART / "files" / file).exists()
        found = [body for body in of_kind(bodies, kind) if not body["metadata"]["name"].endswith("authorities")]
        assert bool(found) == present
    for body in of_kind(bodies, "ConfigMap"):
        for name, text in body["data"].items():
            assert name != "gpuwright.json" or json.loads(text) == json.loads(
                (CHART / "files" / "dashboard.json").read_text()
            )


def test_the_image_of_a_digest_has_no_tag() -> None:
    digest = toggles.OTHER["image.digest"]
    assert operator(renderer().render({"image": {"digest": digest, "tag": "x"}}))["image"] == f"gpuwright@{digest}"
