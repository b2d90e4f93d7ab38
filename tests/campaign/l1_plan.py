"""What disturbs a run of L1."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FAULT_SECONDS = 600.0  # for so long a fault lasts that strikes every call


@dataclass(frozen=True, slots=True)
class Fault:
    """A provider fault: which, at which verb, and at which of its calls: first, second or every."""

    name: str
    verb: str
    nth: str

    def strikes(self, count: int, now: float) -> bool:
        """Return whether it strikes the how-manyth call, counted from 1."""
        return now < FAULT_SECONDS if self.nth == "every" else count == {"first": 1, "second": 2}[self.nth]

    def __str__(self) -> str:
        return f"{self.name}:{self.verb}:{self.nth}"


@dataclass(frozen=True, slots=True)
class ApiFault:
    """A fault of the API server: which, at what the sweep asks, and at which of these requests (l1_api.py)."""

    name: str
    at: str
    nth: str

    def __str__(self) -> str:
        return f"{self.name}:{self.at}:{self.nth}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What disturbs a run. `crashes`: at which effect, by its number, and where: before, lost or after. `two`: two
    processes run.
    """

    crashes: Mapping[int, str] = field(default_factory=dict)
    fault: Fault | None = None
    api: ApiFault | None = None
    two: bool = False
