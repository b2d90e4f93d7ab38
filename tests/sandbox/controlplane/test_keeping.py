"""What is kept in the cache: where that is, and that it is made once, whoever waits for whom."""

import io
from pathlib import Path
from typing import TextIO

import pytest

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.keeping import KeptProgram, cache_home, digest, make_once


class Workbench:
    """A program that is made by touching a file; it remembers how often that was done."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "tool"
        self.made = 0
        self.program = KeptProgram("tool", folder, "make tool", self.look, self.make)

    def look(self) -> Path | None:
        return self.place if self.place.exists() else None

    def make(self, out: TextIO) -> None:
        out.write("making\n")
        self.made += 1
        self.place.touch()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        pytest.param({"XDG_CACHE_HOME": "/var/cache"}, Path("/var/cache"), id="said"),
        pytest.param({"XDG_CACHE_HOME": ""}, Path.home() / ".cache", id="empty"),
        pytest.param({}, Path.home() / ".cache", id="left out"),
    ],
)
def test_the_cache_is_where_the_user_keeps_caches(environment: dict[str, str], folder: Path) -> None:
    assert cache_home(environment) == folder / "gpuwright"


def test_a_digest_changes_with_any_of_its_files(tmp_path: Path) -> None:
    first, second = tmp_path / "go.mod", tmp_path / "go.sum"
    first.write_text("a")
    second.write_text("b")
    before = digest(first, second)
    second.write_text("c")
    assert digest(first, second) != before
    assert len(before) == 12


def test_a_caller_without_time_is_told_what_makes_it_and_nothing_is_made(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    with pytest.raises(BinariesMissingError, match="tool: not found; run `make tool`, which makes it once"):
        bench.program.find()
    assert bench.made == 0


def test_it_is_made_where_it_is_not_there_and_not_again(tmp_path: Path) -> None:
    bench, out = Workbench(tmp_path / "cache"), io.StringIO()
    assert bench.program.find_or_make(out) == bench.program.find_or_make(out) == bench.program.find() == bench.place
    assert (bench.made, out.getvalue()) == (1, "making\n")


def test_what_another_process_made_meanwhile_is_not_made_again(tmp_path: Path) -> None:
    """How it waits for that process is tested with the control plane's programs, in test_making.py."""
    seen = iter([False, True])
    made: list[str] = []
    make_once(lambda: next(seen), lambda: made.append("again"), tmp_path, io.StringIO())
    assert made == []


def test_a_program_that_its_maker_does_not_make_is_still_missing(tmp_path: Path) -> None:
    program = KeptProgram("tool", tmp_path, "make tool", lambda: None, lambda _out: None)
    with pytest.raises(BinariesMissingError, match="tool: not found"):
        program.find_or_make(io.StringIO())
