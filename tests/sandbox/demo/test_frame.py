"""The pictures: what is in them, and that they fit."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType
from tests.sandbox.demo.making import FALSE, TRUE, call, instance, one_each, outcome, view

from gpuwright_sandbox.demo import frame
from gpuwright_sandbox.demo.facts import OwnerCount, View
from gpuwright_sandbox.demo.plan import acts, everybody
from gpuwright_sandbox.demo.story import Place


def drawn(picture: RenderableType, width: int = frame.WIDTH) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(picture)
    return console.export_text().splitlines()


def everything() -> View:
    names = [planned.name for planned in everybody(acts(seed=1))]
    calls = tuple(
        call(name, number=number, name=f"{call(name).name}{suffix}")
        for number, name in enumerate(names)
        for suffix in ("", "-r2", "-r3")
    )
    shown = tuple(instance(name, machine_id=f"i-{number:06}") for number, name in enumerate(names))
    return view(instances=shown, truth=replace(one_each(*names), calls=calls))


def test_every_name_fits_into_a_hundred_columns() -> None:
    seen = everything()
    lines = drawn(frame.tables(seen))
    assert max(map(len, lines)) <= frame.WIDTH
    for each in seen.truth.calls:
        assert any(f" {each.name} " in line for line in lines)
    assert not any("…" in line for line in lines)


def test_instances_and_truth_stand_beside_each_other() -> None:
    lines = drawn(frame.tables(view("a")))
    assert "ComputeInstances" in lines[0]
    assert "the truth" in lines[0]
    assert any("Running" in line and "i-a" in line and "9s" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_width_breaks_it(width: int) -> None:
    place = Place(acts()[2], 3, 7, 12.4)
    assert max(map(len, drawn(frame.live_frame(everything(), place), width))) <= width


def test_the_live_frame_says_which_act_is_on_and_why_it_matters() -> None:
    act = acts()[2]
    text = " ".join(" ".join(drawn(frame.live_frame(view("a"), Place(act, 3, 7, 12.4)))).split())
    for words in ("3/7", act.title, act.what, act.why, "12 s", "Ctrl-C"):
        assert words in text


def test_an_outcome_ticks_what_is_true() -> None:
    lines = drawn(frame.outcome(outcome(TRUE)))
    assert lines[0].startswith(f"{frame.TICK} 1 One object")
    assert f"    {frame.TICK} it is so" in [line.rstrip() for line in lines]


def test_an_outcome_shows_what_was_expected_of_a_false_claim() -> None:
    text = "\n".join(drawn(frame.outcome(outcome(TRUE, FALSE))))
    assert text.startswith(frame.CROSS)
    assert "expected  yes" in text
    assert "seen      no" in text


def test_the_summary_has_every_claim() -> None:
    assert sum(frame.TICK in line for line in drawn(frame.summary((TRUE, TRUE, TRUE)))) == 3


def test_two_machines_of_one_owner_are_an_alarm() -> None:
    doubled = replace(one_each("a"), owners={"u-a": OwnerCount(live=2, peak=2, created=2)})
    console = Console(width=100, file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor")
    console.print(frame.tables(view("a", truth=doubled)))
    assert "\x1b[1;37;41m1\x1b[0m" in console.export_text(styles=True)


def test_what_is_gone_is_still_shown() -> None:
    lines = drawn(frame.tables(view(departed=(instance("a"),), truth=one_each("a"))))
    assert any("gone" in line and "i-a" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("Running", "Running"),
        ("OutcomeUnknown", "OutcomeUnknown"),
        ("PlacementFailed", "PlacementFailed"),
        ("ProviderUnreachable", "Provider\nUnreachable"),
        ("", ""),
    ],
)
def test_long_words_are_cut_where_one_begins(words: str, lines: str) -> None:
    assert frame.fold(words) == lines
