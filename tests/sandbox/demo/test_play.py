"""Playing the acts: when waiting ends; that they come true is shown by the whole demo in test_cli.py."""

from pathlib import Path

import pytest
from tests.sandbox.demo.making import FALSE, view
from tests.sandbox.demo.staging import stage_with

from gpuwright_sandbox.demo import checks, play
from gpuwright_sandbox.demo.errors import ClaimError, NotSeenError
from gpuwright_sandbox.demo.plan import Act, Deed
from gpuwright_sandbox.demo.play import Player
from gpuwright_sandbox.demo.screen import PlainScreen

DARK = Act("Dark", "It goes dark.", "It may.", deed=Deed.OUTAGE)


def test_an_operator_that_ends_by_itself_ends_the_wait(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with stage_with(tmp_path, seen=view("plain")) as stage, pytest.raises(NotSeenError) as told:
        Player(stage, PlainScreen(), (DARK,)).play()
    assert "expected  every instance Ready=Unknown" in str(told.value)
    assert "the operator ended by itself; plain" in str(told.value)
    assert "[1/1] Dark" in capsys.readouterr().out


def test_patience_ends_and_says_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "_PATIENCE_SECONDS", 0.01)
    with stage_with(tmp_path, seen=view("plain")) as stage:
        stage.operator.spawn()
        with pytest.raises(NotSeenError, match="not within") as told:
            Player(stage, PlainScreen(), (DARK,)).play()
    assert "1 live, 1 made ever" in str(told.value)


def test_a_false_claim_ends_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(play, "_DARK_SECONDS", 0.0)
    monkeypatch.setattr(checks, "nothing_was_known", lambda _: FALSE)
    with stage_with(tmp_path) as stage, pytest.raises(ClaimError, match="not true: it is so"):
        Player(stage, PlainScreen(), (DARK, DARK)).play()
    assert "[2/2]" not in capsys.readouterr().out


def test_the_gateway_answers_again_after_the_dark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "_DARK_SECONDS", 0.0)
    with stage_with(tmp_path) as stage:
        (over,) = Player(stage, PlainScreen(), (DARK,)).play()
        assert over.well
        assert stage.gateway.faults() == []
