"""Find etcd, kube-apiserver, kube-controller-manager and kubectl, or make them once and keep them.

Looked for on PATH, then in the folder KUBEBUILDER_ASSETS, then in the cache
($XDG_CACHE_HOME or ~/.cache)/gpuwright/controlplane/KEY, where KEY names what `hack/controlplane` pins. What is in
none of them is made in the cache: downloaded as released, or else built from the Go modules.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.keeping import cache_home
from gpuwright_sandbox.controlplane.selection import Binaries, Source, Tool, choose
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Pins, Program, read_pins, read_version

# sandbox/gpuwright_sandbox/controlplane/binaries.py is three folders below the root of a clone.
_MODULES = Path(__file__).resolve().parents[3] / "hack" / "controlplane"


@dataclass(frozen=True, slots=True)
class Places:
    """Where programs are looked for and made; `modules` holds go.mod and go.sum, `assets` may be absent."""

    search_path: str
    assets: Path | None
    cache: Path
    modules: Path
    may_download: bool

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Places":
        """Return the places these environment variables name; an empty variable counts as absent."""
        assets = environment.get("KUBEBUILDER_ASSETS")
        return cls(
            search_path=environment.get("PATH", os.defpath),
            assets=Path(assets) if assets else None,
            cache=cache_home(environment) / "controlplane",
            modules=_MODULES,
            may_download=environment.get("GPUWRIGHT_NO_DOWNLOAD", "") in {"", "0"},
        )


def find(places: Places) -> tuple[dict[Program, Tool], Pins]:
    """Return the programs that need not be made, and what is pinned for the others.

    Raises:
        BinariesMissingError: the modules are not there; run from a clone of the repository.
    """
    pins = _pins(places.modules)
    sources = [_on_path(places.search_path)]
    if places.assets is not None:
        sources.append(_in_folder(places.assets, "KUBEBUILDER_ASSETS"))
    sources.append(_in_cache(places.cache / pins.key, pins))
    return choose(sources, pins.kube), pins


def find_all(places: Places) -> Binaries:
    """Return the four programs, without making any: for a caller that has no minutes to spare.

    Raises:
        BinariesMissingError: some are to be made first, by `gpuwright-sandbox tools`.
    """
    tools, _ = find(places)
    missing = [program for program in PROGRAMS if program not in tools]
    if missing:
        raise BinariesMissingError(
            f"{', '.join(missing)}: not found; run `make tools`, which downloads or builds them once"
        )
    return Binaries.of(tools)


def _pins(modules: Path) -> Pins:
    try:
        return read_pins(modules)
    except FileNotFoundError as error:
        raise BinariesMissingError(
            f"{modules} has no go.mod and go.sum: run from a clone, installed with `pip install -e sandbox`"
        ) from error


def _on_path(search_path: str) -> Source:
    found = {program: shutil.which(program, path=search_path) for program in PROGRAMS}
    return _ask_versions({program: Path(path) for program, path in found.items() if path}, "PATH")


def _in_folder(folder: Path, source: str) -> Source:
    return _ask_versions({program: folder / program for program in PROGRAMS if (folder / program).is_file()}, source)


def _in_cache(folder: Path, pins: Pins) -> Source:
    # What is in the cache appeared there whole and under the key of its pins, so it need not be asked.
    present = [program for program in PROGRAMS if (folder / program).is_file()]
    return {program: Tool(folder / program, pins.of(program), "cache") for program in present}


def _ask_versions(paths: Mapping[Program, Path], source: str) -> Source:
    versions = {program: read_version(program, path) for program, path in paths.items()}
    return {program: Tool(paths[program], version, source) for program, version in versions.items() if version}
