"""One instance with everything between it and its provider, over an API server and a provider in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.builders import (
    NOW,
    OWNER,
    PROCESS,
    a_machine,
    a_snapshot,
    an_empty_provider_view,
)
from tests.engine.manual_clock import ManualClock
from tests.kube.fake_api import Body, FakeApi, an_instance

from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked
from gpuwright.adapters.desk import LedgerEntry, LedgerFull
from gpuwright.instance.actions import Action
from gpuwright.instance.calls import ProviderCalls
from gpuwright.instance.effects import Effects
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.secrets import SecretReader
from gpuwright.instance.sending import Sending
from gpuwright.instance.vanished import Vanished
from gpuwright.instance.window import SendWindow
from gpuwright.instance.witness import Witness
from gpuwright.instance.writer import StatusWriter
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.events import Recorder
from gpuwright.model.errors import ProviderError
from gpuwright.model.machine import Absent, Machine, Present, Sighting
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import owner_labels
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import MachineRequest
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.telemetry import Metrics

KEY = Key(INSTANCES.kind, OWNER.namespace, OWNER.name)
Happening = Callable[[], object]


@dataclass
class TinyDesk:
    """One provider in memory. `calls` has what was asked of it, `during_create` what happens before it answers."""

    clock: ManualClock
    machines: dict[str, Machine] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    answers: list[ProviderError] = field(default_factory=list)
    refusals: list[ProviderError] = field(default_factory=list)
    before_gate: list[Happening] = field(default_factory=list)
    during_create: list[Happening] = field(default_factory=list)
    slots: int = 1
    full: bool = False  # the ledger
    asked_lists: int = 0
    changes: dict[str, Any] = field(default_factory=dict)

    def view(self, ref: ProviderRef, asker: Key) -> ProviderView | Hindrance | None:
        snapshot = a_snapshot(*self.machines.values(), began=self.clock.monotonic())
        return an_empty_provider_view(
            **{"snapshot": snapshot, "visible_seconds": self.clock.monotonic()} | self.changes
        )

    def reserve(self, ref: ProviderRef, asker: Key) -> bool:
        self.slots -= 1 if self.slots else 0
        return self.slots >= 0

    def release(self, ref: ProviderRef, asker: Key) -> None:
        self.slots += 1

    def ask_list(self, ref: ProviderRef, asker: Key) -> None:
        self.asked_lists += 1

    def _passes(self, gate: Gate) -> None:
        while self.before_gate:
            self.before_gate.pop(0)()
        if not gate():
            raise NotAsked("the window is over")

    async def create(self, ref: ProviderRef, asker: Key, request: MachineRequest, gate: Gate) -> Created:
        self._passes(gate)
        self.calls.append(f"create {request.name}")
        while self.during_create:
            self.during_create.pop(0)()
        if self.answers:
            raise self.answers.pop(0)
        labels = owner_labels(request.owner, request.incarnation)
        machine = a_machine(id=f"i-{len(self.calls)}", name=request.name, labels=labels)
        self.machines[request.name] = machine
        return Created(machine)

    async def look(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> tuple[float, Sighting]:
        self.calls.append(f"look {name}")
        machine = self.machines.get(name)
        return self.clock.monotonic(), Present(machine) if machine else Absent()

    async def delete(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> Deletion:
        self._passes(gate)
        self.calls.append(f"delete {name}")
        if self.refusals:
            raise self.refusals.pop(0)
        return Deletion.ACCEPTED if self.machines.pop(name, None) else Deletion.NOT_FOUND

    async def power(self, ref: ProviderRef, asker: Key, name: str, gate: Gate, *, on: bool) -> None:
        self._passes(gate)
        self.calls.append(f"power {name} {on}")
        if self.refusals:
            raise self.refusals.pop(0)

    async def enter(self, ref: ProviderRef, asker: Key, entry: LedgerEntry) -> None:
        if self.full:
            raise LedgerFull("no room: remove some")
        self.ledger.append(entry)

    def promise_broken(self, ref: ProviderRef, asker: Key, note: str) -> None:
        self.calls.append("promise broken")


class Stage:
    """One object in an API server, one provider, and everything between them."""

    def __init__(self, api: FakeApi | None = None, **spec: Any) -> None:
        self.metrics = Metrics()
        self.api = api or FakeApi()
        self.clock = ManualClock(NOW)
        self.desk = TinyDesk(self.clock)
        self.cache = ObjectCache()
        self.accepting = True
        self.spawned: list[Any] = []
        recorder = Recorder(self.api, self.clock, self.metrics, "operator")
        self.observer = Observer(
            self.api,
            self.cache,
            self.desk,
            SecretReader(self.api),
            self.clock,
            cluster=OWNER.cluster,
            process=PROCESS,
            random=lambda: 0.5,
        )
        self.writer = StatusWriter(self.api, self.api, self.cache, self.metrics)
        sending = Sending(self.observer, self.writer, self.desk, recorder, self.clock, self.metrics)
        self.vanished = Vanished(
            self.desk,
            recorder,
            self.metrics,
            cluster=OWNER.cluster,
            forget=self.observer.forget,
            spawn=self.spawned.append,
        )
        window = SendWindow(self.observer, self.clock)
        self.effects = Effects(
            self.api,
            self.cache,
            self.observer,
            self.writer,
            self.desk,
            sending,
            ProviderCalls(self.observer, self.desk, window, self.clock),
            window,
            recorder,
            self.clock,
            self.metrics,
            self.vanished,
        )
        self.reconciler = InstanceReconciler(self.observer, self.effects, self.writer, accepting=lambda: self.accepting)
        body = an_instance(**spec)
        body["metadata"]["uid"] = OWNER.uid
        self.cache.put(INSTANCES.kind, self.api.add(INSTANCES, body))

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(KEY)

    @property
    def body(self) -> Body | None:
        return self.api.now(INSTANCES, OWNER.namespace, OWNER.name)

    @property
    def status(self) -> Mapping[str, Any]:
        assert self.body is not None
        status: Mapping[str, Any] = self.body.get("status") or {}
        return status

    def condition(self, name: str) -> tuple[str, str]:
        return next((c["status"], c["reason"]) for c in self.status["conditions"] if c["type"] == name)

    def change(self, change: Mapping[str, Any], *, told: bool = False) -> None:
        """Change the object as somebody else; `told`: the watch has shown it already."""
        body = self.api.change(INSTANCES, OWNER.namespace, OWNER.name, change)
        if told:
            self.cache.put(INSTANCES.kind, body)

    def delete(self, *, by_force: bool = False) -> None:
        if by_force:
            self.change({"metadata": {"finalizers": []}})
        self.api.delete(INSTANCES, OWNER.namespace, OWNER.name)

    @property
    def outcomes(self) -> list[str]:
        """Return the outcomes that were written, one after the other."""
        launches = [(write.body.get("status") or {}).get("launch") or {} for write in self.api.writes]
        return [launch["outcome"] for launch in launches if "outcome" in launch]

    def count(self, name: str) -> float:
        samples = [s for metric in self.metrics.registry.collect() for s in metric.samples if s.name == name]
        return sum(sample.value for sample in samples)


async def a_running_stage() -> Stage:
    """Return a stage with a machine on record, and a process that knows nothing that it may do."""
    stage = Stage()
    await stage.reconcile()
    stage.desk.calls.clear()
    return stage


async def act(stage: Stage, *actions: Action) -> tuple[float | None, Witness]:
    """Carry the actions out one after the other; return what the last answered, and what the process knows."""
    delay = None
    for action in actions:
        delay = await stage.effects.act(await seen_by(stage), action)
    return delay, (await seen_by(stage)).witness


async def seen_by(stage: Stage) -> Observation:
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    return seen
