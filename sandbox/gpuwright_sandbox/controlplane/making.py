"""Make the programs that were not found: once, by one process at a time, each appearing whole or not at all."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane.binaries import Places, find, find_all
from gpuwright_sandbox.controlplane.building import Workshop, build
from gpuwright_sandbox.controlplane.downloading import DownloadError, Mirror, download
from gpuwright_sandbox.controlplane.golang import find_or_install_go
from gpuwright_sandbox.controlplane.keeping import make_once
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Pins, Program


def find_or_make(places: Places, out: TextIO) -> Binaries:
    """Return the four programs, made in the cache where they were not found; that takes minutes, and says so.

    Raises:
        BinariesMissingError: they cannot be made here; the message says what is missing.
    """

    def make() -> None:
        missing, pins = _missing(places)
        _Maker(places, pins, out).make(missing)

    make_once(lambda: not _missing(places)[0], make, places.cache, out)
    return find_all(places)


def _missing(places: Places) -> tuple[list[Program], Pins]:
    tools, pins = find(places)
    made = places.cache / pins.key
    # A server that was made before its sibling is not chosen yet, but is there.
    return [program for program in PROGRAMS if program not in tools and not (made / program).exists()], pins


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes pinned programs in their cache folder; only for a process that is alone there."""

    places: Places
    pins: Pins
    out: TextIO

    @property
    def folder(self) -> Path:
        return self.places.cache / self.pins.key

    def make(self, programs: Sequence[Program]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Only a process that was killed leaves these.
        for leftover in self.folder.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as temporary:
            rest = self._download(programs, Path(temporary)) if self.places.may_download else programs
            if rest:
                self._build(rest, Path(temporary))

    def _download(self, programs: Sequence[Program], temporary: Path) -> Sequence[Program]:
        """Return the programs that are still to be made: one refusal is enough to stop asking."""
        for position, program in enumerate(programs):
            try:
                mirror = Mirror.official()
                self._say(f"downloading {program} {self.pins.of(program)} ({position + 1} of {len(programs)})")
                download(program, self.pins.of(program), temporary / program, mirror)
            except DownloadError as error:
                self._say(f"no download ({error}), so building from Go modules")
                return programs[position:]
            (temporary / program).replace(self.folder / program)
        return ()

    def _build(self, programs: Sequence[Program], temporary: Path) -> None:
        go = find_or_install_go(self.places.cache, self.places.search_path, self.pins.go, self.out)
        workshop = Workshop(go, self.places.modules, self.pins, log=self.folder / "build.log")
        for position, program in enumerate(programs):
            build(program, temporary / program, workshop, f"{position + 1} of {len(programs)}", self.out)
            (temporary / program).replace(self.folder / program)

    def _say(self, text: str) -> None:
        self.out.write(f"{text}\n")
        self.out.flush()
