"""Where the demo is shown: on a terminal as a live table, elsewhere as plain lines, each printed when it is news."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gpuwright_sandbox.demo import frame, rows
from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.facts import View
from gpuwright_sandbox.demo.frame import TICK
from gpuwright_sandbox.demo.story import Outcome, Place


class Screen(Protocol):
    """What the demo says to whoever watches."""

    def step(self, title: str, detail: str) -> AbstractContextManager[None]:
        """Say that a step of the start begins, and when the block ends, how long it took."""

    def done(self, title: str, detail: str, seconds: float) -> None:
        """Say that a step of the start is over, and how long it took."""

    def story(self) -> AbstractContextManager[None]:
        """Show what `show` is given, while the block lasts."""

    def begin(self, place: Place) -> None:
        """Say that an act begins."""

    def show(self, view: View, place: Place) -> None:
        """Show how things are now."""

    def note(self, words: str) -> None:
        """Say what just happened."""

    def end(self, over: Outcome) -> None:
        """Say what came of an act."""

    def close(self, checks: Sequence[Check], seconds: float) -> None:
        """Say what came of it all."""


class LiveScreen:
    """A terminal: what is over scrolls away upwards, and below it a table lives."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._last: View | None = None

    @contextlib.contextmanager
    def step(self, title: str, detail: str) -> Iterator[None]:
        """See Screen."""
        began = time.monotonic()
        with self._console.status(f"{title}  [dim]{detail}[/dim]"):
            yield
        self.done(title, detail, time.monotonic() - began)

    def done(self, title: str, detail: str, seconds: float) -> None:
        """See Screen."""
        took = f"{seconds:5.1f} s"
        self._console.print(
            Text.assemble((TICK, "bold green"), f" {title:<17}", (took, "cyan"), (f"   {detail}", "dim"))
        )

    @contextlib.contextmanager
    def story(self) -> Iterator[None]:
        """See Screen."""
        self._console.print()
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            self._live = live
            yield
            # The last act has scrolled up like the others; what stays is how things ended.
            if self._last is not None:
                live.update(frame.tables(self._last), refresh=True)
        self._live = None

    def begin(self, place: Place) -> None:
        """See Screen; the table tells which act is on."""

    def show(self, view: View, place: Place) -> None:
        """See Screen."""
        self._last = view
        if self._live is not None:
            self._live.update(frame.live_frame(view, place), refresh=True)

    def note(self, words: str) -> None:
        """See Screen."""
        self._console.print(Text(f"      {words}", "dim"))

    def end(self, over: Outcome) -> None:
        """See Screen."""
        self._console.print(frame.outcome(over))

    def close(self, checks: Sequence[Check], seconds: float) -> None:
        """See Screen."""
        self._console.print(frame.summary(checks))
        self._console.print(Text(f"{len(checks)} claims checked, all true, in {seconds:.0f} s", "bold green"))


class PlainScreen:
    """Anything that is no terminal: lines without control codes, and only when there is something new."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._rows: tuple[rows.Row, ...] = ()
        self._truth = ""

    @contextlib.contextmanager
    def step(self, title: str, detail: str) -> Iterator[None]:
        """See Screen."""
        began = time.monotonic()
        yield
        self.done(title, detail, time.monotonic() - began)

    def done(self, title: str, detail: str, seconds: float) -> None:
        """See Screen."""
        _say(f"ok  {title:<17}{seconds:5.1f} s   {detail}")

    @contextlib.contextmanager
    def story(self) -> Iterator[None]:
        """See Screen."""
        self._began = time.monotonic()
        yield

    def begin(self, place: Place) -> None:
        """See Screen."""
        _say(f"\n[{place.number}/{place.count}] {place.act.title}\n      {place.act.what}\n      {place.act.why}")

    def show(self, view: View, place: Place) -> None:  # noqa: ARG002  # a terminal shows the act as well
        """See Screen."""
        shown = rows.rows_of(view)
        for row in rows.news(self._rows, shown):
            self.note(row.in_words())
        truth = rows.truth_in_words(view.truth)
        if truth != self._truth:
            self.note(f"truth     {truth}")
        self._rows, self._truth = shown, truth

    def note(self, words: str) -> None:
        """See Screen."""
        _say(f"{time.monotonic() - self._began:5.1f} s  {words}")

    def end(self, over: Outcome) -> None:
        """See Screen."""
        for check in over.checks:
            _say(f"      {_in_words(check)}")
        _say(f"      act {over.place.number} took {over.seconds:.1f} s")

    def close(self, checks: Sequence[Check], seconds: float) -> None:
        """See Screen."""
        _say("\nchecked:")
        for check in checks:
            _say(f"  {_in_words(check)}")
        _say(f"{len(checks)} claims checked, all true, in {seconds:.0f} s")


def _in_words(check: Check) -> str:
    if check.holds:
        return f"ok  {check.claim}"
    return f"NO  {check.claim}\n          expected  {check.expected}\n          seen      {check.seen}"


def _say(words: str) -> None:
    print(words, flush=True)
