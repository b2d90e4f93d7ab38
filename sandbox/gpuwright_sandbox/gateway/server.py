"""The gateway as an HTTP server on the loopback address."""

import errno
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from gpuwright_sandbox.gateway.actions import Carried, Commit, word_of
from gpuwright_sandbox.gateway.answers import Answer
from gpuwright_sandbox.gateway.backstage import Backstage
from gpuwright_sandbox.gateway.calls import Call, read_call
from gpuwright_sandbox.gateway.clock import Clock, SandboxClock
from gpuwright_sandbox.gateway.control import Control
from gpuwright_sandbox.gateway.door import LOOPBACK, Door, PortReservation, answers
from gpuwright_sandbox.gateway.faults import Fault, FaultBook
from gpuwright_sandbox.gateway.fleet import Fleet
from gpuwright_sandbox.gateway.misbehave import Exchange, reply
from gpuwright_sandbox.gateway.notices import Notices
from gpuwright_sandbox.gateway.request_log import RequestLog, RequestRecord
from gpuwright_sandbox.gateway.settings import Settings
from gpuwright_sandbox.gateway.shapes import Json

LARGEST_BODY = 64 * 2**20


class SandboxGateway:
    """A compute gateway that makes no machines, and whose answers can be spoiled.

    `async with SandboxGateway(settings) as gateway:` starts and stops it; or call `start` and `stop`.

    Args:
        settings: None = the defaults.
        port: 0 = any free one, kept until `stop`.
        store: a file in which machines survive; None = they live and die with this object.
        clock: None = the wall's.
        on_request: called with the record of each request when it has been answered.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        store: Path | None = None,
        clock: Clock | None = None,
        on_request: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self._port = port
        self._backstage = Backstage(settings or Settings(), clock or SandboxClock(), store)
        self._door = Door()
        self._control = Control(self._backstage, self._door)
        self._on_request = on_request
        self._reservation: PortReservation | None = None
        self._notices = Notices()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """The port; 0 before the first start if none was chosen."""
        return self._reservation.port if self._reservation is not None else self._port

    @property
    def clock(self) -> Clock:
        """The gateway's clock."""
        return self._backstage.clock

    @property
    def fleet(self) -> Fleet:
        """The truth about machines; with a store, another object after each start and restart that reloads."""
        return self._backstage.fleet

    @property
    def faults(self) -> FaultBook:
        """The faults that are set."""
        return self._backstage.faults

    @property
    def requests(self) -> RequestLog:
        """What was asked of the public API."""
        return self._backstage.requests

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._backstage.settings

    def change_settings(self, **changes: Json) -> Settings:
        """Return the settings after a change, as PATCH /_sandbox/settings does; raises FieldError likewise."""
        return self._backstage.change_settings(dict(changes))

    def add_fault(self, **spec: Json) -> dict[str, Json]:
        """Return the fault that is now set, as POST /_sandbox/faults does; raises FieldError likewise."""
        return self._control.add_fault(dict(spec))

    def reset(self) -> None:
        """Forget machines, faults and requests, and go back to the settings of the start."""
        self._backstage.reset()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken, or the store cannot be opened; the message says which.
        """
        if self._reservation is None:
            self._reservation = self._reserve()
            self._port = self._reservation.port
        app = web.Application(client_max_size=LARGEST_BODY)
        self._control.add_to(app.router)
        app.router.add_route("*", "/{path:.*}", self._serve)
        await self._door.open(app, self.port)

    def _reserve(self) -> PortReservation:
        # Two gateways could share a port and each answer half of the calls.
        if self._port and answers(self._port):
            raise OSError(errno.EADDRINUSE, f"something listens on port {self._port} already")
        self._backstage.open()
        try:
            return PortReservation(self._port)
        except OSError:
            self._backstage.close()
            raise

    async def stop(self) -> None:
        """Drop all connections, listen no more, and let go of port and store."""
        await self._fall_silent()
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None
        self._backstage.close()

    async def restart(self, *, reload: bool = False) -> None:
        """Drop all connections and come back on the same port; `reload` reads the store as a new process would."""
        await self._fall_silent()
        if reload:
            self._backstage.open()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _fall_silent(self) -> None:
        await self._door.shut()
        await self._notices.stop()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
            response = await self._answer(request, body)
        except ConnectionError:
            # The client has gone in the middle of its request, or did not wait for the end of a slow body.
            response = None
        # Where there is no response the connection has gone too, and what stands in for it cannot be sent.
        return web.Response(status=500) if response is None else response

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse | None:
        call = read_call(request.method, request.raw_path, request.headers, body)
        record = self.requests.enter(call, request.headers, body, self.fleet.now)
        response: web.StreamResponse | None = None
        try:
            response = await self._treated(call, request, record)
        finally:
            record.status = None if response is None else response.status
            if self._on_request is not None:
                self._on_request(record)
        return response

    async def _treated(self, call: Call, request: web.Request, record: RequestRecord) -> web.StreamResponse | None:
        fault = self.faults.take(call, self.fleet.now)
        if fault is None:
            return self._well(self._backstage.api.answer(call))
        _note(record, fault)
        exchange = Exchange(call=call, request=request, api=self._backstage.api, fleet=self.fleet, door=self._door)
        return await exchange.spoiled(fault.action)

    def _well(self, answer: Answer) -> web.Response:
        if answer.notify is not None:
            url, payload = answer.notify
            self._notices.post(url, payload, self.settings.snapshot_seconds)
        return reply(answer)


def _note(record: RequestRecord, fault: Fault) -> None:
    record.fault = fault.id
    record.action = word_of(fault.action)
    if isinstance(fault.action, Carried):
        record.commit = fault.action.commit
    else:
        record.commit = Commit.FIRST if record.action in _CARRIED_OUT else Commit.NEVER


_CARRIED_OUT: frozenset[str] = frozenset({"lag", "lose", "empty", "duplicate", "reuse_id"})
