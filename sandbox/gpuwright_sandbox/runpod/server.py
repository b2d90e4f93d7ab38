"""The double of RunPod: an HTTP server on loopback that knows the truth and tells it as RunPod would, or goes wrong."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from gpuwright_sandbox.gateway.actions import Cut
from gpuwright_sandbox.gateway.door import LOOPBACK, Door, PortReservation, cut
from gpuwright_sandbox.runpod.answers import Answer, problem
from gpuwright_sandbox.runpod.calls import Call, read_call
from gpuwright_sandbox.runpod.catalogue import gpus, ids
from gpuwright_sandbox.runpod.faults import Fault, FaultBook, How, spoilt
from gpuwright_sandbox.runpod.pods import ACTIONS, Fleet, Pace
from gpuwright_sandbox.runpod.quota import Allowance
from gpuwright_sandbox.runpod.schemas import LeftTheSchema, check_answer, problems

LARGEST_BODY = 2**20
GLANCE_SECONDS = 0.005
SLOW_TICK_SECONDS = 0.05
HOST_FULL = "There are not enough free GPUs on the host machine to start this pod."
NO_ROOM = "There are no instances currently available"


class RunpodDouble:
    """One account at RunPod. Nothing that it says by itself leaves RunPod's schema, or its end raises LeftTheSchema.

    Attributes:
        fleet: the truth.
        faults: what goes wrong next.
        calls: what it was asked.
        sold_out: ids of GPUs of which none is free.
        templates: ids of the templates that there are.
    """

    def __init__(
        self, key: str = "rpa_sandbox", pace: Pace | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.key = key
        self.fleet = Fleet(clock, pace or Pace())
        self.faults = FaultBook()
        self.allowance = Allowance(clock)
        self.calls: list[Call] = []
        self.sold_out: set[str] = set()
        self.templates: set[str] = set()
        self.wrong: list[LeftTheSchema] = []
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
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._door.shut()
        if self._runner is not None:
            await self._runner.cleanup()
        self._reservation.close()
        if self.wrong and error is None:
            raise self.wrong[0]

    def refuse(self, seconds: float) -> None:
        """Refuse connections for so long."""
        self._door.close_for(seconds)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            call = read_call(request.method, request.path, request.query, await request.read(), request.headers)
            self.calls.append(call)
            fault = self.faults.take(call.operation.id)
            if fault is None:
                return _reply(self.answer(call))
            response = await self._struck(request, call, fault)
        except LeftTheSchema as error:
            self.wrong.append(error)
            return _reply(problem(500, "the double and RunPod's schema do not agree"))
        except ConnectionError:
            response = None  # the client has gone
        return web.Response(status=500) if response is None else response

    async def _struck(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse | None:
        truthful = self.answer(call) if fault.carried_out else Answer(200, {})
        match fault.how:
            case How.DROP | How.CLOSE:
                cut(request.transport, Cut.RESET if fault.how is How.DROP else Cut.CLOSE)
                return None
            case How.HANG:
                await _until_deserted(request)
                return None
            case How.SLOW | How.TRUNCATE | How.RESET_IN_BODY:
                return await _in_part(request, truthful, fault.how)
            case How.WELL:
                return _reply(fault.answer or truthful)
            case _:
                return _reply(spoilt(truthful, fault))

    def answer(self, call: Call) -> Answer:
        """Carry out a call, and return what RunPod would say. Raises LeftTheSchema."""
        found = self._answer(call)
        check_answer(call.operation, found.status, found.body)
        return found

    def _answer(self, call: Call) -> Answer:
        if call.headers.get("Authorization") != f"Bearer {self.key}":
            return problem(401, "missing or invalid bearer token")
        if not self.allowance.take():
            words = "rate limit exceeded for the minute window"
            return problem(429, words, Retry_After=str(self.allowance.seconds), **_named(self.allowance.headers()))
        made = self._carried_out(call)
        return Answer(made.status, made.body, {**self.allowance.headers(), **made.headers}, made.raw, made.content_type)

    def _carried_out(self, call: Call) -> Answer:
        if call.operation.request is not None:
            broken = problems(call.operation.request, call.body)
            if broken:
                return problem(422, "Request validation failed.", broken)
        match call.operation.id:
            case "listPods":
                return Answer(200, {"pods": [self.fleet.shown(pod) for pod in self.fleet.live()]})
            case "listGpuTypes":
                return Answer(200, gpus())
            case "createPod":
                return self._create(call.body)
            case _:
                return self._one(call)

    def _create(self, asked: dict[str, Any]) -> Answer:
        mounts = asked.get("mounts") or {}
        if ("gpu" in asked) == ("cpu" in asked):
            return problem(400, "exactly one of gpu or cpu must be set")
        if "persistent" in mounts and "network" in mounts:
            return problem(400, "mounts.persistent and mounts.network are mutually exclusive")
        if asked.get("templateId") and asked["templateId"] not in self.templates:
            return problem(404, "template not found")
        if "gpu" in asked and asked["gpu"]["id"] not in ids():
            return problem(400, f"{asked['gpu']['id']} is an invalid gpu id")
        if "gpu" in asked and asked["gpu"]["id"] in self.sold_out:
            return problem(400, NO_ROOM)
        return Answer(201, self.fleet.shown(self.fleet.make(asked)))

    def _one(self, call: Call) -> Answer:
        pod = self.fleet.get(call.pod)
        if pod is None:
            return problem(404, "pod not found")
        if call.operation.id == "deletePod":
            self.fleet.end(pod)
            return Answer(204)
        if call.operation.id == "podAction":
            return self._act(pod.id, str(call.body["action"]))
        return Answer(200, self.fleet.shown(pod))

    def _act(self, identity: str, action: str) -> Answer:
        pod = self.fleet.get(identity)
        if pod is None or action not in ACTIONS[self.fleet.status(pod)]:
            return problem(409, f"the action {action} is not valid for the pod's current status")
        match action:
            case "start" if pod.host_full:
                return problem(400, HOST_FULL)
            case "terminate":
                self.fleet.end(pod)
                return Answer(204)
            case "stop":
                self.fleet.halt(pod)
            case _:
                self.fleet.start(pod)
        return Answer(200, self.fleet.shown(pod))


async def _in_part(request: web.Request, truthful: Answer, how: How) -> web.StreamResponse | None:
    response = web.StreamResponse(status=truthful.status)
    response.content_type = truthful.content_type
    response.content_length = len(truthful.content)
    await response.prepare(request)
    if how is How.SLOW:
        for byte in truthful.content:
            await response.write(bytes([byte]))
            await asyncio.sleep(SLOW_TICK_SECONDS)
        return response
    await response.write(truthful.content[: len(truthful.content) // 2])
    cut(request.transport, Cut.RESET if how is How.RESET_IN_BODY else Cut.CLOSE)
    return None


async def _until_deserted(request: web.Request) -> None:
    """Wait until the client has gone; nothing in aiohttp tells of that but the transport."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE_SECONDS)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


def _reply(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status,
        body=answer.content,
        headers={**answer.headers, "Content-Type": answer.content_type},
    )
