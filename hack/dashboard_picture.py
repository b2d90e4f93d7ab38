"""PURE: the dashboard's panels as one SVG, from what /metrics showed; it is no picture of Grafana."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from hack.dashboard_panels import ROWS, Panel, Query
from hack.dashboard_series import Group, Recording, values

ACROSS = 3
WIDTH, HEIGHT, GAP = 380, 210, 14
LEFT, TOP, BOTTOM = 44, 30, 52  # of a panel, around its plot
HEADING = 34
WINDOW_SECONDS = 15.0
LEGENDS = 6
COLOURS = ("#4f8fe6", "#e0823d", "#4caf6d", "#c65bb1", "#d8b02c", "#5cc4c9", "#e05252", "#8d7be0")
STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#c9d1d9}.t{font-size:12px;font-weight:600}"
    ".h{font-size:15px;font-weight:600}.s{fill:#8b949e}.p{fill:#161b22;stroke:#30363d}.g{stroke:#30363d}"
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel: what it is called, and its points as time and value; a gap is NaN."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def top(self) -> float:
        """Return its highest value, 0 where it has none."""
        return max((value for _, value in self.points if not math.isnan(value)), default=0.0)


def curves(panel: Panel, recording: Recording) -> list[Curve]:
    """Return the lines of a panel, those of the first query first."""
    found = []
    for query in panel.queries:
        shown = [(time, values(query, recording, time, WINDOW_SECONDS)) for time in recording.times]
        for group in sorted({group for _, each in shown for group in each}):
            points = tuple((time, each.get(group, math.nan)) for time, each in shown)
            found.append(Curve(called(query, group), points))
    return stacked(found) if panel.stacked else found


def called(query: Query, group: Group) -> str:
    """Return a line's name: the legend with the values of its labels."""
    known = dict(zip(query.by, group, strict=True))
    return re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], query.name)


def stacked(found: Sequence[Curve]) -> list[Curve]:
    """Return lines each of which stands on those before it; what a line lacks counts as nothing."""
    piled: list[Curve] = []
    below = [0.0] * max((len(curve.points) for curve in found), default=0)
    for curve in found:
        below = [
            lower + (0.0 if math.isnan(value) else value) for lower, (_, value) in zip(below, curve.points, strict=True)
        ]
        moments = (time for time, _ in curve.points)
        piled.append(Curve(curve.name, tuple(zip(moments, below, strict=True))))
    return piled


def written(value: float, unit: str) -> str:
    """Return a value as an axis shows it."""
    text = f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    return text + {"s": " s", "ops": "/s"}.get(unit, "")


def drawn(panel: Panel, recording: Recording, x: float, y: float) -> str:
    """Return one panel at its place."""
    lines = curves(panel, recording)
    highest = max((line.top for line in lines), default=0.0) or 1.0
    first, last = recording.times[0], recording.times[-1]
    wide, high = WIDTH - LEFT - 10, HEIGHT - TOP - BOTTOM

    def place(time: float, value: float) -> str:
        return f"{x + LEFT + wide * (time - first) / (last - first):.1f},{y + TOP + high * (1 - value / highest):.1f}"

    parts = [
        f'<rect class="p" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>',
        f'<text class="t" x="{x + 10}" y="{y + 19}">{escape(panel.title)}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        level = y + TOP + high * (1 - share)
        parts.append(f'<line class="g" x1="{x + LEFT}" x2="{x + LEFT + wide}" y1="{level:.1f}" y2="{level:.1f}"/>')
        label = written(highest * share, panel.unit)
        parts.append(f'<text class="s" x="{x + LEFT - 4}" y="{level + 4:.1f}" text-anchor="end">{label}</text>')
    for index, line in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        for piece in pieces(line):
            path = " ".join(place(time, value) for time, value in piece)
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{path}"/>')
    return "".join([*parts, *legend(lines, x, y + HEIGHT - BOTTOM + 18)])


def pieces(line: Curve) -> list[list[tuple[float, float]]]:
    """Return a line without its gaps; a lone point is drawn as a dash."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in line.points:
        if math.isnan(point[1]):
            found.append([])
        else:
            found[-1].append(point)
    return [piece if len(piece) > 1 else piece * 2 for piece in found if piece]


def legend(lines: Sequence[Curve], x: float, y: float) -> list[str]:
    """Return the names of the lines, in two columns; how many more there are, where they are many."""
    parts = []
    for index, line in enumerate(lines[:LEGENDS]):
        left, top = x + 10 + (index % 2) * (WIDTH / 2 - 5), y + (index // 2) * 14
        more = f" (+{len(lines) - LEGENDS})" if index == LEGENDS - 1 and len(lines) > LEGENDS else ""
        parts.append(f'<rect x="{left}" y="{top - 7}" width="8" height="3" fill="{COLOURS[index % len(COLOURS)]}"/>')
        parts.append(f'<text class="s" x="{left + 13}" y="{top}">{escape(line.name[:27] + more)}</text>')
    return parts


def picture(recording: Recording, caption: str) -> str:
    """Return the whole dashboard as SVG, with a sentence below that says where it comes from."""
    parts, y = [], GAP
    for row in ROWS:
        parts.append(f'<text class="h" x="{GAP}" y="{y + 18}">{escape(row.title)}</text>')
        y += HEADING - 6
        for index, panel in enumerate(row.panels):
            line, column = divmod(index, ACROSS)
            parts.append(drawn(panel, recording, GAP + column * (WIDTH + GAP), y + line * (HEIGHT + GAP)))
        y += math.ceil(len(row.panels) / ACROSS) * (HEIGHT + GAP)
    parts.append(f'<text class="s" x="{GAP}" y="{y + 10}">{escape(caption)}</text>')
    width, height = GAP + ACROSS * (WIDTH + GAP), y + 26
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    body = "\n".join(parts)
    return f'{head}<style>{STYLE}</style><rect width="{width}" height="{height}" fill="#0d1117"/>\n{body}\n</svg>\n'
