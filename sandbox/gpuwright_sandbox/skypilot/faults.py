"""What can be made to go wrong with the next call of a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from typing import Any

import orjson

from gpuwright_sandbox.skypilot.calls import Call, Kind

REQUEST_ID = "X-Skypilot-Request-ID"
PAGE = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it goes on the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def error(status: int, detail: Any = "as the test wants it", **headers: str) -> Answer:
    """Return an error in the server's shape."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, orjson.dumps({"detail": detail}), {"Content-Type": "application/json", **named})


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
    WITHOUT_CLUSTERS = auto()
    TWICE = auto()


@dataclass(slots=True)
class Fault:
    """Strikes the next calls of some kinds. `carried_out`: the call takes effect before it goes wrong."""

    kinds: frozenset[Kind]
    how: How = How.WELL
    carried_out: bool = True
    answer: Answer | None = None
    times: int = 1
    size: int = 0


@dataclass(slots=True)
class FaultBook:
    """The faults that are set."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, call: Call) -> Fault | None:
        """Return the first fault that strikes a call, and count it."""
        for fault in self.faults:
            if fault.times > 0 and call.kind in fault.kinds:
                fault.times -= 1
                return fault
        return None


def spoilt(answer: Answer, fault: Fault) -> Answer:
    """Return a truthful answer gone wrong."""
    change = _BODIES.get(fault.how)
    if change is not None:
        return replace(answer, body=change(answer.body, fault.size))
    if b"return_value" in answer.body:
        return _with_rows(answer, _ROWS[fault.how])
    headers = {key: value for key, value in answer.headers.items() if key != REQUEST_ID}
    return replace(answer, headers=headers if fault.how is How.WITHOUT_ID else {**headers, REQUEST_ID: "7 o'clock"})


def _with_rows(answer: Answer, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Answer:
    body = orjson.loads(answer.body)
    body["return_value"] = orjson.dumps(edit(orjson.loads(body["return_value"]))).decode()
    return replace(answer, body=orjson.dumps(body))


_BODIES: Mapping[How, Callable[[bytes, int], bytes]] = {
    How.HTML: lambda _body, _size: PAGE,
    How.MALFORMED: lambda body, _size: body[: len(body) // 2],
    How.EMPTY: lambda _body, _size: b"",
    How.LIST: lambda _body, _size: b"[]",
    How.HUGE: lambda body, size: body + b" " * size,
}
_ROWS: Mapping[How, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    How.WITHOUT_ID: lambda rows: [{key: row[key] for key in row if key != "cluster_hash"} for row in rows],
    How.WRONG_TYPES: lambda rows: [{**row, "status": 7} for row in rows],
    How.UNKNOWN_STATE: lambda rows: [{**row, "status": "HIBERNATING"} for row in rows],
    How.WITHOUT_CLUSTERS: lambda _rows: [],
    How.TWICE: lambda rows: rows * 2,
}
