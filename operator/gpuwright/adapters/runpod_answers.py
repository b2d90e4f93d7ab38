"""What RunPod's answers mean: one pure function per verb (docs/providers/runpod.md has the table in words).

The meaning of the status codes is that of RunPod's REST API v2, "Create a pod" (docs.runpod.io/api-reference-v2, read
2026-08-20). It has no error codes: 400 is both "no room" and "a rule is broken", and only the text tells them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, NoReturn

from gpuwright.adapters.retry_after import DEFAULT_RETRY_AFTER, retry_after
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason, cut
from gpuwright.model.errors import (
    Blind,
    CannotStart,
    NotCommitted,
    NotExecuted,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)


class Meaning(StrEnum):
    """What the text of a 400 says."""

    NO_ROOM = auto()
    NO_MONEY = auto()
    WRONG = auto()
    UNCLEAR = auto()


# Seen in public reports of v1 and of GraphQL; what v2 writes has not been seen, so whatever matches nothing is UNCLEAR.
_TEXTS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        Meaning.NO_ROOM,
        (
            "no instances currently available",
            "no longer any instances available",
            "does not have the resources",
            "not enough free gpus",
            "could not be placed",
            "no capacity",
            "insufficient capacity",
            "out of stock",
            "not enough disk space",
        ),
    ),
    (Meaning.NO_MONEY, ("balance", "spend limit", "spending limit", "insufficient funds", "quota")),
    (
        Meaning.WRONG,
        (
            "mutually exclusive",
            "must be",
            "must not",
            "must have",
            "is required",
            "are required",
            "exactly one of",
            "invalid",
            "not supported",
            "not allowed",
            "does not exist",
            "cannot be combined",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `shaped`: it has RunPod's own shape of errors, so nothing in between made it."""

    status: int
    shaped: bool
    detail: str
    retry_after: float | None = None

    @property
    def words(self) -> str:
        """Return what people read."""
        return f"RunPod answered {self.status}: {self.detail}".rstrip(": ")

    @property
    def meaning(self) -> Meaning:
        """Return what the text says, as far as it can be told."""
        said = self.detail.lower()
        return next((meaning for meaning, texts in _TEXTS if any(text in said for text in texts)), Meaning.UNCLEAR)


def refusal_of(answer: Answer) -> Refusal:
    """Return the answer as a refusal; its shape is that of RFC 9457, with the status that was answered."""
    body = answer.json if isinstance(answer.json, Mapping) else {}
    title, detail = body.get("title"), body.get("detail")
    shaped = isinstance(title, str) and isinstance(detail, str) and body.get("status") == answer.status
    return Refusal(
        status=answer.status,
        shaped=shaped,
        detail=cut("; ".join((detail, *_errors(body))), 256) if shaped and isinstance(detail, str) else "",
        retry_after=retry_after(answer.headers.get("retry-after"), answer.headers.get("date")),
    )


def _errors(body: Mapping[str, Any]) -> tuple[str, ...]:
    errors = body.get("errors")
    return tuple(error for error in errors if isinstance(error, str)) if isinstance(errors, list) else ()


def raise_for_create(refusal: Refusal, *, promises: bool, believed: bool, others: bool) -> NoReturn:
    """Raise what a create that was not confirmed means.

    `promises` is False where a pod existed although an answer promised none: then no such answer is believed.
    `believed`: each of several kinds of GPU was refused with a text that says nothing, so it is about the request.
    `others`: another kind of GPU is left to ask for where this one is closed to us.
    """
    _raise_if_throttled(refusal)
    words, status = refusal.words, refusal.status
    if not refusal.shaped or status not in {400, 401, 402, 403, 404, 422}:
        raise Unknown(words, unhealthy=status >= 500)
    if status == 401:
        raise Unauthenticated(words)
    if status == 403 and not others:
        raise Rejected(words, Reason.CREDENTIALS_REJECTED)  # may be about this one pool of machines: others go on
    reason = _nothing_made(refusal, believed=believed)
    if reason is None:
        raise Rejected(words, Reason.REQUEST_REJECTED)
    if not promises:
        raise Unknown(words)
    raise NotCommitted(words, reason=reason)


def _nothing_made(refusal: Refusal, *, believed: bool) -> Reason | None:
    """Return why nothing was made where that can change by itself, or None where a person must change the request."""
    if refusal.status == 402:
        return Reason.QUOTA_EXCEEDED
    if refusal.status == 403:
        return Reason.PLACEMENT_FAILED  # "Skip this candidate, keep going" (RunPod, "Create a pod")
    if refusal.status != 400:
        return None
    match refusal.meaning:
        case Meaning.NO_ROOM:
            return Reason.CAPACITY_UNAVAILABLE
        case Meaning.NO_MONEY:
            return Reason.QUOTA_EXCEEDED
        case Meaning.WRONG:
            return None
        case Meaning.UNCLEAR:
            # Waiting for room that there may be is cheaper than giving up on room that there will be.
            return None if believed else Reason.CAPACITY_UNAVAILABLE


def raise_for_delete(refusal: Refusal) -> NoReturn:
    """Raise what a terminate that was not accepted means."""
    _raise_if_throttled(refusal)
    if refusal.shaped and refusal.status in {401, 403}:
        raise NotExecuted(refusal.words, Reason.CREDENTIALS_REJECTED)
    if refusal.shaped and 400 <= refusal.status < 500 and refusal.status != 408:
        raise Rejected(refusal.words, Reason.REQUEST_REJECTED)
    raise Unknown(refusal.words, unhealthy=refusal.status >= 500)


def raise_for_start(refusal: Refusal) -> NoReturn:
    """Raise what a start that was not accepted means.

    A stopped pod stays on its host machine, and starts nowhere else: where that one has no GPU left, it is refused for
    good (`CannotStart`), or it would be asked for ever.
    """
    if refusal.shaped and refusal.status in {400, 409} and refusal.meaning is Meaning.NO_ROOM:
        raise CannotStart(f"{refusal.words} (a stopped pod can start on its own host only)")
    if refusal.shaped and (refusal.status == 402 or refusal.meaning is Meaning.NO_MONEY):
        raise NotExecuted(refusal.words, Reason.QUOTA_EXCEEDED)
    raise_for_stop(refusal)


def raise_for_stop(refusal: Refusal) -> NoReturn:
    """Raise what a stop that was not accepted means."""
    if refusal.shaped and refusal.status == 409:
        raise NotExecuted(refusal.words, Reason.WAITING)  # not possible in this state: look again
    raise_for_delete(refusal)


def raise_before_create(refusal: Refusal) -> NoReturn:
    """Raise what a refused read that comes before a create means: nothing was made."""
    _raise_if_throttled(refusal)
    if refusal.shaped and refusal.status == 401:
        raise Unauthenticated(refusal.words)
    if refusal.shaped and refusal.status == 403:
        raise Rejected(refusal.words, Reason.CREDENTIALS_REJECTED)
    raise NotExecuted(refusal.words, Reason.PROVIDER_UNREACHABLE, unhealthy=refusal.status >= 500)


def raise_blind(refusal: Refusal) -> NoReturn:
    """Raise Blind for a read that was refused."""
    rejected = refusal.shaped and refusal.status in {401, 403}
    raise Blind(
        refusal.words,
        rejected=rejected,
        unhealthy=refusal.status >= 500,
        retry_after=refusal.retry_after if refusal.status == 429 else None,
    )


def _raise_if_throttled(refusal: Refusal) -> None:
    if refusal.status == 429:
        raise Throttled(refusal.words, DEFAULT_RETRY_AFTER if refusal.retry_after is None else refusal.retry_after)
