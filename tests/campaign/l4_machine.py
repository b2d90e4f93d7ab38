"""What Hypothesis draws in L4: the words of the steps, and the state machine that makes them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.campaign.l1_faults import ALL_VERBS, FAULTS
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l4_course import SWEEPS, Broken, Course, Script, Step

NAMES = ("a", "b", "c")
PAUSES = ("0", "0.03", "0.2", "1", "3", "8", "20", "60")
AHEAD = ("0", "1", "2", "3", "5")
WORDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "create": (NAMES, ("plain", "stopped", "retain", "fail", "hasty", "adopt-hand", "adopt-left")),
    "delete": (NAMES,),
    "again": (NAMES,),
    "edit": (NAMES, ("off", "on", "retain", "delete", "fail", "recreate", "spoil", "mend")),
    "note": (NAMES, ("pause", "unpause", "forget", "ask")),
    "tear": (NAMES,),
    "backup": (NAMES,),
    "restore": (NAMES,),
    "secret": (("first", "second", "wrong", "foreign", "both", "delete", "lose"),),
    "token": (("first", "second"),),
    "provider": (("delete", "apply", "ask", "drain", "fill", *SWEEPS),),
    "crash": (("before", "lost", "after"), AHEAD),
    "restart": (("0.5", "5", "90"),),
    "join": (),
    "leave": (),
    "freeze": (),
    "thaw": (),
    "fault": (tuple(FAULTS), ALL_VERBS, ("1", "2", "50")),
    "heal": (),
    "jump": (("-3600", "-5", "5", "3600"),),
    "away": (("2", "40"),),
    "deaf": (("3", "60"),),
    "lose": (("1", "2"),),
    "machine_of": (NAMES, ("kill", "preempt", "fail")),
    "hand": (),
    "boot": (("3", "60"),),
    "wait": (),
}
"""Each step, and what its arguments are drawn from."""


class Violated(AssertionError):
    """A course in which something was broken."""

    def __init__(self, script: Script, broken: Broken) -> None:
        super().__init__(f"{script}: {broken[0][1]}")
        self.script = script
        self.broken = broken


_KINDS: dict[str, type[Violated]] = {}


def violated(script: Script, broken: Broken) -> Violated:
    """Return the error for what is broken; one class for each invariant, so that shrinking does not change it."""
    name = broken[0][0]
    kind = _KINDS.setdefault(name, type(f"Violated{name}", (Violated,), {}))
    return kind(script, broken)


class Book(Protocol):
    """Who counts the courses."""

    def played(self, script: Script, seconds: float) -> None:
        """Take note of a course that has ended, and of how long it lasted."""


class Machine(RuleBasedStateMachine):
    """One course that Hypothesis draws. `seed` is that of the run, `book` hears of each course that has ended."""

    seed: ClassVar[int] = 0
    book: ClassVar[Book]

    def __init__(self) -> None:
        super().__init__()
        self._script = Script("", "")
        self._course: Course | None = None
        self._is_broken = False

    @initialize(traits=st.sampled_from(tuple(CLASSES)), sweep=st.sampled_from(SWEEPS))
    def begins(self, traits: str, sweep: str) -> None:
        self._script = Script(traits, sweep)
        self._course = Course(traits, sweep, self.seed)
        self._course.__enter__()

    def makes(self, step: Step) -> None:
        """Make one step."""
        if self._course is not None:
            self._script = Script(self._script.traits, self._script.sweep, (*self._script.steps, step))
            self._course.makes(step)

    @invariant()
    def nothing_is_broken_now(self) -> None:
        if self._course is not None:
            self._judge(self._course.broken_now())

    def teardown(self) -> None:
        if self._course is None:
            return
        try:
            if not self._is_broken:
                self._judge(self._course.ends())
                self.book.played(self._script, self._course.seconds)
        finally:
            self._course.__exit__()

    def _judge(self, broken: Broken) -> None:
        if broken:
            self._is_broken = True
            raise violated(self._script, broken)


def _rule_of(what: str, words: tuple[tuple[str, ...], ...]) -> Any:
    names = tuple(f"word_{number}" for number in range(len(words)))

    def make(self: Machine, pause: str, **drawn: str) -> None:
        self.makes(Step(what, tuple(drawn[name] for name in names), pause))

    make.__name__ = what
    drawn: dict[str, Any] = {name: st.sampled_from(choice) for name, choice in zip(names, words, strict=True)}
    drawn["pause"] = st.sampled_from(PAUSES)
    made: Callable[[Any], Any] = rule(**drawn)
    return made(make)


def machine(seed: int, book: Book) -> type[Machine]:
    """Return the state machine of a run."""
    rules = {what: _rule_of(what, words) for what, words in WORDS.items()}
    return type("Drawn", (Machine,), {**rules, "seed": seed, "book": book})
