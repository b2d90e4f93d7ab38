"""What a watch may do to whoever relies on it: late, silent, torn, repeated, incomplete, and ended by errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from aiohttp import web
from tests.campaign.l3_clean import Clean
from tests.campaign.l3_door import LetPass, Lines, unspoiled
from tests.campaign.l3_judge import compare, without_errors
from tests.campaign.l3_points import Point
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Slots

PLAYS = ("create", "delete", "recreate", "stop-start", "killed-at-provider", "delete-while-creating")
_LATE_SECONDS = 2.5  # longer than the window
_SILENT_SECONDS = 12.0
_WATCHED = "/computeinstances"


class Spoiled(LetPass):
    """Spoils the watch of instances once, or all the time, from the moment on at which it is armed.

    Attributes:
        struck: whether it has.
    """

    def __init__(self, how: "How") -> None:
        self._how = how
        self.struck = False

    def stream(self, request: web.BaseRequest, lines: Lines) -> Lines:
        """See Door.stream."""
        return self._how(self, lines) if _WATCHED in request.path else lines


How = Callable[[Spoiled, Lines], Lines]


async def _late(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """Every event is old when it comes."""
    async for line in lines:
        plan.struck = plan.struck or _is_event(line)
        await asyncio.sleep(_LATE_SECONDS)
        yield line


async def _frozen(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """After the first event nothing comes for a while, then all at once."""
    async for line in lines:
        if _is_event(line) and not plan.struck:
            plan.struck = True
            yield line
            await asyncio.sleep(_SILENT_SECONDS)
            continue
        yield line


async def _cut(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """The first event ends in the middle of its line, and with it the connection."""
    async for line in lines:
        if _is_event(line) and not plan.struck:
            plan.struck = True
            yield line[: len(line) // 2]
            return
        yield line


async def _twice(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """Every event comes again, after the one that follows it."""
    before = b""
    async for line in lines:
        yield line
        if before:
            plan.struck = True
            yield before
        before = line if _is_event(line) else b""


async def _skipped(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """Of each two events of an object only the newer one comes; the last one comes late."""
    feed: asyncio.Queue[bytes | None] = asyncio.Queue()
    task = asyncio.ensure_future(_fill(feed, lines))
    try:
        while (line := await feed.get()) is not None:
            if _is_event(line):
                await asyncio.sleep(_LATE_SECONDS)
                while not feed.empty() and (newer := feed.get_nowait()) is not None:
                    plan.struck, line = True, newer
            yield line
    finally:
        task.cancel()


async def _fill(feed: "asyncio.Queue[bytes | None]", lines: Lines) -> None:
    async for line in lines:
        feed.put_nowait(line)
    feed.put_nowait(None)


async def _dropped_and_gone(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """The first event never comes; what comes instead says that the watch is too old."""
    async for line in _until_first(plan, lines):
        yield line
    if plan.struck:
        yield _error(410, "Expired")


async def _dropped_and_failed(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """The first event never comes; what comes instead says that the server has failed."""
    async for line in _until_first(plan, lines):
        yield line
    if plan.struck:
        yield _error(500, "InternalError")


async def _garbled(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """The first event is no JSON, and ends the connection."""
    async for line in _until_first(plan, lines):
        yield line
    if plan.struck:
        yield b"<html>bad gateway</html>\n"


async def _until_first(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """Pass on what comes before the first event; once struck, all."""
    if plan.struck:
        plan = Spoiled(plan._how)
        plan.struck = True
    async for line in lines:
        if _is_event(line) and not plan.struck:
            plan.struck = True
            return
        yield line


async def _no_bookmarks(plan: Spoiled, lines: Lines) -> AsyncIterator[bytes]:
    """No bookmark comes, and the connection ends after every second event."""
    count = 0
    async for line in lines:
        if not _is_event(line):
            continue
        yield line
        count += 1
        if count == 2:
            plan.struck = True
            return


HOWS: dict[str, How] = {
    "late": _late,
    "frozen": _frozen,
    "cut-in-a-line": _cut,
    "twice": _twice,
    "skipped": _skipped,
    "dropped-410": _dropped_and_gone,
    "dropped-500": _dropped_and_failed,
    "garbled": _garbled,
    "no-bookmarks": _no_bookmarks,
}


def _is_event(line: bytes) -> bool:
    return not line.startswith(b'{"type":"BOOKMARK"')


def _error(code: int, reason: str) -> bytes:
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    status |= {"message": "scripted", "reason": reason, "code": code}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def stream_points(clean: list[Clean]) -> list[Point]:
    """Return one point for each way to spoil a watch and each of some workflows."""
    return [
        Point(f"stream/{one.play.name}/{name}", partial(spoiled, one, how))
        for one in clean
        if one.play.name in PLAYS
        for name, how in HOWS.items()
    ]


def spoiled(clean: Clean, how: How, slots: Slots) -> Report:
    """Play a workflow with a watch that is spoiled."""
    plan = Spoiled(how)
    with slots.lent() as slot:
        slot.door.stream = plan.stream
        # The watch that runs already was begun without the spoiler.
        slot.operator.strike()
        try:
            report = played(slot, clean.play, plan)
        finally:
            slot.door.stream = unspoiled
            slot.operator.strike()
        without_errors(report)
        compare(report, clean)
        slot.worn = slot.worn or bool(report.broken)
    return report
