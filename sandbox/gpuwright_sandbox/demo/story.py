"""PURE: where in the story we are, and what is left of an act that is over."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.facts import View
from gpuwright_sandbox.demo.plan import Act


@dataclass(frozen=True, slots=True)
class Place:
    """The act that is on, its number of how many, and the seconds since the first one began."""

    act: Act
    number: int
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """An act that is over: where it began, its claims, how long it took, and how things were at its end."""

    place: Place
    checks: tuple[Check, ...]
    seconds: float
    view: View

    @property
    def well(self) -> bool:
        """Whether all claims are true."""
        return all(check.holds for check in self.checks)


def all_checks(outcomes: Sequence[Outcome]) -> tuple[Check, ...]:
    """Return the claims of all acts, in order."""
    return tuple(check for outcome in outcomes for check in outcome.checks)


def all_seconds(outcomes: Sequence[Outcome]) -> float:
    """Return how long the story took, from its first act to the end of its last."""
    return outcomes[-1].place.seconds + outcomes[-1].seconds
