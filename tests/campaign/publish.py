"""What the campaign found: lines for a terminal, JSON for machines, a table and a chart for docs/campaign.md."""

import json
import math
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.campaign.outcome import Outcome

BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
VIOLATIONS_SHOWN = 20
WIDTH, ROW, LEFT, RIGHT = 760, 34, 60, 190  # pixels of the chart

Record = Mapping[str, Any]


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield what a terminal shows of one level."""
    broken = len(outcome.violations)
    yield (
        f"{outcome.level}  {outcome.what}: {outcome.found:,} points found, {outcome.tested:,} tested, "
        f"{broken} violations, {outcome.seconds:.0f} s"
    )
    for name, value in outcome.facts:
        yield f"    {name}: {value:,g}"
    for violation in outcome.violations[:VIOLATIONS_SHOWN]:
        yield f"    {violation.invariant}: {violation.message}"
        yield f"        again: {violation.replay}"
    if broken > VIOLATIONS_SHOWN:
        yield f"    and {broken - VIOLATIONS_SHOWN} more"


def keep(path: Path, outcome: Outcome, sample: float) -> None:
    """Add a level's run to those kept. The newest two of each level stay, so that two seeds can be compared."""
    kept = _read(path)
    record = {**asdict(outcome), "facts": dict(outcome.facts), "sample": sample, "date": _today(), "commit": _commit()}
    runs = kept.get(outcome.level, [])
    kept[outcome.level] = [*[run for run in runs if run["seed"] != outcome.seed], record][-2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def publish(source: Path, target: Path) -> None:
    """Write what is kept to docs/: the JSON, and the page's table and chart."""
    kept = _read(source)
    target.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    page = target.with_suffix(".md")
    page.write_text(with_table(page.read_text(encoding="utf-8"), kept), encoding="utf-8")
    target.with_suffix(".svg").write_text(chart(kept), encoding="utf-8")


def with_table(page: str, kept: Mapping[str, list[Record]]) -> str:
    """Return the page with its table replaced."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table(kept)}{END}{after}"


def table(kept: Mapping[str, list[Record]]) -> str:
    """Return one row a run, in Markdown."""
    rows = ["| level | what | found | tested | violations | seed | seconds | date | commit |", "|" + "---|" * 9]
    for level in sorted(kept):
        rows.extend(_row(run) for run in kept[level])
    return "\n".join(rows) + "\n"


def _row(run: Record) -> str:
    figures = [f"{run['found']:,}", f"{run['tested']:,}", str(len(run["violations"])), str(run["seed"])]
    cells = [run["level"], run["what"], *figures, f"{run['seconds']:.0f}", run["date"], f"`{run['commit']}`"]
    return "| " + " | ".join(cells) + " |"


def chart(kept: Mapping[str, list[Record]]) -> str:
    """Return a bar a level: points tested, on a logarithmic scale, with the violations beside it."""
    newest = [(level, kept[level][-1]) for level in sorted(kept)]
    longest = max((math.log10(max(run["tested"], 1)) for _level, run in newest), default=1.0) or 1.0
    height = ROW * len(newest) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">']
    for number, (level, run) in enumerate(newest):
        top = 10 + number * ROW
        width = max(2.0, (WIDTH - LEFT - RIGHT) * math.log10(max(run["tested"], 1)) / longest)
        colour = "#b3261e" if run["violations"] else "#2e7d32"
        parts.append(f'<text x="10" y="{top + 19}" font-size="14">{level}</text>')
        parts.append(f'<rect x="{LEFT}" y="{top + 4}" width="{width:.0f}" height="{ROW - 12}" fill="{colour}"/>')
        words = f"{run['tested']:,} of {run['found']:,}, {len(run['violations'])} violations"
        parts.append(f'<text x="{LEFT + width + 8:.0f}" y="{top + 19}" font-size="12">{words}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _read(path: Path) -> dict[str, list[Record]]:
    kept: dict[str, list[Record]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        ("git", "rev-parse", "--short=10", "HEAD"), cwd=root, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()
