"""What parts have shown is summed up, and a campaign that was stopped goes on where it was."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.campaign import tally
from tests.campaign.book import Book
from tests.campaign.outcome import Violation
from tests.campaign.tally import Tally, summed


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is a word, and has a point for each letter."""

    id: str


BROKEN = Violation("I1", "two machines", "python -m tests.campaign --level L1 --replay x")
PARTS = (Part("one"), Part("three"))


def letters(part: Part) -> Tally:
    """Return what its points have shown."""
    return Tally(len(part.id), len(part.id), [BROKEN] if part.id == "one" else [], {"letters": float(len(part.id))})


def nobody(part: Part) -> Tally:
    """Say that a part was done that should not have been."""
    raise AssertionError(part)


@pytest.mark.parametrize("processes", [1, 2])
def test_all_parts_are_summed_up(processes: int) -> None:
    assert summed(letters, PARTS, processes, None) == Tally(8, 8, [BROKEN], {"letters": 8.0})


def test_what_the_book_knows_is_not_done_again(tmp_path: Path) -> None:
    whole = summed(letters, PARTS, 1, Book(tmp_path / "book.jsonl", "v1", 7))
    assert summed(nobody, PARTS, 1, Book(tmp_path / "book.jsonl", "v1", 7)) == whole
    assert summed(letters, (*PARTS, Part("four")), 1, Book(tmp_path / "book.jsonl", "v1", 7)).found == 12


@pytest.mark.parametrize(("version", "seed"), [("v2", 7), ("v1", 8)])
def test_another_version_or_seed_is_another_campaign(tmp_path: Path, version: str, seed: int) -> None:
    summed(letters, PARTS, 1, Book(tmp_path / "book.jsonl", "v1", 7))
    with pytest.raises(AssertionError, match="one"):
        summed(nobody, PARTS, 1, Book(tmp_path / "book.jsonl", version, seed))


def test_each_level_has_a_book_for_the_sources_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "BUILD", tmp_path)
    summed(letters, PARTS, 1, tally.book_of("L1", 1))
    assert summed(nobody, PARTS, 1, tally.book_of("L1", 1)).found == 8
    with pytest.raises(AssertionError, match="one"):
        summed(nobody, PARTS, 1, tally.book_of("L4", 1))
    monkeypatch.setattr(tally, "version_of", lambda *_: "changed since")
    with pytest.raises(AssertionError, match="one"):
        summed(nobody, PARTS, 1, tally.book_of("L1", 1))
