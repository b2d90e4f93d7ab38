"""What can be made to go wrong with the next call of a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Protocol

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.gateway.spoil import PAGE


class How(StrEnum):
    """What becomes of the answer."""

    WELL = auto()
    DROP = auto()
    CLOSE = auto()
    HANG = auto()
    SLOW = auto()
    TRUNCATE = auto()
    RESET_IN_BODY = auto()
    HTML = auto()
    MALFORMED = auto()
    EMPTY = auto()
    LIST = auto()
    HUGE = auto()
    WITHOUT_ID = auto()
    WRONG_TYPES = auto()
    UNKNOWN_STATE = auto()
    WITHOUT_MACHINES = auto()
    ALL_ON_THE_NEXT_PAGE = auto()
    TWICE = auto()


class Asked(Protocol):
    """A call that a fault can strike: of which kind it is, and for which page of a list it asks, from 1."""

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def page(self) -> int: ...  # noqa: D102


@dataclass(slots=True)
class Fault:
    """Strikes the next calls of some kinds.

    Attributes:
        kinds: a double's words for its calls.
        carried_out: whether the call takes effect before it goes wrong.
        answer: what is answered instead, where anything is.
        page: the page of a list that it strikes; 0 = any.
        times: how many calls it strikes.
        size: how many bytes too many, for HUGE.
    """

    kinds: frozenset[str]
    how: How = How.WELL
    carried_out: bool = True
    answer: Answer | None = None
    page: int = 0
    times: int = 1
    size: int = 0

    def strikes(self, call: Asked) -> bool:
        """Return whether this call is meant."""
        return self.times > 0 and call.kind in self.kinds and self.page in {0, call.page}


@dataclass(slots=True)
class FaultBook:
    """The faults that are set."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, call: Asked) -> Fault | None:
        """Return the first fault that strikes a call, and count it."""
        for fault in self.faults:
            if fault.strikes(call):
                fault.times -= 1
                return fault
        return None


BODIES: Mapping[How, Callable[[bytes, int], bytes]] = {
    How.HTML: lambda _body, _size: PAGE,
    How.MALFORMED: lambda body, _size: body[: len(body) // 2],
    How.EMPTY: lambda _body, _size: b"",
    How.LIST: lambda _body, _size: b"[]",
    How.HUGE: lambda body, size: body + b" " * size,
}
"""What becomes of a body whatever it says, from the body and a fault's size."""
