"""`gpuwright-sandbox chart-tools`: Helm 3, Helm 4 and kubeconform, found or built once.

Looked for on PATH, then in ($XDG_CACHE_HOME or ~/.cache)/gpuwright/tools/NAME-VERSION-DIGEST, where the digest is of
the go.mod and go.sum in hack/NAME that pin it; what is in neither is built there from the Go modules.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane import progress
from gpuwright_sandbox.controlplane.building import build_environment
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.golang import find_or_install_go
from gpuwright_sandbox.controlplane.making import alone
from gpuwright_sandbox.controlplane.versions import Version, parse_version

_HACK = Path(__file__).resolve().parents[2] / "hack"
_VERSION_TIMEOUT_SECONDS = 10.0
_GO = Version(1, 26)


@dataclass(frozen=True, slots=True)
class GoTool:
    """A program that one Go module makes.

    Attributes:
        name: of its folder below hack/, and of its place in the cache.
        program: what it is called on PATH.
        module: which line of go.mod pins its release.
        package: what is built.
        asks: the arguments that make it print its version.
        flags: for the linker; VERSION is the pinned release, MINOR the minor release of Kubernetes it speaks.
    """

    name: str
    program: str
    module: str
    package: str
    asks: tuple[str, ...]
    flags: tuple[str, ...]


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
    asks=("version", "--short"),
    # Without them this Helm takes itself for one of Kubernetes 1.20, and refuses charts for newer ones.
    flags=("-X helm.sh/helm/v3/internal/version.version=VERSION", *_KUBE3),
)
HELM4 = GoTool(
    name="helm4",
    program="helm",
    module="helm.sh/helm/v4",
    package="helm.sh/helm/v4/cmd/helm",
    asks=("version", "--short"),
    flags=("-X helm.sh/helm/v4/internal/version.version=VERSION",),
)
KUBECONFORM = GoTool(
    name="kubeconform",
    program="kubeconform",
    module="github.com/yannh/kubeconform",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
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
            print(f"{tool.name:<12} {find_or_build(tool, os.environ, sys.stdout)}")
    except BinariesMissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def find(tool: GoTool, environment: Mapping[str, str]) -> Path:
    """Return the program, without building it: for a caller that has no minutes to spare.

    Raises:
        BinariesMissingError: it is to be built first, by `gpuwright-sandbox chart-tools`.
    """
    found = _look(tool, environment)
    if found is None:
        raise BinariesMissingError(f"{tool.name}: not found; run `make chart-tools`, which builds it once")
    return found


def find_or_build(tool: GoTool, environment: Mapping[str, str], out: TextIO) -> Path:
    """Return the program, built into the cache where it was not found; that takes minutes, and says so.

    Raises:
        BinariesMissingError: it cannot be built here; the message says what is missing.
    """
    home = _cache(environment)
    if _look(tool, environment) is None:
        with alone(home, out):
            # Another process may have built it while this one waited.
            if _look(tool, environment) is None:
                _build(tool, environment, out)
    return find(tool, environment)


def pinned(tool: GoTool) -> Version:
    """Return the release that hack/NAME/go.mod pins. Raises BinariesMissingError outside a clone."""
    return _pinned(tool, tool.module)


def _look(tool: GoTool, environment: Mapping[str, str]) -> Path | None:
    on_path = shutil.which(tool.program, path=environment.get("PATH", os.defpath))
    # A Helm 3 is no Helm 4; of one major release any will do.
    if on_path is not None and (seen := _version(tool, Path(on_path))) and seen.major == pinned(tool).major:
        return Path(on_path)
    kept = _place(tool, environment)
    return kept if kept.is_file() else None


def _version(tool: GoTool, path: Path) -> Version | None:
    try:
        answer = subprocess.run(
            (str(path), *tool.asks), capture_output=True, text=True, timeout=_VERSION_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)


def _cache(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "gpuwright" / "tools"


def _place(tool: GoTool, environment: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(_pins(tool) + (_HACK / tool.name / "go.sum").read_bytes()).hexdigest()[:12]
    return _cache(environment) / f"{tool.name}-{pinned(tool)}-{digest}" / tool.program


def _pins(tool: GoTool) -> bytes:
    try:
        return (_HACK / tool.name / "go.mod").read_bytes()
    except FileNotFoundError as error:
        raise BinariesMissingError(f"{_HACK / tool.name} has no go.mod: run from a clone") from error


def _pinned(tool: GoTool, module: str) -> Version:
    found = re.search(rf"^\s*{re.escape(module)} (\S+)", _pins(tool).decode(), re.MULTILINE)
    version = parse_version(found[1]) if found else None
    if version is None:
        raise ValueError(f"hack/{tool.name}/go.mod pins no {module}: add it with its version")
    return version


def _linker_flags(tool: GoTool) -> str:
    text = " ".join(("-s", "-w", *tool.flags)).replace("VERSION", str(pinned(tool)))
    return text.replace("MINOR", str(_pinned(tool, "k8s.io/client-go").minor)) if "MINOR" in text else text


def _build(tool: GoTool, environment: Mapping[str, str], out: TextIO) -> None:
    place = _place(tool, environment)
    place.parent.mkdir(parents=True, exist_ok=True)
    go = find_or_install_go(_cache(environment), environment.get("PATH", os.defpath), _GO, out)
    log = place.parent / "build.log"
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as temporary:
        made = Path(temporary) / tool.program
        command = progress.Command(
            (str(go), "build", "-trimpath", "-ldflags", _linker_flags(tool), "-o", str(made), tool.package),
            _HACK / tool.name,
            build_environment(environment),
            log,
        )
        title = f"building {tool.name} {pinned(tool)}, some minutes the first time"
        if not progress.run(command, title, out):
            raise BinariesMissingError(f"building {tool.name} failed: the end of {log} says why; then try again")
        made.replace(place)
