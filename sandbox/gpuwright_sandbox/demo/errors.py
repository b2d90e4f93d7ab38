"""What can go wrong in the demo, split by what to do next.

DemoError
├─ NotStartedError   a part did not start, or refused a manifest: the message says which, and what it said
├─ NotSeenError      what was to happen did not, in time: compare what was expected with what was seen
├─ ClaimError        a claim turned out to be false: a defect, in the operator or in the demo
├─ BlindError        the API server or the gateway did not answer: the machine is too busy, or one of them has ended
└─ OverdueError      it took too long altogether: the machine is too busy, or something hangs
"""

from collections.abc import Sequence

from gpuwright_sandbox.demo.checks import Check


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what was seen and what to look at."""


class NotStartedError(DemoError):
    """A part did not start, or refused what it was given; mend what the message names and run the demo again."""


class NotSeenError(DemoError):
    """What was to happen did not happen in time; the operator's log, printed with it, says why."""

    def __init__(self, expected: str, seen: str, seconds: float) -> None:
        super().__init__(f"not within {seconds:.0f} s\nexpected  {expected}\nseen      {seen}")


class ClaimError(DemoError):
    """A claim of the demo is false, by the gateway's own account; report it, with the log that is printed with it."""

    def __init__(self, broken: Sequence[Check]) -> None:
        words = (f"{check.claim}\nexpected  {check.expected}\nseen      {check.seen}" for check in broken)
        super().__init__("not true: " + "\nnot true: ".join(words))


class BlindError(DemoError):
    """The API server or the gateway did not answer; run the demo again on a machine that is less busy."""


class OverdueError(DemoError):
    """The demo took too long altogether; run it again on a machine that is less busy."""
