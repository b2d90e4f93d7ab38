"""The double of RunPod: an HTTP server on loopback that knows the truth and tells it as RunPod would, or goes wrong."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import orjson
from aiohttp import web

from gpuwright_sandbox.doubles.answers import Answer, json_answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.doubles.server import DoubleServer, reply
from gpuwright_sandbox.runpod.answers import problem
from gpuwright_sandbox.runpod.calls import Call, read_call
from gpuwright_sandbox.runpod.catalogue import gpus, ids
from gpuwright_sandbox.runpod.faults import edited
from gpuwright_sandbox.runpod.pods import ACTIONS, Fleet, Pace
from gpuwright_sandbox.runpod.quota import Allowance
from gpuwright_sandbox.runpod.schemas import LeftTheSchema, check_answer, problems

HOST_FULL = "There are not enough free GPUs on the host machine to start this pod."
NO_ROOM = "There are no instances currently available"


class RunpodDouble(DoubleServer[Call]):
    """One account at RunPod. Nothing that it says by itself leaves RunPod's schema, or its end raises LeftTheSchema.

    Attributes:
        fleet: the truth.
        sold_out: ids of GPUs of which none is free.
        closed: ids of GPUs that this account may not buy.
        templates: ids of the templates that there are.
    """

    NOTHING = Answer(200, b"{}")

    def __init__(
        self, key: str = "rpa_sandbox", pace: Pace | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.key = key
        self.fleet = Fleet(clock, pace or Pace())
        self.allowance = Allowance(clock)
        self.sold_out: set[str] = set()
        self.closed: set[str] = set()
        self.templates: set[str] = set()
        self.wrong: list[LeftTheSchema] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, raised, traceback)
        if self.wrong and raised is None:
            raise self.wrong[0]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            return await super()._serve(request)
        except LeftTheSchema as error:
            self.wrong.append(error)
            return reply(problem(500, "the double and RunPod's schema do not agree"))

    async def _read(self, request: web.Request) -> Call:
        return read_call(request.method, request.path, request.query, await request.read(), request.headers)

    def _edited(self, answer: Answer, how: How) -> Answer:
        return edited(answer, how)

    async def _answer(self, call: Call) -> Answer:
        found = self._answered(call)
        check_answer(call.operation, found.status, orjson.loads(found.body) if found.body else None)
        return found

    def _answered(self, call: Call) -> Answer:
        if call.headers.get("Authorization") != f"Bearer {self.key}":
            return problem(401, "missing or invalid bearer token")
        if not self.allowance.take():
            words = "rate limit exceeded for the minute window"
            return problem(429, words, Retry_After=str(self.allowance.seconds), **self.allowance.headers())
        made = self._carried_out(call)
        return replace(made, headers={**self.allowance.headers(), **made.headers})

    def _carried_out(self, call: Call) -> Answer:
        if call.operation.request is not None:
            broken = problems(call.operation.request, call.body)
            if broken:
                return problem(422, "Request validation failed.", broken)
        match call.operation.id:
            case "listPods":
                return json_answer(200, {"pods": [self.fleet.shown(pod) for pod in self.fleet.live()]})
            case "listGpuTypes":
                return json_answer(200, gpus())
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
        if "gpu" in asked and asked["gpu"]["id"] in self.closed:
            return problem(403, "access denied")
        if "gpu" in asked and asked["gpu"]["id"] in self.sold_out:
            return problem(400, NO_ROOM)
        return json_answer(201, self.fleet.shown(self.fleet.make(asked)))

    def _one(self, call: Call) -> Answer:
        pod = self.fleet.get(call.pod)
        if pod is None:
            return problem(404, "pod not found")
        if call.operation.id == "deletePod":
            self.fleet.end(pod)
            return Answer(204)
        if call.operation.id == "podAction":
            return self._act(pod.id, str(call.body["action"]))
        return json_answer(200, self.fleet.shown(pod))

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
        return json_answer(200, self.fleet.shown(pod))
