"""Run a program that checks things and that no test imports: found on PATH, or made once and kept in your home's cache.

`python hack/programs.py promtool check rules FILE` runs one; `--make promtool actionlint` only sees they are there.
Programs in Go are built from what `hack/NAME/go.mod` pins. Those in Python, and those that come as a wheel, live in one
environment, installed from requirements/tools.txt with hashes.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane import progress
from gpuwright_sandbox.controlplane.building import build_environment
from gpuwright_sandbox.controlplane.golang import find_or_install_go
from gpuwright_sandbox.controlplane.versions import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "tools.txt"
IN_PYTHON = ("cyclonedx-py", "hadolint", "mkdocs", "pip-audit")
GO = Version(1, 26)


@dataclass(frozen=True, slots=True)
class InGo:
    """A program that is built: its package, its build tags, and how long that takes the first time, in words."""

    package: str
    tags: str
    time: str


IN_GO: Mapping[str, InGo] = {
    "actionlint": InGo("github.com/rhysd/actionlint/cmd/actionlint", "", "under a minute"),
    # Without the clouds in which a Prometheus server looks for targets: no alert needs them.
    "promtool": InGo("github.com/prometheus/prometheus/cmd/promtool", "remove_all_sd", "about 4 minutes on 2 cores"),
}
PROGRAMS = (*IN_GO, *IN_PYTHON)


class ProgramMissingError(Exception):
    """A program is not there, or cannot be made here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where programs are looked for and made."""

    search_path: str
    cache: Path

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Places":
        """Return the places that these variables name; an empty one counts as absent."""
        home = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(environment.get("PATH", os.defpath), Path(home) / "gpuwright" / "programs")

    def made(self, name: str) -> Path:
        """Return where a program is once it is made; the folder's name changes with what is pinned."""
        if name in IN_GO:
            return self.cache / f"{name}-{_digest(*_pins(name))}" / name
        return self.cache / f"python-{_digest(LOCK)}" / "bin" / name


def find(name: str, places: Places) -> Path | None:
    """Return a program that is there, or None. On PATH counts; what else is in this project's .venv does not."""
    on_path = shutil.which(name, path=places.search_path)
    if on_path is not None:
        return Path(on_path)
    made = places.made(name)
    return made if made.exists() else None


def find_made(name: str) -> Path:
    """Return a program without making it, for a caller that has no minutes to spare. Raises ProgramMissingError."""
    found = find(name, Places.of_environment(os.environ))
    if found is None:
        raise ProgramMissingError(f"{name}: not found; `make programs` makes it once")
    return found


def find_or_make(name: str, places: Places, out: TextIO) -> Path:
    """Return a program, made in the cache where it was not found. Raises ProgramMissingError."""
    found = find(name, places)
    if found is not None:
        return found
    with _alone(places.cache):
        # Another process may have made it while this one waited.
        found = find(name, places)
        if found is None:
            (_build if name in IN_GO else _install)(name, places, out)
    return places.made(name) if found is None else found


def _build(name: str, places: Places, out: TextIO) -> None:
    program, target = IN_GO[name], places.made(name)
    # Where the control plane keeps its Go, too.
    go = find_or_install_go(places.cache.parent / "controlplane", places.search_path, GO, out)
    with tempfile.TemporaryDirectory(dir=places.cache, prefix=".new-") as folder:
        new = Path(folder) / name
        flags = ("-trimpath", "-ldflags", "-s -w", "-tags", program.tags, "-o", str(new))
        log = places.cache / f"{name}.log"
        command = progress.Command(
            (str(go), "build", *flags, program.package), ROOT / "hack" / name, build_environment(os.environ), log
        )
        if not progress.run(command, f"building {name}, {program.time}", out):
            raise ProgramMissingError(f"building {name} failed: the end of {log} says why")
        target.parent.mkdir(parents=True, exist_ok=True)
        new.replace(target)


def _install(name: str, places: Places, out: TextIO) -> None:
    environment, log = places.made(name).parents[1], places.cache / "python.log"
    # Not made elsewhere and moved: its scripts have the path of their interpreter in them.
    shutil.rmtree(environment, ignore_errors=True)
    steps = (
        (sys.executable, "-m", "venv", str(environment)),
        (str(environment / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", str(LOCK)),
    )
    for step in steps:
        command = progress.Command(step, ROOT, os.environ, log)
        if not progress.run(command, f"setting up {', '.join(IN_PYTHON)}", out):
            shutil.rmtree(environment, ignore_errors=True)
            raise ProgramMissingError(f"installing {LOCK.name} failed: the end of {log} says why")


def _pins(name: str) -> Sequence[Path]:
    return tuple(ROOT / "hack" / name / file for file in ("go.mod", "go.sum"))


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pinned(name: str) -> str:
    """Return the release of a program that its go.mod pins, such as v1.7.12."""
    module = IN_GO[name].package.partition("/cmd/")[0]
    text = (ROOT / "hack" / name / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (\S+)", text, re.MULTILINE)
    if found is None:
        raise ProgramMissingError(f"hack/{name}/go.mod does not pin {module}")
    return found[1]


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: the program's own, or 1 where it cannot be had, or 2 where nobody knows it."""
    names = arguments[1:] if arguments[:1] == ["--make"] else arguments[:1]
    if not names or not {*names} <= {*PROGRAMS}:
        print(f"say which: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    try:
        found = [find_or_make(name, Places.of_environment(os.environ), sys.stderr) for name in names]
    except ProgramMissingError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments[0] == "--make":
        return 0
    return subprocess.run((str(found[0]), *arguments[1:]), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
