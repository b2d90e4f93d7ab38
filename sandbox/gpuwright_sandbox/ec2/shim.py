"""The shim: an HTTP server on loopback that asks moto, and adds tokens, states that take time, and what goes wrong."""

import asyncio
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.doubles.server import DoubleServer
from gpuwright_sandbox.ec2.answers import XML, Instances, error, put, put_state, text_of
from gpuwright_sandbox.ec2.calls import Call, Kind, read_call
from gpuwright_sandbox.ec2.fates import Fates, Pace
from gpuwright_sandbox.ec2.faults import edited
from gpuwright_sandbox.ec2.tokens import Tokens
from gpuwright_sandbox.ec2.truth import Truth

_OURS = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


class Ec2Shim(DoubleServer[Call]):
    """One account at EC2, of its own within moto.

    Args:
        moto: where moto's server listens.
        pace: how long things take.
        clock: seconds, growing; the wall's unless a test moves its own.
    """

    NOTHING = Answer(200, b"<Response/>", content_type=XML)

    def __init__(self, moto: str, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._moto = moto
        self.account = f"{random.randrange(10**11, 10**12)}"
        self.fates = Fates(pace or Pace(), clock)
        self.truth = Truth(moto, self.account, self.fates)
        self.page_size = 0
        self.revoked = False
        self._tokens = Tokens()
        self._one_by_one = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32))
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, raised, traceback)
        if self._session is not None:
            await self._session.close()

    async def _read(self, request: web.Request) -> Call:
        return read_call(await request.read(), request.headers)

    def _edited(self, answer: Answer, how: How) -> Answer:
        return edited(answer, how)

    async def _answer(self, call: Call) -> Answer:
        if self.revoked:
            return error(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
        match call.kind:
            case Kind.CREATE:
                async with self._one_by_one:
                    return await self._create(call)
            case Kind.TERMINATE | Kind.POWER:
                return await self._change(call)
            case Kind.LIST | Kind.LOOK | Kind.FIND:
                return await self._describe(call)
            case _:
                return await self._ask(call)

    async def _create(self, call: Call) -> Answer:
        told = self._tokens.answer(call, self.fates)
        if told is not None:
            return told
        answer = await self._ask(call)
        if answer.status == 200:
            made = [text_of(item, "instanceId") for item in Instances(answer).items()]
            self.fates.born(made)
            self._tokens.keep(call, answer, made)
        return answer

    async def _change(self, call: Call) -> Answer:
        refused = self.fates.refusal(call.action, call.ids)
        if refused:
            return error(400, "IncorrectInstanceState", refused)
        answer = await self._ask(call)
        if answer.status == 200:
            self.fates.changed(call.action, call.ids)
        return answer

    async def _describe(self, call: Call) -> Answer:
        answer = await self._ask(call)
        if answer.status != 200:
            return answer
        found = Instances(answer)
        for item in found.items():
            identity = text_of(item, "instanceId")
            put_state(item, self.fates.word(identity, text_of(item, "instanceState/name")))
            if reason := self.fates.reason(identity):
                put(item, "stateReason/code", reason)
        wanted = call.filters().get("instance-state-name")
        found.keep(
            lambda item: (
                not self.fates.is_hidden(text_of(item, "instanceId"))
                and (wanted is None or text_of(item, "instanceState/name") in wanted)
            )
        )
        return found.answer()

    async def _ask(self, call: Call) -> Answer:
        if self._session is None:
            raise RuntimeError("the shim has not been started")
        headers = {name: value for name, value in call.headers.items() if name.lower() not in _OURS}
        headers["x-moto-account-id"] = self.account
        async with self._session.post(f"{self._moto}/", data=call.body(self.page_size), headers=headers) as response:
            kind = response.headers.get("Content-Type", XML)
            return Answer(response.status, await response.read(), content_type=kind)
