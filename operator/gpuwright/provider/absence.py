"""PURE: many machines missing from one list at once are a sick list, not a hundred dead machines."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

LEAST = 2
SHARE = 0.1


@dataclass(frozen=True, slots=True)
class MassAbsence:
    """The ids that the lists miss in a mass. It is blind for them until they show again or a person confirms it.

    `confirmed`: ids whose absence a person has confirmed; they are judged one by one again. `listed`: ids that a list
    of this process has shown.
    """

    missing: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()

    def after_list(
        self, expected: frozenset[str], shown: Iterable[str], fresh: frozenset[str] = frozenset()
    ) -> "MassAbsence":
        """Return the state after a list.

        `expected`: ids on record here that lists must show by now, and that we did not terminate. `fresh`: ids that
        lists may not show yet; they are expected as soon as one has.
        """
        present = frozenset(shown)
        expected |= fresh & self.listed
        confirmed = self.confirmed - present
        missed = expected - present - confirmed
        still = self.missing & missed
        if len(missed) > max(LEAST, SHARE * len(expected)):
            still = missed
        return MassAbsence(still, confirmed, (expected | fresh) & (self.listed | present))

    def confirm(self) -> "MassAbsence":
        """Return the state after a person said that the machines are really gone."""
        return replace(self, missing=frozenset(), confirmed=self.confirmed | self.missing)
