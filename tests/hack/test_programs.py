"""Finding the programs that check things: on PATH first, then in the cache; and what is made there."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hack.programs import IN_PYTHON, PROGRAMS, Environment

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from hack import programs


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def variables(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.mark.parametrize("name", IN_PYTHON)
def test_what_is_on_path_is_taken_before_what_was_made(name: str, variables: Mapping[str, str], tmp_path: Path) -> None:
    made = executable(Environment.of(variables).program(name))
    assert programs.find(name, variables) == made
    on_path = executable(tmp_path / "bin" / name)
    assert programs.find(name, variables) == on_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_caller_without_time_is_told_how_to_make_what_is_nowhere(name: str, variables: Mapping[str, str]) -> None:
    with pytest.raises(BinariesMissingError, match=f"{name}: not found; run `make programs`"):
        programs.find(name, variables)


def test_another_lock_is_another_environment(
    variables: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Environment.of(variables)
    lock = tmp_path / "tools.txt"
    lock.write_text("other")
    monkeypatch.setattr(programs, "LOCK", lock)
    assert Environment.of(variables) != before


def test_an_installation_that_fails_leaves_nothing_and_says_where_to_look(
    variables: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "tools.txt"
    lock.write_text("no-such-thing-at-all==1 --hash=sha256:00\n")
    monkeypatch.setattr(programs, "LOCK", lock)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(BinariesMissingError, match=r"\.log says why"):
        programs.find_or_make("mkdocs", variables, io.StringIO())
    assert not Environment.of(variables).folder.exists()


def test_the_command_runs_the_program_and_ends_as_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "actionlint")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert programs.main(["actionlint", "-version"]) == 3
    assert programs.main(["--make", "actionlint"]) == 0


@pytest.mark.parametrize("arguments", [[], ["--make"], ["helm"], ["--make", "actionlint", "helm"]])
def test_the_command_says_what_it_knows(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert programs.main(arguments) == 2
    assert ", ".join(PROGRAMS) in capsys.readouterr().err
