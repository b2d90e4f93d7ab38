"""Programs made by one Go module each: found on PATH, or built once into the user's cache from what hack/NAME pins.

The cache is ($XDG_CACHE_HOME or ~/.cache)/gpuwright/tools/NAME-VERSION-DIGEST; the digest is of the go.mod and go.sum.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane import progress, versions
from gpuwright_sandbox.controlplane.building import build_environment
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.golang import find_or_install_go
from gpuwright_sandbox.controlplane.keeping import KeptProgram, cache_home, digest
from gpuwright_sandbox.controlplane.versions import Version, parse_version, printed

_HACK = Path(__file__).resolve().parents[2] / "hack"
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


def kept(tool: GoTool, environment: Mapping[str, str]) -> KeptProgram:
    """Return the program as these environment variables have it: on PATH, in the cache, or still to be built."""
    return KeptProgram(
        name=tool.name,
        folder=tools_home(environment),
        made_by=tool.made_by,
        look=partial(_look, tool, environment),
        make=partial(_build, tool, environment),
    )


def find(tool: GoTool, environment: Mapping[str, str]) -> Path:
    """Return the program without building it. Raises BinariesMissingError."""
    return kept(tool, environment).find()


def pinned(tool: GoTool) -> Version:
    """Return the release that hack/NAME/go.mod pins. Raises BinariesMissingError outside a clone."""
    return _pinned(tool, tool.module)


def _look(tool: GoTool, environment: Mapping[str, str]) -> Path | None:
    on_path = shutil.which(tool.program, path=environment.get("PATH", os.defpath))
    if on_path is not None and _will_do(tool, Path(on_path)):
        return Path(on_path)
    built = _place(tool, environment)
    return built if built.is_file() else None


def _will_do(tool: GoTool, path: Path) -> bool:
    if not tool.asks:
        return True
    # A Helm 3 is no Helm 4; of one major release any will do.
    seen = parse_version(printed(str(path), *tool.asks))
    return seen is not None and seen.major == pinned(tool).major


def tools_home(environment: Mapping[str, str]) -> Path:
    """Return the folder of all programs that are made here but the control plane's."""
    return cache_home(environment) / "tools"


def _place(tool: GoTool, environment: Mapping[str, str]) -> Path:
    pins = digest(_HACK / tool.name / "go.mod", _HACK / tool.name / "go.sum")
    return tools_home(environment) / f"{tool.name}-{pinned(tool)}-{pins}" / tool.program


def _pinned(tool: GoTool, module: str) -> Version:
    try:
        return versions.pinned(_HACK / tool.name, module)
    except FileNotFoundError as error:
        raise BinariesMissingError(f"{_HACK / tool.name} has no go.mod: run from a clone") from error


def _linker_flags(tool: GoTool) -> str:
    text = " ".join(("-s", "-w", *tool.flags)).replace("VERSION", str(pinned(tool)))
    return text.replace("MINOR", str(_pinned(tool, "k8s.io/client-go").minor)) if "MINOR" in text else text


def _build(tool: GoTool, environment: Mapping[str, str], out: TextIO) -> None:
    place = _place(tool, environment)
    place.parent.mkdir(parents=True, exist_ok=True)
    # Where the control plane keeps its Go, too.
    go = find_or_install_go(cache_home(environment) / "controlplane", environment.get("PATH", os.defpath), _GO, out)
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
