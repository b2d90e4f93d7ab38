"""What the emulator is asked: one call, and of which kind it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """The kinds of calls that can be spoiled."""

    CREATE = "create"
    TERMINATE = "terminate"
    POWER = "power"
    LIST = "list"  # all clusters
    LIST_RESULT = "list-result"
    LOOK = "look"  # all requests for one cluster
    ROWS = "rows"  # clusters by name
    ROWS_RESULT = "rows-result"
    POLL = "poll"  # requests by their ids, or the active ones
    RESULT = "result"
    HEALTH = "health"
    OTHER = "other"


_PATHS = {
    "/launch": Kind.CREATE,
    "/down": Kind.TERMINATE,
    "/stop": Kind.POWER,
    "/start": Kind.POWER,
    "/api/health": Kind.HEALTH,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `about` is the kind of the call whose result is asked for, `fields` what is wanted of requests."""

    page: ClassVar[int] = 1  # lists have one page only

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    about: Kind | None = None
    fields: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What kind of call it is."""
        if self.path == "/status":
            return Kind.LIST if self.body.get("cluster_names") is None else Kind.ROWS
        if self.path == "/api/status":
            return Kind.LOOK if {"cluster_name", "all_status"} <= set(self.query) else Kind.POLL
        if self.path == "/api/get":
            return {Kind.LIST: Kind.LIST_RESULT, Kind.ROWS: Kind.ROWS_RESULT}.get(self.about or Kind.OTHER, Kind.RESULT)
        return _PATHS.get(self.path, Kind.OTHER)
