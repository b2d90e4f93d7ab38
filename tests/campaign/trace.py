"""One trace for all levels: what was written, sent, answered and true, in the order in which it happened.

Times are seconds on the run's own clock, virtual or real. The invariants (invariants.py) are predicates over it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A write that the API server has committed. `before` is None for a creation, `after` for the object's end."""

    at: float
    process: str  # who wrote: the operator's process, or "user"
    kind: str
    before: Body | None
    after: Body | None


@dataclass(frozen=True, slots=True)
class Read:
    """A Secret that a process of the operator has asked for."""

    at: float
    process: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request whose first byte has left for the provider."""

    at: float
    process: str
    verb: str  # create, look, list, delete, power, probe
    name: str
    token: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What came back for a request: `result` is the adapter's word (created, absent, present, blind, unknown...)."""

    at: float
    process: str
    verb: str
    name: str
    result: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine that bills, as the provider itself knows it."""

    id: str
    name: str
    uid: str  # of the object that its owner tag names
    incarnation: int
    state: str
    price: float = 0.0


@dataclass(frozen=True, slots=True)
class Billing:
    """The provider's own truth after something has changed there: all machines that bill."""

    at: float
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """What a process has said where others can read it: logs, Events, metrics."""

    at: float
    process: str
    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """A process has ended (killed, stopped, frozen) or begun."""

    at: float
    process: str
    what: str  # began, killed, stopped, frozen, thawed


@dataclass(frozen=True, slots=True)
class Faulted:
    """The run has begun to disturb something, or has stopped to."""

    at: float
    what: str
    begins: bool


Event = Written | Read | Sent | Received | Billing | Logged | Restarted | Faulted


@dataclass(slots=True)
class Trace:
    """The events of one run, in order."""

    events: list[Event] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Append what has just happened."""
        self.events.append(event)
