"""`gpuwright-sandbox chart-tools`: Helm 3, Helm 4 and kubeconform, found or built once."""

import argparse
import os
import sys

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.go_tools import GoTool, kept

_MADE_BY = "make chart-tools"
_KUBE3 = tuple(
    f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
    for package in ("lint/rules", "chartutil")
    for part in ("Major=1", "Minor=MINOR")
)
HELM3 = GoTool(
    name="helm3",
    program="helm",
    module="helm.sh/helm/v3",
    package="helm.sh/helm/v3/cmd/helm",
    made_by=_MADE_BY,
    asks=("version", "--short"),
    # Without them this Helm takes itself for one of Kubernetes 1.20, and refuses charts for newer ones.
    flags=("-X helm.sh/helm/v3/internal/version.version=VERSION", *_KUBE3),
)
HELM4 = GoTool(
    name="helm4",
    program="helm",
    module="helm.sh/helm/v4",
    package="helm.sh/helm/v4/cmd/helm",
    made_by=_MADE_BY,
    asks=("version", "--short"),
    flags=("-X helm.sh/helm/v4/internal/version.version=VERSION",),
)
KUBECONFORM = GoTool(
    name="kubeconform",
    program="kubeconform",
    module="github.com/yannh/kubeconform",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
    made_by=_MADE_BY,
    asks=("-v",),
    flags=("-X main.version=VERSION",),
)
TOOLS = (HELM3, HELM4, KUBECONFORM)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; see `gpuwright_sandbox.__main__`."""
    tools = subparsers.add_parser("chart-tools", help="find Helm 3, Helm 4 and kubeconform, or build them once")
    tools.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command's `run` takes them
    """Find or build the programs, print where each is and return 0; 1 after saying why one cannot be had."""
    try:
        for tool in TOOLS:
            print(f"{tool.name:<12} {kept(tool, os.environ).find_or_make(sys.stdout)}")
    except BinariesMissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
