"""Versions: what a program prints, what `hack/controlplane/go.mod` pins, and what goes with what."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from gpuwright_sandbox.controlplane.keeping import digest

Program: TypeAlias = Literal["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"]
PROGRAMS: tuple[Program, ...] = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")

_VERSION_ARGUMENTS: dict[Program, tuple[str, ...]] = {
    "etcd": ("--version",),
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kubectl": ("version", "--client"),
}
_VERSION_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release, such as v1.37.1; ordered as releases are."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


# The first release in which ValidatingAdmissionPolicy, CRD ratcheting and anonymous access by path all work unasked.
OLDEST_KUBE = Version(1, 32)
OLDEST_ETCD = Version(3, 5)


@dataclass(frozen=True, slots=True)
class Pins:
    """What go.mod pins: the releases of Kubernetes and etcd, the least Go, and a digest of go.mod and go.sum."""

    kube: Version
    etcd: Version
    go: Version
    digest: str

    @property
    def key(self) -> str:
        """The name of the cache folder: it changes whenever something that is built changes."""
        return f"{self.kube}-{self.digest}"

    def of(self, program: Program) -> Version:
        """Return the pinned release of a program."""
        return self.etcd if program == "etcd" else self.kube


def parse_version(text: str) -> Version | None:
    """Return the first version in a text, such as `Client Version: v1.37.1` or `etcd Version: 3.7.0`; None if none."""
    found = re.search(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return Version(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def read_version(program: Program, path: Path) -> Version | None:
    """Return the version that a program prints; None when it does not run, or prints none."""
    return parse_version(printed(str(path), *_VERSION_ARGUMENTS[program]))


def printed(*command: str, **variables: str) -> str:
    """Return what a command prints, with these environment variables besides; empty when it does not run, or fails."""
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=True,
            env=os.environ | variables,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout


def read_pins(modules: Path) -> Pins:
    """Return what the go.mod and go.sum of this folder pin.

    Raises:
        ValueError: go.mod names no release of a needed module; nothing but an edit of go.mod can mend that.
        FileNotFoundError: the folder is not there; the caller should say that a clone is needed.
    """
    return Pins(
        kube=pinned(modules, "k8s.io/kubernetes"),
        etcd=pinned(modules, "go.etcd.io/etcd/server/v3"),
        go=pinned(modules, "go"),
        digest=digest(modules / "go.mod", modules / "go.sum"),
    )


def pinned(modules: Path, module: str) -> Version:
    """Return the release of a module, or of Go itself, that the go.mod of this folder pins.

    Raises:
        ValueError: it names none; nothing but an edit of go.mod can mend that.
        FileNotFoundError: there is no go.mod; the caller should say that a clone is needed.
    """
    text = (modules / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (\S+)", text, re.MULTILINE)
    version = parse_version(found[1]) if found else None
    if version is None:
        raise ValueError(f"hack/{modules.name}/go.mod pins no {module}: add it with its version")
    return version
