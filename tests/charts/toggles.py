"""Another value for each value of the chart: each must be accepted, and change what is rendered."""

from collections.abc import Iterator
from typing import Any

from tests.charts.helm import Body, nested, together

NAMESPACED: Body = {"watchNamespaces": ["team-a", "team-b"], "clusterId": "0b7c"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]

OTHER: dict[str, Any] = {
    "nameOverride": "machines",
    "fullnameOverride": "machines",
    "commonLabels": {"team": "platform"},
    "image.repository": "registry.example/gpuwright",
    "image.tag": "0.9.9",
    "image.digest": f"sha256:{'0' * 64}",
    "image.pullPolicy": "Always",
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 3,
    "leaderElection.enabled": False,
    "crds.enabled": False,
    "crds.keep": False,
    "watchNamespaces": ["team-a", "team-b"],
    "clusterId": "0b7c",
    "secrets.namespaces": ["team-a"],
    "secrets.names": ["gateway-token"],
    "secrets.bootstrapNames": ["trainer-secrets"],
    "secrets.clusterWide": True,
    "secrets.finalizers": False,
    "allowEndpointCidrs": ["10.1.0.0/16", "fd00::/8"],
    "log.level": "debug",
    "log.format": "text",
    "httpBind": "[::]:9090",
    "rbac.create": False,
    "rbac.aggregate": False,
    "serviceAccount.create": False,
    "serviceAccount.name": "machines",
    "serviceAccount.annotations": {"example.com/role": "machines"},
    "policies.finalizers.enabled": False,
    "policies.finalizers.exemptUsers": ["jane@example.com"],
    "policies.adoption.enabled": False,
    "uninstall.whileMachinesLive": "Allow",
    "resources.requests.cpu": "200m",
    "resources.requests.memory": "512Mi",
    "resources.limits.memory": "2Gi",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "platform", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "system-cluster-critical",
    "dnsPolicy": "None",
    "dnsConfig": {"nameservers": ["192.0.2.53"]},
    "podLabels": {"team": "platform"},
    "podAnnotations": {"example.com/scrape": "true"},
    "deploymentAnnotations": {"example.com/owner": "platform"},
    "extraArgs": ["--log-level=warning"],
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "tmp", "mountPath": "/more"}],
    "terminationGracePeriodSeconds": 90,
    "revisionHistoryLimit": 5,
    "podSecurityContext.runAsNonRoot": True,
    "podSecurityContext.runAsUser": 1000,
    "podSecurityContext.runAsGroup": 1000,
    "podSecurityContext.fsGroup": 1000,
    "podSecurityContext.seccompProfile.type": "Localhost",
    "securityContext.allowPrivilegeEscalation": False,
    "securityContext.readOnlyRootFilesystem": False,
    "securityContext.capabilities.drop": ["ALL", "NET_RAW"],
    "caBundle": PEM,
    "providerProxy": "http://proxy.example:3128",
    "podDisruptionBudget.enabled": False,
    "podDisruptionBudget.maxUnavailable": "50%",
    "networkPolicy.enabled": False,
    "networkPolicy.metricsFrom": [],
    "networkPolicy.dns": [{"ipBlock": {"cidr": "169.254.20.10/32"}}],
    "networkPolicy.apiServer.cidrs": ["10.0.0.1/32"],
    "networkPolicy.apiServer.ports": [6443],
    "networkPolicy.providers.to": PEERS,
    "networkPolicy.providers.ports": [443, 8443],
    "metrics.service.enabled": False,
    "metrics.service.annotations": {"example.com/scrape": "true"},
    "metrics.serviceMonitor.enabled": True,
    "metrics.serviceMonitor.interval": "10s",
    "metrics.serviceMonitor.labels": {"release": "monitoring"},
    "metrics.podMonitor.enabled": True,
    "metrics.podMonitor.interval": "10s",
    "metrics.podMonitor.labels": {"release": "monitoring"},
    "metrics.prometheusRule.enabled": True,
    "metrics.prometheusRule.labels": {"release": "monitoring"},
    "metrics.dashboard.enabled": True,
    "metrics.dashboard.labels": {"grafana_dashboard": "yes"},
    "metrics.dashboard.annotations": {"folder": "gpu"},
}

BESIDE: dict[str, Body] = {
    "leaderElection.enabled": {"replicas": 1},
    "watchNamespaces": {"clusterId": "0b7c"},
    "secrets.clusterWide": {"secrets": {"names": ["gateway-token"]}},
    "serviceAccount.create": {"serviceAccount": {"name": "machines"}},
    "dnsPolicy": {"dnsConfig": {"nameservers": ["192.0.2.53"]}},
    "podSecurityContext.seccompProfile.type": {
        "podSecurityContext": {"seccompProfile": {"localhostProfile": "gpuwright.json"}}
    },
    "metrics.serviceMonitor.interval": {"metrics": {"serviceMonitor": {"enabled": True}}},
    "metrics.serviceMonitor.labels": {"metrics": {"serviceMonitor": {"enabled": True}}},
    "metrics.podMonitor.interval": {"metrics": {"podMonitor": {"enabled": True}}},
    "metrics.podMonitor.labels": {"metrics": {"podMonitor": {"enabled": True}}},
    "metrics.prometheusRule.labels": {"metrics": {"prometheusRule": {"enabled": True}}},
    "metrics.dashboard.labels": {"metrics": {"dashboard": {"enabled": True}}},
    "metrics.dashboard.annotations": {"metrics": {"dashboard": {"enabled": True}}},
}
"""What a value needs beside it to be allowed, or to be seen at all."""

SAME = {"podSecurityContext.runAsNonRoot", "securityContext.allowPrivilegeEscalation"}
"""Values whose other value the restricted profile refuses: they are given as they are."""

COMBINATIONS: dict[str, Body] = {
    "defaults": {},
    "namespaced": NAMESPACED,
    "namespaced without anything cluster-scoped": together(
        NAMESPACED,
        {"crds": {"enabled": False}, "policies": {"finalizers": {"enabled": False}, "adoption": {"enabled": False}}},
    ),
    "everything on": {
        "caBundle": PEM,
        "secrets": {"namespaces": ["team-a"], "names": ["gateway-token"], "bootstrapNames": ["trainer-secrets"]},
        "metrics": {
            kind: {"enabled": True} for kind in ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard")
        },
    },
    "everything off": {
        "replicas": 1,
        "leaderElection": {"enabled": False},
        "crds": {"enabled": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "machines"},
        "policies": {"finalizers": {"enabled": False}, "adoption": {"enabled": False}},
        "uninstall": {"whileMachinesLive": "None"},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "metrics": {"service": {"enabled": False}},
    },
}


def values_of(path: str) -> Body:
    """Return values that set this path to its other value, and what goes with it."""
    return together(BESIDE.get(path, {}), nested(path, OTHER[path]))


def all_values() -> Iterator[tuple[str, Body]]:
    """Yield every set of values that the chart must take, with a name for it."""
    yield from COMBINATIONS.items()
    for path in OTHER:
        # The CRDs are in the combinations.
        yield (
            path,
            values_of(path) if path.startswith("crds.") else together({"crds": {"enabled": False}}, values_of(path)),
        )
