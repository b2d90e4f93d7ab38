"""What was asked: one HTTP request of the public API, read once and before anything is decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote

from gpuwright_sandbox.gateway.shapes import FieldError, Json, parse


class CallKind(StrEnum):
    """The calls of the API; UNKNOWN is any other path or method."""

    CREATE = "create"
    GET = "get"
    LIST = "list"
    DELETE = "delete"
    STOP = "stop"
    START = "start"
    SNAPSHOT = "snapshot"
    RESTORE = "restore"
    TEMPLATES = "templates"
    HEALTHZ = "healthz"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        name: the machine's name, from the path or, for a create or restore, from the body; empty when there is none.
        target: what the path names: a machine's name, or the snapshot of a restore.
        query: decoded, in the order sent; a key may repeat.
        payload: the body; None when it is no JSON, and then `malformed` says why.
        token: what the Authorization header carries after `Bearer `; None without that header.
        idempotency_key: empty when none was sent.
    """

    kind: CallKind
    method: str = "GET"
    path: str = ""
    name: str = ""
    target: str = ""
    query: tuple[tuple[str, str], ...] = ()
    payload: Json = None
    malformed: str = ""
    token: str | None = None
    idempotency_key: str = ""

    def first(self, key: str) -> str:
        """Return the first value of a query parameter; empty when it was not sent."""
        return next((value for sent, value in self.query if sent == key), "")

    @property
    def json(self) -> Json:
        """The body.

        Raises:
            FieldError: it is no JSON.
        """
        if self.malformed:
            raise FieldError("", self.malformed)
        return self.payload

    @property
    def page(self) -> int:
        """Which page of a list is asked for, from 1; a cursor that is none of ours counts as the first."""
        return Cursor.parse(self.first("cursor")).page


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list goes on: after the machine of that serial, with that page (from 1)."""

    after: int = 0
    page: int = 1

    def __str__(self) -> str:
        return f"p{self.page}-{self.after}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the cursor; the beginning for whatever is none."""
        page, _, after = text.removeprefix("p").partition("-")
        return cls(int(after), int(page)) if page.isdecimal() and after.isdecimal() else cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """How one call is bent; all defaults = it is not.

    Attributes:
        lag_seconds: machines younger than that are not shown by reads.
        empty: lists show nothing.
        duplicate: lists show every machine twice.
        lost: lists leave out machines whose name or id matches this pattern; empty = none.
        lost_page: lists leave out this page (from 1) and go on behind it; 0 = none.
        indexed: False = the name of what is made is lost at once.
        id: the id that a new machine is given; empty = a fresh one.
    """

    lag_seconds: float = 0.0
    empty: bool = False
    duplicate: bool = False
    lost: str = ""
    lost_page: int = 0
    indexed: bool = True
    id: str = ""


STRAIGHT = Bend()


def read_call(method: str, raw_path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return the request as a call; `raw_path` is the path and query as they came, still percent-encoded."""
    path, _, query = raw_path.partition("?")
    kind, target = _route(method, path)
    payload, malformed = _payload(body)
    named_by_body = kind in (CallKind.CREATE, CallKind.RESTORE) and isinstance(payload, dict)
    name = payload.get("name") if named_by_body and isinstance(payload, dict) else target
    return Call(
        kind=kind,
        method=method,
        path=raw_path,
        name=name if isinstance(name, str) else "",
        target=target,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        payload=payload,
        malformed=malformed,
        token=_token(headers.get("Authorization")),
        idempotency_key=headers.get("Idempotency-Key", ""),
    )


def _route(method: str, path: str) -> tuple[CallKind, str]:
    segments = [unquote(segment) for segment in path.strip("/").split("/")]
    match (method, segments):
        case "GET", ["healthz"]:
            return CallKind.HEALTHZ, ""
        case "POST", ["api", "templates"]:
            return CallKind.TEMPLATES, ""
        case "POST", ["api", "snapshots", snapshot, "restore"]:
            return CallKind.RESTORE, snapshot
        case method, ["api", "instances", *rest]:
            return _instance_route(method, rest)
    return CallKind.UNKNOWN, ""


def _instance_route(method: str, rest: list[str]) -> tuple[CallKind, str]:
    match (method, rest):
        case "POST", []:
            return CallKind.CREATE, ""
        case "GET", []:
            return CallKind.LIST, ""
        case "GET", [name]:
            return CallKind.GET, name
        case "DELETE", [name]:
            return CallKind.DELETE, name
        case "POST", [name, ("stop" | "start" | "snapshot") as verb]:
            return CallKind(verb), name
    return CallKind.UNKNOWN, ""


def _payload(body: bytes) -> tuple[Json, str]:
    try:
        return parse(body), ""
    except FieldError as error:
        return None, error.problem


def _token(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
