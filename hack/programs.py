"""Run a program that checks things and that no test imports: found on PATH, or made once and kept in your home's cache.

`python hack/programs.py promtool check rules FILE` runs one; `--make promtool actionlint` only sees they are there.
Programs in Go are built from what `hack/NAME/go.mod` pins. Those in Python, and those that come as a wheel, live in one
environment, installed from requirements/tools.txt with hashes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox import go_tools
from gpuwright_sandbox.controlplane import progress
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.keeping import KeptProgram, digest
from gpuwright_sandbox.go_tools import GoTool, tools_home

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "tools.txt"
MADE_BY = "make programs"
IN_PYTHON = ("cyclonedx-py", "hadolint", "mkdocs", "pip-audit")
IN_GO: Mapping[str, GoTool] = {
    "actionlint": GoTool(
        name="actionlint",
        program="actionlint",
        module="github.com/rhysd/actionlint",
        package="github.com/rhysd/actionlint/cmd/actionlint",
        made_by=MADE_BY,
        time="under a minute",
    ),
    "promtool": GoTool(
        name="promtool",
        program="promtool",
        module="github.com/prometheus/prometheus",
        package="github.com/prometheus/prometheus/cmd/promtool",
        made_by=MADE_BY,
        # Without the clouds in which a Prometheus server looks for targets: no alert needs them.
        tags="remove_all_sd",
        time="about 4 minutes on 2 cores",
    ),
}
PROGRAMS = (*IN_GO, *IN_PYTHON)


@dataclass(frozen=True, slots=True)
class Environment:
    """The one environment of the programs in Python; its folder's name changes with what is pinned."""

    folder: Path

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Environment":
        """Return the one that belongs to these environment variables, made or not."""
        return cls(tools_home(variables) / f"python-{digest(LOCK)}")

    def program(self, name: str) -> Path:
        """Return where a program is once the environment is made."""
        return self.folder / "bin" / name


def kept(name: str, variables: Mapping[str, str]) -> KeptProgram:
    """Return a program as these environment variables have it. On PATH counts; what else is in the .venv does not."""
    if name in IN_GO:
        return go_tools.kept(IN_GO[name], variables)
    return KeptProgram(
        name=name,
        folder=tools_home(variables),
        made_by=MADE_BY,
        look=partial(_look, name, variables),
        make=partial(_install, Environment.of(variables)),
    )


def find(name: str, variables: Mapping[str, str]) -> Path:
    """Return a program without making it. Raises BinariesMissingError."""
    return kept(name, variables).find()


def find_or_make(name: str, variables: Mapping[str, str], out: TextIO) -> Path:
    """Return a program, made in the cache where it was not found. Raises BinariesMissingError."""
    return kept(name, variables).find_or_make(out)


def _look(name: str, variables: Mapping[str, str]) -> Path | None:
    on_path = shutil.which(name, path=variables.get("PATH", os.defpath))
    if on_path is not None:
        return Path(on_path)
    made = Environment.of(variables).program(name)
    return made if made.exists() else None


def _install(environment: Environment, out: TextIO) -> None:
    folder, log = environment.folder, environment.folder.with_suffix(".log")
    # Not made elsewhere and moved: its scripts have the path of their interpreter in them.
    shutil.rmtree(folder, ignore_errors=True)
    steps = (
        (sys.executable, "-m", "venv", str(folder)),
        (str(environment.program("pip")), "install", "--quiet", "--require-hashes", "-r", str(LOCK)),
    )
    for step in steps:
        command = progress.Command(step, ROOT, os.environ, log)
        if not progress.run(command, f"setting up {', '.join(IN_PYTHON)}", out):
            shutil.rmtree(folder, ignore_errors=True)
            raise BinariesMissingError(f"installing {LOCK.name} failed: the end of {log} says why")


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: the program's own, or 1 where it cannot be had, or 2 where nobody knows it."""
    names = arguments[1:] if arguments[:1] == ["--make"] else arguments[:1]
    if not names or not {*names} <= {*PROGRAMS}:
        print(f"say which: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    try:
        found = [find_or_make(name, os.environ, sys.stderr) for name in names]
    except BinariesMissingError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments[0] == "--make":
        return 0
    return subprocess.run((str(found[0]), *arguments[1:]), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
