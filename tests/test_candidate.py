"""A replica stands by until it leads, lists before it works, and gives the Lease back when all is written."""

import asyncio
from collections.abc import Callable

import pytest
from tests.engine.virtual_loop import in_virtual_time
from tests.kube.fake_api import FakeApi, an_instance
from tests.test_leadership import HOME, Replica, leading, lease
from tests.test_process import INSTANCE, Ground, add

from gpuwright.candidate import Candidate
from gpuwright.kube.client import Forbidden, NoAnswer
from gpuwright.leadership import Leadership, NotPermitted
from gpuwright.model.memory import Outcome
from gpuwright.model.resources import INSTANCES


class Stage:
    """One operator on a ground of its own, and its part in the election where there is one."""

    def __init__(self, replica: Replica | None, check: Callable[[], None] = lambda: None) -> None:
        self.ground = Ground()
        self.failures: list[Exception] = []
        part: Leadership | None = replica.part if replica else None
        self.watching = asyncio.Event()
        self.candidate = Candidate(self.ground.operator, part, check=check, failed=self.failures.append)

    async def begin(self) -> None:
        """List, begin to elect, and let the watch begin."""
        await self.ground.operator.resync()
        await self.candidate.begin(self.watching)
        self.ground.watch()
        self.watching.set()
        await asyncio.sleep(3)

    async def end(self) -> None:
        await self.candidate.drain()
        await self.candidate.release()  # as after an end without a cleanup


class TestWithoutAnElection:
    @in_virtual_time
    async def test_it_does_not_work_before_a_signal_to_end_is_heard(self) -> None:
        stage = Stage(None)
        add(stage.ground)
        await stage.candidate.begin(stage.watching)
        await asyncio.sleep(60)
        assert stage.ground.instances.passes == []
        assert stage.ground.operator.readiness() == ""
        await stage.begin()
        assert stage.ground.instances.passes == [INSTANCE]
        await stage.end()


class TestTheFirst:
    @in_virtual_time
    async def test_works_once_it_leads(self) -> None:
        api = FakeApi()
        stage = Stage(Replica(api, "first"))
        add(stage.ground)
        await stage.begin()
        assert stage.ground.instances.passes == [INSTANCE]
        assert lease(api)["holderIdentity"] == "first"
        await stage.end()
        assert lease(api).get("holderIdentity") is None

    @in_virtual_time
    async def test_does_not_strive_for_the_lease_before_a_signal_to_end_is_heard(self) -> None:
        api = FakeApi()
        stage = Stage(Replica(api, "first"))
        await stage.candidate.begin(stage.watching)
        await asyncio.sleep(60)
        assert api.writes == []
        stage.watching.set()
        await asyncio.sleep(3)
        assert lease(api)["holderIdentity"] == "first"
        await stage.end()

    @in_virtual_time
    async def test_renews_the_lease_while_it_finishes_what_is_in_flight(self) -> None:
        api = FakeApi()
        replica = Replica(api, "first")
        stage = Stage(replica)
        stage.ground.instances.seconds = 40
        add(stage.ground)
        await stage.begin()
        ending = asyncio.create_task(stage.candidate.drain())
        await asyncio.sleep(35)
        assert replica.part.may_send(), "the outcome of what is in flight is still to be written"
        await ending
        assert not replica.part.may_send()
        assert lease(api).get("holderIdentity") is None


class TestTheOther:
    @in_virtual_time
    async def test_keeps_up_and_does_nothing_about_it(self) -> None:
        api = FakeApi()
        first = await leading(api)
        stage = Stage(Replica(api, "second"))
        torn = add(stage.ground, "torn", launch=_a_machine())
        await stage.begin()
        add(stage.ground)
        stage.ground.api.delete(INSTANCES, "team-a", "torn")
        await asyncio.sleep(2000)
        assert stage.ground.instances.passes == []
        assert stage.ground.providers.passes == []
        assert stage.ground.cache.get(INSTANCE) is not None
        assert torn not in stage.ground.ends.uids, "what the leader lets go looks the same as what is torn away"
        assert stage.ground.operator.readiness() == ""
        assert stage.ground.operator.health() == ""
        assert stage.ground.value("gpuwright_resync_corrections_total") == 0
        await stage.end()
        await first.kill()

    @in_virtual_time
    async def test_lists_when_it_takes_over_before_it_works_on_anything(self) -> None:
        api = FakeApi()
        first = await leading(api)
        stage = Stage(Replica(api, "second"))
        await stage.begin()
        stage.ground.watch(broken=True)
        add(stage.ground)
        stage.ground.api.fail(NoAnswer("away"), "GET", times=2)
        await first.part.release()
        await asyncio.sleep(10)
        assert stage.ground.instances.passes == [INSTANCE], "the watch has not shown it"
        assert stage.ground.value("gpuwright_resync_corrections_total") == 0
        await stage.end()
        await first.kill()

    @in_virtual_time
    async def test_is_done_with_at_once_when_it_ends(self) -> None:
        api = FakeApi()
        first = await leading(api)
        stage = Stage(Replica(api, "second"))
        await stage.begin()
        writes = {write.body["spec"]["holderIdentity"] for write in api.writes}
        await stage.end()
        assert writes == {"first"}
        assert lease(api)["holderIdentity"] == "first"
        assert stage.ground.operator.readiness() == "stopping"
        await first.kill()


class TestWhatCannotGoOn:
    @in_virtual_time
    async def test_a_right_to_read_that_is_missing_is_told_at_the_start(self) -> None:
        api = FakeApi()
        api.fail(Forbidden("no"), "GET", HOME)
        with pytest.raises(NotPermitted):
            await Stage(Replica(api, "first")).candidate.begin(asyncio.Event())

    @in_virtual_time
    async def test_a_right_to_write_that_is_missing_is_told(self) -> None:
        api = FakeApi()
        api.fail(Forbidden("no"), "POST", HOME)
        stage = Stage(Replica(api, "first"))
        await stage.begin()
        (error,) = stage.failures
        assert isinstance(error, NotPermitted)
        await stage.end()

    @in_virtual_time
    async def test_a_record_that_is_not_for_us_is_found_before_the_work_begins(self) -> None:
        def check() -> None:
            raise ValueError("another cluster id")

        stage = Stage(Replica(FakeApi(), "first"), check)
        add(stage.ground)
        await stage.begin()
        assert [str(error) for error in stage.failures] == ["another cluster id"]
        assert stage.ground.instances.passes == []
        await stage.end()


def _a_machine() -> dict[str, object]:
    return {"outcome": str(Outcome.COMMITTED), "name": an_instance()["metadata"]["name"]}
