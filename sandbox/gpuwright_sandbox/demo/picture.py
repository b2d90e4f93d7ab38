"""PURE: one picture of a run that went well, as SVG for the README; it names no path, user or host of this machine."""

import io
import re
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from gpuwright_sandbox.demo import frame
from gpuwright_sandbox.demo.frame import TICK, WIDTH
from gpuwright_sandbox.demo.story import Outcome, all_checks, all_seconds

TITLE = "gpuwright-sandbox demo"
# GitHub's own dark colours: background, text, then the eight colours of a terminal.
_DARK = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)


def svg(outcomes: Sequence[Outcome]) -> str:
    """Return the picture: how things were before the deletion, what came of each act, and what was left."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(composed(outcomes))
    drawn = console.export_svg(title=TITLE, theme=_DARK, unique_id="gpuwright-demo")
    # A picture must not fetch anything; without the font that it names, any monospace one serves.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def composed(outcomes: Sequence[Outcome]) -> RenderableType:
    """Return what the picture shows; the last outcome is the deletion, the one before it shows all machines."""
    standing, last = outcomes[-2], outcomes[-1]
    count, seconds, truth = len(all_checks(outcomes)), all_seconds(outcomes), last.view.truth
    closing = (
        f"{TICK} {count} claims checked, all true, in {seconds:.0f} s:"
        f" {len(truth.live)} machines left, and {len(truth.doubled)} owners ever had two"
    )
    return Group(
        frame.tables(standing.view),
        *(frame.outcome(each) for each in outcomes),
        Text(closing, "bold green"),
    )
