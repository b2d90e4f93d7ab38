"""The RBAC block of docs/operations.md is what the operator uses: it is run under it, and the audit log is read."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.pages import page

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

ACCOUNT = ("gpuwright-system", "gpuwright")
USER = f"system:serviceaccount:{':'.join(ACCOUNT)}"
STOP_SECONDS = 60.0

RARE = {
    ("get", "gpuwright.dev/computeinstances"),  # after a 409, and before a destructive call that comes late
    ("patch", "events.k8s.io/events"),  # the count of an Event that is repeated a minute later
}
"""What is granted and may not be needed in a short run; each has its reason in the block's comments."""

Right = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered request of the operator."""

    verb: str
    resource: str
    name: str
    code: int
    message: str

    @property
    def right(self) -> Right:
        """Return which right it needed."""
        return self.verb, self.resource


def manifests() -> list[dict[str, Any]]:
    """Return the documents of the block."""
    (block,) = [block for block in page("operations.md").blocks if "ClusterRole" in block.body]
    return [*yaml.safe_load_all(block.body)]


def rules() -> list[dict[str, Any]]:
    """Return the rules of the block's ClusterRole, and of its Role for the Lease."""
    roles = [found for found in manifests() if found["kind"] in {"ClusterRole", "Role"}]
    assert len(roles) == 2
    return [rule for role in roles for rule in role["rules"]]


def granted() -> set[Right]:
    """Return every right that the block grants."""
    return {
        (verb, f"{group}/{resource}".lstrip("/"))
        for rule in rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def workload(namespace: str, gateway: GatewayProcess) -> str:
    """Return a provider of each kind with its Secret, and an instance at each; all that needs a right of its own."""
    spec: dict[str, Any] = {
        "type": "Gateway",
        "gateway": {"endpoint": gateway.url, "credentialsSecretRef": {"name": "gateway-token", "key": "token"}},
        "poll": {"periodSeconds": 1},
        "timeouts": {"connectSeconds": 1, "requestSeconds": 2},
        "settleSeconds": 3,
    }
    machine = {"gpu": {"type": "H100"}, "image": "trainer:1"}
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "trainer-secrets", "key": "token"}}}]
    return yaml.safe_dump_all(
        [
            of("v1", "Secret", "gateway-token", namespace, stringData={"token": gateway.token}),
            of("v1", "Secret", "trainer-secrets", namespace, stringData={"token": "example"}),
            ours("ComputeProvider", "gateway", namespace, spec),
            ours(
                "ClusterComputeProvider",
                f"shared-{namespace}",
                None,
                {**spec, "allowedNamespaces": {"selector": {"matchLabels": {"gpu": "true"}}}},
            ),
            ours(
                "ComputeInstance",
                "ended",
                namespace,
                {"providerRef": {"name": "gateway"}, "machine": machine, "bootstrap": {"env": env}},
            ),
            ours(
                "ComputeInstance",
                "kept",
                namespace,
                {"providerRef": {"name": "gateway"}, "machine": machine, "deletionPolicy": "Retain"},
            ),
            ours(
                "ComputeInstance",
                "kept-by-all",
                namespace,
                {
                    "providerRef": {"kind": "ClusterComputeProvider", "name": f"shared-{namespace}"},
                    "machine": machine,
                    "deletionPolicy": "Retain",
                },
            ),
        ]
    )


def of(version: str, kind: str, name: str, namespace: str | None, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def ours(kind: str, name: str, namespace: str | None, spec: dict[str, Any]) -> dict[str, Any]:
    return of("gpuwright.dev/v1alpha1", kind, name, namespace, spec=spec)


@contextlib.contextmanager
def operator(kubeconfig: Path, namespace: str, log: Path) -> Iterator[None]:
    """Run the operator as whom this kubeconfig names; it watches one namespace, and has its Lease in its own."""
    command = [sys.executable, "-m", "gpuwright", "--http-bind", "127.0.0.1:0", "--allow-endpoint-cidr", "127.0.0.0/8"]
    command += ["--watch-namespace", namespace, "--namespace", ACCOUNT[0]]
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, env=os.environ | {"KUBECONFIG": str(kubeconfig)}, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            finally:
                child.kill()
                child.wait()


def asked(log: Path, offset: int) -> list[Asked]:
    """Return what the operator has asked for since this place of the audit log."""
    lines = log.read_bytes()[offset:].splitlines()
    events = (json.loads(line) for line in lines if USER.encode() in line)
    return [
        Asked(
            event["verb"],
            "/".join(
                event["objectRef"][part]
                for part in ("apiGroup", "resource", "subresource")
                if part in event["objectRef"]
            ),
            event["objectRef"].get("name", ""),
            event["responseStatus"]["code"],
            event["responseStatus"].get("message", ""),
        )
        for event in events
        if event["user"]["username"] == USER and "resource" in event.get("objectRef", {})
    ]


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess({"boot_seconds": 0.1, "delete_seconds": 0.1}) as made:
        yield made


@pytest.fixture
def requests(own_control_plane: ControlPlane, gateway: GatewayProcess, tmp_path: Path) -> list[Asked]:
    """What the operator asks the API server from the first object to a deleted namespace."""
    kubectl, namespace = own_control_plane.kubectl, "team-r"
    kubectl("create", "namespace", namespace)
    applied = kubectl("apply", "-f", "-", input=yaml.safe_dump_all(manifests()))
    assert applied.returncode == 0, applied.stderr
    shared = of("v1", "Secret", "gateway-token", ACCOUNT[0], stringData={"token": gateway.token})
    assert kubectl("apply", "-f", "-", input=yaml.safe_dump(shared)).returncode == 0
    kubectl("label", "namespace", namespace, "gpu=true")
    offset = own_control_plane.audit_log.stat().st_size
    log = tmp_path / "operator.log"
    with operator(own_control_plane.service_account_kubeconfig(*ACCOUNT), namespace, log):
        made = kubectl("apply", "-f", "-", input=workload(namespace, gateway))
        assert made.returncode == 0, made.stderr
        ready = kubectl("wait", "gwi", "--all", "-n", namespace, "--for=condition=Ready", "--timeout=180s")
        assert ready.returncode == 0, f"{ready.stderr}\n{log.read_text()}"
        kubectl("delete", "gwi", "kept", "kept-by-all", "-n", namespace, "--timeout=180s")
        kubectl("delete", "namespace", namespace, "--timeout=180s")
        kubectl("delete", "gwcprov", f"shared-{namespace}", "--timeout=180s")
    assert kubectl("get", "namespace", namespace).returncode != 0, log.read_text()
    return asked(own_control_plane.audit_log, offset)


@pytest.mark.cluster
def test_the_operator_needs_what_the_block_grants_and_nothing_else(
    requests: list[Asked], gateway: GatewayProcess
) -> None:
    refused = [one for one in requests if one.code == 403 and "being terminated" not in one.message]
    # Metadata of an audit event has no message for every refusal: an Event into a namespace that goes is one of these.
    assert {one.right for one in refused} <= {("create", "events.k8s.io/events")}
    used = {one.right for one in requests if one.code != 403}
    assert used - granted() == set()
    assert granted() - used - RARE == set()
    assert {one.name for one in requests if one.resource == "secrets"} == {"gateway-token", "trainer-secrets"}
    assert len(gateway.machines()) == 3
    assert len(gateway.live_machines()) == 2, "two are kept on purpose, the third went with its namespace"


def test_no_right_is_a_wildcard_and_secrets_are_named() -> None:
    assert "*" not in {word for rule in rules() for part in rule.values() for word in part}
    assert [rule for rule in rules() if "secrets" in rule["resources"] and not rule.get("resourceNames")] == []
