"""Making what was not found, with a go command that only pretends to build."""

import fcntl
import io
import threading
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.binaries import Places
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.making import find_or_make
from gpuwright_sandbox.controlplane.versions import PROGRAMS, read_pins

GO_MOD = "module x\n\ngo 1.26.0\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.0\n\tk8s.io/kubernetes v1.37.1\n)\n"
# `go build -trimpath -ldflags FLAGS -o TARGET PACKAGE`: the target is the sixth argument.
PRETENDING_GO = """#!/bin/sh
test "$1" = env && echo go1.26.0 && exit
echo "$6" >> "$(dirname "$0")/built"
touch "$6"
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("path", "modules"):
        (tmp_path / name).mkdir()
    (tmp_path / "modules" / "go.mod").write_text(GO_MOD)
    (tmp_path / "modules" / "go.sum").write_text("")
    _go(tmp_path / "path", PRETENDING_GO)
    return Places(str(tmp_path / "path"), None, tmp_path / "cache", tmp_path / "modules", may_download=False)


def _go(folder: Path, script: str) -> None:
    (folder / "go").write_text(script)
    (folder / "go").chmod(0o755)


def _built(places: Places) -> list[str]:
    log = Path(places.search_path) / "built"
    return [Path(line).name for line in log.read_text().splitlines()] if log.exists() else []


def test_what_is_missing_is_built_once(places: Places) -> None:
    out = io.StringIO()
    first = find_or_make(places, out)
    assert _built(places) == list(PROGRAMS)
    assert "building kube-apiserver (2 of 4), about " in out.getvalue()
    assert find_or_make(places, io.StringIO()) == first
    assert _built(places) == list(PROGRAMS)


def test_a_finished_program_is_kept_when_the_next_one_fails(places: Places) -> None:
    folder = Path(places.search_path)
    _go(folder, PRETENDING_GO.replace("touch", 'case "$6" in *apiserver) exit 1;; esac; touch'))
    with pytest.raises(BinariesMissingError, match="kube-apiserver"):
        find_or_make(places, io.StringIO())
    _go(folder, PRETENDING_GO)
    find_or_make(places, io.StringIO())
    assert _built(places).count("etcd") == 1
    assert _built(places).count("kube-apiserver") == 2


def test_what_a_killed_build_left_is_removed_and_nothing_new_is_left(places: Places) -> None:
    made = places.cache / read_pins(places.modules).key
    (made / ".new-killed").mkdir(parents=True)
    find_or_make(places, io.StringIO())
    assert {path.name for path in made.iterdir()} == {*PROGRAMS, "build.log"}


def test_a_second_process_waits_for_the_first_and_builds_nothing(places: Places) -> None:
    made = places.cache / read_pins(places.modules).key
    made.mkdir(parents=True)
    said = _Said()
    with (places.cache / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=find_or_make, args=(places, said))
        second.start()
        assert said.something.wait(10)
        for program in PROGRAMS:
            (made / program).touch()
    second.join(10)
    assert "waiting for another process" in said.getvalue()
    assert _built(places) == []


class _Said(io.StringIO):
    """A text that tells when something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.something = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        self.something.set()
        return written
