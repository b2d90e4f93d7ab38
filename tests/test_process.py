"""The running operator: what the watch shows goes in, a list finds what it misses, and the end is in good order."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from tests.engine.virtual_loop import LoopClock, in_virtual_time
from tests.kube.fake_api import FakeApi, a_cluster_provider, a_provider, an_instance

from gpuwright.engine.queue import Engine
from gpuwright.instance.reconciler import InstanceReconciler
from gpuwright.instance.vanished import Vanished
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import Forbidden, NoAnswer
from gpuwright.kube.events import Recorder
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.resources import CLUSTER_PROVIDERS, EVENTS, INSTANCES, OURS, PROVIDERS, Key
from gpuwright.process import DEAF_SECONDS, DRAIN_SECONDS, RESYNC_SECONDS, Operator, Phase
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.reconciler import ProviderReconciler
from gpuwright.telemetry import Metrics

INSTANCE = Key(INSTANCES.kind, "team-a", "trainer-0")
PROVIDER = Key(PROVIDERS.kind, "team-a", "gateway")
SHARED = Key(CLUSTER_PROVIDERS.kind, "", "shared")


class Instances(InstanceReconciler):
    """Takes note of its passes, each of which takes so long and may fail."""

    def __init__(self) -> None:
        self.passes: list[Key] = []
        self.seconds = 0.0
        self.error: Exception | None = None

    async def reconcile(self, key: Key) -> float | None:
        self.passes.append(key)
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return None


class Providers(ProviderReconciler):
    """Takes note of its passes."""

    def __init__(self) -> None:
        self.passes: list[Key] = []

    async def reconcile(self, key: Key) -> float | None:
        self.passes.append(key)
        return None


class Ends(Vanished):
    """Takes note of objects that are gone."""

    def __init__(self) -> None:
        self.uids: list[str] = []

    def gone(self, body: Mapping[str, Any]) -> None:
        self.uids.append(body["metadata"]["uid"])


class Ground:
    """One process of the operator, without its reconcilers; begins inside a running loop."""

    def __init__(self, *, namespaces: tuple[str, ...] = ()) -> None:
        self.api = FakeApi()
        self.cache = ObjectCache()
        self.index = InstanceIndex()
        self.instances, self.providers, self.ends = Instances(), Providers(), Ends()
        self.metrics = Metrics()
        self.clock = LoopClock()
        self.phase = Phase()
        self.recorder = Recorder(self.api, self.clock, self.metrics, "0123456789abcdef")
        self.operator = Operator(
            self.api,
            self.cache,
            self.index,
            self.instances,
            self.providers,
            self.ends,
            self.recorder,
            self.metrics,
            self.clock,
            self.phase,
            namespaces=namespaces,
            random=Random(1),
        )
        self.engine = Engine(self.operator.work, concurrency=8, random=lambda: 0.5, observe=self.operator.count)
        self.operator.listen(self.engine)

    async def begin(self) -> None:
        """List, work on what was shown, and listen to the watch."""
        await self.operator.resync()
        self.operator.start()
        self.watch()
        await asyncio.sleep(1)
        self.instances.passes.clear()
        self.providers.passes.clear()

    def watch(self, *, broken: bool = False) -> None:
        """Connect the watch, or cut it."""
        self.api._listeners = [] if broken else [self.operator.feed]

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    async def end(self) -> None:
        for task in self.operator._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def add(ground: Ground, name: str = "trainer-0", namespace: str = "team-a", **status: Any) -> str:
    """Create an instance; return its uid."""
    body = an_instance(name, namespace)
    uid: str = ground.api.add(INSTANCES, {**body, "status": status} if status else body)["metadata"]["uid"]
    return uid


class TestTheFirstList:
    @in_virtual_time
    async def test_shows_everything_and_then_all_of_it_is_worked_on(self) -> None:
        ground = Ground()
        add(ground)
        ground.api.add(PROVIDERS, a_provider("http://127.0.0.1:1"))
        ground.api.add(CLUSTER_PROVIDERS, a_cluster_provider("http://127.0.0.1:1"))
        await ground.operator.resync()
        await asyncio.sleep(1)
        assert ground.instances.passes == [], "nothing is worked on before all of it is known"
        ground.operator.start()
        await asyncio.sleep(1)
        assert ground.instances.passes == [INSTANCE]
        assert sorted(ground.providers.passes) == sorted([PROVIDER, SHARED])
        assert ground.value("gpuwright_resync_corrections_total") == 0
        await ground.end()

    @in_virtual_time
    async def test_keeps_to_the_watched_namespaces(self) -> None:
        ground = Ground(namespaces=("team-a", "team-b"))
        for namespace in ("team-a", "team-b", "team-c"):
            add(ground, namespace=namespace)
        await ground.operator.resync()
        assert sorted(key.namespace for key, _body in ground.cache.of_kind(INSTANCES.kind)) == ["team-a", "team-b"]

    @in_virtual_time
    async def test_needs_no_right_on_cluster_scoped_objects_where_it_watches_namespaces(self) -> None:
        ground = Ground(namespaces=("team-a",))
        ground.api.fail(Forbidden("403"), "GET", "clustercomputeproviders")
        add(ground)
        await ground.operator.resync()
        assert ground.cache.get(INSTANCE) is not None
        assert ground.operator.watchable() == (INSTANCES, PROVIDERS)

    @in_virtual_time
    async def test_says_that_all_kinds_may_be_watched(self) -> None:
        ground = Ground()
        await ground.operator.resync()
        assert ground.operator.watchable() == OURS

    @pytest.mark.parametrize("part", ["computeinstances", "/computeproviders", "clustercomputeproviders"])
    @in_virtual_time
    async def test_that_is_refused_ends_the_process(self, part: str) -> None:
        ground = Ground()
        ground.api.fail(Forbidden("403"), "GET", part)
        with pytest.raises(Forbidden):
            await ground.operator.resync()

    @in_virtual_time
    async def test_is_not_stopped_by_one_damaged_status(self) -> None:
        ground = Ground()
        add(ground, "damaged", residue=[{"name": "a"}], launch={"send": 1})
        add(ground)
        await ground.operator.resync()
        assert ground.cache.get(INSTANCE) is not None


class TestTheWatch:
    @pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED"])
    @in_virtual_time
    async def test_has_an_object_worked_on(self, event: str | None) -> None:
        ground = Ground()
        await ground.begin()
        ground.watch(broken=True)
        add(ground)
        ground.operator.feed(INSTANCES.kind, event, ground.api.all(INSTANCES)[0])
        await asyncio.sleep(1)
        assert ground.instances.passes == [INSTANCE]
        await ground.end()

    @in_virtual_time
    async def test_that_shows_the_echo_of_our_own_write_wakes_nobody(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.watch(broken=True)
        body = await ground.api.get(INSTANCES, "team-a", "trainer-0")
        answer = await ground.api.patch(INSTANCES, body, {"status": {"summary": "Running"}}, status=True)
        ground.cache.put(INSTANCES.kind, answer)
        ground.operator.feed(INSTANCES.kind, "MODIFIED", answer)
        ground.operator.feed(INSTANCES.kind, "MODIFIED", body)
        await asyncio.sleep(1)
        assert ground.instances.passes == []
        await ground.end()

    @in_virtual_time
    async def test_of_a_provider_wakes_its_instances(self) -> None:
        ground = Ground()
        add(ground)
        add(ground, namespace="team-b")
        ground.api.add(PROVIDERS, a_provider("http://127.0.0.1:1"))
        await ground.begin()
        ground.api.change(PROVIDERS, "team-a", "gateway", {"spec": {"draining": True}})
        await asyncio.sleep(1)
        assert ground.providers.passes == [PROVIDER]
        assert ground.instances.passes == [INSTANCE]
        await ground.end()

    @in_virtual_time
    async def test_of_a_first_and_a_last_instance_wakes_the_provider(self) -> None:
        ground = Ground()
        await ground.begin()
        add(ground)
        await asyncio.sleep(1)
        assert ground.providers.passes == [PROVIDER]
        ground.api.change(INSTANCES, "team-a", "trainer-0", {"spec": {"maxReplacements": 7}})
        await asyncio.sleep(1)
        assert ground.providers.passes == [PROVIDER]
        ground.api.delete(INSTANCES, "team-a", "trainer-0")
        await asyncio.sleep(1)
        assert ground.providers.passes == [PROVIDER] * 2
        await ground.end()

    @in_virtual_time
    async def test_of_an_end_is_told_once(self) -> None:
        ground = Ground()
        uid = add(ground)
        await ground.begin()
        body = ground.api.all(INSTANCES)[0]
        ground.api.delete(INSTANCES, "team-a", "trainer-0")
        ground.operator.feed(INSTANCES.kind, "DELETED", body)
        assert ground.ends.uids == [uid]
        assert ground.cache.get(INSTANCE) is None
        await ground.end()

    @in_virtual_time
    async def test_of_an_old_end_takes_nothing_from_a_new_object(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        old = ground.api.all(INSTANCES)[0]
        ground.api.delete(INSTANCES, "team-a", "trainer-0")
        new = add(ground)
        ground.operator.feed(INSTANCES.kind, "DELETED", old)
        known = ground.cache.get(INSTANCE)
        assert known is not None
        assert known["metadata"]["uid"] == new
        await ground.end()

    @in_virtual_time
    async def test_that_missed_an_end_tells_of_it_when_another_object_has_the_name(self) -> None:
        ground = Ground()
        old = add(ground)
        await ground.begin()
        ground.watch(broken=True)
        ground.api.delete(INSTANCES, "team-a", "trainer-0")
        ground.watch()
        add(ground)
        assert ground.ends.uids == [old]
        await ground.end()


class TestAResync:
    @in_virtual_time
    async def test_comes_every_five_to_ten_minutes_for_ever(self) -> None:
        ground = Ground()
        await ground.begin()
        before = len(ground.api.requests)
        await asyncio.sleep(24 * 3600)
        lists = (len(ground.api.requests) - before) / 3
        assert 24 * 3600 / RESYNC_SECONDS[1] <= lists <= 24 * 3600 / RESYNC_SECONDS[0]
        await ground.end()

    @in_virtual_time
    async def test_finds_what_the_watch_missed(self) -> None:
        ground = Ground()
        gone = add(ground, "gone")
        add(ground, "changed")
        await ground.begin()
        ground.watch(broken=True)
        ground.api.delete(INSTANCES, "team-a", "gone")
        ground.api.change(INSTANCES, "team-a", "changed", {"spec": {"maxReplacements": 7}})
        add(ground, "new")
        await ground.operator.resync()
        await asyncio.sleep(1)
        assert sorted(key.name for key in ground.instances.passes) == ["changed", "gone", "new"]
        assert ground.ends.uids == [gone]
        assert ground.value("gpuwright_resync_corrections_total") == 3
        await ground.end()

    @in_virtual_time
    async def test_that_finds_nothing_wakes_nobody(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        await ground.operator.resync()
        await asyncio.sleep(1)
        assert (ground.instances.passes, ground.value("gpuwright_resync_corrections_total")) == ([], 0)
        await ground.end()

    @in_virtual_time
    async def test_does_not_forget_an_object_that_was_made_anew_meanwhile(self) -> None:
        """The list is of one moment; the watch is further on when it has been read."""
        ground = Ground()
        old = add(ground)
        await ground.begin()
        ground.watch(broken=True)
        ground.api.delete(INSTANCES, "team-a", "trainer-0")

        def made_anew() -> None:
            ground.watch()
            add(ground)
            # What the list shows was read before.
            ground.api._objects = {}

        ground.api.before(made_anew, "GET", "computeinstances")
        await ground.operator.resync()
        known = ground.cache.get(INSTANCE)
        assert known is not None
        assert known["metadata"]["uid"] != old
        assert ground.ends.uids == [old]
        await ground.end()

    @in_virtual_time
    async def test_that_fails_is_repeated_and_forgets_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.api.fail(NoAnswer("503"), "GET", "computeinstances")
        await asyncio.sleep(RESYNC_SECONDS[1] + 1)
        assert "a resync failed and will be repeated" in caplog.text
        assert ground.cache.get(INSTANCE) is not None
        ground.watch(broken=True)
        add(ground, "new")
        await asyncio.sleep(RESYNC_SECONDS[1] + 1)
        assert ground.cache.get(INSTANCE._replace(name="new")) is not None
        await ground.end()

    @in_virtual_time
    async def test_that_may_not_list_cluster_providers_for_once_forgets_none(self) -> None:
        ground = Ground(namespaces=("team-a",))
        ground.api.add(CLUSTER_PROVIDERS, a_cluster_provider("http://127.0.0.1:1"))
        await ground.begin()
        ground.api.fail(Forbidden("401"), "GET", "clustercomputeproviders")
        await ground.operator.resync()
        assert ground.cache.get(SHARED) is not None
        await ground.end()


class TestWork:
    @in_virtual_time
    async def test_is_counted_and_measured(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.instances.seconds = 2
        ground.engine.mark(INSTANCE)
        await asyncio.sleep(1)
        labels = {"controller": "computeinstance"}
        assert ground.value("controller_runtime_active_workers", **labels) == 1
        await asyncio.sleep(2)
        assert ground.value("controller_runtime_active_workers", **labels) == 0
        assert ground.value("controller_runtime_reconcile_time_seconds_sum", **labels) == pytest.approx(2)
        ground.instances.error = ValueError("a bug")
        ground.engine.mark(INSTANCE)
        await asyncio.sleep(2.5)
        assert ground.value("controller_runtime_reconcile_errors_total", **labels) == 1
        assert ground.value("controller_runtime_reconcile_total", result="error", **labels) == 1
        assert ground.value("controller_runtime_active_workers", **labels) == 0
        await ground.end()


class TestDraining:
    @in_virtual_time
    async def test_finishes_what_is_in_flight_and_sends_the_last_events(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.instances.seconds = 30
        ground.engine.mark(INSTANCE)
        await asyncio.sleep(1)
        ending = asyncio.ensure_future(ground.operator.drain())
        await asyncio.sleep(1)
        assert ground.operator.readiness() == "stopping"
        body = ground.cache.get(INSTANCE)
        assert body is not None
        ground.recorder.emit(body, EventReason.LOST, "the last word")
        ground.engine.mark(INSTANCE._replace(name="new"))
        await ending
        assert ground.clock.monotonic() == pytest.approx(31, abs=1)
        assert ground.instances.passes == [INSTANCE]
        assert [event["note"] for event in ground.api.all(EVENTS)] == ["the last word"]

    @in_virtual_time
    async def test_gives_up_after_its_time(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.instances.seconds = 1000
        ground.engine.mark(INSTANCE)
        await asyncio.sleep(1)
        begun = ground.clock.monotonic()
        await ground.operator.drain()
        assert ground.clock.monotonic() - begun == pytest.approx(DRAIN_SECONDS)

    @in_virtual_time
    async def test_tells_whoever_must_not_begin_anything_any_more(self) -> None:
        ground = Ground()
        await ground.begin()
        assert not ground.phase.stopping
        await ground.operator.drain()
        assert ground.phase.stopping

    @in_virtual_time
    async def test_says_one_line_at_the_end(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        ground = Ground()
        await ground.begin()
        await ground.operator.drain()
        assert [record.getMessage() for record in caplog.records] == ["stopped"]


class TestHealth:
    @pytest.mark.parametrize(
        ("seconds", "sick"), [(DEAF_SECONDS - 1, False), (DEAF_SECONDS, False), (DEAF_SECONDS + 1, True)]
    )
    @in_virtual_time
    async def test_is_lost_by_hearing_nothing_for_too_long(self, seconds: float, sick: bool) -> None:
        ground = Ground()
        await ground.operator.resync()
        await asyncio.sleep(seconds)
        assert bool(ground.operator.health()) is sick

    @in_virtual_time
    async def test_is_kept_by_any_event_and_by_any_resync(self) -> None:
        ground = Ground()
        add(ground)
        await ground.operator.resync()
        for _ in range(5):
            await asyncio.sleep(DEAF_SECONDS - 1)
            ground.operator.feed(INSTANCES.kind, "MODIFIED", ground.api.all(INSTANCES)[0])
        assert ground.operator.health() == ""
        await asyncio.sleep(DEAF_SECONDS - 1)
        await ground.operator.resync()
        await asyncio.sleep(DEAF_SECONDS - 1)
        assert ground.operator.health() == ""


class TestReadiness:
    @in_virtual_time
    async def test_begins_with_the_first_complete_list(self) -> None:
        ground = Ground()
        assert ground.operator.readiness() == "the first list is not complete yet"
        await ground.begin()
        assert ground.operator.readiness() == ""
        await ground.end()


class TestGauges:
    @in_virtual_time
    async def test_count_machines_and_unsettled_creates(self) -> None:
        ground = Ground()
        launch = {"outcome": "Unknown", "intendedTime": "2026-11-22T00:00:00Z", "providerRef": {"name": "recorded"}}
        add(ground, "waiting")
        add(ground, "lost", launch=launch, summary="OutcomeUnknown")
        add(ground, "fresh", launch={**launch, "outcome": "Intended", "intendedTime": "2026-11-22T00:00:50Z"})
        add(ground, "running", launch={**launch, "outcome": "Committed"}, summary="Running")
        await ground.operator.resync()
        await asyncio.sleep(100)
        ground.operator.refresh_gauges()
        assert ground.value("gpuwright_machines", namespace="team-a", provider="team-a/gateway", summary="Waiting") == 1
        assert (
            ground.value("gpuwright_machines", namespace="team-a", provider="team-a/recorded", summary="Running") == 1
        )
        assert ground.value("gpuwright_creates_unsettled") == 2
        assert ground.value("gpuwright_create_unsettled_oldest_seconds") == pytest.approx(100)

    @in_virtual_time
    async def test_tell_the_oldest_deletion_of_each_provider(self) -> None:
        ground = Ground()
        for name, moment in (("old", "2026-11-22T00:00:00Z"), ("new", "2026-11-22T00:00:50Z"), ("kept", "")):
            body = an_instance(name, "team-a")
            body["metadata"] |= {"finalizers": ["gpuwright.dev/machine"]} | (
                {"deletionTimestamp": moment} if moment else {}
            )
            ground.api.add(INSTANCES, body)
        await ground.operator.resync()
        await asyncio.sleep(100)
        ground.operator.refresh_gauges()
        assert ground.value("gpuwright_deletion_oldest_seconds", provider="team-a/gateway") == pytest.approx(100)
        for name in ("old", "new"):
            ground.api.change(INSTANCES, "team-a", name, {"metadata": {"finalizers": None}})
            ground.api.delete(INSTANCES, "team-a", name)
        await ground.operator.resync()
        ground.operator.refresh_gauges()
        assert ground.value("gpuwright_deletion_oldest_seconds", provider="team-a/gateway") is None

    @in_virtual_time
    async def test_tell_for_how_long_nothing_was_heard(self) -> None:
        ground = Ground()
        await ground.operator.resync()
        await asyncio.sleep(40)
        ground.operator.refresh_gauges()
        assert ground.value("gpuwright_api_silence_seconds") == pytest.approx(40)

    @in_virtual_time
    async def test_forget_what_is_gone(self) -> None:
        ground = Ground()
        add(ground)
        await ground.begin()
        ground.operator.refresh_gauges()
        ground.api.delete(INSTANCES, "team-a", "trainer-0")
        ground.operator.refresh_gauges()
        assert (
            ground.value("gpuwright_machines", namespace="team-a", provider="team-a/gateway", summary="Waiting") is None
        )
        assert ground.value("gpuwright_create_unsettled_oldest_seconds") == 0
        await ground.end()
