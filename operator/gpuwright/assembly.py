"""Every object of the operator's process, built once and connected: read it to see who knows whom."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any
from uuid import uuid4

from gpuwright import handlers
from gpuwright.candidate import Candidate
from gpuwright.engine.queue import Engine
from gpuwright.http_server import HttpServer
from gpuwright.instance.calls import ProviderCalls
from gpuwright.instance.effects import Effects
from gpuwright.instance.observer import Observer
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.secrets import SecretReader
from gpuwright.instance.sending import Sending
from gpuwright.instance.spending import Spending
from gpuwright.instance.vanished import Vanished
from gpuwright.instance.window import SendWindow
from gpuwright.instance.writer import StatusWriter
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, KubeClient
from gpuwright.kube.events import Recorder
from gpuwright.leadership import Leadership, NotPermitted
from gpuwright.model.clock import Clock
from gpuwright.model.names import Owner, token
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.process import Operator, Phase
from gpuwright.provider.account import Caller
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.looker import Looker
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.provider.sweeper import Sweeper
from gpuwright.settings import BadSettings, Settings
from gpuwright.telemetry import Metrics

CONCURRENCY = 256  # keys at once that wait for the same providers; each provider's own limits matter more

log = logging.getLogger(__name__)


class Assembly:
    """Every object of the process, built once and connected here.

    Args:
        urgent: connections of their own for writes that must not wait behind others.
        cluster: the id that is in each name and token.
        leadership: None = there is no election, and every gate is open.
        failed: told, from within a task, of what no replica can go on after.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        client: KubeClient,
        urgent: KubeClient,
        metrics: Metrics,
        cluster: str,
        leadership: Leadership | None,
        failed: Callable[[Exception], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._urgent = urgent
        self._metrics = metrics
        self._cluster = cluster
        self._gate = leadership.may_send if leadership else lambda: True
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
            lane=self._index.lane,
            observe=self._operator.count,
            expected=(ApiError,),
        )
        self._operator.listen(self._engine)
        self._spending = Spending(self._cache, clock, metrics, acting=lambda: self._phase.leading)
        self._candidate = Candidate(self._operator, leadership, check=self._check_cluster, failed=failed)
        self._http = HttpServer(
            metrics,
            refresh=self._refresh,
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
            proxy=self._settings.proxy,
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

    def _refresh(self) -> None:
        self._operator.refresh_gauges()
        self._spending.refresh()

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
            log.info("listed", extra={"place": self._cluster, "count": len(list(self._cache.of_kind(INSTANCES.kind)))})
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
