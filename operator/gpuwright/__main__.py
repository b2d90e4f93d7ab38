"""Reads settings and the clock, builds every object once, and starts kopf."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from importlib.metadata import version
from random import Random
from typing import Any
from uuid import uuid4

from gpuwright import handlers
from gpuwright.engine.queue import Engine
from gpuwright.http_server import HttpServer
from gpuwright.instance.effects import Effects
from gpuwright.instance.observer import Observer
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.secrets import SecretReader
from gpuwright.instance.sending import Sending
from gpuwright.instance.vanished import Vanished
from gpuwright.instance.writer import StatusWriter
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Forbidden, KubeClient
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.memory import parse_memory
from gpuwright.model.names import Owner, token
from gpuwright.model.resources import INSTANCES, NAMESPACES, Key
from gpuwright.process import Operator, Phase
from gpuwright.provider.account import Caller
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.settings import BadSettings, Settings, parse_settings
from gpuwright.telemetry import Metrics, configure_logging

CONCURRENCY = 256  # keys at once; the limit that matters is each provider's own

log = logging.getLogger("gpuwright")


class SystemClock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    def boottime(self) -> float:
        """See Clock; where there is no such clock the monotonic one serves, beside the wall clock."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def wall(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


def main() -> None:
    """Run the operator until it is told to stop. Exit: 0 after a clean stop, 2 on a bad setting, 1 on anything else."""
    try:
        settings = parse_settings(sys.argv[1:], os.environ)
    except BadSettings as error:
        for line in error.lines:
            print(f"gpuwright: {line}", file=sys.stderr)  # noqa: T201 - before there is a log
        sys.exit(2)
    configure_logging(settings.log_level, settings.log_format)
    try:
        _run(run(settings, SystemClock()))
    except BadSettings as error:
        for line in error.lines:
            log.error(line)  # noqa: TRY400 - a setting, no defect
        sys.exit(2)
    except ApiError as error:
        log.error("the Kubernetes API server cannot be used", extra={"error": str(error)})  # noqa: TRY400
        sys.exit(1)


def _run(program: Awaitable[None]) -> None:
    async def wrapped() -> None:
        await program

    if sys.platform == "win32":
        asyncio.run(wrapped())
        return
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    uvloop.run(wrapped())


async def run(settings: Settings, clock: Clock) -> None:
    """Build the operator and run it until a signal ends it. Raises BadSettings."""
    try:
        connection = handlers.connection(clock.monotonic)
    except LookupError as error:
        raise BadSettings([str(error)]) from error
    metrics = Metrics()
    metrics.build.labels(version("gpuwright")).set(1)
    async with KubeClient(connection, metrics) as client:
        cluster = settings.cluster_id or await _cluster_id(client)
        await _Assembly(settings, clock, client, metrics, cluster).run()


class _Assembly:
    """Every object of the process, built once and connected here."""

    def __init__(self, settings: Settings, clock: Clock, client: KubeClient, metrics: Metrics, cluster: str) -> None:
        self._settings = settings
        self._clock = clock
        self._cluster = cluster
        self._random = Random()  # noqa: S311 - jitter, no secret
        self._process = uuid4().hex
        self._phase = Phase(heard=clock.monotonic())
        self._cache = ObjectCache()
        self._background: set[asyncio.Task[Any]] = set()
        index = InstanceIndex()
        caller = Caller(clock, metrics)
        recorder = Recorder(client, clock, metrics, self._process)
        desk = Desk(client, self._cache, index, caller, clock, mark=self._mark)
        self._operator = Operator(
            client,
            self._cache,
            index,
            self._instances(client, desk, recorder, metrics),
            self._providers(client, index, desk, caller, recorder, metrics),
            self._vanished(desk, recorder, metrics),
            recorder,
            metrics,
            clock,
            self._phase,
            namespaces=settings.watch_namespaces,
            random=self._random,
        )
        self._engine: Engine[Key] = Engine(
            self._operator.work, concurrency=CONCURRENCY, random=self._random.random, observe=self._operator.count
        )
        self._operator.listen(self._engine)
        self._http = HttpServer(
            metrics,
            refresh=self._operator.refresh_gauges,
            healthy=self._operator.health,
            ready=self._operator.readiness,
        )

    def _instances(self, client: KubeClient, desk: Desk, recorder: Recorder, metrics: Metrics) -> InstanceReconciler:
        observer = Observer(
            client,
            self._cache,
            desk,
            SecretReader(client),
            self._clock,
            cluster=self._cluster,
            process=self._process,
            random=self._random.random,
        )
        self._observer = observer
        writer = StatusWriter(client, self._cache, metrics)
        sending = Sending(observer, writer, desk, recorder, self._clock, metrics)
        effects = Effects(
            client,
            self._cache,
            observer,
            writer,
            desk,
            sending,
            recorder,
            self._clock,
            metrics,
            released=self._released,
        )
        return InstanceReconciler(observer, effects, writer, accepting=lambda: not self._phase.stopping)

    def _providers(
        self,
        client: KubeClient,
        index: InstanceIndex,
        desk: Desk,
        caller: Caller,
        recorder: Recorder,
        metrics: Metrics,
    ) -> ProviderReconciler:
        settings = self._settings
        keeper = Keeper(
            client,
            self._cache,
            index,
            cluster=self._cluster,
            namespace=settings.namespace,
            allowed=settings.allowed,
            secret_finalizers=settings.secret_finalizers,
            watched=settings.watch_namespaces,
        )
        return ProviderReconciler(
            client, self._cache, index, desk, keeper, caller, recorder, self._clock, metrics, mark=self._mark
        )

    def _vanished(self, desk: Desk, recorder: Recorder, metrics: Metrics) -> Vanished:
        self._gone = Vanished(
            desk, recorder, metrics, cluster=self._cluster, forget=self._observer.forget, spawn=self._spawn
        )
        return self._gone

    def _released(self, uid: str) -> None:
        self._gone.released(uid)

    def _mark(self, key: Key) -> None:
        self._engine.mark(key)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def run(self) -> None:
        """Serve, list, watch; return after a clean stop. Raises BadSettings, ApiError."""
        try:
            await self._http.start(self._settings.http_host, self._settings.http_port)
        except OSError as error:
            raise BadSettings(
                [f"--http-bind {self._settings.http_host}:{self._settings.http_port}: {error}"]
            ) from error
        try:
            await self._operator.start()
            self._check_cluster()
            log.info("started", extra={"place": self._cluster, "count": len(list(self._cache.of_kind(INSTANCES.kind)))})
            registry = handlers.registry(self._operator.feed, self._operator.drain, self._random)
            await handlers.watch(registry, self._settings.watch_namespaces)
        finally:
            await self._http.stop()

    def _check_cluster(self) -> None:
        """Refuse a changed cluster id: every name and token on record was made with another one."""
        for key, body in self._cache.of_kind(INSTANCES.kind):
            launch = parse_memory(body.get("status") or {}).launch
            if launch is None or not launch.token:
                continue
            owner = Owner(self._cluster, key.namespace, key.name, body["metadata"]["uid"])
            if launch.token != token(owner, launch.incarnation, launch.attempt, launch.placement):
                words = (
                    f"--cluster-id {self._cluster}: {key} was launched under another cluster id; give back the old one"
                )
                raise BadSettings([words])


async def _cluster_id(client: KubeClient) -> str:
    try:
        namespace = await client.get(NAMESPACES, None, "kube-system")
    except Forbidden as error:
        words = f"--cluster-id is needed, because the namespace kube-system cannot be read: {error}"
        raise BadSettings([words]) from error
    return str(namespace["metadata"]["uid"])


if __name__ == "__main__":
    main()
