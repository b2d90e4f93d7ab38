"""Faults, carried out on the wire: when the truth changes, and what the client sees of it."""

import asyncio
import math
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from aiohttp import web

from gpuwright_sandbox.gateway import spoil
from gpuwright_sandbox.gateway.actions import (
    Action,
    AnswerWith,
    Capacity,
    Carried,
    Commit,
    Cut,
    Drop,
    Duplicate,
    Empty,
    Garble,
    Hang,
    Lag,
    Lose,
    Redirect,
    Refuse,
    Residue,
    ReuseId,
    Slow,
    Throttle,
    Truncate,
)
from gpuwright_sandbox.gateway.answers import Answer
from gpuwright_sandbox.gateway.api import Api
from gpuwright_sandbox.gateway.calls import Bend, Call
from gpuwright_sandbox.gateway.door import Door, cut
from gpuwright_sandbox.gateway.fleet import Fleet

GLANCE_SECONDS = 0.005
SLOW_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call that is about to be spoiled, and all that is needed for it."""

    call: Call
    request: web.Request
    api: Api
    fleet: Fleet
    door: Door

    async def spoiled(self, action: Action) -> web.StreamResponse | None:
        """Do as the fault says; None = the client got no answer, and its connection is gone."""
        match action:
            case Lag() | Lose() | Empty() | Duplicate() | ReuseId():
                return reply(self.api.answer(self.call, self._bend(action)))
            case Throttle():
                return reply(spoil.throttled(action, self.fleet.now))
            case Capacity():
                return reply(spoil.short_of(action))
            case Residue():
                self.fleet.register(self.api.account_of(self.call), self.call.name, action.seconds)
                return reply(spoil.left_behind(action))
            case AnswerWith() | Redirect() | Garble():
                return self._untrue(action)
            case _:
                return await self._broken(action)

    def _untrue(self, action: AnswerWith | Redirect | Garble) -> web.StreamResponse:
        truthful = self._carry_out(action)
        match action:
            case AnswerWith():
                return reply(spoil.scripted(action))
            case Redirect():
                return reply(spoil.redirected(action))
            case Garble():
                return reply(spoil.garbled(truthful, action))
            case _:
                assert_never(action)

    async def _broken(self, action: Drop | Hang | Slow | Truncate | Refuse) -> web.StreamResponse | None:
        match action:
            case Hang():
                return await self._hang(action)
            case Truncate():
                await self._truncate(self._carry_out(action), action)
            case Slow():
                return await self._trickle(self._carry_out(action), action)
            case Drop():
                self._carry_out(action)
                self._cut(action.how)
            case Refuse():
                self._carry_out(action)
                self.door.close_for(action.seconds)
            case _:
                assert_never(action)
        return None

    def _bend(self, action: Lag | Lose | Empty | Duplicate | ReuseId) -> Bend:
        match action:
            case Lag(seconds=seconds):
                return Bend(lag_seconds=seconds)
            case Lose(machine=machine, lost_page=page):
                return Bend(lost=machine, lost_page=page)
            case Empty():
                return Bend(empty=True)
            case Duplicate():
                return Bend(duplicate=True)
            case ReuseId(id=wanted):
                return Bend(id=wanted or next((made.id for made in reversed(self.fleet.machines())), ""))
            case _:
                assert_never(action)

    def _carry_out(self, action: Carried) -> Answer:
        """Return what would have been answered; an empty success if nothing was done for it."""
        carry_out = partial(self.api.answer, self.call, Bend(indexed=action.indexed))
        if action.commit is Commit.FIRST:
            return carry_out()
        if action.commit is Commit.LATER:
            self.fleet.later(action.commit_after_seconds, carry_out)
        return Answer(200, {})

    async def _hang(self, action: Hang) -> web.StreamResponse | None:
        truthful = self._carry_out(action) if action.commit is Commit.FIRST else None
        await self._silence(action.seconds)
        if truthful is not None and not self._deserted():
            return reply(truthful)
        self._cut(Cut.RESET)
        if action.commit is Commit.LATER:
            self._carry_out(action)
        return None

    async def _silence(self, seconds: float) -> None:
        """Wait so long, or until the client has gone; nothing in aiohttp tells of that but the transport."""
        for _ in range(math.ceil(seconds / GLANCE_SECONDS)):
            if self._deserted():
                return
            await asyncio.sleep(GLANCE_SECONDS)

    def _deserted(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()

    def _cut(self, how: Cut) -> None:
        cut(self.request.transport, how)

    async def _truncate(self, truthful: Answer, action: Truncate) -> None:
        content = truthful.content
        sent = content[: len(content) // 2 if action.bytes is None else action.bytes]
        response = await self._begin(truthful)
        await response.write(sent)
        self._cut(action.how)

    async def _trickle(self, truthful: Answer, action: Slow) -> web.StreamResponse:
        response = await self._begin(truthful)
        step = max(1, int(action.bytes_per_second * SLOW_TICK_SECONDS))
        content = truthful.content
        for begin in range(0, len(content), step):
            await response.write(content[begin : begin + step])
            await asyncio.sleep(step / action.bytes_per_second)
        await response.write_eof()
        return response

    async def _begin(self, truthful: Answer) -> web.StreamResponse:
        response = web.StreamResponse(status=truthful.status)
        response.content_type = "application/json"
        response.content_length = len(truthful.content)
        await response.prepare(self.request)
        return response


def reply(answer: Answer) -> web.Response:
    """Return an answer as it goes on the wire."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if answer.body is None:
        headers.pop("Content-Type")
    return web.Response(status=answer.status, body=answer.content or None, headers=headers)
