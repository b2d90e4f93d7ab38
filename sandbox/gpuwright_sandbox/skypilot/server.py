"""The emulator: an HTTP server on loopback with SkyPilot's verbs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web

from gpuwright_sandbox.doubles.answers import Answer, json_answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.doubles.server import GLANCE_SECONDS, DoubleServer
from gpuwright_sandbox.skypilot.answers import REQUEST_ID, error
from gpuwright_sandbox.skypilot.calls import Call, Kind
from gpuwright_sandbox.skypilot.faults import edited
from gpuwright_sandbox.skypilot.fleet import Fleet, Pace, Request
from gpuwright_sandbox.skypilot.shapes import listed, payload, row

API_VERSION, LEAST_API_VERSION = 62, 24
VERBS = ("launch", "down", "stop", "start")


class SkyPilotServer(DoubleServer[Call]):
    """One API server. `fleet` knows the truth; faults are set in `faults`.

    Args:
        pace: how long things take.
        clock: seconds, growing; the wall's unless a test moves its own.
        token: the one that is taken.
    """

    NOTHING = Answer(200, b"null")
    # The answer to a request that was taken has four bytes: at the usual pace an impatient client would get them all.
    SLOW_TICK_SECONDS = 1.0

    def __init__(
        self, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic, token: str = "sky_sandbox"
    ) -> None:
        super().__init__()
        self.fleet = Fleet(pace or Pace(), clock)
        self.token = token
        self.api_version = API_VERSION
        self._asked: dict[str, Kind] = {}

    async def _read(self, request: web.Request) -> Call:
        text = await request.read()
        body = orjson.loads(text) if text else {}
        query = dict(request.query)
        about = self._asked.get(query.get("request_id", ""))
        fields = tuple(request.query.getall("fields", ()))
        return Call(request.method, request.path, query, body, request.headers, about, fields)

    def _edited(self, answer: Answer, how: How) -> Answer:
        return edited(answer, how)

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
            return json_answer(400, words)
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
        return Answer(200, b"null", {REQUEST_ID: request.id})

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
        return json_answer(200, body, {REQUEST_ID: str(uuid4())})
