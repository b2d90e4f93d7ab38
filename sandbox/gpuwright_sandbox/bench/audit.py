"""The API server's audit log, read as it grows: what one user asked for, counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

# As the peer's table has them: by what goes over the wire.
_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
_EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; `at` is when it was answered, in seconds since 1970, `code` the HTTP status."""

    at: float
    verb: str
    resource: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it asked for a change, be it refused or without effect."""
        return self.verb in _METHODS

    @property
    def is_event(self) -> bool:
        """Whether it is about an Event, of either API group."""
        return self.resource == _EVENTS

    @property
    def label(self) -> str:
        """How it is shown: `PATCH computeinstances/status`, with the code behind it when it was refused."""
        refused = f" {self.code}" if self.code >= 300 else ""
        return f"{_METHODS.get(self.verb, self.verb)} {self.resource}{refused}"


class AuditTail:
    """Reads what has come to an audit log since the last time."""

    def __init__(self, path: Path, user: str) -> None:
        self._path = path
        self._user = user
        self._offset = 0

    def read(self) -> list[Request]:
        """Return the user's requests that were answered since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._offset)
            fresh = log.read()
        # The last line may still be on its way.
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(parse(whole.splitlines(), self._user))


def parse(lines: Iterable[bytes], user: str) -> Iterator[Request]:
    """Yield what a user asked for, once per answered request; a watch counts when it ends."""
    mark = f'"username":{orjson.dumps(user).decode()}'.encode()
    for line in lines:
        # Most lines are of somebody else, and reading one as JSON is dear.
        if mark not in line:
            continue
        event = orjson.loads(line)
        if event["user"]["username"] == user and event["stage"] == "ResponseComplete":
            yield _request(event)


def _request(event: Mapping[str, object]) -> Request:
    reference = event.get("objectRef")
    status = event.get("responseStatus")
    named = reference if isinstance(reference, dict) else {}
    parts = [str(named[part]) for part in ("resource", "subresource") if part in named]
    return Request(
        at=datetime.fromisoformat(str(event["stageTimestamp"])).timestamp(),
        verb=str(event["verb"]),
        resource="/".join(parts) or str(event.get("requestURI", "")).partition("?")[0],
        code=int(status.get("code", 0)) if isinstance(status, dict) else 0,
    )


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests counted by label: writes, Events, and reads apart."""

    writes: Mapping[str, int]
    events: Mapping[str, int]
    reads: Mapping[str, int]

    @property
    def write_count(self) -> int:
        """How many writes there were, Events apart."""
        return sum(self.writes.values())

    @property
    def event_count(self) -> int:
        """How many requests were about Events."""
        return sum(self.events.values())

    def about(self, resource: str) -> int:
        """Return how many writes went to a resource or a part of it, refused ones included."""
        named = ((label.split()[1], count) for label, count in self.writes.items())
        return sum(count for name, count in named if name.split("/")[0] == resource)


def count(requests: Iterable[Request]) -> Traffic:
    """Return the requests by label, most frequent first."""
    writes: Counter[str] = Counter()
    events: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    for request in requests:
        kind = reads if not request.is_write else events if request.is_event else writes
        kind[request.label] += 1
    return Traffic(*(dict(kind.most_common()) for kind in (writes, events, reads)))
