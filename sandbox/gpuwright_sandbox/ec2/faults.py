"""What can be made to go wrong with the next call of a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from xml.etree import ElementTree as ET

from gpuwright_sandbox.ec2.answers import PAGE, Answer, Instances, drop, put, put_state
from gpuwright_sandbox.ec2.calls import Call, Kind


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
    WITHOUT_INSTANCES = auto()
    TWICE = auto()
    REFUSE = auto()


@dataclass(slots=True)
class Fault:
    """Strikes the next calls of some kinds.

    Attributes:
        carried_out: whether the call takes effect before it goes wrong.
        answer: what is answered instead, where anything is.
        page: the page of a list that it strikes; 0 = any.
        times: how many calls it strikes.
    """

    kinds: frozenset[Kind]
    how: How = How.WELL
    carried_out: bool = True
    answer: Answer | None = None
    page: int = 0
    times: int = 1
    size: int = 0

    def strikes(self, call: Call) -> bool:
        """Return whether this call is meant."""
        return self.times > 0 and call.kind in self.kinds and self.page in {0, call.page}


@dataclass(slots=True)
class FaultBook:
    """The faults that are set."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, call: Call) -> Fault | None:
        """Return the first fault that strikes a call, and count it."""
        for fault in self.faults:
            if fault.strikes(call):
                fault.times -= 1
                return fault
        return None


def spoilt(answer: Answer, fault: Fault) -> Answer:
    """Return a truthful answer gone wrong in its body."""
    change = _BODIES.get(fault.how)
    if change is not None:
        return Answer(answer.status, change(answer.body, fault.size), answer.headers)
    found = Instances(answer)
    edit = _ITEMS.get(fault.how)
    if edit is not None:
        for item in found.items():
            edit(item)
    elif fault.how is How.WITHOUT_INSTANCES:
        found.keep(lambda _item: False)
    elif fault.how is How.TWICE:
        found.double()
    return found.answer()


def _wrong_types(item: ET.Element) -> None:
    put(item, "launchTime", "yesterday")


_BODIES: Mapping[How, Callable[[bytes, int], bytes]] = {
    How.HTML: lambda _body, _size: PAGE,
    How.MALFORMED: lambda body, _size: body[: len(body) // 2],
    How.EMPTY: lambda _body, _size: b"",
    How.LIST: lambda _body, _size: b"[]",
    How.HUGE: lambda body, size: body + b" " * size,
}
_ITEMS: Mapping[How, Callable[[ET.Element], None]] = {
    How.WITHOUT_ID: lambda item: drop(item, "instanceId"),
    How.WRONG_TYPES: _wrong_types,
    How.UNKNOWN_STATE: lambda item: put_state(item, "hibernating"),
}
