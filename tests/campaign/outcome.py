"""What a level of the campaign has found: printed as one row, kept as JSON."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant, and how to see it again."""

    invariant: str  # such as I1
    message: str
    replay: str  # the command that shows it again


@dataclass(frozen=True, slots=True)
class Outcome:
    """One level: how many points there are, how many of them were tested, and what was wrong."""

    level: str  # such as L0
    what: str  # one line for people
    found: int
    tested: int
    violations: tuple[Violation, ...]
    seed: int
    seconds: float
    facts: tuple[tuple[str, float], ...] = ()  # further figures by name, such as states or steps

    @property
    def clean(self) -> bool:
        """Return whether everything that was found was tested, and nothing was wrong."""
        return self.found == self.tested > 0 and not self.violations
