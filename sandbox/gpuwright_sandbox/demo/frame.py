"""PURE: the pictures that the demo draws, from rows and facts; 100 columns wide where the terminal has them."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.facts import LOST, ON_ITS_WAY, View
from gpuwright_sandbox.demo.plan import Try
from gpuwright_sandbox.demo.rows import Fact, Row, facts_of, rows_of
from gpuwright_sandbox.demo.story import Outcome, Place

WIDTH = 100
TRUTH_WIDTH = 19
STATUS_WIDTH = 15
TICK, CROSS, ARROW = "✓", "✗", "▶"

# As wide as what they hold at most: a name of nine letters with its ten digits and -r3, say.
_COLUMNS = (
    ("INSTANCE", 9),
    ("READY", 7),
    ("STATUS", STATUS_WIDTH),
    ("NAMES TRIED", 23),
    ("", 4),
    ("MACHINE", 8),
    ("AGE", 5),
)
_READY = {"True": "bold green", "False": "yellow", "Unknown": "magenta"}
_ANSWER = {"201": "green", LOST: "bold magenta", ON_ITS_WAY: "dim"}


def live_frame(view: View, place: Place) -> RenderableType:
    """Return the moving part of the screen: what there is, the truth, and the act that is on."""
    return Group(tables(view), narration(place), footer(place))


def tables(view: View) -> RenderableType:
    """Return the instances, as their status says, and beside them what the gateway knows."""
    side_by_side = Table.grid(expand=True)
    side_by_side.add_column()
    side_by_side.add_column(width=TRUTH_WIDTH)
    side_by_side.add_row(_instances(rows_of(view)), _truth(view))
    return side_by_side


def narration(place: Place) -> RenderableType:
    """Return the act in words: its title, what happens in it and why that matters."""
    title = Text.assemble((f"{ARROW} {place.number}/{place.count} ", "bold cyan"), (place.act.title, "bold"))
    return Group(title, _indented(place.act.what), _indented(place.act.why, "italic cyan"))


def outcome(over: Outcome) -> RenderableType:
    """Return what is left of an act: its title, what happened in it, and its claims with their ticks."""
    mark = (TICK, "bold green") if over.well else (CROSS, "bold red")
    place = over.place
    title = Text.assemble(mark, f" {place.number} ", (place.act.title, "bold"), (f"  {over.seconds:.1f} s", "dim"))
    lines = (Text(place.act.what, "dim"), *(_check(check) for check in over.checks))
    return Group(title, *(Padding(line, (0, 0, 0, 4)) for line in lines))


def summary(checks: Sequence[Check]) -> RenderableType:
    """Return the claims of the whole demo with their ticks, in a frame."""
    body = Group(*(_check(check) for check in checks))
    return Panel(body, title="checked", title_align="left", box=box.ROUNDED, border_style="green")


def footer(place: Place) -> RenderableType:
    """Return how long it has run, and how to stop it."""
    return Text(f"  {place.seconds:.0f} s   Ctrl-C stops and cleans up", style="dim")


def _instances(rows: Sequence[Row]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False, header_style="dim")
    for title, width in _COLUMNS:
        table.add_column(title, no_wrap=True, width=width)
    for row in rows:
        table.add_row(*_cells(row), style="dim" if row.gone else "")
    return Panel(table, title="ComputeInstances", title_align="left", box=box.ROUNDED, border_style="cyan")


def _cells(row: Row) -> tuple[Text, ...]:
    return (
        Text(row.name, "bold"),
        Text(row.ready, _READY.get(row.ready, "")),
        Text(fold(row.status), "strike" if row.gone else _READY.get(row.ready, "")),
        Text("\n").join(Text(each.name) for each in row.tried),
        Text("\n").join(Text(each.answer, _answer_style(each)) for each in row.tried),
        Text(row.machine_id, "strike" if row.gone else "cyan"),
        Text(row.age, "dim"),
    )


def _truth(view: View) -> RenderableType:
    lines = Text("\n").join(_fact(fact) for fact in facts_of(view.truth))
    return Panel(lines, title="the truth", title_align="left", box=box.ROUNDED, border_style="green")


def _fact(fact: Fact) -> Text:
    good = "bold green" if fact.must_be_zero else "bold"
    gap = " " * (TRUTH_WIDTH - 4 - len(fact.label) - len(fact.value))
    return Text.assemble(fact.label, gap, (fact.value, "bold white on red" if fact.alarming else good))


def fold(words: str, width: int = STATUS_WIDTH) -> str:
    """Return CapitalizedWords on as many lines as fit into the width, cut where a word begins."""
    lines = [""]
    start = 0
    ends = [place for place in range(1, len(words)) if words[place].isupper()]
    for end in (*ends, len(words)):
        part = words[start:end]
        start = end
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _answer_style(each: Try) -> str:
    return _ANSWER.get(each.answer, "red")


def _check(check: Check) -> RenderableType:
    if check.holds:
        return Text.assemble((TICK, "green"), " ", check.claim)
    words = f"{check.claim}\n  expected  {check.expected}\n  seen      {check.seen}"
    return Text.assemble((CROSS, "bold red"), " ", (words, "red"))


def _indented(words: str, style: str = "") -> RenderableType:
    return Padding(Text(words, style), (0, 0, 0, 6))
