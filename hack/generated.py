"""Files that are generated: written, or with --check held against what stands there."""

import argparse
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN_LINES = 40  # of a difference; the first ones say enough


@dataclass(frozen=True, slots=True)
class Generated:
    """Generated files of one folder.

    Attributes:
        texts: of each file, by its name.
        alone: whether no other *.yaml may stand in the folder.
    """

    folder: Path
    texts: Mapping[str, str]
    alone: bool = False

    def differences(self) -> Iterator[str]:
        """Yield one line per line of the folder that is not as it would be written."""
        for name in sorted({*self.texts, *self._strangers()}):
            path = self.folder / name
            before, after = _text(path).splitlines(), self.texts.get(name, "").splitlines()
            yield from difflib.unified_diff(before, after, _shown(path), "what it would be", n=1, lineterm="")

    def write(self) -> None:
        """Make the folder hold these files, and no other where they stand alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self._strangers():
            (self.folder / name).unlink()
        for name, text in self.texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _strangers(self) -> list[str]:
        present = sorted(self.folder.glob("*.yaml")) if self.alone else ()
        return [path.name for path in present if path.name not in self.texts]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def command(
    arguments: Sequence[str], about: str | None, generate: Callable[[], Sequence[Generated]], advice: str
) -> int:
    """Write what is generated; with --check show what differs, then the advice, and change nothing.

    Args:
        arguments: of the command line.
        about: the docstring of the module whose command it is.
        generate: called once it is known that the arguments are understood.
        advice: what is not what, and which command mends it.

    Returns:
        The exit code: 1 when --check finds a difference.
    """
    options = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    options.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    check = options.parse_args(arguments).check
    made = generate()
    if not check:
        for files in made:
            files.write()
        return 0
    found = [line for files in made for line in files.differences()]
    if found:
        left = [f"... and {len(found) - SHOWN_LINES} more lines"] if len(found) > SHOWN_LINES else []
        print(*found[:SHOWN_LINES], *left, advice, sep="\n")
    return 1 if found else 0
