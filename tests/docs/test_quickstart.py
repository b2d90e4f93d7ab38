"""The quick start is done as it stands there, in one shell, and takes less than five minutes."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, page

from gpuwright_sandbox.controlplane.binaries import Places, find_all
from gpuwright_sandbox.gateway.door import PortReservation

MINUTES = 5
PORT = "8700"
FETCHED = "make tools"
"""Done before: what it fetches or builds once is not counted, and says so."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: what was printed, in which order, and how long it took."""

    printed: str
    seconds: float
    code: int


def commands() -> list[str]:
    """Return the lines that a reader types, in order."""
    blocks = [block.body for block in page("quickstart.md").blocks if block.language == "console"]
    return [line.removeprefix("$ ") for body in blocks for line in body.splitlines() if line.startswith("$ ")]


def script(port: int) -> str:
    """Return the lines as a script that stops at the first failure, with a port that nobody else has."""
    lines = [line.replace(PORT, str(port)) for line in commands() if line != FETCHED]
    # A shell without a terminal numbers its jobs only when it is told to.
    return "\n".join(["set -euo pipefail -m", *lines, "wait"])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a reader has after `make tools`: the files that the page names, and the programs in .venv/bin."""
    for name in ("crds", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("gpuwright", "gpuwright-sandbox"):
        (programs / name).symlink_to(Path(sys.executable).with_name(name))
    (programs / "kubectl").symlink_to(find_all(Places.of_environment(os.environ)).kubectl.path)
    return tmp_path


@pytest.fixture
def done(clone: Path) -> Done:
    reservation = PortReservation(0)
    port = reservation.port
    reservation.close()
    for path in (clone / "examples").glob("*.yaml"):
        path.write_text(path.read_text().replace(PORT, str(port)))
    began = time.monotonic()
    log = clone / "printed"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ("bash", "-c", script(port)), cwd=clone, stdout=output, stderr=output, start_new_session=True
        )
        try:
            code = shell.wait(MINUTES * 60)
        finally:
            _end_what_is_left(clone)
    return Done(log.read_text(), time.monotonic() - began, code)


def _end_what_is_left(clone: Path) -> None:
    """End what was started in this folder and still runs: each is in a group of its own, as a shell's jobs are."""
    if not Path("/proc").exists():
        return
    for entry in Path("/proc").iterdir():
        try:
            here = entry.name.isdigit() and (entry / "cwd").resolve() == clone
        except OSError:
            continue
        if here:
            os.kill(int(entry.name), 15)


@pytest.mark.cluster
@pytest.mark.timeout(MINUTES * 60 + 60)
def test_a_reader_who_types_what_stands_there_gets_what_it_says(done: Done) -> None:
    assert done.code == 0, done.printed
    assert done.seconds < MINUTES * 60
    assert re.search(r"^trainer-0 +True +Running", done.printed, re.MULTILINE), done.printed
    assert "OutcomeUnknown" in done.printed
    assert "Adopted" in done.printed
    lists = re.findall(r'\{"items":.*\}', done.printed)
    assert len(lists) == 2
    assert '"trainer-0-' in lists[0]
    assert '"items":[]' in lists[1].replace(" ", "")


def test_every_program_that_it_starts_is_ended() -> None:
    lines = commands()
    begun = [line for line in lines if line.endswith("&")]
    assert len(begun) == 3
    assert lines[-1] == "kill %3 %2 %1"
