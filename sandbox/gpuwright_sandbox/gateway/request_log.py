"""What was asked of the gateway and what became of it."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gpuwright_sandbox.gateway.calls import Call
from gpuwright_sandbox.gateway.shapes import FieldError, Json, parse

REDACTED = "redacted"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
LONGEST_BODY = 64 * 2**10


@dataclass(slots=True)
class RequestRecord:
    """One request.

    Attributes:
        number: order of arrival, from 1.
        body: as it came, cut to 64 KiB.
        headers: names in lower case, secret ones redacted.
        status: what was answered; None = nothing (yet).
        fault: id of the fault that spoiled it; None = it went well.
        action: the word of that fault's action; empty = none.
        commit: whether a spoiled call was carried out: first, never, later; empty = it went well.
    """

    number: int
    at: datetime
    call: str
    method: str
    path: str
    name: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None = None
    fault: int | None = None
    action: str = ""
    commit: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return the record with its body as JSON where it is some."""
        try:
            body = parse(self.body) if self.body else None
        except FieldError:
            body = self.body.decode(errors="replace")
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "call": self.call,
            "method": self.method,
            "path": self.path,
            "name": self.name,
            "headers": dict(self.headers),
            "body": body,
            "status": self.status,
            "fault": self.fault,
            "action": self.action,
            "commit": self.commit,
        }

    def __str__(self) -> str:
        spoiled = f" [{self.action}, commit {self.commit or 'first'}]" if self.action else ""
        return f"{self.at:%H:%M:%S.%f} {self.method} {self.path} {self.name} -> {self.status or 'no answer'}{spoiled}"


class RequestLog:
    """The last requests; older ones are forgotten.

    Args:
        kept: how many are remembered.
    """

    def __init__(self, kept: int) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=kept)
        self._number = 0

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def enter(self, call: Call, headers: Mapping[str, str], body: bytes, at: datetime) -> RequestRecord:
        """Return the record of a request that has just come in."""
        self._number += 1
        shown = {name.lower(): REDACTED if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}
        record = RequestRecord(
            self._number, at, call.kind.value, call.method, call.path, call.name, shown, body[:LONGEST_BODY]
        )
        self._records.append(record)
        return record

    def find(self, call: str = "", name: str = "", after: int = 0) -> tuple[RequestRecord, ...]:
        """Return the records of this kind of call and name that came after that number; empty = any."""
        return tuple(
            record
            for record in self
            if record.number > after and call in ("", record.call) and name in ("", record.name)
        )

    def keep(self, kept: int) -> None:
        """Remember so many from now on."""
        self._records = deque(self._records, maxlen=kept)

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._records.clear()
