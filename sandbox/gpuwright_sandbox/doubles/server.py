"""The server that every double is: it tells the truth as its provider would, or goes wrong."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from aiohttp import web

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import BODIES, Asked, Fault, FaultBook, How
from gpuwright_sandbox.gateway.actions import Cut
from gpuwright_sandbox.gateway.door import LOOPBACK, Door, PortReservation, cut

LARGEST_BODY = 2**20
GLANCE_SECONDS = 0.005

CallT = TypeVar("CallT", bound=Asked)


class DoubleServer(ABC, Generic[CallT]):
    """An HTTP server on loopback that stands for a provider.

    Attributes:
        faults: what goes wrong next.
        calls: what it was asked.
        NOTHING: what goes wrong in place of the truth where a call is not carried out.
        SLOW_TICK_SECONDS: how long after each byte of a slow body.
    """

    NOTHING: ClassVar[Answer]
    SLOW_TICK_SECONDS: ClassVar[float] = 0.05

    def __init__(self) -> None:
        self.faults = FaultBook()
        self.calls: list[CallT] = []
        self._door = Door()
        self._reservation = PortReservation()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._reservation.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        await self._door.open(app, self._reservation.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._door.shut()
        self._reservation.close()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for so long."""
        self._door.close_for(seconds)

    @abstractmethod
    async def _read(self, request: web.Request) -> CallT:
        """Return the call that a request is."""

    @abstractmethod
    async def _answer(self, call: CallT) -> Answer:
        """Carry out a call, and return what the provider would say."""

    @abstractmethod
    def _edited(self, answer: Answer, how: How) -> Answer:
        """Return a truthful answer with something wrong in what it says."""

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            call = await self._read(request)
            self.calls.append(call)
            fault = self.faults.take(call)
            if fault is None:
                return reply(await self._answer(call))
            response = await self._struck(request, call, fault)
        except ConnectionError:
            response = None  # the client has gone
        return web.Response(status=500) if response is None else response

    async def _struck(self, request: web.Request, call: CallT, fault: Fault) -> web.StreamResponse | None:
        truthful = await self._answer(call) if fault.carried_out else self.NOTHING
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
                return reply(fault.answer or truthful)
            case _:
                return reply(self._spoilt(truthful, fault))

    async def _in_part(self, request: web.Request, truthful: Answer, how: How) -> web.StreamResponse | None:
        response = web.StreamResponse(status=truthful.status, headers=truthful.head)
        response.content_length = len(truthful.body)
        await response.prepare(request)
        if how is How.SLOW:
            for byte in truthful.body:
                await response.write(bytes([byte]))
                await asyncio.sleep(self.SLOW_TICK_SECONDS)
            return response
        await response.write(truthful.body[: len(truthful.body) // 2])
        cut(request.transport, Cut.RESET if how is How.RESET_IN_BODY else Cut.CLOSE)
        return None

    def _spoilt(self, truthful: Answer, fault: Fault) -> Answer:
        whole = BODIES.get(fault.how)
        if whole is None:
            return self._edited(truthful, fault.how)
        return replace(truthful, body=whole(truthful.body, fault.size))


def reply(answer: Answer) -> web.Response:
    """Return an answer as aiohttp wants it."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.head)


async def _until_deserted(request: web.Request) -> None:
    """Wait until the client has gone; nothing in aiohttp tells of that but the transport."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE_SECONDS)
