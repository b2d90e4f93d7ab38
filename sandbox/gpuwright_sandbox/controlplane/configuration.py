"""Command lines and configuration files of the three components: pure text, nothing is started here."""

import json
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.layout import LOOPBACK, Layout, Ports

# What objects of the tests need to live and to go. Left out: node-lifecycle and taint-eviction, which would mark every
# Node unreachable because no kubelet renews its lease, and all that needs a cloud, volumes or running pods.
CONTROLLERS = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
SERVICE_RANGE = "10.0.0.0/24"
SERVING_NAMES = (
    LOOPBACK,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "10.0.0.1",
)
# Addresses for documentation (RFC 5737): kube-apiserver wants one that is not loopback, and on a machine without a
# route it finds none by itself. With the reconciler "none" nobody is told of it.
_ADVERTISED = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class Files:
    """The files that command lines name; all below the control plane's directory."""

    authority: Path
    serving_certificate: Path
    serving_key: Path
    etcd_client_certificate: Path
    etcd_client_key: Path
    token_key: Path
    token_public_key: Path
    audit_policy: Path
    authentication: Path
    manager_kubeconfig: Path

    @classmethod
    def of(cls, layout: Layout) -> "Files":
        """Return where each file belongs."""
        pki, configuration = layout.pki, layout.configuration
        return cls(
            authority=pki / "ca.crt",
            serving_certificate=pki / "serving.crt",
            serving_key=pki / "serving.key",
            etcd_client_certificate=pki / "etcd-client.crt",
            etcd_client_key=pki / "etcd-client.key",
            token_key=pki / "tokens.key",
            token_public_key=pki / "tokens.pub",
            audit_policy=configuration / "audit-policy.json",
            authentication=configuration / "authentication.json",
            manager_kubeconfig=configuration / "kube-controller-manager.kubeconfig",
        )


def audit_policy() -> str:
    """Return the policy: one event per answered request, level Metadata, and nothing omitted.

    Source: kubernetes.io/docs/tasks/debug/debug-cluster/audit, read 2026-11-22. JSON is YAML.
    """
    return json.dumps(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            # Without the early stage a request is one line, not two.
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        },
        indent=1,
    )


def authentication() -> str:
    """Return the configuration that lets strangers ask for the server's health and for nothing else.

    Source: kubernetes.io/docs/reference/access-authn-authz/authentication, "Anonymous authenticator configuration";
    v1beta1 is read by Kubernetes 1.30 and later, v1 only by 1.34 and later.
    """
    paths = [{"path": path} for path in ("/livez", "/readyz", "/healthz")]
    return json.dumps(
        {
            "apiVersion": "apiserver.config.k8s.io/v1beta1",
            "kind": "AuthenticationConfiguration",
            "anonymous": {"enabled": True, "conditions": paths},
        },
        indent=1,
    )


def etcd_arguments(layout: Layout, ports: Ports) -> tuple[str, ...]:
    """Return etcd's arguments: one member, loopback, no fsync (a crash of the machine may lose the store).

    Clients show a certificate of this control plane's authority: two that happen to choose the same port can then
    never write to each other's store.
    """
    files = Files.of(layout)
    client = f"https://{LOOPBACK}:{ports.etcd}"
    return (
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--cert-file={files.serving_certificate}",
        f"--key-file={files.serving_key}",
        f"--trusted-ca-file={files.authority}",
        "--client-cert-auth",
        # No other member will ever call, so any port will do.
        f"--listen-peer-urls=http://{LOOPBACK}:0",
        "--unsafe-no-fsync",
        # A member that is alone need not wait long for votes: its start takes 0.1 s instead of 0.4 s.
        "--heartbeat-interval=20",
        "--election-timeout=100",
        "--log-level=warn",
    )


def apiserver_arguments(layout: Layout, ports: Ports, *, audit: bool) -> tuple[str, ...]:
    """Return kube-apiserver's arguments: TLS, RBAC, service account tokens, the default admission plugins but one."""
    files = Files.of(layout)
    audited = (
        f"--audit-policy-file={files.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        # In megabytes: never start a new file, for whoever reads would miss what is in the old one.
        "--audit-log-maxsize=1000000",
    )
    return (
        f"--etcd-servers=https://{LOOPBACK}:{ports.etcd}",
        f"--etcd-cafile={files.authority}",
        f"--etcd-certfile={files.etcd_client_certificate}",
        f"--etcd-keyfile={files.etcd_client_key}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports.apiserver}",
        f"--advertise-address={_ADVERTISED}",
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--tls-cert-file={files.serving_certificate}",
        f"--tls-private-key-file={files.serving_key}",
        f"--client-ca-file={files.authority}",
        f"--authentication-config={files.authentication}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={files.token_key}",
        f"--service-account-key-file={files.token_public_key}",
        # It taints every new Node not-ready, and only the node-lifecycle controller would take that away.
        "--disable-admission-plugins=TaintNodesByCondition",
        "--allow-privileged",
        "--profiling=false",
        *(audited if audit else ()),
    )


def manager_arguments(layout: Layout, ports: Ports) -> tuple[str, ...]:
    """Return kube-controller-manager's arguments: an identity of its own, and one per controller."""
    files = Files.of(layout)
    return (
        f"--kubeconfig={files.manager_kubeconfig}",
        f"--authentication-kubeconfig={files.manager_kubeconfig}",
        f"--authorization-kubeconfig={files.manager_kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports.controller_manager}",
        f"--tls-cert-file={files.serving_certificate}",
        f"--tls-private-key-file={files.serving_key}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={files.token_key}",
        f"--root-ca-file={files.authority}",
        f"--controllers={','.join(CONTROLLERS)}",
        # The default, 20 a second, makes the accounts of all these controllers take 2 seconds longer.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    )
