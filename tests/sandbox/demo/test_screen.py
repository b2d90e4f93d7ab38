"""What whoever watches gets to see."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console
from tests.sandbox.demo.making import FALSE, NOW, TRUE, instance, outcome, view

from gpuwright_sandbox.demo.plan import acts
from gpuwright_sandbox.demo.screen import LiveScreen, PlainScreen, Screen
from gpuwright_sandbox.demo.story import Place

PLACE = Place(acts()[0], 1, 7, 0.0)


def play(screen: Screen) -> None:
    with screen.step("gateway", "it knows"):
        pass
    with screen.story():
        screen.begin(PLACE)
        screen.show(view("a"), PLACE)
        screen.note("something happened")
        screen.end(outcome(TRUE))
    screen.close((TRUE, TRUE), 12.0)


def test_plain_lines_have_no_control_codes(capsys: pytest.CaptureFixture[str]) -> None:
    play(PlainScreen())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert out.isascii()
    for words in ("ok  gateway", "[1/7] One object", "i-a", "something happened", "ok  it is so", "2 claims checked"):
        assert words in out


def test_plain_lines_come_only_when_there_is_something_new(capsys: pytest.CaptureFixture[str]) -> None:
    screen = PlainScreen()
    screen.show(view("a"), PLACE)
    assert len(capsys.readouterr().out.splitlines()) == 2
    screen.show(view("a", now=NOW + timedelta(seconds=3)), PLACE)
    assert capsys.readouterr().out == ""
    screen.show(view("a", instances=(replace(instance("a"), ready="Unknown"),)), PLACE)
    assert "Unknown" in capsys.readouterr().out


def test_a_false_claim_is_told_with_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    PlainScreen().end(outcome(FALSE))
    out = capsys.readouterr().out
    assert "NO  it is so" in out
    assert "expected  yes" in out
    assert "seen      no" in out


def test_a_terminal_shows_the_same_story() -> None:
    out = io.StringIO()
    play(LiveScreen(Console(width=100, height=40, file=out, force_terminal=True)))
    for words in ("gateway", "One object", "i-a", "something happened", "it is so", "2 claims checked"):
        assert words in out.getvalue()


def test_nothing_is_drawn_before_the_story_begins() -> None:
    out = io.StringIO()
    LiveScreen(Console(width=100, height=40, file=out, force_terminal=True)).show(view("a"), PLACE)
    assert out.getvalue() == ""
