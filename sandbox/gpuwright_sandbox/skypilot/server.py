"""The emulator: an HTTP server on loopback with SkyPilot's verbs."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import orjson
from aiohttp import web

from gpuwright_sandbox.gateway.actions import Cut
from gpuwright_sandbox.gateway.door import LOOPBACK, Door, PortReservation, cut
from gpuwright_sandbox.skypilot.calls import Call, Kind
from gpuwright_sandbox.skypilot.faults import REQUEST_ID, Answer, Fault, FaultBook, How, error, spoilt
from gpuwright_sandbox.skypilot.fleet import Fleet, Pace, Request
from gpuwright_sandbox.skypilot.shapes import listed, payload, row

LARGEST_BODY = 2**20
GLANCE_SECONDS = 0.005
SLOW_TICK_SECONDS = 1.0
API_VERSION, LEAST_API_VERSION = 62, 24
VERBS = ("launch", "down", "stop", "start")


class SkyPilotServer:
    """One API server. `fleet` knows the truth; faults are set in `faults`.

    Args:
        pace: how long things take.
        clock: seconds, growing; the wall's unless a test moves its own.
        token: the one that is taken.
    """

    def __init__(
        self, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic, token: str = "sky_sandbox"
    ) -> None:
        self.fleet = Fleet(pace or Pace(), clock)
        self.faults = FaultBook()
        self.calls: list[Call] = []
        self.token = token
        self.api_version = API_VERSION
        self._asked: dict[str, Kind] = {}
        self._door = Door()
        self._reservation = PortReservation()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._reservation.port}"

    async def __aenter__(self) -> Self:
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
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._door.shut()
        if self._runner is not None:
            await self._runner.cleanup()
        self._reservation.close()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for so long."""
        self._door.close_for(seconds)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            call = await self._read(request)
            self.calls.append(call)
            fault = self.faults.take(call)
            if fault is None:
                return _reply(await self._answer(call))
            response = await self._struck(request, call, fault)
        except ConnectionError:
            response = None  # the client has gone
        return web.Response(status=500) if response is None else response

    async def _read(self, request: web.Request) -> Call:
        text = await request.read()
        body = orjson.loads(text) if text else {}
        query = dict(request.query)
        about = self._asked.get(query.get("request_id", ""))
        fields = tuple(request.query.getall("fields", ()))
        return Call(request.method, request.path, query, body, request.headers, about, fields)

    async def _struck(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse | None:
        truthful = await self._answer(call) if fault.carried_out else Answer(200, b"null")
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
        response = web.StreamResponse(status=truthful.status, headers=dict(truthful.headers))
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
        self.fleet.tick()
        refused = self._refusal(call)
        if refused is not None:
            return refused
        verb = call.path.removeprefix("/")
        if call.method == "POST":
            if verb in VERBS:
                return self._changed(verb, call)
            if verb == "status":
                return self._status(call)
            if call.path == "/api/cancel":
                for request_id in call.body.get("request_ids") or ():
                    self.fleet.cancel(request_id)
                return self._taken(self._over("sky.api_cancel", call.body.get("request_ids")), call)
        reads: dict[str, Callable[[Call], Answer]] = {"/api/health": self._health, "/api/status": self._listed}
        if call.path in reads:
            return reads[call.path](call)
        return await self._got(call) if call.path == "/api/get" else error(404, "Not Found")

    def _refusal(self, call: Call) -> Answer | None:
        if call.headers.get("Authorization") != f"Bearer {self.token}":
            return error(401, "Invalid service account token")
        version = call.headers.get("X-SkyPilot-API-Version")
        if version is not None and int(version) < LEAST_API_VERSION:
            words = {"error": "version_mismatch", "message": f"Client version {version} is too old"}
            return Answer(400, orjson.dumps(words))
        return None

    def _health(self, _call: Call) -> Answer:
        body = {
            "status": "healthy",
            "api_version": str(self.api_version),
            "version": "0.14.1",
            "version_on_disk": "0.14.1",
            "commit": "0",
            "basic_auth_enabled": False,
            "user": {"id": "0a1b2c3d", "name": "gpuwright"},
        }
        return self._plain(body)

    def _changed(self, verb: str, call: Call) -> Answer:
        if not isinstance(call.body.get("cluster_name"), str) or (verb == "launch" and "task" not in call.body):
            return error(422, [{"type": "missing", "loc": ["body", "cluster_name"], "msg": "Field required"}])
        return self._taken(self.fleet.submit(verb, call.body), call)

    def _status(self, call: Call) -> Answer:
        names = call.body.get("cluster_names")
        rows = [row(found) for name, found in self.fleet.clusters.items() if names is None or name in names]
        return self._taken(self._over("sky.status", rows), call)

    def _over(self, name: str, value: Any) -> Request:
        """Return a request that was over at once."""
        now = self.fleet.now
        request = Request(str(uuid4()), name, "", now, {}, "SUCCEEDED", now, None, value)
        self.fleet.requests[request.id] = request
        return request

    def _taken(self, request: Request, call: Call) -> Answer:
        self._asked[request.id] = call.kind
        return Answer(200, b"null", {"Content-Type": "application/json", REQUEST_ID: request.id})

    def _listed(self, call: Call) -> Answer:
        wanted = call.query
        found = [
            request
            for request in self.fleet.requests.values()
            if (request.active or "all_status" in wanted)
            and wanted.get("cluster_name", request.cluster) == request.cluster
            and wanted.get("request_ids", request.id) == request.id
        ]
        limit = int(wanted.get("limit", len(found)))
        return self._plain([listed(request, call.fields) for request in found[:limit]])

    async def _got(self, call: Call) -> Answer:
        """Wait until the request is over."""
        request = self.fleet.requests.get(call.query.get("request_id", ""))
        if request is None:
            return error(404, "Request not found")
        while request.active:
            await asyncio.sleep(GLANCE_SECONDS)
            self.fleet.tick()
        if request.status == "FAILED":
            return error(500, payload(request))
        return self._plain(payload(request))

    @staticmethod
    def _plain(body: Any) -> Answer:
        # Every answer has such a header, and only that of a POST names a request.
        return Answer(200, orjson.dumps(body), {"Content-Type": "application/json", REQUEST_ID: str(uuid4())})


async def _until_deserted(request: web.Request) -> None:
    """Wait until the client has gone; nothing in aiohttp tells of that but the transport."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE_SECONDS)


def _reply(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))
