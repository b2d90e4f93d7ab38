"""L6: that each mutant still fits the code, that a few of them are caught, and that one which survives is reported."""

import re
from pathlib import Path

import pytest
from tests.campaign import l6
from tests.campaign.invariants import INVARIANTS
from tests.campaign.mutants import page
from tests.campaign.mutants.catalogue import MUTANTS, mutant_named
from tests.campaign.mutants.mutant import SOURCES, Change, DoesNotApply, Mutant, copied

SEED = 7
QUICK = ("M2", "M9", "M22", "M24")
"""Mutants that are caught within moments; all of them run in the campaign."""

HARMLESS = Mutant(
    "M99",
    "no mistake at all",
    "a comment is changed",
    "I5",
    "scene answer-lost",
    (Change("instance/window.py", "# Taken before a window is opened", "# Taken right before a window is opened"),),
)


def test_there_are_the_mutants_m1_to_m28() -> None:
    assert [mutant.id for mutant in MUTANTS] == [f"M{number}" for number in range(1, 29)]
    assert {mutant.invariant for mutant in MUTANTS} <= {*INVARIANTS, "I16", "I17"}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_what_a_mutant_replaces_stands_in_the_code_once(mutant: Mutant) -> None:
    texts = {change.path: (SOURCES / change.path).read_text(encoding="utf-8") for change in mutant.changes}
    for change in mutant.changes:
        texts[change.path] = change.applied(texts[change.path])
    for path, text in texts.items():
        compile(text, path, "exec")


@pytest.mark.parametrize("old", ["nobody has ever written this", "self"], ids=["nowhere", "many times"])
def test_a_mutant_that_does_not_fit_the_code_any_more_is_an_error_and_not_left_out(old: str, tmp_path: Path) -> None:
    stale = Mutant("M99", "", "", "I1", "", (Change("instance/window.py", old, "another"),))
    with pytest.raises(DoesNotApply, match=r"instance/window\.py"):
        copied(stale, tmp_path)


def test_mutants_are_caught_by_name_and_the_operator_as_it_is_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l6, "MUTANTS", tuple(mutant_named(name) for name in QUICK))
    outcome = l6.run(SEED)
    assert outcome.violations == ()
    assert (outcome.found, outcome.tested, dict(outcome.facts)["killed"]) == (len(QUICK),) * 3


def test_a_mutant_that_survives_is_a_violation_of_its_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l6, "MUTANTS", (HARMLESS,))
    outcome = l6.run(SEED)
    assert [violation.invariant for violation in outcome.violations] == ["I5"]
    assert "M99 (no mistake at all) survived" in outcome.violations[0].message
    assert not outcome.clean


def test_what_is_found_without_a_mutant_is_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {HARMLESS.killer: {"I5": "a create left without an intent"}}
    monkeypatch.setattr(l6, "MUTANTS", (HARMLESS,))
    monkeypatch.setattr(l6, "judged", lambda _mutant, _killers, _seed: words)
    outcome = l6.run(SEED)
    assert [violation.message for violation in outcome.violations] == [
        "scene answer-lost, without any mutant: a create left without an intent"
    ]


def test_a_killer_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(l6.JudgeFailed, match="write L1, scene or pytest"):
        l6.judged(None, ["nobody"], SEED)


def test_the_page_of_the_mutants_is_what_the_catalogue_says() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run python -m tests.campaign.mutants.page"
    assert len(re.findall(r"^\| M[0-9]+ \|", page.page(), re.MULTILINE)) == len(MUTANTS)
