"""The control API under /_sandbox: the truth, the faults, the settings. No token is needed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiohttp import web

from gpuwright_sandbox.gateway.actions import Refuse
from gpuwright_sandbox.gateway.answers import Answer, reveal
from gpuwright_sandbox.gateway.backstage import Backstage
from gpuwright_sandbox.gateway.door import Door
from gpuwright_sandbox.gateway.faults import Count, describe
from gpuwright_sandbox.gateway.misbehave import reply
from gpuwright_sandbox.gateway.shapes import FieldError, Json, as_json, parse, read

PREFIX = "/_sandbox"

_Endpoint: TypeAlias = Callable[[web.Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class ClockBody:
    """Body of a clock call; `speed` 2 is twice as fast as the wall."""

    speed: float | None = None
    advance_seconds: float = 0.0


class Control:
    """Answers the control API."""

    def __init__(self, backstage: Backstage, door: Door) -> None:
        self._backstage = backstage
        self._door = door

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the control API's routes."""
        routes: tuple[tuple[str, str, _Endpoint], ...] = (
            ("GET", "/machines", self._machines),
            ("GET", "/machines/{machine}", self._machine),
            ("POST", "/machines/{machine}/{verb}", self._act),
            ("GET", "/owners", self._owners),
            ("GET", "/owners/{uid}", self._owner),
            ("GET", "/requests", self._requests),
            ("GET", "/snapshots", self._snapshots),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_faults),
            ("DELETE", "/faults", self._clear_faults),
            ("DELETE", "/faults/{fault}", self._remove_fault),
            ("GET", "/settings", self._settings),
            ("PATCH", "/settings", self._change_settings),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._change_clock),
            ("POST", "/reset", self._reset),
        )
        for method, path, endpoint in routes:
            router.add_route(method, PREFIX + path, _guarded(endpoint))

    def add_fault(self, spec: Json, spare: asyncio.Transport | None = None) -> dict[str, Json]:
        """Return the fault that is now set, as JSON; to refuse connections without naming a call begins at once.

        Args:
            spec: the fault as JSON.
            spare: the connection of whoever asks, which then still hears the answer.

        Raises:
            FieldError: the JSON is no fault; nothing was set.
        """
        fault = self._backstage.faults.add(spec, self._backstage.fleet.now)
        if isinstance(fault.action, Refuse) and isinstance(spec, dict) and "call" not in spec:
            self._backstage.faults.remove(fault.id)
            self._door.close_for(fault.action.seconds, spare)
        return describe(fault, Count())

    async def _machines(self, request: web.Request) -> Answer:
        del request
        fleet = self._backstage.fleet
        return Answer(200, {"items": [reveal(machine, fleet.now) for machine in fleet.machines()]})

    async def _machine(self, request: web.Request) -> Answer:
        fleet = self._backstage.fleet
        machine = fleet.pick(request.match_info["machine"])
        return _missing() if machine is None else Answer(200, reveal(machine, fleet.now))

    async def _act(self, request: web.Request) -> Answer:
        fleet = self._backstage.fleet
        machine = fleet.pick(request.match_info["machine"])
        if machine is None:
            return _missing()
        body = parse(await request.read())
        return Answer(200, reveal(self._backstage.act_on(machine, request.match_info["verb"], body), fleet.now))

    async def _owners(self, request: web.Request) -> Answer:
        del request
        return Answer(200, {uid: as_json(count) for uid, count in self._backstage.fleet.owners().items()})

    async def _owner(self, request: web.Request) -> Answer:
        fleet, uid = self._backstage.fleet, request.match_info["uid"]
        count = fleet.owners().get(uid)
        if count is None:
            return _missing()
        history: list[Json] = [as_json(entry) for entry in fleet.history(uid)]
        return Answer(200, {"live": count.live, "peak": count.peak, "created": count.created, "history": history})

    async def _requests(self, request: web.Request) -> Answer:
        query = request.query
        after = query.get("after", "0")
        if not after.isdecimal():
            raise FieldError("after", "must be the number of a request")
        found = self._backstage.requests.find(query.get("call", ""), query.get("name", ""), int(after))
        return Answer(200, {"items": [record.as_json() for record in found]})

    async def _snapshots(self, request: web.Request) -> Answer:
        del request
        images = self._backstage.truth.images
        shown: dict[str, Json] = {
            "snapshots": [as_json(snapshot) for snapshot in images.snapshots()],
            "templates": [as_json(template) for template in images.templates()],
        }
        return Answer(200, shown)

    async def _faults(self, request: web.Request) -> Answer:
        del request
        return Answer(200, {"items": self._backstage.faults.describe()})

    async def _add_faults(self, request: web.Request) -> Answer:
        body = parse(await request.read())
        if isinstance(body, list):
            return Answer(201, {"items": [self.add_fault(spec, request.transport) for spec in body]})
        return Answer(201, self.add_fault(body, request.transport))

    async def _clear_faults(self, request: web.Request) -> Answer:
        del request
        self._backstage.faults.clear()
        return Answer(204)

    async def _remove_fault(self, request: web.Request) -> Answer:
        fault = request.match_info["fault"]
        return Answer(204) if fault.isdecimal() and self._backstage.faults.remove(int(fault)) else _missing()

    async def _settings(self, request: web.Request) -> Answer:
        del request
        return Answer(200, as_json(self._backstage.settings))

    async def _change_settings(self, request: web.Request) -> Answer:
        return Answer(200, as_json(self._backstage.change_settings(parse(await request.read()))))

    async def _clock(self, request: web.Request) -> Answer:
        del request
        return Answer(200, {"now": self._backstage.fleet.now.isoformat()})

    async def _change_clock(self, request: web.Request) -> Answer:
        change = read(ClockBody, parse(await request.read()))
        self._backstage.clock.change(change.speed, timedelta(seconds=change.advance_seconds))
        return await self._clock(request)

    async def _reset(self, request: web.Request) -> Answer:
        del request
        self._backstage.reset()
        return Answer(204)


def _guarded(endpoint: _Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return reply(await endpoint(request))
        except FieldError as error:
            return reply(Answer(400, {"error": {"code": "invalid", "message": str(error), "field": error.field}}))

    return answered


def _missing() -> Answer:
    return Answer(404, {"error": {"code": "not_found", "message": "there is none"}})
