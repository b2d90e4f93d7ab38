"""The running operator: feeds the cache, works the queue, resyncs, and drains at the end."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from gpuwright.engine.queue import Engine
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.vanished import Vanished
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Forbidden, KubeClient
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, OURS, Key, Resource, key_of
from gpuwright.model.times import age_since
from gpuwright.provider.index import InstanceIndex, provider_key, wanted_refs
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.telemetry import Metrics

DRAIN_SECONDS = 45.0
RESYNC_SECONDS = (300.0, 600.0)
LIST_AGAIN_SECONDS = 1.0  # when the list of a replica that takes over was not answered
DEAF_SECONDS = 900.0  # neither an event nor a resync for this long: the process is ill

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Phase:
    """Where the process is in its life; shared with those who must not begin anything after its end has begun.

    `synced`: all objects were listed once. `leading`: it acts on what it sees; before that it stands by.
    """

    synced: bool = False
    leading: bool = False
    stopping: bool = False
    heard: float = 0.0


class Operator:
    """One process of the operator."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        index: InstanceIndex,
        instances: InstanceReconciler,
        providers: ProviderReconciler,
        vanished: Vanished,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        phase: Phase,
        *,
        namespaces: tuple[str, ...],
        random: Random,
    ) -> None:
        self._client = client
        self._cache = cache
        self._index = index
        self._instances = instances
        self._providers = providers
        self._vanished = vanished
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._phase = phase
        self._namespaces = namespaces
        self._random = random
        self._tasks: list[asyncio.Task[None]] = []
        self._hidden: set[Resource] = set()  # kinds that we may not list

    async def work(self, key: Key) -> float | None:
        """Work one key off: the engine's work."""
        controller = key.kind.lower()
        workers = self._metrics.active_workers.labels(controller)
        workers.inc()
        began = self._clock.monotonic()
        try:
            if key.kind == INSTANCES.kind:
                return await self._instances.reconcile(key)
            return await self._providers.reconcile(key)
        finally:
            workers.dec()
            self._metrics.reconcile_seconds.labels(controller).observe(self._clock.monotonic() - began)

    def count(self, key: Key, result: str) -> None:
        """Count one pass; the engine tells of each."""
        controller = key.kind.lower()
        self._metrics.reconciles.labels(controller, result).inc()
        if result == "error":
            self._metrics.reconcile_errors.labels(controller).inc()

    def feed(self, kind: str, event: str | None, body: Mapping[str, Any]) -> None:
        """Take in what the watch shows; what is older than the cache is dropped."""
        self._phase.heard = self._clock.monotonic()
        if event == "DELETED":
            self._take_out(kind, body)
        elif self._cache.put(kind, body):
            self._changed(key_of(kind, body))

    def _take_out(self, kind: str, body: Mapping[str, Any]) -> bool:
        """Forget an object that is gone; return whether it was known."""
        key = key_of(kind, body)
        known = self._cache.remove(kind, body)
        if known is None:
            return False
        # Whoever stands by cannot tell what the leader let go from what was torn away, and has no say in it.
        if kind == INSTANCES.kind and self._phase.leading:
            self._vanished.gone(known)
        self._changed(key)
        return True

    def _changed(self, key: Key) -> None:
        if not self._phase.leading:
            return
        if key.kind != INSTANCES.kind:
            for instance in self._index.of(key):
                self.engine.mark(instance)
        self.engine.mark(key)

    def listen(self, engine: Engine[Key]) -> None:
        """Connect the engine, and the index to the cache: whoever changes the cache, the index follows."""
        self.engine = engine
        self._cache.listen(self._keep_index)
        self._cache.listen_to_replacements(self._replaced)

    def _replaced(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind == INSTANCES.kind and self._phase.leading:
            self._vanished.gone(body)

    def _keep_index(self, key: Key) -> None:
        if key.kind != INSTANCES.kind:
            return
        before = self._index.get(key)
        self._index.update(key, self._cache.get(key))
        after = self._index.get(key)
        # A provider whose first user has come, or whose last has gone, has something to do.
        users = (before.refs if before else frozenset()) ^ (after.refs if after else frozenset())
        for provider in users if self._phase.leading else ():
            self.engine.mark(provider)

    def stand_by(self) -> None:
        """Keep up with what the first list showed, and do nothing about it; resync in the background."""
        self._phase.synced = True
        self._tasks.append(asyncio.create_task(self._resync_for_ever(), name="resync"))

    async def list_live(self) -> None:
        """List all objects until that is answered: what the last leader did may not have come by the watch yet."""
        while True:
            try:
                await self.resync()
            except ApiError as error:
                log.warning("the list before the work was not answered", extra={"error": str(error)})
                await asyncio.sleep(LIST_AGAIN_SECONDS)
            else:
                return

    def start(self) -> None:
        """Begin to work on what was listed; send Events in the background."""
        if not self._phase.synced:
            self.stand_by()
        self._phase.leading = True
        for resource in OURS:
            for key, _body in self._cache.of_kind(resource.kind):
                self.engine.mark(key)
        self._tasks.append(asyncio.create_task(self._recorder.run(), name="events"))

    def watchable(self) -> tuple[Resource, ...]:
        """Return the kinds that the first resync was allowed to list. A right given later needs a new start."""
        return tuple(resource for resource in OURS if resource not in self._hidden)

    async def resync(self) -> None:
        """List all objects of ours, take in what the watch missed, and drop what has vanished. Raises ApiError."""
        for resource in OURS:
            before = dict(self._cache.of_kind(resource.kind))
            try:
                seen = await self._list(resource)
            except Forbidden:
                # Namespaced mode works without any right on cluster-scoped objects.
                if resource is not CLUSTER_PROVIDERS or not self._namespaces:
                    raise
                self._hidden.add(resource)
                continue
            for key in before.keys() - seen:
                # An object of the same name that was made while the list was read is another one, and stays.
                if self._take_out(resource.kind, before[key]):
                    self._corrected(key)
        self._phase.heard = self._clock.monotonic()

    async def _list(self, resource: Resource) -> set[Key]:
        """Take in all objects of a kind; return their keys. Raises ApiError."""
        seen: set[Key] = set()
        async for page in self._client.pages_within(resource, self._namespaces):
            for body in page:
                key = key_of(resource.kind, body)
                seen.add(key)
                if self._cache.put(resource.kind, body):
                    self._corrected(key)
        return seen

    def _corrected(self, key: Key) -> None:
        # What a replica finds that takes over is no event that a watch has missed: that is only a little behind.
        if self._phase.leading:
            self._metrics.resync_corrections.inc()
            self._changed(key)

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(*RESYNC_SECONDS))
            try:
                await self.resync()
            except ApiError as error:
                log.warning("a resync failed and will be repeated", extra={"error": str(error)})

    async def drain(self) -> None:
        """Begin nothing new, finish what is in flight and write its outcome, send the last Events."""
        self._phase.stopping = True
        cancelled = await self.engine.drain(DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._recorder.flush()
        log.info("stopped", extra={"count": cancelled})

    def health(self) -> str:
        """Return what is wrong with the process, or an empty string; a provider's health is none of it."""
        silence = self._clock.monotonic() - self._phase.heard
        return f"nothing heard from the API server for {silence:.0f} s" if silence > DEAF_SECONDS else ""

    def readiness(self) -> str:
        """Return why no work is taken on, or an empty string."""
        if self._phase.stopping:
            return "stopping"
        return "" if self._phase.synced else "the first list is not complete yet"

    def refresh_gauges(self) -> None:
        """Count machines, unsettled creates and deletions anew; asked for by each scrape."""
        now = self._clock.wall().timestamp()
        counts: dict[tuple[str, str, str], int] = {}
        ages = []
        deletions: dict[str, float] = {}
        for key, body in self._cache.of_kind(INSTANCES.kind):
            status = body.get("status") or {}
            launch = status.get("launch") or {}
            ref = launch.get("providerRef") or next(iter(wanted_refs(body)), {})
            provider = str(provider_key(ref, key.namespace)) if ref.get("name") else ""
            label = (key.namespace, provider, str(status.get("summary") or "Waiting"))
            counts[label] = counts.get(label, 0) + 1
            if launch.get("outcome") in {"Intended", "Unknown"}:
                ages.append(age_since(str(launch.get("intendedTime")), now) or 0.0)
            if deleted := body["metadata"].get("deletionTimestamp"):
                deletions[provider] = max(age_since(str(deleted), now) or 0.0, deletions.get(provider, 0.0))
        self._metrics.machines.clear()
        for labels, count in counts.items():
            self._metrics.machines.labels(*labels).set(count)
        self._metrics.deletion_age.clear()
        for provider, age in deletions.items():
            self._metrics.deletion_age.labels(provider).set(age)
        self._metrics.silence.set(self._clock.monotonic() - self._phase.heard)
        self._metrics.unsettled.set(len(ages))
        self._metrics.unsettled_age.set(max(ages, default=0.0))
