"""The documents as the tests see them: their headings, links, code blocks and mentions of code."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = "gpuwright"

_FENCE = re.compile(r"^(?P<mark>```+)(?P<language>\w*)\n(?P<body>.*?)^(?P=mark)$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FUNCTION = re.compile(r"(?P<file>[\w/]+)\.py:(?P<names>[A-Za-z_][\w.]*)")
_DOTTED = re.compile(rf"{PACKAGE}(?:\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    language: str
    body: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One document."""

    path: Path

    @property
    def name(self) -> str:
        """Return its path below the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """Return all of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """Return it without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Return its headings with their level."""
        return [(len(marks), words.strip()) for marks, words in _HEADING.findall(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """Return what a link to a part of it may name, as GitHub makes it from headings."""
        return {anchor(words) for _level, words in self.headings}

    @property
    def links(self) -> list[str]:
        """Return where its links lead, but for other sites."""
        return [
            target for target in _LINK.findall(self.prose) if "://" not in target and not target.startswith("mailto:")
        ]

    @property
    def blocks(self) -> list[Block]:
        """Return its fenced blocks."""
        return [
            Block(self.name, found["language"], found["body"], self.text[: found.start()].count("\n") + 1)
            for found in _FENCE.finditer(self.text)
        ]

    @property
    def code(self) -> list[str]:
        """Return what stands in backticks in its prose."""
        return _CODE.findall(self.prose)

    @property
    def functions(self) -> list[str]:
        """Return its mentions of the form `path/file.py:name`, the path below the package."""
        return [words for words in self.code if _FUNCTION.fullmatch(words)]

    @property
    def dotted_names(self) -> list[str]:
        """Return its mentions of the form `gpuwright.module.name`."""
        return [words for words in self.code if _DOTTED.fullmatch(words) and not words.startswith(f"{PACKAGE}.dev")]

    def section(self, heading: str) -> str:
        """Return what stands under a heading, up to the next one."""
        lines = self.text.splitlines()
        start = next(number for number, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(heading)}", line))
        end = next((n for n in range(start + 1, len(lines)) if _HEADING.fullmatch(lines[n])), len(lines))
        return "\n".join(lines[start + 1 : end])


def anchor(words: str) -> str:
    """Return GitHub's anchor of a heading: lower case, what is no word dropped, spaces as hyphens."""
    return re.sub(r"[^\w\- ]", "", words.replace("`", "").lower()).replace(" ", "-")


def rows(table: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    lines = [line.strip() for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def pages() -> list[Page]:
    """Return all documents of the project: the README, and those in docs/."""
    return [Page(ROOT / "README.md"), *(Page(path) for path in sorted(DOCS.glob("*.md")))]


def page(name: str) -> Page:
    """Return one document of docs/."""
    return Page(DOCS / name)


def function(mention: str) -> Any:
    """Return what a mention `path/file.py:name` means. Raises ImportError, AttributeError where there is none."""
    found = _FUNCTION.fullmatch(mention)
    assert found is not None, mention
    module = importlib.import_module(".".join((PACKAGE, *found["file"].split("/"))))
    return _attribute(module, found["names"].split("."))


def named(dotted: str) -> Any:
    """Return what `gpuwright.module.name` means. Raises ImportError, AttributeError where there is no such thing."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if not dotted.startswith(error.name or "?"):
                raise
            continue
        return _attribute(module, parts[length:])
    raise ImportError(dotted)


def _attribute(found: Any, names: list[str]) -> Any:
    for name in names:
        found = getattr(found, name)
    return found


def mentions_in_code() -> Iterator[tuple[str, str, str]]:
    """Yield (source file, document, heading or nothing) for each mention of a document in the operator's sources."""
    for path in sorted((ROOT / "operator").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r'docs/([\w-]+\.md)(?:,\s+((?:"[^"]+"(?: and )?)+))?', text):
            headings = re.findall(r'"([^"]+)"', found[2] or "") or [""]
            for heading in headings:
                yield path.relative_to(ROOT).as_posix(), found[1], re.sub(r"\s+", " ", heading)
