"""Which of the programs found are used: a pure choice among sources, best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.versions import OLDEST_ETCD, OLDEST_KUBE, PROGRAMS, Program, Version


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that was found: where, which release, and in words where it came from."""

    path: Path
    version: Version
    source: str


@dataclass(frozen=True, slots=True)
class Binaries:
    """The four programs of a control plane, fit for each other."""

    etcd: Tool
    kube_apiserver: Tool
    kube_controller_manager: Tool
    kubectl: Tool

    @classmethod
    def of(cls, tools: Mapping[Program, Tool]) -> "Binaries":
        """Return the four as one value; the mapping has all of `PROGRAMS`."""
        return cls(*(tools[program] for program in PROGRAMS))

    def by_program(self) -> dict[Program, Tool]:
        """Return the four by name, in the order in which they are started or used."""
        return {
            "etcd": self.etcd,
            "kube-apiserver": self.kube_apiserver,
            "kube-controller-manager": self.kube_controller_manager,
            "kubectl": self.kubectl,
        }


Source = Mapping[Program, Tool]


def choose(sources: Sequence[Source], pinned_kube: Version) -> dict[Program, Tool]:
    """Return the best tool for each program; a program without a fit one is left out, and is to be made.

    The API server and the controller manager come from one source and one release. kubectl may be one minor release
    away from them (kubernetes.io/releases/version-skew-policy, read 2026-11-22). Servers for which no kubectl was
    found count only if the pinned release, which would be made, goes with them.
    """
    chosen: dict[Program, Tool] = {}
    etcd = next((s["etcd"] for s in sources if "etcd" in s and s["etcd"].version >= OLDEST_ETCD), None)
    if etcd is not None:
        chosen["etcd"] = etcd
    for source in sources:
        if not has_servers(source):
            continue
        kube = source["kube-apiserver"].version
        # Its own kubectl first: the others have to be asked for their version.
        kubectl = find_kubectl((source, *sources), kube)
        if kubectl is None and not within_one_minor(pinned_kube, kube):
            continue
        servers: dict[Program, Tool] = {p: source[p] for p in ("kube-apiserver", "kube-controller-manager")}
        return chosen | servers | ({} if kubectl is None else {"kubectl": kubectl})
    kubectl = find_kubectl(sources, pinned_kube)
    return chosen if kubectl is None else chosen | {"kubectl": kubectl}


def has_servers(source: Source) -> bool:
    """Return whether a source has both servers, of one release that is new enough."""
    apiserver, manager = source.get("kube-apiserver"), source.get("kube-controller-manager")
    if apiserver is None or manager is None:
        return False
    return apiserver.version == manager.version and apiserver.version >= OLDEST_KUBE


def find_kubectl(sources: Sequence[Source], kube: Version) -> Tool | None:
    """Return the first kubectl that goes with servers of this release."""
    candidates = (source["kubectl"] for source in sources if "kubectl" in source)
    return next((tool for tool in candidates if within_one_minor(tool.version, kube)), None)


def within_one_minor(first: Version, second: Version) -> bool:
    """Return whether two releases are at most one minor release apart."""
    return first.major == second.major and abs(first.minor - second.minor) <= 1
