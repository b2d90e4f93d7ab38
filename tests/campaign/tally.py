"""What the parts of a level have shown together, kept part by part so that a campaign can be gone on with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.campaign.book import BUILD, ROOT, Book, version_of
from tests.campaign.outcome import Violation
from tests.campaign.pool import spread


class Kept(Protocol):
    """A part that the book knows by its words: the same words are the same points."""

    @property
    def id(self) -> str:
        """What the book calls it."""


Part = TypeVar("Part", bound=Kept)


@dataclass(slots=True)
class Tally:
    """What points have shown."""

    found: int = 0
    tested: int = 0
    violations: list[Violation] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Add what other points have shown."""
        self.found += other.found
        self.tested += other.tested
        self.violations += other.violations
        for name, value in other.facts.items():
            self.count(name, value)

    def count(self, fact: str, number: float) -> None:
        """Add to a figure."""
        self.facts[fact] = self.facts.get(fact, 0) + number

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "Tally":
        """Return what a book's entry says."""
        violations = [Violation(**violation) for violation in entry["violations"]]
        return cls(entry["found"], entry["tested"], violations, dict(entry["facts"]))


def book_of(level: str, seed: int) -> Book:
    """Return the book of a level that runs in this process: it holds for these sources of the operator and of the
    campaign.
    """
    tests = ROOT / "tests"
    version = version_of(ROOT / "operator" / "gpuwright", Path(__file__).parent, *sorted(tests.glob("*.py")))
    return Book(BUILD / f"{level.lower()}.jsonl", version, seed)


def summed(work: Callable[[Part], Tally], parts: Sequence[Part], processes: int, book: Book | None) -> Tally:
    """Return what all parts have shown, in their order whoever did them. What the book knows is not done again."""
    tallies: dict[str, Tally] = {}
    missing = []
    for part in parts:
        entry = book.get(part.id) if book is not None else None
        if entry is None:
            missing.append(part)
        else:
            tallies[part.id] = Tally.read(entry)
    for part, tally in spread(work, missing, processes):
        tallies[part.id] = tally
        if book is not None:
            book.enter(part.id, **asdict(tally))
    shown = Tally()
    for part in parts:
        shown.add(tallies[part.id])
    return shown
