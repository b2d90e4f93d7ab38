"""What one user asked of the API server, read from its audit log."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Write:
    """One answered request for a change; `at` is when it was answered, in seconds since 1970."""

    at: float
    verb: str
    resource: str
    name: str
    code: int


class Audit:
    """Reads what has come to the log since it was made, or since the last `writes`."""

    def __init__(self, log: Path, user: str) -> None:
        self._log = log
        self._user = user
        self._offset = log.stat().st_size

    def writes(self) -> list[Write]:
        """Return the user's writes that were answered since the last time, in order."""
        with self._log.open("rb") as log:
            log.seek(self._offset)
            fresh = log.read()
        # The last line may still be on its way.
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        events = (json.loads(line) for line in whole.splitlines() if self._user.encode() in line)
        return [
            Write(
                _moment(event),
                event["verb"],
                _resource(event["objectRef"]),
                event["objectRef"].get("name", ""),
                _code(event),
            )
            for event in events
            if event["user"]["username"] == self._user and event["verb"] in _WRITES
        ]


def count(writes: list[Write], name: str) -> Counter[str]:
    """Return how often each kind of write went to the instance of that name; Events are left out."""
    return Counter(
        f"{write.verb} {write.resource} {write.code}"
        for write in writes
        if write.name == name and write.resource.startswith("computeinstances")
    )


def _moment(event: dict[str, str]) -> float:
    return datetime.fromisoformat(event["stageTimestamp"]).timestamp()


def _resource(reference: dict[str, str]) -> str:
    return "/".join(reference[part] for part in ("resource", "subresource") if part in reference)


def _code(event: dict[str, dict[str, int]]) -> int:
    return event.get("responseStatus", {}).get("code", 0)
