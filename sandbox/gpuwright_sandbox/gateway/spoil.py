"""Answers gone wrong: pure functions from a truthful answer to what is sent instead."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias

from gpuwright_sandbox.gateway.actions import AnswerWith, Capacity, Garble, Redirect, Residue, Spoil, Throttle, body_of
from gpuwright_sandbox.gateway.answers import CODES, Answer, page_answer
from gpuwright_sandbox.gateway.shapes import Json

ABSURD_SECONDS = 10**9
PAGE = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1></body></html>\n"

_Change: TypeAlias = Callable[[dict[str, Json]], dict[str, Json]]


def scripted(action: AnswerWith) -> Answer:
    """Return what a fault wants to be answered."""
    body = body_of(action)
    if body is not None:
        return Answer(action.status, body, action.headers)
    if action.status < 300:
        return Answer(action.status, {}, action.headers)
    code = CODES.get(action.status, "") if action.code is None else action.code
    if not code:
        return replace(page_answer(action.status), headers=action.headers)
    error: dict[str, Json] = {"code": code, "message": action.message}
    if action.committed:
        error["committed"] = action.committed
    return Answer(action.status, {"error": error}, action.headers)


def throttled(action: Throttle, now: datetime) -> Answer:
    """Return a refusal that says, or hides, when to come again."""
    said = {
        "seconds": f"{action.seconds:g}",
        "date": format_datetime(now + timedelta(seconds=action.seconds), usegmt=True),
        "absurd": str(ABSURD_SECONDS),
    }
    text = said.get(action.retry_after, action.retry_after)
    headers = {} if action.retry_after == "missing" else {"Retry-After": text}
    return scripted(AnswerWith(status=action.status, code="rate_limited", headers=headers))


def short_of(action: Capacity) -> Answer:
    """Return a refusal for want of room or quota."""
    return scripted(AnswerWith(status=action.status, code=action.code))


def left_behind(action: Residue) -> Answer:
    """Return the error of a create that failed and left its name behind."""
    return scripted(AnswerWith(status=action.status, code="internal"))


def redirected(action: Redirect) -> Answer:
    """Return a redirect."""
    return Answer(action.status, None, {"Location": action.location})


def garbled(truthful: Answer, action: Garble) -> Answer:
    """Return a success whose body is not what it should be."""
    match action.how:
        case Spoil.MALFORMED:
            return replace(truthful, body=None, headers={}) if not truthful.content else _torn(truthful)
        case Spoil.HTML:
            return Answer(200, PAGE)
        case Spoil.EMPTY:
            return replace(truthful, body=None)
        case Spoil.LIST:
            return replace(truthful, body=[_object(truthful)])
        case Spoil.HUGE:
            return replace(truthful, body={**_object(truthful), "padding": "x" * action.size_bytes})
        case Spoil.WITHOUT_ID | Spoil.WRONG_TYPES | Spoil.UNKNOWN_STATE:
            return replace(truthful, body=_each(_object(truthful), _change(action)))


def _torn(truthful: Answer) -> Answer:
    half = truthful.content[: len(truthful.content) // 2]
    return replace(truthful, body=half, headers={"Content-Type": "application/json"})


def _object(truthful: Answer) -> dict[str, Json]:
    return truthful.body if isinstance(truthful.body, dict) else {}


def _each(body: dict[str, Json], change: _Change) -> dict[str, Json]:
    items = body.get("items")
    if isinstance(items, list):
        return {**body, "items": [change(item) if isinstance(item, dict) else item for item in items]}
    return change(body)


def _change(action: Garble) -> _Change:
    changes: Mapping[Spoil, _Change] = {
        Spoil.WITHOUT_ID: lambda machine: {key: value for key, value in machine.items() if key != "id"},
        Spoil.WRONG_TYPES: lambda machine: {**machine, "id": 42, "state": ["running"], "labels": "none", "cpu": "4"},
        Spoil.UNKNOWN_STATE: lambda machine: {**machine, "state": action.state},
    }
    return changes[action.how]
