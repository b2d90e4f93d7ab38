"""What SkyPilot's answers and errors mean: one pure function per verb (docs/providers/skypilot.md has it in words).

Two kinds of "no": an answer to a call, and the error in which a request ended that the server had taken. The types of
the latter are classes of SkyPilot's `sky.exceptions`; they were seen on a real server 0.14.1 (2026-11-21).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from gpuwright.adapters.retry_after import DEFAULT_RETRY_AFTER, retry_after
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason, cut
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    NotExecuted,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

NOT_FOUND = "ClusterDoesNotExist"
NO_ROOM = "ResourcesUnavailableError"
CANNOT = "NotSupportedError"
NOT_IN_ANY_CATALOGUE = "Catalog does not contain"
REFUSED = frozenset(
    {
        "InvalidClusterNameError",
        "InvalidSkyPilotConfigError",
        "ResourcesMismatchError",
        "UserRequestRejectedByPolicy",
        "ValueError",
        CANNOT,
    }
)
"""The request itself will not do, whenever it is sent."""
NO_ACCESS = frozenset(
    {"PermissionDeniedError", "NoCloudAccessError", "InvalidCloudCredentials", "ClusterOwnerIdentityMismatchError"}
)
"""The server may not do it: we may not, or its own credentials at a cloud do not allow it."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `shaped`: SkyPilot's server made it, nothing in between."""

    status: int
    shaped: bool
    message: str
    retry_after: float | None = None

    @property
    def words(self) -> str:
        """Return what people read."""
        return f"SkyPilot answered {self.status}: {self.message}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class Failure:
    """The error in which a request ended."""

    type: str
    message: str

    @property
    def words(self) -> str:
        """Return what people read."""
        return f"SkyPilot's request failed with {self.type or 'an error'}: {self.message}".rstrip(": ")


def refusal_of(answer: Answer) -> Refusal:
    """Return the answer as a refusal; whatever has the wrong type counts as not there."""
    body = answer.json if isinstance(answer.json, Mapping) else {}
    told = body.get("message") or body.get("detail")
    return Refusal(
        status=answer.status,
        shaped="detail" in body or isinstance(body.get("error"), str),
        message=plain(told) if isinstance(told, str) else "",
        retry_after=retry_after(answer.headers.get("retry-after"), answer.headers.get("date")),
    )


def failure_of(error: Any) -> Failure:
    """Return the error of a request; it is JSON in a text. Its pickle is never opened."""
    try:
        found = orjson.loads(error) if isinstance(error, str) else error
    except orjson.JSONDecodeError:
        found = None
    fields = found if isinstance(found, Mapping) else {}
    kind, message = fields.get("type"), fields.get("message")
    return Failure(kind if isinstance(kind, str) else "", plain(message) if isinstance(message, str) else "")


def plain(text: str) -> str:
    """Return a text without colours, on one line and cut."""
    return cut(" ".join(_COLOUR.sub("", text).split()), 400)


def raise_before_create(refusal: Refusal) -> NoReturn:
    """Raise what a refused read that comes before a create means: nothing was made."""
    _raise_if_throttled(refusal)
    _raise_if_refused(refusal)
    raise NeverSent(refusal.words)


def raise_for_launch(refusal: Refusal) -> NoReturn:
    """Raise what a launch that the server did not take means."""
    _raise_if_throttled(refusal)
    _raise_if_refused(refusal)
    raise Unknown(refusal.words, unhealthy=refusal.status >= 500)


def raise_for_change(refusal: Refusal) -> NoReturn:
    """Raise what a terminate or power call that the server did not take means."""
    _raise_if_throttled(refusal)
    if refusal.status in {401, 403} and refusal.shaped:
        raise NotExecuted(refusal.words, Reason.CREDENTIALS_REJECTED)
    _raise_if_refused(refusal)
    raise Unknown(refusal.words, unhealthy=refusal.status >= 500)


def raise_for_failed_launch(failure: Failure, *, promises: bool) -> NoReturn:
    """Raise what a launch means that ended in an error, and of which a look at its name then showed nothing.

    `promises` is False where a machine existed although an answer promised none: then no such answer is believed.
    """
    if failure.type in NO_ACCESS:
        raise Rejected(failure.words, Reason.CREDENTIALS_REJECTED)
    if failure.type in REFUSED or (failure.type == NO_ROOM and NOT_IN_ANY_CATALOGUE in failure.message):
        raise Rejected(failure.words, Reason.REQUEST_REJECTED)
    if failure.type == NO_ROOM and promises:
        full = "quota" in failure.message.lower()
        raise NotCommitted(failure.words, reason=Reason.QUOTA_EXCEEDED if full else Reason.CAPACITY_UNAVAILABLE)
    raise Unknown(failure.words)


def raise_for_failed_change(failure: Failure) -> NoReturn:
    """Raise what a terminate or power call means that ended in an error."""
    if failure.type in NO_ACCESS:
        raise NotExecuted(failure.words, Reason.CREDENTIALS_REJECTED)
    if failure.type == NO_ROOM:
        raise NotExecuted(failure.words, Reason.CAPACITY_UNAVAILABLE)  # the machine is still there, switched off
    if failure.type in REFUSED or failure.type == NOT_FOUND:
        raise Rejected(failure.words, Reason.REQUEST_REJECTED)
    raise Unknown(failure.words)


def blind_of(refusal: Refusal) -> Blind:
    """Return what a read that was refused means."""
    return Blind(
        refusal.words,
        rejected=refusal.status in {401, 403},
        unhealthy=refusal.status >= 500,
        retry_after=refusal.retry_after if refusal.status == 429 else None,
    )


def _raise_if_throttled(refusal: Refusal) -> None:
    if refusal.status == 429:
        wait = DEFAULT_RETRY_AFTER if refusal.retry_after is None else refusal.retry_after
        raise Throttled(refusal.words, wait)


def _raise_if_refused(refusal: Refusal) -> None:
    if not refusal.shaped:
        return
    if refusal.status == 401:
        raise Unauthenticated(refusal.words)
    if refusal.status == 403:
        raise Rejected(refusal.words, Reason.CREDENTIALS_REJECTED)  # may be about this one machine: others go on
    if refusal.status in {400, 404, 422}:
        raise Rejected(refusal.words, Reason.REQUEST_REJECTED)
