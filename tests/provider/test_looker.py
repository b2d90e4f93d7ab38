"""Probes and lists: when they are made, what they say about the provider, and who hears of it."""

import asyncio
import logging

import pytest
from tests.adapters.raw_server import RawServer
from tests.kube.fake_api import a_provider
from tests.provider.ground import Ground, says

from gpuwright.kube.client import Conflict
from gpuwright.model.conditions import Reason
from gpuwright.model.resources import PROVIDERS, key_of
from gpuwright.provider.breaker import BreakerState
from gpuwright_sandbox.gateway import Dialect, Settings


class TestHealth:
    @pytest.mark.parametrize("threshold", [1, 3, 5])
    async def test_is_gone_after_so_many_failures_in_a_row(self, ground: Ground, threshold: int) -> None:
        ground.a_provider(probe={"failureThreshold": threshold}, poll={"periodSeconds": 1})
        ground.machines(1)
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="answer", status=500, nth="every")
        for number in range(threshold):
            assert ground.conditions()["Online"] == ("True", "Answered"), number
            ground.clock.advance(1)
            await ground.reconcile()
        assert ground.conditions()["Online"] == ("False", "Unreachable")
        assert ground.now()["status"]["breaker"]["state"] == "Open"

    async def test_that_is_bad_now_and_then_is_no_news(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 1})
        ground.machines(1)
        await ground.run(60)
        ground.api.writes.clear()
        ground.gateway.add_fault(call="list", action="answer", status=500, nth=[1, 2, 4, 5, 7, 8, 10])
        await ground.run(15)
        assert (ground.api.writes, ground.recorder.emitted) == ([], [])

    async def test_that_is_gone_is_asked_for_at_growing_distances(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        await ground.run(30)
        ground.gateway.add_fault(action="answer", status=500, nth="every")
        await ground.run(20)
        assert ground.account().breaker.state is BreakerState.OPEN
        before = len(ground.gateway.requests)
        await ground.run(600)
        # A probe after 10, 20, 40, then every 80 seconds; it asks for health and then for a page.
        assert 12 <= len(ground.gateway.requests) - before <= 24

    async def test_is_told_once_each_time_it_turns(self, ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "gpuwright")
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        await ground.run(30)
        for _ in range(2):
            ground.gateway.add_fault(action="refuse", seconds=600)
            await ground.run(60)
            await ground.gateway.restart()
            await ground.run(90)
        assert ground.reasons == ["ProviderUnreachable", "ProviderOnline"] * 2
        levels = [record.levelname for record in caplog.records if "answer" in record.getMessage()]
        assert levels == ["WARNING", "INFO"] * 2
        assert not any(record.exc_info for record in caplog.records)

    async def test_is_told_once_even_when_the_status_cannot_be_written_at_first(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        await ground.run(30)
        ground.gateway.add_fault(action="refuse", seconds=600)
        ground.api.fail(Conflict("409"), "PATCH", "/status", times=3)
        await ground.run(60)
        assert ground.reasons == ["ProviderUnreachable"]

    async def test_that_is_gone_stops_creates_and_nothing_else(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(30)
        assert ground.hindrance(asker) is None
        ground.gateway.add_fault(action="refuse", seconds=600)
        await ground.run(60)
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert (hindrance.reason, hindrance.stalls) == (Reason.PROVIDER_UNREACHABLE, False)
        assert not ground.view(asker).reachable
        assert ground.view(asker).snapshot is not None, "what was last known is kept"

    async def test_that_comes_back_lets_creates_ramp_up(self, ground: Ground) -> None:
        ground.a_provider(limits={"createsPerMinute": 60}, probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(120)
        assert ground.view(asker).room.free
        ground.gateway.add_fault(action="refuse", seconds=600)
        await ground.run(60)
        await ground.gateway.restart()
        ground.clock.advance(max(0.0, ground.account().breaker.probe_at - ground.clock.monotonic()))
        await ground.reconcile()
        assert ground.account().reachable
        assert not ground.view(asker).room.free
        ground.clock.advance(1)
        assert ground.view(asker).room.free

    async def test_survives_a_restart_that_hammers_nobody(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(30)
        ground.gateway.add_fault(action="answer", status=500, nth="every")
        await ground.run(60)
        opened = ground.now()["status"]["breaker"]["openedTime"]
        await ground.restart()
        before = len(ground.gateway.requests)
        await ground.run(9)
        assert len(ground.gateway.requests) - before <= 2, "one probe at once, and the next after its period"
        assert ground.hindrance(asker) is not None
        assert ground.now()["status"]["breaker"]["openedTime"] == opened
        assert ground.reasons == [], "it is no news"

    async def test_of_a_gateway_that_cannot_be_read_is_asked_for_too(self) -> None:
        async with Ground(Settings(dialect=Dialect.CREATE_ONLY)) as ground:
            ground.a_provider(gateway={"dialect": "CreateOnly"}, probe={"periodSeconds": 10})
            ground.an_instance(machine="i-1")
            await ground.run(60)
            assert ground.conditions()["Online"] == ("True", "Answered")
            ground.gateway.add_fault(action="refuse", seconds=600)
            await ground.run(60)
            assert ground.conditions()["Online"] == ("False", "Unreachable")

    async def test_stands_in_the_metrics(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(1)
        await ground.run(30)
        assert ground.gauge("gpuwright_provider_online") == 1
        ground.gateway.add_fault(action="refuse", seconds=600)
        await ground.run(60)
        assert ground.gauge("gpuwright_provider_online") == 0


class TestLists:
    async def test_serve_a_hundred_askers_at_once(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 600})
        askers = [ground.an_instance(f"trainer-{number}") for number in range(100)]
        await ground.run(5)
        before = ground.asked("list")
        for asker in askers:
            ground.desk.ask_list(ground.view(asker).ref, asker)
        ground.marked.clear()
        await ground.run(5)
        assert ground.asked("list") == before + 1
        assert set(askers) <= set(ground.marked)

    async def test_begin_after_they_were_asked_for(self, ground: Ground) -> None:
        """Whoever asks while a list is on its way gets the next one."""
        ground.a_provider(poll={"periodSeconds": 600})
        first, second = ground.an_instance("first"), ground.an_instance("second")
        await ground.run(5)
        ref = ground.view(first).ref
        ground.desk.ask_list(ref, first)
        async with RawServer() as server:
            slow = ground.account().adapter
            assert slow is not None
            listing = asyncio.ensure_future(ground.slow_pass(server))
            peer = await server.accept()
            await peer.read_request()
            ground.desk.ask_list(ref, second)
            ground.marked.clear()
            await peer.answer(200, {"items": [], "next_cursor": ""})
            await listing
        assert first in ground.marked
        assert second not in ground.marked
        assert list(ground.account().waiters) == [second]

    async def test_that_fail_keep_those_who_wait(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 600})
        asker = ground.an_instance()
        await ground.run(5)
        ground.gateway.add_fault(call="list", action="answer", status=500)
        ground.desk.ask_list(ground.view(asker).ref, asker)
        ground.marked.clear()
        await ground.reconcile()
        assert asker not in ground.marked
        await ground.run(2)
        assert asker in ground.marked

    async def test_wake_only_those_of_whom_they_say_something_new(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(10)
        await ground.run(30)
        ground.marked.clear()
        machine = ground.gateway.fleet.pick("trainer-3")
        assert machine is not None
        ground.gateway.fleet.preempt(machine)
        await ground.run(11)
        assert [key.name for key in ground.marked] == ["trainer-3"]

    @pytest.mark.parametrize(("mode", "lists"), [("Disabled", 0), ("Report", 2)])
    async def test_are_made_for_nobody_but_the_sweep(self, ground: Ground, mode: str, lists: int) -> None:
        ground.a_provider(sweep={"mode": mode, "periodSeconds": 120})
        await ground.run(300)
        # The probe asks for one page that holds nothing; it is no list.
        made = [record for record in ground.gateway.requests.find("list") if "limit=1" not in record.path.split("&")]
        assert len(made) == lists

    async def test_that_are_answered_say_when(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.run(5)
        name = "gpuwright_provider_last_list_timestamp_seconds"
        assert ground.metrics.registry.get_sample_value(name, {"provider": "team-a/gateway"})


class TestMassAbsence:
    async def test_is_told_once_and_concludes_nothing(self, ground: Ground) -> None:
        ground.a_provider()
        ids = ground.machines(30)
        asker = ground.an_instance("new")
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(60)
        assert ground.view(asker).mass_absent == frozenset(ids)
        assert ground.conditions()["MassAbsence"] == ("True", "MachinesMissing")
        assert ground.reasons == ["MassAbsence"]
        assert ground.gauge("gpuwright_missing_machines") == 30

    async def test_ends_when_the_machines_show_again(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(30)
        asker = ground.an_instance("new")
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="empty")
        await ground.run(60)
        assert ground.view(asker).mass_absent == frozenset()
        assert ground.conditions()["MassAbsence"] == ("False", "Settled")
        assert ground.gauge("gpuwright_missing_machines") == 0

    async def test_ends_by_a_persons_word(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(30)
        asker = ground.an_instance("new")
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(60)
        ground.change(says("now"))
        ground.marked.clear()
        await ground.run(30)
        assert ground.view(asker).mass_absent == frozenset()
        assert asker in ground.marked

    async def test_does_not_take_in_what_we_terminated_ourselves(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(30)
        asker = ground.an_instance("new")
        await ground.run(30)
        for number in range(30):
            ending = {"status": {"launch": {"ending": {"reason": "Deleted"}}}}
            ground.change(ending, asker._replace(name=f"trainer-{number}"))
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(30)
        assert ground.view(asker).mass_absent == frozenset()

    async def test_says_something_only_of_machines_that_a_look_has_shown(self, ground: Ground) -> None:
        ground.a_provider()
        for number in range(10):
            key = ground.an_instance(f"fresh-{number}", machine=f"i-{number}")
            ground.change({"status": {"launch": {"settled": False}}}, key)
        await ground.run(30)
        assert ground.reasons == []


class TestAPause:
    """The gateway says how long: 429 with Retry-After."""

    async def _throttled(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 1})
        ground.machines(1)
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="throttle", seconds=60, nth=1)
        await ground.run(2)

    async def test_is_kept_by_lists_and_probes(self, ground: Ground) -> None:
        await self._throttled(ground)
        asked = ground.asked("list")
        await ground.run(55)
        assert ground.asked("list") == asked
        await ground.run(10)
        assert ground.asked("list") > asked

    async def test_is_kept_by_creates(self, ground: Ground) -> None:
        await self._throttled(ground)
        asker = ground.an_instance("trainer-9")
        assert not ground.view(asker).room.free
        await ground.run(65)
        assert ground.view(asker).room.free

    async def test_costs_no_passes(self, ground: Ground) -> None:
        await self._throttled(ground)
        ground.passes = 0
        await ground.run(50)
        assert ground.passes <= 10

    async def test_of_others_with_the_same_credentials_is_kept_too(self, ground: Ground) -> None:
        await self._throttled(ground)
        other = ground.api.add(PROVIDERS, a_provider(ground.gateway.url, name="other"))
        await ground.reconcile(key_of(PROVIDERS.kind, other))
        asked = ground.asked("list")
        await ground.run(30, key_of(PROVIDERS.kind, other))
        assert ground.asked("list") == asked


async def test_one_list_a_period_serves_every_instance(ground: Ground) -> None:
    """Whatever their number: three hundred instances cost the provider what one does."""
    asked = []
    for count in (1, 300):
        async with Ground() as fresh:
            fresh.a_provider(poll={"periodSeconds": 10})
            fresh.machines(count)
            await fresh.run(30)
            before = fresh.asked("list")
            await fresh.run(100)
            asked.append(fresh.asked("list") - before)
    assert asked[0] == asked[1] == 10
