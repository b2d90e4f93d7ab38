"""One run of the whole operator in virtual time: an API server, a provider, a person, and processes that are killed."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from prometheus_client import generate_latest
from tests.campaign.l1_adapter import FakeAdapter
from tests.campaign.l1_faults import HARMLESS, LAG_SECONDS, SPELL_SECONDS, Side, Strike, strike_of
from tests.campaign.l1_plan import FAULT_SECONDS, Plan
from tests.campaign.l1_process import PROCESS, Process
from tests.campaign.l1_provider import FarSide, Traits
from tests.campaign.story import USER, Scene
from tests.campaign.trace import Billing, Event, Faulted, Logged, Read, Restarted, Trace, Written
from tests.engine.virtual_loop import LoopClock
from tests.kube.fake_api import Body, FakeApi

from gpuwright.adapters.contract import Adapter
from gpuwright.adapters.registry import KINDS, AdapterContext, Kind
from gpuwright.model.clock import Clock
from gpuwright.model.provider_spec import ProviderSpec, ProviderType
from gpuwright.model.resources import OURS, SECRETS
from gpuwright.provider import keeper

API_SECONDS = 0.01  # there and back
WATCH_SECONDS = 0.02
RESTART_SECONDS = 1.0
SECOND_ENDPOINT = "https://second.example"
WRITES = frozenset({"PATCH", "POST"})


class World:
    """Everything of one run. Times are the loop's, which begins at 0."""

    def __init__(self, traits: Traits, plan: Plan, seed: int) -> None:
        self.traits = traits
        self.plan = plan
        self.seed = seed
        self.trace = Trace()
        self.scene = Scene()
        self.effects: list[str] = []
        self.struck = 0
        self.flights: list[object] = []
        self.full_for = 0  # for how many creates there is no room
        self._counts: dict[str, int] = {}
        self._last: dict[tuple[str, str, str], Body] = {}
        self._writer = USER
        self._number = 0
        self.api = FakeApi()
        self.api._versions = count(100 + 1000 * (seed % 97))  # no two seeds give the same uids and versions
        self.api.listen(self._written)
        self.far = FarSide(traits, self._billing, first_id=seed * 100)
        self.second = FarSide(traits, self._billing, first_id=seed * 100 + 50)  # empty but for who has two placements
        self.clock: Clock = LoopClock()
        self.process: Process | None = None

    def tell(self, event: Event) -> None:
        """Add an event to the trace."""
        self.trace.add(event)
        self.scene.take(event)

    def _billing(self) -> None:
        self.tell(Billing(self.now, (*self.far.billing, *self.second.billing)))

    def _written(self, kind: str, event: str, body: Body) -> None:
        metadata = body["metadata"]
        key = (kind, metadata.get("namespace", ""), metadata["name"])
        before = self._last.pop(key, None)
        if event != "DELETED":
            self._last[key] = body
        self.tell(Written(self.now, self._writer, kind, before, None if event == "DELETED" else body))
        for process in self.running():
            self.show(process, kind, event, body)

    def running(self) -> list[Process]:
        """Return the processes that live."""
        return [self.process] if self.process is not None and self.process.alive else []

    def show(self, process: Process, kind: str, event: str, body: Body) -> None:
        """Let the watch of a process tell of a change."""
        loop = asyncio.get_running_loop()
        loop.call_later(WATCH_SECONDS, process.feed, kind, event, body, context=process.context)

    @property
    def now(self) -> float:
        """Return the virtual time."""
        return asyncio.get_running_loop().time()

    def begin(self) -> None:
        """Start the operator, or start it again."""
        self._number += 1
        self.process = Process(self, self._number, self.seed)
        self.tell(Restarted(self.now, self.process.name, "began"))
        self.process.begin()

    def crash(self, process: Process) -> None:
        """Let a process die; another one follows."""
        if not process.alive:
            return
        process.kill()
        self.tell(Restarted(self.now, process.name, "killed"))
        asyncio.get_running_loop().call_later(RESTART_SECONDS, self.begin)

    async def effect(self, process: Process, label: str) -> int:
        """Take note of the next effect of a process; it may die before."""
        await process.runs()
        self.effects.append(label)
        number = len(self.effects) - 1
        if self.plan.crashes.get(number) == "before":
            await self._die(process)
        return number

    async def applied(self, process: Process, number: int) -> None:
        """Take note that an effect is made; its process may die before it hears of it."""
        if self.plan.crashes.get(number) == "lost":
            await self._die(process)

    def answered(self, process: Process, number: int) -> None:
        """Take note that the answer is there; the process may die before its next effect."""
        if self.plan.crashes.get(number) == "after":
            asyncio.get_running_loop().call_soon(self.crash, process)

    async def _die(self, process: Process) -> None:
        self.crash(process)
        await asyncio.Event().wait()

    async def request(self, process: Process, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """See l1_process.Api."""
        number = await self.effect(process, _label(method, path)) if method in WRITES else -1
        await asyncio.sleep(API_SECONDS / 2)
        if method == "GET" and f"/{SECRETS.plural}/" in path:
            parts = path.split("/")
            self.tell(Read(self.now, process.name, SECRETS.kind, parts[-3], parts[-1]))
        self._writer = process.name
        try:
            answer = await self.api._request(method, path, **rest)
        finally:
            self._writer = USER
        await self.applied(process, number)
        await asyncio.sleep(API_SECONDS / 2)
        await process.runs()
        self.answered(process, number)
        return answer

    def bodies(self) -> list[tuple[str, Body]]:
        """See l1_process.Api."""
        return [(resource.kind, body) for resource in OURS for body in self.api.all(resource)]

    def adapter(self, spec: ProviderSpec, context: AdapterContext) -> Adapter:
        """Return the adapter of the process that asks."""
        process = PROCESS.get()
        if process is None:
            raise AssertionError("only a process of the operator builds adapters")
        wire = self.wire(process, context.secret)
        if spec.gateway.endpoint == SECOND_ENDPOINT:
            wire.far = self.second
        return FakeAdapter(wire, context.secret, promises=context.promises)

    def wire(self, process: Process, _secret: str) -> "Wire":
        """Return the line of a process to the provider."""
        return Wire(self, process)

    def strike(self, verb: str) -> Strike:
        """Return what happens to the next call of this verb."""
        count = self._counts[verb] = self._counts.get(verb, 0) + 1
        if verb == "create" and count <= self.full_for:
            return strike_of("F17", verb, self.traits, 0)
        fault = self.plan.fault
        if fault is None or fault.verb != verb or not fault.strikes(count, self.now):
            return Strike()
        made = strike_of(fault.name, verb, self.traits, count)
        if made.side is Side.HIDDEN and fault.nth == "every" and self.now % SPELL_SECONDS >= LAG_SECONDS:
            return Strike()
        if made is not HARMLESS:
            self.struck += 1
            if self.struck == 1 and fault.nth == "every":
                self.tell(Faulted(self.now, f"{fault.name} {verb}", begins=True))
                asyncio.get_running_loop().call_at(FAULT_SECONDS, self._heal, f"{fault.name} {verb}")
        return made

    def _heal(self, what: str) -> None:
        self.tell(Faulted(self.now, what, begins=False))

    def say(self, text: str) -> None:
        """Take note of what a process says."""
        process = PROCESS.get() or self.process
        self.tell(Logged(self.now, process.name if process else "", text))

    def say_metrics(self) -> None:
        """Take note of what the metrics of the process that runs say."""
        if self.process is not None:
            self.say(generate_latest(self.process.metrics.registry).decode())


class Wire:
    """Implements l1_adapter.Line for one process."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self.far = world.far
        self.process = process.name
        self.flights = world.flights

    def tell(self, event: Event) -> None:
        """See Line."""
        self._world.tell(event)

    async def effect(self, label: str) -> int:
        """See Line."""
        return await self._world.effect(self._process, label)

    async def applied(self, number: int) -> None:
        """See Line."""
        await self._world.applied(self._process, number)

    def answered(self, number: int) -> None:
        """See Line."""
        self._world.answered(self._process, number)

    def strike(self, verb: str, name: str) -> Strike:
        """See Line."""
        if verb == "create" and self.far.full:
            return strike_of("F17", verb, self.far.traits, 0)
        return self._world.strike(verb)

    def accepts(self, secret: str) -> bool:
        """See Line."""
        return not self.far.secrets or secret in self.far.secrets


def _label(method: str, path: str) -> str:
    parts = path.split("/")
    what = "/".join(parts[parts.index("namespaces") + 2 :]) if "namespaces" in parts else "/".join(parts[-2:])
    return f"{method} {what}"


class _Ear(logging.Handler):
    """Hears all that the operator logs, with its fields and tracebacks."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._say = say
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        fields = {key: value for key, value in record.__dict__.items() if key not in _PLAIN}
        self._say(f"{self.format(record)} {fields}")


_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


@contextmanager
def connected(world: World) -> Any:
    """Have adapters made by the world, and what is logged heard by it, for as long as this lasts."""
    log = logging.getLogger("gpuwright")
    ear, level, propagates = _Ear(world.say), log.level, log.propagate
    log.addHandler(ear)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    gateway = KINDS[ProviderType.GATEWAY]
    kinds = {ProviderType.GATEWAY: Kind(gateway.endpoint, gateway.secret, world.adapter)}
    try:
        with patch.object(keeper, "KINDS", kinds):
            yield
    finally:
        log.removeHandler(ear)
        log.setLevel(level)
        log.propagate = propagates
