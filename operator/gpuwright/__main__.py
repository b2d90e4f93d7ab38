"""Reads settings and the clock, builds every object once, and starts kopf."""

import asyncio
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from random import Random
from typing import Any
from uuid import uuid4

from gpuwright import handlers, uninstall
from gpuwright.candidate import Candidate
from gpuwright.engine.queue import Engine
from gpuwright.http_server import HttpServer
from gpuwright.instance.calls import ProviderCalls
from gpuwright.instance.effects import Effects
from gpuwright.instance.observer import Observer
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.secrets import SecretReader
from gpuwright.instance.sending import Sending
from gpuwright.instance.vanished import Vanished
from gpuwright.instance.window import SendWindow
from gpuwright.instance.writer import StatusWriter
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Connection, Forbidden, KubeClient
from gpuwright.kube.events import Recorder
from gpuwright.kube.lease import LeaseStore
from gpuwright.leadership import CALL_SECONDS, Leadership, NotPermitted
from gpuwright.model.clock import Clock
from gpuwright.model.names import Owner, token
from gpuwright.model.resources import INSTANCES, NAMESPACES, Key
from gpuwright.process import Operator, Phase
from gpuwright.provider.account import Caller
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.looker import Looker
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.provider.sweeper import Sweeper
from gpuwright.settings import BadSettings, Settings, parse_settings
from gpuwright.telemetry import Metrics, configure_logging

LEASE_LOST = 3  # the exit code
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
    """Run the operator until it is told to stop. Exit: 0 after a clean stop, 2 on a bad setting, 3 when the
    Lease is lost, 1 on anything else.
    """
    flags = sys.argv[1:]
    checking = flags[:1] == [uninstall.COMMAND]
    report_only = checking and flags[1:2] == [uninstall.REPORT_ONLY]
    try:
        settings = parse_settings(flags[checking + report_only :], os.environ)
    except BadSettings as error:
        for line in error.lines:
            print(f"gpuwright: {line}", file=sys.stderr)  # noqa: T201 - before there is a log
        sys.exit(2)
    configure_logging(settings.log_level, settings.log_format)
    try:
        clock = SystemClock()
        _run(check_uninstall(settings, clock, report_only=report_only) if checking else run(settings, clock))
    except BadSettings as error:
        for line in error.lines:
            log.error(line)  # noqa: TRY400 - a setting, no defect
        sys.exit(2)
    except ApiError as error:
        log.error("the Kubernetes API server cannot be used", extra={"error": str(error)})  # noqa: TRY400
        sys.exit(1)


def _run(program: Coroutine[Any, Any, None]) -> None:
    # Bodies live long and hold no cycles: with the default thresholds the collector walks over all of them again
    # and again.
    gc.set_threshold(50_000, 20, 20)
    if sys.platform == "win32":
        asyncio.run(program)
        return
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    uvloop.run(program)


async def check_uninstall(settings: Settings, clock: Clock, *, report_only: bool) -> None:
    """Say whether anything still needs the operator, and exit with 1 if so. Raises BadSettings, ApiError."""
    async with KubeClient(_connection(clock), Metrics()) as client:
        code, words = await uninstall.check(client, settings.watch_namespaces, report_only=report_only)
    print(f"gpuwright: {words}", flush=True)  # noqa: T201 - helm shows what the hook printed
    sys.exit(code)


async def run(settings: Settings, clock: Clock) -> None:
    """Build the operator and run it until a signal ends it. Raises BadSettings."""
    connection = _connection(clock)
    metrics = Metrics()
    metrics.build.labels(version("gpuwright")).set(1)
    async with KubeClient(connection, metrics, limit=2, timeout_seconds=CALL_SECONDS) as third:
        leadership = _leadership(settings, clock, third, metrics) if settings.leader_elect else None
        gate = leadership.may_send if leadership else _open
        metrics.leader.set(0 if leadership else 1)
        # Few connections: more than the API server can answer at once only makes every answer late.
        async with (
            KubeClient(connection, metrics, limit=12, may_write=gate) as client,
            KubeClient(connection, metrics, limit=8, may_write=gate) as urgent,
        ):
            cluster = settings.cluster_id or await _cluster_id(client)
            await _Assembly(settings, clock, client, urgent, metrics, cluster, leadership).run()


def _open() -> bool:
    return True


def _leadership(settings: Settings, clock: Clock, client: KubeClient, metrics: Metrics) -> Leadership:
    def lost(reason: str) -> None:
        log.error("the Lease is lost: this replica ends at once, and sends nothing more", extra={"reason": reason})
        _exit(LEASE_LOST)

    me = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid4().hex[:12]}"
    store = LeaseStore(client, settings.namespace)
    return Leadership(store, clock, metrics, me=me, random=Random().random, lost=lost)  # noqa: S311 - jitter, no secret


def _failed(error: Exception) -> None:
    """End where no replica can go on: this is told from within a task, to which nobody listens."""
    if isinstance(error, BadSettings | NotPermitted):
        log.error(str(error))
        _exit(2)
    log.error("the election broke", exc_info=error)
    _exit(1)


def _exit(code: int) -> None:
    """End now. Whatever would be tidied up first would be asked of a cluster that somebody else looks after."""
    logging.shutdown()
    os._exit(code)


class _Assembly:
    """Every object of the process, built once and connected here."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        client: KubeClient,
        urgent: KubeClient,
        metrics: Metrics,
        cluster: str,
        leadership: Leadership | None = None,
    ) -> None:
        """Without a leadership there is no election, and every gate is open."""
        self._settings = settings
        self._clock = clock
        self._client = client
        self._urgent = urgent
        self._metrics = metrics
        self._cluster = cluster
        self._gate = leadership.may_send if leadership else _open
        self._random = Random()  # noqa: S311 - jitter, no secret
        self._process = uuid4().hex
        self._phase = Phase(heard=clock.monotonic())
        self._background: set[asyncio.Task[Any]] = set()
        self._cache = ObjectCache()
        self._index = InstanceIndex()
        self._caller = Caller(clock, metrics)
        self._recorder = Recorder(client, clock, metrics, self._process)
        self._desk = Desk(client, self._cache, self._index, self._caller, clock, mark=self._mark)
        self._observer = self._build_observer()
        self._vanished = Vanished(
            self._desk, self._recorder, metrics, cluster=cluster, forget=self._observer.forget, spawn=self._spawn
        )
        self._operator = self._build_operator()
        self._engine: Engine[Key] = Engine(
            self._operator.work,
            concurrency=CONCURRENCY,
            random=self._random.random,
            observe=self._operator.count,
            expected=(ApiError,),
        )
        self._operator.listen(self._engine)
        self._candidate = Candidate(self._operator, leadership, check=self._check_cluster, failed=_failed)
        self._http = HttpServer(
            metrics,
            refresh=self._operator.refresh_gauges,
            healthy=self._operator.health,
            ready=self._operator.readiness,
        )

    def _build_observer(self) -> Observer:
        return Observer(
            self._client,
            self._cache,
            self._desk,
            SecretReader(self._client),
            self._clock,
            cluster=self._cluster,
            process=self._process,
            watched=self._settings.watch_namespaces,
            random=self._random.random,
        )

    def _build_operator(self) -> Operator:
        return Operator(
            self._client,
            self._cache,
            self._index,
            self._build_instances(),
            self._build_providers(),
            self._vanished,
            self._recorder,
            self._metrics,
            self._clock,
            self._phase,
            namespaces=self._settings.watch_namespaces,
            random=self._random,
        )

    def _build_instances(self) -> InstanceReconciler:
        writer = StatusWriter(self._client, self._urgent, self._cache, self._metrics)
        sending = Sending(self._observer, writer, self._desk, self._recorder, self._clock, self._metrics)
        window = SendWindow(self._observer, self._clock)
        effects = Effects(
            self._client,
            self._cache,
            self._observer,
            writer,
            self._desk,
            sending,
            ProviderCalls(self._observer, self._desk, window, self._clock),
            window,
            self._recorder,
            self._clock,
            self._metrics,
            self._vanished,
        )
        return InstanceReconciler(self._observer, effects, writer, accepting=lambda: not self._phase.stopping)

    def _build_providers(self) -> ProviderReconciler:
        keeper = Keeper(
            self._client,
            self._cache,
            self._index,
            cluster=self._cluster,
            namespace=self._settings.namespace,
            allowed=self._settings.allowed,
            secret_finalizers=self._settings.secret_finalizers,
            watched=self._settings.watch_namespaces,
            allowed_to_call=self._gate,
        )
        sweeper = Sweeper(
            self._client,
            self._cache,
            self._caller,
            self._recorder,
            self._clock,
            self._metrics,
            cluster=self._cluster,
            watched=self._settings.watch_namespaces,
        )
        looker = Looker(
            self._cache,
            self._index,
            sweeper,
            self._caller,
            self._recorder,
            self._clock,
            self._metrics,
            mark=self._mark,
        )
        return ProviderReconciler(
            self._client,
            self._cache,
            self._index,
            self._desk,
            keeper,
            looker,
            sweeper,
            self._recorder,
            self._clock,
            self._metrics,
        )

    def _mark(self, key: Key) -> None:
        self._engine.mark(key)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def run(self) -> None:
        """Serve, list, watch; return after a clean stop. Raises BadSettings, ApiError."""
        host, port = self._settings.http_host, self._settings.http_port
        try:
            await self._http.start(host, port)
        except OSError as error:
            raise BadSettings([f"--http-bind {host}:{port}: {error}"]) from error
        try:
            await self._operator.resync()
            self._check_cluster()
            watching = asyncio.Event()
            await self._candidate.begin(watching)
            log.info("started", extra={"place": self._cluster, "count": len(list(self._cache.of_kind(INSTANCES.kind)))})
            kinds = self._operator.watchable()
            registry = handlers.registry(self._operator.feed, self._candidate.drain, self._random, kinds)
            await handlers.watch(registry, self._settings.watch_namespaces, watching)
        except NotPermitted as error:
            raise BadSettings([str(error)]) from error
        finally:
            await self._candidate.release()
            await self._http.stop()

    def _check_cluster(self) -> None:
        """Refuse a changed cluster id: every name and token on record was made with another one."""
        for key, body in self._cache.of_kind(INSTANCES.kind):
            launch = (body.get("status") or {}).get("launch") or {}
            if not launch.get("token"):
                continue
            owner = Owner(self._cluster, key.namespace, key.name, body["metadata"]["uid"])
            if launch["token"] != token(owner, launch["incarnation"], launch["attempt"], launch["placement"]):
                words = f"--cluster-id {self._cluster}: {key} was launched under another one, which must be given back"
                raise BadSettings([words])


def _connection(clock: Clock) -> Connection:
    try:
        return handlers.connection(clock.monotonic)
    except LookupError as error:
        raise BadSettings([str(error)]) from error


async def _cluster_id(client: KubeClient) -> str:
    try:
        namespace = await client.get(NAMESPACES, None, "kube-system")
    except Forbidden as error:
        words = f"--cluster-id is needed, because the namespace kube-system cannot be read: {error}"
        raise BadSettings([words]) from error
    return str(namespace["metadata"]["uid"])


if __name__ == "__main__":
    main()
