"""L4: random long courses of users, crashes, leaders, provider faults and clocks, which Hypothesis draws and shrinks.

Each course ends as every run should be able to: all is put right, comes to rest and is deleted, and then nothing bills.
The predicates of invariants.py are judged over the whole of it.
"""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from time import perf_counter

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import get_state_machine_test
from tests.campaign.l1 import lines_of
from tests.campaign.l4_course import Script, parsed, played
from tests.campaign.l4_machine import Violated, machine
from tests.campaign.outcome import Outcome, Violation

LEVEL = "L4"
WHAT = "random courses of users, crashes, leaders, provider faults and clocks, drawn by Hypothesis; everything deleted"
COURSES = 5_000
STEPS = 80
BATCH = 100  # courses that Hypothesis draws at once; each begins anew, so one violation does not hide the next


def run(seed: int, *, sample: float = 1.0, replay: str = "", steps: int = STEPS, shrinks: bool = True) -> Outcome:
    """Draw all courses, or a share of them, or play one again whose trace is printed.

    `shrinks`: a course that breaks something is made as short as it can be.
    """
    began = perf_counter()
    level = _Level(seed, shrinks=shrinks)
    found = 1 if replay else max(1, round(COURSES * sample))
    if replay:
        level.replay(parsed(replay))
    else:
        for number in range(0, found, BATCH):
            level.draw(number // BATCH, min(BATCH, found - number), steps)
    return level.outcome(found, perf_counter() - began)


class _Level:
    """Counts what was drawn, and keeps what was broken."""

    def __init__(self, seed: int, *, shrinks: bool) -> None:
        self._seed = seed
        self._phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
        self._violations: list[Violation] = []
        self._courses = 0
        self._steps = 0
        self._seconds = 0.0

    def draw(self, batch: int, courses: int, steps: int) -> None:
        """Let Hypothesis draw courses until it has so many, or until one is violated, which it shrinks."""
        before = self._courses
        how = settings(
            max_examples=courses,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=False,
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            phases=self._phases,
            suppress_health_check=list(HealthCheck),
        )
        test = seed(f"{LEVEL} {self._seed} {batch}")(get_state_machine_test(machine(self._seed, self), settings=how))
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                test()
        except Violated as error:
            self._take(error.script, error.broken)
        # Hypothesis draws a few more than it counts, such as those that became too long.
        self._courses = min(self._courses, before + courses)

    def played(self, script: Script, seconds: float) -> None:
        """See Book."""
        self._courses += 1
        self._steps += len(script.steps)
        self._seconds += seconds

    def replay(self, script: Script) -> None:
        """Play one course and print its trace."""
        broken, trace = played(script, self._seed)
        self.played(script, trace.events[-1].at)
        self._take(script, broken)
        for line in lines_of(trace):
            print(line)  # noqa: T201 - that is what a replay is for

    def _take(self, script: Script, broken: tuple[tuple[str, str], ...]) -> None:
        told: set[str] = set()
        for invariant, words in broken:
            if invariant not in told:
                told.add(invariant)
                command = f"python -m tests.campaign --level {LEVEL} --seed {self._seed} --replay {script}"
                self._violations.append(Violation(invariant, words, command))

    def outcome(self, found: int, seconds: float) -> Outcome:
        """Return what the level has shown."""
        facts = (("steps", float(self._steps)), ("virtual hours", round(self._seconds / 3600, 1)))
        tested = min(found, self._courses)
        return Outcome(LEVEL, WHAT, found, tested, tuple(self._violations), self._seed, round(seconds, 1), facts)
