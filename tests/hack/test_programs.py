"""Finding the programs that check things: on PATH first, then in the cache; and what is made there."""

import io
import os
from pathlib import Path

import pytest
from hack.programs import IN_GO, IN_PYTHON, PROGRAMS, Places, ProgramMissingError

from hack import programs


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(search_path=str(tmp_path / "bin"), cache=tmp_path / "cache")


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_on_path_is_taken_before_what_was_made(name: str, places: Places, tmp_path: Path) -> None:
    made = executable(places.made(name))
    assert programs.find(name, places) == made
    on_path = executable(tmp_path / "bin" / name)
    assert programs.find(name, places) == on_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_nowhere_is_not_found(name: str, places: Places) -> None:
    assert programs.find(name, places) is None


@pytest.mark.parametrize("name", IN_GO)
def test_another_pin_is_another_program(
    name: str, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = places.made(name)
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    for file in ("go.mod", "go.sum"):
        (tmp_path / "hack" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "hack" / name / file).write_text("other")
    assert places.made(name) != before


def test_programs_in_python_share_one_environment(places: Places) -> None:
    assert len({places.made(name).parent for name in IN_PYTHON}) == 1


@pytest.mark.parametrize("name", IN_GO)
def test_a_program_in_go_is_pinned_by_a_release(name: str) -> None:
    assert programs.pinned(name).startswith("v")
    assert "-" not in programs.pinned(name), "a release, no commit"


def test_a_pin_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hack" / "promtool").mkdir(parents=True)
    (tmp_path / "hack" / "promtool" / "go.mod").write_text("module x\n")
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    with pytest.raises(ProgramMissingError, match=r"does not pin github\.com/prometheus/prometheus"):
        programs.pinned("promtool")


def test_an_installation_that_fails_leaves_nothing_and_says_where_to_look(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "tools.txt"
    lock.write_text("no-such-thing-at-all==1 --hash=sha256:00\n")
    monkeypatch.setattr(programs, "LOCK", lock)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ProgramMissingError, match=r"python\.log says why"):
        programs.find_or_make("mkdocs", places, io.StringIO())
    assert not places.made("mkdocs").parents[1].exists()


def test_a_caller_without_time_is_told_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissingError, match="`make programs` makes it once"):
        programs.find_made("promtool")


def test_the_command_runs_the_program_and_ends_as_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "actionlint")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert programs.main(["actionlint", "-version"]) == 3
    assert programs.main(["--make", "actionlint"]) == 0


@pytest.mark.parametrize("arguments", [[], ["--make"], ["helm"], ["--make", "actionlint", "helm"]])
def test_the_command_says_what_it_knows(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert programs.main(arguments) == 2
    assert ", ".join(PROGRAMS) in capsys.readouterr().err
