"""Build the programs from the Go modules that `hack/controlplane` pins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane import progress
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.versions import Pins, Program, Version

_PACKAGES: dict[Program, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
# Measured 2026-11-22 in this order, with an empty build cache, as wall-clock seconds times 2 cores.
_CORE_SECONDS: dict[Program, int] = {"etcd": 190, "kube-apiserver": 1050, "kube-controller-manager": 360, "kubectl": 80}


@dataclass(frozen=True, slots=True)
class Workshop:
    """What building needs: the go command, the folder with go.mod, what it pins, and a log."""

    go: Path
    modules: Path
    pins: Pins
    log: Path


def build(program: Program, target: Path, workshop: Workshop, place: str, out: TextIO) -> None:
    """Build one program as the file `target`; `place`, such as "1 of 4", is for the reader.

    Raises:
        BinariesMissingError: the build failed; the message has the command and its log.
    """
    command = progress.Command(
        arguments=(
            str(workshop.go),
            "build",
            "-trimpath",
            "-ldflags",
            linker_flags(workshop.pins.kube),
            "-o",
            str(target),
            _PACKAGES[program],
        ),
        folder=workshop.modules,
        environment=build_environment(os.environ),
        log=workshop.log,
    )
    cores = os.cpu_count() or 1
    if not progress.run(command, f"building {program} ({place}), {estimate(program, cores)}", out):
        raise BinariesMissingError(
            f"building {program} failed: the end of {workshop.log} says why; 1.5 GB for modules (from the Go module "
            f"proxy) and 5 GB for Go's build cache are needed; then try again, what was built is kept"
        )


def linker_flags(kube: Version) -> str:
    """Return the flags that leave out debug symbols and set the release the Kubernetes programs say they are."""
    values = {
        "k8s.io/component-base/version.gitVersion": str(kube),
        "k8s.io/component-base/version.gitMajor": str(kube.major),
        "k8s.io/component-base/version.gitMinor": str(kube.minor),
        "k8s.io/client-go/pkg/version.gitVersion": str(kube),
    }
    return " ".join(("-s", "-w", *(f"-X {name}={value}" for name, value in values.items())))


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for Go: static programs, and none of the user's settings that change what is built."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOTOOLCHAIN": "auto"}
    return {name: value for name, value in environment.items() if name not in {"GOOS", "GOARCH"}} | fixed


def estimate(program: Program, cores: int) -> str:
    """Return in words how long a build takes the first time."""
    minutes = max(1, round(_CORE_SECONDS[program] / cores / 60))
    return f"about {minutes} minute{'' if minutes == 1 else 's'} on {cores} core{'' if cores == 1 else 's'}"
