"""L4: random long courses of users, crashes, leaders, provider faults and clocks, which Hypothesis draws and shrinks.

Each course ends as every run should be able to: all is put right, comes to rest and is deleted, and then nothing bills.
The predicates of invariants.py are judged over the whole of it.
"""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from time import perf_counter

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import get_state_machine_test
from tests.campaign.l1 import lines_of
from tests.campaign.l4_course import Script, parsed, played
from tests.campaign.l4_machine import Violated, machine
from tests.campaign.outcome import Outcome, Violation
from tests.campaign.tally import Tally, book_of, summed

LEVEL = "L4"
WHAT = "random courses of users, crashes, leaders, provider faults and clocks, drawn by Hypothesis; everything deleted"
COURSES = 5_000
STEPS = 80
BATCH = 100  # courses that Hypothesis draws at once; each begins anew, so one violation does not hide the next


@dataclass(frozen=True, slots=True)
class Part:
    """Courses that Hypothesis draws at once. `shrinks`: one that breaks something is made as short as it can be."""

    seed: int
    batch: int
    courses: int
    steps: int
    shrinks: bool

    @property
    def id(self) -> str:
        """Return what the book calls it."""
        return f"batch {self.batch}: {self.courses} courses of {self.steps} steps" + ", shrunk" * self.shrinks


def run(
    seed: int, *, sample: float = 1.0, replay: str = "", processes: int = 1, steps: int = STEPS, shrinks: bool = True
) -> Outcome:
    """Draw all courses, or a share of them, or play one again whose trace is printed.

    `shrinks`: a course that breaks something is made as short as it can be.
    """
    began = perf_counter()
    found = 1 if replay else max(1, round(COURSES * sample))
    if replay:
        shown = _replayed(parsed(replay), seed)
    else:
        batches = enumerate(min(BATCH, found - first) for first in range(0, found, BATCH))
        parts = [Part(seed, batch, courses, steps, shrinks) for batch, courses in batches]
        shown = summed(drawn, parts, processes, book_of(LEVEL, seed) if sample >= 1 else None)
    hours = round(shown.facts.get("virtual seconds", 0.0) / 3600, 1)
    facts = (("steps", shown.facts.get("steps", 0.0)), ("virtual hours", hours))
    seconds = round(perf_counter() - began, 1)
    return Outcome(LEVEL, WHAT, found, min(found, shown.tested), tuple(shown.violations), seed, seconds, facts)


def drawn(part: Part) -> Tally:
    """Let Hypothesis draw courses until it has so many, or until one is violated, which it shrinks."""
    phases = (Phase.generate, Phase.shrink) if part.shrinks else (Phase.generate,)
    how = settings(
        max_examples=part.courses,
        stateful_step_count=part.steps,
        deadline=None,
        database=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    book = _Book(part.seed)
    test = seed(f"{LEVEL} {part.seed} {part.batch}")(get_state_machine_test(machine(part.seed, book), settings=how))
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            test()
    except Violated as error:
        book.take(error.script, error.broken)
    # Hypothesis draws a few more than it counts, such as those that became too long.
    book.tally.tested = min(book.tally.tested, part.courses)
    return book.tally


def _replayed(script: Script, seed: int) -> Tally:
    """Play one course and print its trace."""
    book = _Book(seed)
    broken, trace = played(script, seed)
    book.played(script, trace.events[-1].at)
    book.take(script, broken)
    for line in lines_of(trace):
        print(line)  # noqa: T201 - that is what a replay is for
    return book.tally


class _Book:
    """Counts what was drawn, and keeps what was broken."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.tally = Tally()

    def played(self, script: Script, seconds: float) -> None:
        """See l4_machine.Book."""
        self.tally.tested += 1
        self.tally.count("steps", len(script.steps))
        self.tally.count("virtual seconds", seconds)

    def take(self, script: Script, broken: tuple[tuple[str, str], ...]) -> None:
        """Keep what a course has broken, the first of each invariant."""
        told: set[str] = set()
        for invariant, words in broken:
            if invariant not in told:
                told.add(invariant)
                command = f"python -m tests.campaign --level {LEVEL} --seed {self._seed} --replay {script}"
                self.tally.violations.append(Violation(invariant, words, command))
