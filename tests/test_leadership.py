"""The Lease is held, given back or lost; whatever happens, nothing is sent without it, and the end is told once."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from tests.engine.virtual_loop import LoopClock, in_virtual_time
from tests.kube.fake_api import FakeApi

from gpuwright.kube.client import ApiError, Forbidden, NoAnswer, NotFound
from gpuwright.kube.lease import NAME, LeaseStore
from gpuwright.leadership import CALL_SECONDS, RETRY_SECONDS, Leadership, NotPermitted
from gpuwright.model.election import LEASE_SECONDS, TERM_SECONDS, LeaseRecord
from gpuwright.model.resources import LEASES
from gpuwright.telemetry import Metrics

HOME = "gpuwright-system"


class Sleeper(LoopClock):
    """A clock that has slept for so long, beside what the loop has counted."""

    def __init__(self) -> None:
        self.slept = 0.0

    def boottime(self) -> float:
        return self.monotonic() + self.slept


class SlowStore(LeaseStore):
    """Each answer takes so long; what was asked for is done in the middle of it, whoever still waits then."""

    seconds = 0.0
    lost = False  # whether answers to changes never come

    async def read(self) -> LeaseRecord | None:
        await asyncio.sleep(self.seconds / 2)
        found = await super().read()
        await asyncio.sleep(self.seconds / 2)
        return found

    async def change(self, record: LeaseRecord, spec: Mapping[str, Any]) -> LeaseRecord:
        await asyncio.sleep(self.seconds / 2)
        changed = await super().change(record, spec)
        await asyncio.sleep(3600 if self.lost else self.seconds / 2)
        return changed


class Replica:
    """One replica's part in the election, running or not."""

    def __init__(self, api: FakeApi, me: str, network: LeaseStore | None = None) -> None:
        self.name = me
        self.clock = Sleeper()
        self.metrics = Metrics()
        self.store = SlowStore(api, HOME)
        self.ends: list[str] = []
        random = Random(me).random
        self.part = Leadership(network or self.store, self.clock, self.metrics, me=me, random=random, lost=self._lost)
        self.led = asyncio.Event()
        self.over = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Strive for the Lease, and renew it once it is ours."""
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.part.acquire()
        self.led.set()
        await self.part.keep()

    def _lost(self, reason: str) -> None:
        self.ends.append(reason)
        self.over.set()

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


async def leading(api: FakeApi, me: str = "first") -> Replica:
    replica = Replica(api, me)
    replica.begin()
    await asyncio.sleep(0.1)
    assert replica.part.may_send()
    return replica


def lease(api: FakeApi) -> dict[str, Any]:
    body = api.now(LEASES, HOME, NAME)
    assert body is not None
    found: dict[str, Any] = body["spec"]
    return found


async def until_it_leads(replica: Replica, seconds: float = 60) -> float:
    """Return how long that took."""
    began = replica.clock.monotonic()
    async with asyncio.timeout(seconds):
        await replica.led.wait()
    return replica.clock.monotonic() - began


class TestTheOneThatLeads:
    @in_virtual_time
    async def test_renews_its_term_every_two_seconds_or_sooner(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        for _second in range(60):
            assert replica.part.may_send()
            await asyncio.sleep(1)
        assert 60 / RETRY_SECONDS <= len(api.writes) <= 2 * 60 / RETRY_SECONDS + 1
        assert api.requests.count(f"GET {LEASES.path(HOME, NAME)}") == 1, "what it wrote itself it need not read"
        assert (replica.ends, lease(api)["leaseTransitions"]) == ([], 0)
        assert replica.value("gpuwright_leader") == 1
        await replica.kill()

    @in_virtual_time
    async def test_rides_out_whatever_goes_wrong_for_less_than_its_term(self, caplog: pytest.LogCaptureFixture) -> None:
        for error in (NoAnswer("500"), Forbidden("403"), NotFound("404")):
            api = FakeApi()
            replica = await leading(api)
            caplog.clear()
            api.fail(error, part="/leases/", times=4)
            await asyncio.sleep(30)
            assert replica.part.may_send()
            assert replica.ends == []
            assert len([line for line in caplog.records if line.levelno == logging.WARNING]) == 1
            await replica.kill()

    @in_virtual_time
    async def test_reads_again_what_somebody_else_has_touched(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        api.change(LEASES, HOME, NAME, {"metadata": {"labels": {"team": "a"}}})
        await asyncio.sleep(30)
        assert replica.part.may_send()
        await replica.kill()

    @in_virtual_time
    async def test_creates_a_lease_again_that_somebody_has_deleted(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        api.delete(LEASES, HOME, NAME)
        await asyncio.sleep(2 * RETRY_SECONDS)
        assert lease(api)["holderIdentity"] == "first"
        assert replica.part.may_send()
        await replica.kill()

    @in_virtual_time
    async def test_is_lost_when_its_term_is_over_to_the_second(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        api.fail(NoAnswer("connection refused"), times=10**6)
        began = replica.clock.monotonic()
        await replica.over.wait()
        assert not replica.part.may_send()
        assert TERM_SECONDS - RETRY_SECONDS <= replica.clock.monotonic() - began <= TERM_SECONDS
        assert len(replica.ends) == 1
        assert "not renewed for 10 s: connection refused" in replica.ends[0]
        await asyncio.sleep(10)
        assert len(replica.ends) == 1, "told once"
        assert replica.value("gpuwright_leader") == 0

    @in_virtual_time
    async def test_waits_no_longer_for_an_answer_than_its_term(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        replica.store.seconds = 3600
        await asyncio.sleep(TERM_SECONDS)
        assert len(replica.ends) == 1
        assert f"no answer within {CALL_SECONDS:g} s" in replica.ends[0]
        assert replica.task is not None
        await replica.task

    @in_virtual_time
    async def test_goes_on_with_answers_that_take_nearly_as_long_as_it_waits(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        replica.store.seconds = CALL_SECONDS - 0.1
        await asyncio.sleep(120)
        assert replica.part.may_send()
        await replica.kill()

    @in_virtual_time
    async def test_is_lost_as_soon_as_it_sees_another_holder(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        api.change(LEASES, HOME, NAME, {"spec": {"holderIdentity": "second"}})
        await asyncio.sleep(2 * RETRY_SECONDS)
        assert replica.ends == ["second holds it"]
        assert not replica.part.may_send()

    @in_virtual_time
    async def test_finds_at_the_gate_that_it_was_frozen_past_its_term(self) -> None:
        api = FakeApi()
        replica = await leading(api)
        replica.clock.slept = TERM_SECONDS
        writes = len(api.writes)
        assert not replica.part.may_send()
        assert len(replica.ends) == 1
        await asyncio.sleep(30)
        assert len(api.writes) == writes, "who is lost does not renew"
        assert not replica.part.may_send()


class TestTheOneThatStandsBy:
    @in_virtual_time
    async def test_sends_nothing_and_says_for_whom_it_stands_by_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        for _second in range(60):
            assert not second.part.may_send()
            await asyncio.sleep(1)
        assert {write.body["spec"]["holderIdentity"] for write in api.writes} == {"first"}
        lines = [line for line in caplog.records if line.message == "standing by"]
        assert [vars(line)["reason"] for line in lines] == ["first leads"]
        assert (second.ends, second.value("gpuwright_leader")) == ([], 0)
        await first.kill()
        await second.kill()

    @in_virtual_time
    async def test_takes_over_in_two_seconds_from_one_that_ends_in_good_order(self) -> None:
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        await asyncio.sleep(5)
        await first.part.release()
        assert not first.part.may_send()
        assert await until_it_leads(second) <= RETRY_SECONDS
        assert (first.ends, lease(api)["leaseTransitions"]) == ([], 1)
        assert second.value("gpuwright_lease_transitions") == 1
        await second.kill()

    @in_virtual_time
    async def test_takes_over_from_one_that_was_killed_when_its_lease_has_run_out(self) -> None:
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        await asyncio.sleep(5)
        await first.kill()
        seconds = await until_it_leads(second)
        assert LEASE_SECONDS - RETRY_SECONDS <= seconds <= LEASE_SECONDS + RETRY_SECONDS
        assert lease(api)["leaseTransitions"] == 1
        await second.kill()

    @in_virtual_time
    async def test_never_leads_beside_one_that_is_cut_off(self) -> None:
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        await asyncio.sleep(5)
        first.store.seconds = 3600
        while not second.led.is_set():
            assert not (first.part.may_send() and second.part.may_send())
            await asyncio.sleep(0.05)
        assert len(first.ends) == 1
        await second.kill()

    @in_virtual_time
    async def test_is_patient_while_the_api_server_is_away(self) -> None:
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        await asyncio.sleep(5)
        api.fail(Forbidden("403"), times=100)
        await asyncio.sleep(TERM_SECONDS)
        assert len(first.ends) == 1
        await until_it_leads(second, 300)
        assert second.ends == []
        await second.kill()


class TestTheEnd:
    @in_virtual_time
    async def test_gives_back_what_was_taken_without_an_answer(self) -> None:
        api = FakeApi()
        await leading_and_released(api)
        replica = Replica(api, "second")
        replica.store.lost = True
        replica.begin()
        await asyncio.sleep(0.1)
        assert lease(api)["holderIdentity"] == "second"
        assert not replica.part.may_send()
        replica.store.lost = False
        await replica.kill()
        await replica.part.release()
        assert lease(api).get("holderIdentity") is None

    @in_virtual_time
    async def test_leaves_anothers_lease_alone(self) -> None:
        api = FakeApi()
        first = await leading(api)
        second = Replica(api, "second")
        second.begin()
        await asyncio.sleep(5)
        await second.kill()
        reads = len(api.requests)
        await second.part.release()
        assert len(api.requests) == reads, "who never wrote has nothing to give back"
        assert first.part.may_send()
        await first.kill()

    @in_virtual_time
    async def test_does_not_wait_for_an_api_server_that_is_away(self, caplog: pytest.LogCaptureFixture) -> None:
        api = FakeApi()
        replica = await leading(api)
        replica.store.seconds = 3600
        began = replica.clock.monotonic()
        await replica.part.release()
        assert replica.clock.monotonic() - began < 15
        assert "could not be given back" in caplog.text
        assert not replica.part.may_send()
        await replica.kill()

    @in_virtual_time
    async def test_keeps_the_count_of_transitions(self) -> None:
        api = FakeApi()
        await leading_and_released(api)
        third = await leading(api, "third")
        assert lease(api)["leaseTransitions"] == 1
        await third.kill()


async def leading_and_released(api: FakeApi) -> None:
    first = await leading(api)
    await first.part.release()
    await first.kill()


class TestWhoMayNeverLead:
    @pytest.mark.parametrize(
        ("error", "method", "words"),
        [
            pytest.param(Forbidden("no"), "GET", "verbs get, create and patch on leases", id="may not read"),
            pytest.param(Forbidden("no"), "POST", "verbs get, create and patch on leases", id="may not create"),
            pytest.param(NotFound("no"), "POST", f"namespace {HOME}, which does not exist", id="no namespace"),
        ],
    )
    def test_is_told_what_to_do(self, error: ApiError, method: str, words: str) -> None:
        @in_virtual_time
        async def tries() -> None:
            api = FakeApi()
            api.fail(error, method, "/leases", times=100)
            with pytest.raises(NotPermitted, match=words):
                await Replica(api, "first").part.acquire()

        tries()

    @in_virtual_time
    async def test_is_told_at_the_start_already_where_it_may_not_even_read(self) -> None:
        api = FakeApi()
        api.fail(Forbidden("no"), "GET")
        with pytest.raises(NotPermitted):
            await Replica(api, "first").part.check()

    @in_virtual_time
    async def test_an_api_server_that_is_away_at_the_start_is_no_reason_to_end(self) -> None:
        api = FakeApi()
        api.fail(NoAnswer("away"), "GET")
        await Replica(api, "first").part.check()
