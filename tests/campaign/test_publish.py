"""What the campaign found, as people and machines read it."""

import json
from pathlib import Path

import pytest
from tests.campaign import __main__ as command
from tests.campaign import publish
from tests.campaign.outcome import Outcome, Violation

BROKEN = Violation("I1", "two machines of one object", "--level L9 --seed 7 --replay 3")


def an_outcome(*violations: Violation, seed: int = 7, found: int = 20, tested: int = 20) -> Outcome:
    return Outcome("L9", "a level", found, tested, violations, seed, 1.5, (("states", 1_000_000.0),))


def test_a_violation_is_shown_with_how_to_see_it_again() -> None:
    shown = "\n".join(publish.lines(an_outcome(BROKEN)))
    assert "I1: two machines of one object" in shown
    assert "--replay 3" in shown
    assert "1 violations" in shown


def test_a_run_is_clean_only_if_all_that_was_found_was_tested() -> None:
    assert an_outcome().clean
    assert not an_outcome(BROKEN).clean
    assert not an_outcome(tested=19).clean
    assert not an_outcome(found=0, tested=0).clean


def test_the_two_newest_seeds_of_a_level_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "campaign.json"
    for seed in (1, 2, 2, 3):
        publish.keep(path, an_outcome(seed=seed), 1.0)
    kept = json.loads(path.read_text())
    assert [run["seed"] for run in kept["L9"]] == [2, 3]
    assert kept["L9"][0]["facts"] == {"states": 1_000_000.0}


def test_the_page_gets_its_table_and_its_chart(tmp_path: Path) -> None:
    publish.keep(tmp_path / "kept.json", an_outcome(BROKEN), 1.0)
    page = tmp_path / "campaign.md"
    page.write_text(f"# Campaign\n{publish.BEGIN}\nold\n{publish.END}\nthe rest\n")
    publish.publish(tmp_path / "kept.json", tmp_path / "campaign.json")
    assert "old" not in page.read_text()
    assert "| L9 | a level | 20 | 20 | 1 | 7 |" in page.read_text()
    assert page.read_text().endswith("the rest\n")
    assert "20 of 20, 1 violations" in (tmp_path / "campaign.svg").read_text()


@pytest.mark.parametrize(
    ("sample", "outcome", "code"),
    [
        pytest.param("1", an_outcome(), 0, id="clean"),
        pytest.param("1", an_outcome(BROKEN), 1, id="broken"),
        pytest.param("1", an_outcome(tested=19), 1, id="not all of it"),
        pytest.param("0.1", an_outcome(tested=2), 0, id="a sample"),
        pytest.param("0.1", an_outcome(BROKEN, tested=2), 1, id="a broken sample"),
    ],
)
def test_the_exit_code_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample: str, outcome: Outcome, code: int
) -> None:
    monkeypatch.setattr(command, "KEPT", tmp_path / "campaign.json")
    monkeypatch.setattr(command, "level_run", lambda _level: lambda _seed, **_how: outcome)
    assert command.main(["--level", "L0", "--seed", "7", "--sample", sample]) == code


@pytest.mark.parametrize(
    "arguments", [["--replay", "3"], ["--sample", "0"], ["--level", "L9"], ["--part", "faults"]], ids=" ".join
)
def test_a_bad_argument_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
