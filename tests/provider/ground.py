"""The provider side of the operator over an API server in memory and the sandbox gateway, in time that a test moves."""

import base64
from collections.abc import Mapping
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Literal, Self

from tests.adapters.gateway_stage import GatewayStage
from tests.adapters.raw_server import RawServer
from tests.engine.manual_clock import ManualClock
from tests.kube.fake_api import Body, FakeApi, a_cluster_provider, a_provider, an_instance

from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.events import Recorder
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import FINALIZER_IN_USE
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.resources import BY_KIND, CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, SECRETS, Key, key_of
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.looker import Looker
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.provider.sweeper import Sweeper
from gpuwright.telemetry import Metrics
from gpuwright_sandbox.gateway import ManualClock as SandboxClock
from gpuwright_sandbox.gateway import SandboxGateway, Settings
from gpuwright_sandbox.gateway.fleet import Order
from gpuwright_sandbox.gateway.machines import MachineRequest

CLUSTER = "cluster-1"
OPERATORS = "gpuwright-system"
GATEWAY = Key(PROVIDERS.kind, "team-a", "gateway")
SHARED = Key(CLUSTER_PROVIDERS.kind, "", "shared")
PASSES = 10_000


def says(word: str) -> Body:
    """Return the change by which a person asks for a look."""
    return {"metadata": {"annotations": {"gpuwright.dev/reconcile-requested-at": word}}}


class Heard(Recorder):
    """Remembers what was emitted, one entry for each call."""

    emitted: list[tuple[str, str, str]]

    def emit(
        self,
        regarding: Mapping[str, Any],
        reason: EventReason,
        note: str,
        kind: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        """See Recorder."""
        self.emitted.append((str(reason), note, kind))
        super().emit(regarding, reason, note, kind)


class Ground:
    """One operator's provider side. `marked` has what it wants looked at again."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        watched: tuple[str, ...] = (),
        secret_finalizers: bool = True,
    ) -> None:
        # Its time stands still: a machine that boots in the middle of a test would be news to its instance.
        self.gateway = SandboxGateway(settings or Settings(), clock=SandboxClock())
        self.clock = ManualClock()
        self.api = FakeApi()
        self.metrics = Metrics()
        self._watched = watched
        self._secret_finalizers = secret_finalizers
        self.passes = 0
        self._begin()

    async def restart(self) -> None:
        """Begin a new process: it knows what the API server shows, and nothing else."""
        await self._end()
        self._begin()

    async def _end(self) -> None:
        for account in self.desk.accounts():
            if account.adapter is not None:
                await account.adapter.close()

    def _begin(self) -> None:
        self.marked: list[Key] = []
        self.cache = ObjectCache()
        self.index = InstanceIndex()
        self.recorder = Heard(self.api, self.clock, self.metrics, "0123456789abcdef")
        self.recorder.emitted = []
        caller = Caller(self.clock, self.metrics)
        self.desk = Desk(self.api, self.cache, self.index, caller, self.clock, mark=self.marked.append)
        keeper = Keeper(
            self.api,
            self.cache,
            self.index,
            cluster=CLUSTER,
            namespace=OPERATORS,
            allowed=(ip_network("127.0.0.0/8"),),
            secret_finalizers=self._secret_finalizers,
            watched=self._watched,
        )
        sweeper = Sweeper(
            self.api,
            self.cache,
            caller,
            self.recorder,
            self.clock,
            self.metrics,
            cluster=CLUSTER,
            watched=self._watched,
        )
        looker = Looker(
            self.cache,
            self.index,
            sweeper,
            caller,
            self.recorder,
            self.clock,
            self.metrics,
            mark=self.marked.append,
        )
        self.reconciler = ProviderReconciler(
            self.api,
            self.cache,
            self.index,
            self.desk,
            keeper,
            looker,
            sweeper,
            self.recorder,
            self.clock,
            self.metrics,
        )
        self.cache.listen(self._follow)
        self.api._listeners = [self._watch]
        for resource in BY_KIND.values():
            for body in self.api.all(resource):
                self.cache.put(resource.kind, body)

    async def slow_pass(self, server: RawServer) -> float | None:
        """Make one pass whose list is answered by a server of the test."""
        account = self.account()
        before = account.adapter
        account.adapter = GatewayStage().adapter_for(url=server.url, dialect="Full", cluster=CLUSTER)
        try:
            return await self.reconcile()
        finally:
            if account.adapter is not None:
                await account.adapter.close()
            account.adapter = before

    def _watch(self, kind: str, event: str, body: Body) -> None:
        if kind not in BY_KIND:
            return
        if event == "DELETED":
            self.cache.remove(kind, body)
        else:
            self.cache.put(kind, body)

    def _follow(self, key: Key) -> None:
        if key.kind == INSTANCES.kind:
            self.index.update(key, self.cache.get(key))

    async def __aenter__(self) -> Self:
        await self.gateway.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()
        await self.gateway.stop()

    def gauge(self, name: str) -> float | None:
        """Return what a gauge says of the provider `gateway`."""
        return self.metrics.registry.get_sample_value(name, {"provider": str(GATEWAY)})

    def a_secret(self, token: str = "sandbox", *, name: str = "gateway-token", namespace: str = "team-a") -> None:
        """Create the Secret, or put another token into it."""
        data = {"token": base64.b64encode(token.encode()).decode()}
        if self.api.now(SECRETS, namespace, name) is None:
            self.api.add(SECRETS, {"metadata": {"name": name, "namespace": namespace}, "data": data})
        else:
            self.api.change(SECRETS, namespace, name, {"data": data})

    def a_provider(self, **spec: Any) -> Key:
        """Create a ComputeProvider and its Secret."""
        self.a_secret()
        return key_of(PROVIDERS.kind, self.api.add(PROVIDERS, a_provider(self.gateway.url, **spec)))

    def a_cluster_provider(self, **spec: Any) -> Key:
        """Create a ClusterComputeProvider and its Secret."""
        self.a_secret(namespace=OPERATORS)
        return key_of(
            CLUSTER_PROVIDERS.kind, self.api.add(CLUSTER_PROVIDERS, a_cluster_provider(self.gateway.url, **spec))
        )

    def an_instance(
        self, name: str = "trainer-0", namespace: str = "team-a", provider: Key = GATEWAY, machine: str = ""
    ) -> Key:
        """Create a ComputeInstance; with a machine on record, if one is named, that a look has shown."""
        reference = {"kind": provider.kind, "name": provider.name}
        body = an_instance(name, namespace, providerRef=reference)
        body["metadata"]["uid"] = f"uid-of-{namespace}-{name}"
        if machine:
            launch = {"providerRef": reference, "send": 1, "outcome": "Committed", "settled": True}
            body["status"] = {"launch": launch, "machine": {"id": machine, "name": name}}
        return key_of(INSTANCES.kind, self.api.add(INSTANCES, body))

    def a_machine(self, name: str) -> str:
        """Let there be a machine at the gateway with the tag of this cluster; return its id."""
        labels = {
            "gpuwright.dev/cluster": CLUSTER,
            "gpuwright.dev/owner-uid": f"uid-of-team-a-{name}",
            "gpuwright.dev/owner": f"team-a.{name}",
        }
        request = MachineRequest(image="i", cpu=1, memory_gb=1, labels=labels)
        return self.gateway.fleet.create(Order(name=name, request=request)).id

    def machines(self, count: int) -> list[str]:
        """Let there be instances that have machines; return the machines' ids."""
        ids = []
        for number in range(count):
            ids.append(self.a_machine(f"trainer-{number}"))
            self.an_instance(f"trainer-{number}", machine=ids[-1])
        return ids

    async def reconcile(self, key: Key = GATEWAY) -> float | None:
        """Make one pass."""
        return await self.reconciler.reconcile(key)

    async def run(self, seconds: float, key: Key = GATEWAY) -> None:
        """Let time pass, with a pass whenever the last one asked for it."""
        end = self.clock.monotonic() + seconds
        for _ in range(PASSES):
            self.passes += 1
            delay = await self.reconcile(key)
            left = end - self.clock.monotonic()
            if delay is None or delay > left:
                self.clock.advance(max(0.0, left))
                return
            self.clock.advance(delay)
        raise AssertionError(f"{PASSES} passes in {seconds} s")

    def account(self, key: Key = GATEWAY) -> Account:
        """Return what the process knows of a provider."""
        return self.desk.account(key)

    def view(self, asker: Key, provider: Key = GATEWAY) -> ProviderView:
        """Return the picture that an instance gets."""
        found = self.desk.view(ProviderRef(provider.kind, provider.name), asker)
        assert isinstance(found, ProviderView), found
        return found

    def hindrance(self, asker: Key, provider: Key = GATEWAY) -> Hindrance | None:
        """Return why an instance may not create at the moment."""
        found = self.desk.view(ProviderRef(provider.kind, provider.name), asker)
        return found if isinstance(found, Hindrance | None) else found.hindrance

    def now(self, key: Key = GATEWAY) -> Body:
        """Return an object as the API server has it."""
        found = self.api.now(BY_KIND[key.kind], key.namespace or None, key.name)
        assert found is not None
        return found

    def change(self, change: Mapping[str, Any], key: Key = GATEWAY) -> None:
        """Change an object as somebody else does."""
        self.api.change(BY_KIND[key.kind], key.namespace or None, key.name, change)

    def conditions(self, key: Key = GATEWAY) -> dict[str, tuple[str, str]]:
        """Return status and reason of each condition."""
        return {
            found["type"]: (found["status"], found["reason"])
            for found in self.now(key).get("status", {}).get("conditions", [])
        }

    def is_protected(self, key: Key = GATEWAY) -> bool:
        """Return whether the provider object has our finalizer."""
        return FINALIZER_IN_USE in self.now(key)["metadata"].get("finalizers", [])

    def is_secret_protected(self, name: str = "gateway-token", namespace: str = "team-a") -> bool:
        """Return whether the Secret has our finalizer."""
        secret = self.api.now(SECRETS, namespace, name)
        return secret is not None and FINALIZER_IN_USE in secret["metadata"].get("finalizers", [])

    def asked(self, call: str) -> int:
        """Return how many such calls the gateway has had."""
        return len(self.gateway.requests.find(call))

    @property
    def reasons(self) -> list[str]:
        """Return the reasons of the Events that were emitted."""
        return [reason for reason, _note, _kind in self.recorder.emitted]
