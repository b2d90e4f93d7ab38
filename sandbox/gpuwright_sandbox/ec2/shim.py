"""The shim: an HTTP server on loopback that asks moto, and adds tokens, states that take time, and what goes wrong."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from gpuwright_sandbox.ec2.answers import Answer, Instances, error, put, put_state, text_of
from gpuwright_sandbox.ec2.calls import Call, Kind, read_call
from gpuwright_sandbox.ec2.fates import Fates, Pace
from gpuwright_sandbox.ec2.faults import Fault, FaultBook, How, spoilt
from gpuwright_sandbox.ec2.tokens import Tokens
from gpuwright_sandbox.ec2.truth import Truth
from gpuwright_sandbox.gateway.actions import Cut
from gpuwright_sandbox.gateway.door import LOOPBACK, Door, PortReservation, cut

LARGEST_BODY = 2**20
GLANCE_SECONDS = 0.005
SLOW_TICK_SECONDS = 0.05
_OURS = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


class Ec2Shim:
    """One account at EC2, of its own within moto.

    Args:
        moto: where moto's server listens.
        pace: how long things take.
        clock: seconds, growing; the wall's unless a test moves its own.
    """

    def __init__(self, moto: str, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._moto = moto
        self.account = f"{random.randrange(10**11, 10**12)}"
        self.fates = Fates(pace or Pace(), clock)
        self.faults = FaultBook()
        self.truth = Truth(moto, self.account, self.fates)
        self.calls: list[Call] = []
        self.page_size = 0
        self.revoked = False
        self._tokens = Tokens()
        self._one_by_one = asyncio.Lock()
        self._door = Door()
        self._reservation = PortReservation()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._reservation.port}"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32))
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        served = self._runner.server
        if served is None:
            raise RuntimeError("the runner has no server after its setup")
        await self._door.open(served, self._reservation.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._door.shut()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        self._reservation.close()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for so long."""
        self._door.close_for(seconds)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            call = read_call(await request.read(), request.headers)
            self.calls.append(call)
            fault = self.faults.take(call)
            if fault is None:
                return _reply(await self._answer(call))
            response = await self._struck(request, call, fault)
        except ConnectionError:
            response = None  # the client has gone
        return web.Response(status=500) if response is None else response

    async def _struck(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse | None:
        truthful = await self._answer(call) if fault.carried_out else Answer(200, b"<Response/>")
        match fault.how:
            case How.DROP | How.CLOSE:
                cut(request.transport, Cut.RESET if fault.how is How.DROP else Cut.CLOSE)
                return None
            case How.HANG:
                await _until_deserted(request)
                return None
            case How.SLOW | How.TRUNCATE | How.RESET_IN_BODY:
                return await self._in_part(request, truthful, fault.how)
            case How.WELL:
                return _reply(fault.answer or truthful)
            case _:
                return _reply(spoilt(truthful, fault))

    @staticmethod
    async def _in_part(request: web.Request, truthful: Answer, how: How) -> web.StreamResponse | None:
        response = web.StreamResponse(status=truthful.status)
        response.content_type = "text/xml"
        response.content_length = len(truthful.body)
        await response.prepare(request)
        if how is How.SLOW:
            for byte in truthful.body:
                await response.write(bytes([byte]))
                await asyncio.sleep(SLOW_TICK_SECONDS)
            return response
        await response.write(truthful.body[: len(truthful.body) // 2])
        cut(request.transport, Cut.RESET if how is How.RESET_IN_BODY else Cut.CLOSE)
        return None

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
            return Answer(response.status, await response.read(), _kept(response.headers))


async def _until_deserted(request: web.Request) -> None:
    """Wait until the client has gone; nothing in aiohttp tells of that but the transport."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE_SECONDS)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": headers.get("Content-Type", "text/xml")}


def _reply(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))
