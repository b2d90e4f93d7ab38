"""The Dockerfile as the tests see it: its stages, and their instructions."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word, and what follows on one line."""

    word: str
    rest: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between one FROM and the next, that FROM among it; before the first one stand the ARGs."""

    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[str]:
        """Return what follows each instruction of this word."""
        return [instruction.rest for instruction in self.instructions if instruction.word == word]


def stages(text: str) -> list[Stage]:
    """Return what stands before the first FROM, then each stage."""
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", bare)
    found: list[list[Instruction]] = [[]]
    for line in filter(None, joined.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, rest.strip()))
    return [Stage(tuple(instructions)) for instructions in found]
