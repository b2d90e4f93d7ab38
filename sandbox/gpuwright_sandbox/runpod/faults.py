"""What can be made to go wrong with the next call of a kind."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from typing import Any

from gpuwright_sandbox.runpod.answers import PAGE, Answer


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
    WITHOUT_PODS = auto()
    TWICE = auto()


@dataclass(slots=True)
class Fault:
    """Strikes the next calls of some operations.

    Attributes:
        operations: their ids, such as createPod.
        carried_out: whether the call takes effect before it goes wrong.
        answer: what is answered instead, where anything is.
        times: how many calls it strikes.
        size: how many bytes too many, for HUGE.
    """

    operations: frozenset[str]
    how: How = How.WELL
    carried_out: bool = True
    answer: Answer | None = None
    times: int = 1
    size: int = 0


@dataclass(slots=True)
class FaultBook:
    """The faults that are set."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, operation: str) -> Fault | None:
        """Return the first fault that strikes a call, and count it."""
        for fault in self.faults:
            if fault.times > 0 and operation in fault.operations:
                fault.times -= 1
                return fault
        return None


def spoilt(answer: Answer, fault: Fault) -> Answer:
    """Return a truthful answer gone wrong in its body."""
    whole = _BODIES.get(fault.how)
    if whole is not None:
        return replace(answer, raw=whole(answer.content, fault.size))
    body = copy.deepcopy(answer.body)
    lists = isinstance(body, dict) and isinstance(body.get("pods"), list)
    if lists and fault.how is How.WITHOUT_PODS:
        body["pods"] = []
    elif lists and fault.how is How.TWICE:
        body["pods"] += body["pods"]
    else:
        for pod in body["pods"] if lists else [body]:
            _PODS[fault.how](pod)
    return replace(answer, body=body)


_BODIES: Mapping[How, Callable[[bytes, int], bytes]] = {
    How.HTML: lambda _body, _size: PAGE,
    How.MALFORMED: lambda body, _size: body[: len(body) // 2],
    How.EMPTY: lambda _body, _size: b"",
    How.LIST: lambda _body, _size: b"[]",
    How.HUGE: lambda body, size: body + b" " * size,
}
_PODS: Mapping[How, Callable[[dict[str, Any]], None]] = {
    How.WITHOUT_ID: lambda pod: pod.pop("id", None),
    How.WRONG_TYPES: lambda pod: pod.update(id=7, status=[], env="no map"),
    How.UNKNOWN_STATE: lambda pod: pod.update(status="HIBERNATING"),
}
