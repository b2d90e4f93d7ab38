"""What a fault does to a call: one frozen dataclass for each, its fields as they stand in the JSON of a fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from gpuwright_sandbox.gateway.shapes import Json


class Commit(StrEnum):
    """Whether the call is carried out: before its answer is spoiled, not at all, or when the client has gone."""

    FIRST = "first"
    NEVER = "never"
    LATER = "later"


class Cut(StrEnum):
    """How a connection ends: with a reset, or closed as if all had been said."""

    RESET = "reset"
    CLOSE = "close"


class Spoil(StrEnum):
    """What is wrong with a body that arrives whole."""

    MALFORMED = "malformed"
    HTML = "html"
    EMPTY = "empty"
    HUGE = "huge"
    LIST = "list"
    WITHOUT_ID = "without_id"
    WRONG_TYPES = "wrong_types"
    UNKNOWN_STATE = "unknown_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """When the call is carried out, for the actions that can choose.

    Attributes:
        commit_after_seconds: with `later`, how long after the client has gone; on the gateway's clock.
        indexed: False = what a create makes is lost by name at once; only lists still show it.
    """

    commit: Commit = Commit.NEVER
    commit_after_seconds: float = 0.0
    indexed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWith(Carried):
    """Answer this status.

    Attributes:
        code: the error code; None = the one of the status; empty, or 502 and 504 without one, = a proxy's page.
        committed: yes, no or unknown, inside the error; empty = left out.
        body: sent instead of the error; a string goes out as a page.
    """

    status: int
    code: str | None = None
    message: str = "scripted by a fault"
    committed: str = ""
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Carried):
    """Drop the connection without an answer."""

    how: Cut = Cut.RESET


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Carried):
    """Say nothing for so long, in real seconds, or until the client gives up.

    What follows: with commit `first` or `never` (then there is no machine) an answer or a reset; with `later` a
    reset, and the call is carried out `commit_after_seconds` after the client has gone.
    """

    seconds: float
    commit: Commit = Commit.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Carried):
    """Send the body at this pace, in bytes per real second."""

    bytes_per_second: float
    commit: Commit = Commit.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(Carried):
    """Announce the whole body, send the first bytes of it (None = half), then end the connection."""

    bytes: int | None = None
    how: Cut = Cut.CLOSE
    commit: Commit = Commit.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Garble(Carried):
    """Answer with a success whose body is wrong; `state` is the unknown word, `size_bytes` the huge body's size."""

    how: Spoil
    state: str = "hibernating"
    size_bytes: int = 16 * 2**20
    commit: Commit = Commit.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect(Carried):
    """Send the client elsewhere."""

    location: str
    status: int = 307


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Answer that there were too many requests; nothing is carried out.

    Attributes:
        retry_after: seconds or date (both say `seconds`), absurd, missing, or the header's text itself.
    """

    seconds: float = 1.0
    retry_after: str = "seconds"
    status: int = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Answer that there is no room; nothing is carried out."""

    code: str = "no_placement"
    status: int = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Answer an error, make nothing, and keep the name registered for so long on the gateway's clock."""

    seconds: float
    status: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Carried):
    """Drop every connection and refuse new ones for so long, in real seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Do not show machines younger than that; for get and list."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    """Leave machines out of a list: those whose name or id matches, or a whole page of it (from 1)."""

    machine: str = ""
    lost_page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Answer a list with nothing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Show every machine of a list twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseId:
    """Give a new machine an id that another one has or had; empty = that of the machine made last."""

    id: str = ""


Action: TypeAlias = (
    AnswerWith
    | Drop
    | Hang
    | Slow
    | Truncate
    | Garble
    | Redirect
    | Throttle
    | Capacity
    | Residue
    | Refuse
    | Lag
    | Lose
    | Empty
    | Duplicate
    | ReuseId
)

ACTIONS: Mapping[str, type[Action]] = {
    "answer": AnswerWith,
    "drop": Drop,
    "hang": Hang,
    "slow": Slow,
    "truncate": Truncate,
    "garble": Garble,
    "redirect": Redirect,
    "throttle": Throttle,
    "capacity": Capacity,
    "residue": Residue,
    "refuse": Refuse,
    "lag": Lag,
    "lose": Lose,
    "empty": Empty,
    "duplicate": Duplicate,
    "reuse_id": ReuseId,
}
_WORDS: Mapping[type[Action], str] = {kind: word for word, kind in ACTIONS.items()}


def word_of(action: Action) -> str:
    """Return the word by which the action goes in JSON."""
    return _WORDS[type(action)]


def body_of(action: AnswerWith) -> "Json | bytes":
    """Return the body to be sent instead of an error, as JSON or as a page; None when there is none."""
    if isinstance(action.body, str):
        return action.body.encode()
    plain: Json = action.body if isinstance(action.body, bool | int | float | list | dict) else None
    return plain
