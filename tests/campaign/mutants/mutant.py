"""What a mutant is: a known mistake, put into a copy of the operator by replacing exact pieces of its text."""

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "operator" / "gpuwright"


class DoesNotApply(Exception):
    """A piece of text that a mutant replaces is not there, or more than once: the mutant must follow the code."""


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of text, which must stand in the file exactly once, and what stands there instead."""

    path: str  # below operator/gpuwright/
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the file's text with the change. Raises DoesNotApply."""
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(f"{self.path} has this {found} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One of the mistakes M1 to M28.

    Attributes:
        known: the mistake as it is known of such operators, in few words.
        here: what stands for it in this code.
        invariant: what it breaks, such as I1.
        killer: what must report that: `L1 <point>`, `scene <name>` or `pytest <node>`; see judge.py.
    """

    id: str
    known: str
    here: str
    invariant: str
    killer: str
    changes: tuple[Change, ...]


def copied(mutant: Mutant | None, folder: Path) -> Path:
    """Return the folder with a copy of the operator in it, changed as the mutant says. Raises DoesNotApply."""
    target = folder / SOURCES.name
    shutil.copytree(SOURCES, target)
    for change in mutant.changes if mutant else ():
        path = target / change.path
        path.write_text(change.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder
