"""Programs made by one Go module each: found on PATH, or built once into the user's cache from what hack/NAME pins.

The cache is ($XDG_CACHE_HOME or ~/.cache)/gpuwright/tools/NAME-VERSION-DIGEST; the digest is of the go.mod and go.sum.
"""

import hashlib
import os
import re
import shutil
import subprocess
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
        made_by: the command that makes it, for a message.
        asks: the arguments that make it print its version; without them, any release on PATH will do.
        flags: for the linker; VERSION is the pinned release, MINOR the minor release of Kubernetes it speaks.
        tags: for the compiler.
        time: how long it takes to build the first time, in words.
    """

    name: str
    program: str
    module: str
    package: str
    made_by: str
    asks: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    tags: str = ""
    time: str = "some minutes"


def find(tool: GoTool, environment: Mapping[str, str]) -> Path:
    """Return the program, without building it: for a caller that has no minutes to spare.

    Raises:
        BinariesMissingError: it is to be built first; the message says how.
    """
    found = _look(tool, environment)
    if found is None:
        raise BinariesMissingError(f"{tool.name}: not found; run `{tool.made_by}`, which builds it once")
    return found


def find_or_build(tool: GoTool, environment: Mapping[str, str], out: TextIO) -> Path:
    """Return the program, built into the cache where it was not found; that takes minutes, and says so.

    Raises:
        BinariesMissingError: it cannot be built here; the message says what is missing.
    """
    home = cache_home(environment)
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
    if on_path is not None and _will_do(tool, Path(on_path)):
        return Path(on_path)
    kept = _place(tool, environment)
    return kept if kept.is_file() else None


def _will_do(tool: GoTool, path: Path) -> bool:
    if not tool.asks:
        return True
    # A Helm 3 is no Helm 4; of one major release any will do.
    seen = _version(tool, path)
    return seen is not None and seen.major == pinned(tool).major


def _version(tool: GoTool, path: Path) -> Version | None:
    try:
        answer = subprocess.run(
            (str(path), *tool.asks), capture_output=True, text=True, timeout=_VERSION_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)


def cache_home(environment: Mapping[str, str]) -> Path:
    """Return the folder of all programs that are made here but the control plane's."""
    return Path(environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "gpuwright" / "tools"


def _place(tool: GoTool, environment: Mapping[str, str]) -> Path:
    pins = digest(_HACK / tool.name / "go.mod", _HACK / tool.name / "go.sum")
    return cache_home(environment) / f"{tool.name}-{pinned(tool)}-{pins}" / tool.program


def digest(*pins: Path) -> str:
    """Return a short digest of what these files hold: other pins make another program."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in pins)).hexdigest()[:12]


def _pins(tool: GoTool) -> bytes:
    try:
        return (_HACK / tool.name / "go.mod").read_bytes()
    except FileNotFoundError as error:
        raise BinariesMissingError(f"{_HACK / tool.name} has no go.mod: run from a clone") from error


def _pinned(tool: GoTool, module: str) -> Version:
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (\S+)", _pins(tool).decode(), re.MULTILINE)
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
    # Where the control plane keeps its Go, too.
    go = find_or_install_go(
        cache_home(environment).parent / "controlplane", environment.get("PATH", os.defpath), _GO, out
    )
    log = place.parent / "build.log"
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as temporary:
        made = Path(temporary) / tool.program
        flags = ("-trimpath", "-ldflags", _linker_flags(tool), "-tags", tool.tags, "-o", str(made))
        command = progress.Command(
            (str(go), "build", *flags, tool.package), _HACK / tool.name, build_environment(environment), log
        )
        if not progress.run(command, f"building {tool.name} {pinned(tool)}, {tool.time} the first time", out):
            raise BinariesMissingError(f"building {tool.name} failed: the end of {log} says why; then try again")
        made.replace(place)
