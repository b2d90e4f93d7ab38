"""One process of the operator, from its own assembly, without kopf and HTTP: it lives in a world and can be killed."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol

from gpuwright.assembly import Assembly
from gpuwright.kube.client import ApiError, KubeClient
from gpuwright.model.clock import Clock
from gpuwright.model.resources import OURS
from gpuwright.settings import parse_settings
from gpuwright.telemetry import Metrics

OPERATORS = "gpuwright-system"
CLUSTER = "cluster-uid"

PROCESS: "ContextVar[Process | None]" = ContextVar("process", default=None)


class Api(Protocol):
    """The API server as a process reaches it, and its clock."""

    clock: Clock

    async def request(self, process: "Process", method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Return the answer to a request. Raises ApiError."""

    def crash(self, process: "Process") -> None:
        """Let a process die; another one follows."""

    def bodies(self) -> list[tuple[str, dict[str, Any]]]:
        """Return kind and body of all objects of ours: the list that a watch begins with."""


class Door(KubeClient):
    """The way of one process to the API server."""

    def __init__(self, process: "Process", api: Api) -> None:
        self._process = process
        self._api = api

    async def _request(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        return await self._api.request(self._process, method, path, **rest)


class Process:
    """One process. What it begins carries its context, so that a kill finds all of it."""

    def __init__(self, api: Api, number: int, seed: int) -> None:
        self.name = f"operator-{number}"
        self.alive = True
        self.tasks: set[asyncio.Task[Any]] = set()
        self.metrics = Metrics()
        self._api = api
        self._watches = False
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._missed: list[tuple[str, str, Mapping[str, Any]]] = []
        self.context: Context = copy_context()
        self.context.run(PROCESS.set, self)
        self._assembly = self.context.run(self._assemble, seed)

    def _assemble(self, seed: int) -> Assembly:
        settings = parse_settings([f"--namespace={OPERATORS}", f"--cluster-id={CLUSTER}"], {})
        door = Door(self, self._api)
        made = Assembly(settings, self._api.clock, door, door, self.metrics, CLUSTER, None, _failed)
        made._random.seed(f"{seed} {self.name}")
        return made

    def begin(self) -> None:
        """Start the process."""
        asyncio.get_running_loop().create_task(self._run(), context=self.context)

    async def _run(self) -> None:
        """Do what Assembly.run does, but for the HTTP server and kopf, whose watch begins with a list."""
        operator = self._assembly._operator
        try:
            await operator.resync()
        except ApiError:
            self._api.crash(self)  # __main__ ends with 1, and is started again
            return
        self._assembly._check_cluster()
        operator.start()
        self._watches = True
        for kind, body in self._api.bodies():
            operator.feed(kind, None, body)

    def feed(self, kind: str, event: str, body: Mapping[str, Any]) -> None:
        """Show the process a change, as its watch does."""
        if not self._thawed.is_set():
            self._missed.append((kind, event, body))
        elif self.alive and self._watches and kind in {resource.kind for resource in OURS}:
            self._assembly._operator.feed(kind, event, body)

    @property
    def frozen(self) -> bool:
        """Return whether it stands still."""
        return not self._thawed.is_set()

    async def runs(self) -> None:
        """Return when the process goes on: at once, where it is not frozen; never, where it is dead."""
        if not self.alive:
            await asyncio.Event().wait()
        if not self._thawed.is_set():
            await self._thawed.wait()

    def freeze(self) -> None:
        """Let it stand still before its next step outside; it reads and sends nothing, and hears of nothing."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Let it go on with what it had in hand; only then it hears what has happened."""
        self._thawed.set()
        missed, self._missed = self._missed, []
        for change in missed:
            asyncio.get_running_loop().call_soon(self.feed, *change, context=self.context)

    def kill(self) -> None:
        """Throw the process away: nothing of it runs on, and nothing that it holds is kept."""
        self.alive = False
        engine = self._assembly._engine
        engine._closed = True
        for key in list(engine._timers):
            engine._cancel_timer(key)
        for task in self.tasks:
            task.cancel()


def task_of_its_process(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], context: Context | None = None
) -> asyncio.Task[Any]:
    """Make a task that its process knows of; none is begun by a process that is dead."""
    process = context.get(PROCESS) if context is not None else PROCESS.get()
    task = asyncio.Task(work, loop=loop, context=context)
    if process is not None:
        process.tasks.add(task)
        task.add_done_callback(process.tasks.discard)
        if not process.alive:
            task.cancel()
    return task


def _failed(error: Exception) -> None:
    raise AssertionError("without an election nobody tells of one that broke") from error
