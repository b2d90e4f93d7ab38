"""Three replicas in a bad network, in virtual time: whatever is lost or comes late, one sends at most."""

import asyncio
from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any, TypeVar

import pytest
from tests.engine.virtual_loop import in_virtual_time
from tests.kube.fake_api import FakeApi
from tests.test_leadership import HOME, Replica

from gpuwright.kube.client import NoAnswer
from gpuwright.kube.lease import LeaseStore
from gpuwright.model import election
from gpuwright.model.election import LEASE_SECONDS, NEVER, Election, LeaseRecord

T = TypeVar("T")


class BadNetwork(LeaseStore):
    """Requests and answers may be lost, or take so long that nobody waits any more; what comes late has its effect."""

    def __init__(self, api: FakeApi, random: Random) -> None:
        super().__init__(api, HOME)
        self._random = random
        self.underway: set[asyncio.Task[Any]] = set()

    async def read(self) -> LeaseRecord | None:
        return await self._carried(super().read())

    async def create(self, spec: Mapping[str, Any]) -> LeaseRecord:
        return await self._carried(super().create(spec))

    async def change(self, record: LeaseRecord, spec: Mapping[str, Any]) -> LeaseRecord:
        return await self._carried(super().change(record, spec))

    async def _carried(self, request: Coroutine[Any, Any, T]) -> T:
        """Have it carried out by nobody whom its sender could stop; most of the time quickly."""
        carrier = asyncio.create_task(self._carry(request))
        self.underway.add(carrier)
        carrier.add_done_callback(self._arrived)
        return await asyncio.shield(carrier)

    def _arrived(self, carrier: asyncio.Task[Any]) -> None:
        self.underway.discard(carrier)
        if not carrier.cancelled():
            carrier.exception()  # nobody may have waited for it

    async def _carry(self, request: Coroutine[Any, Any, T]) -> T:
        await self._way(request)
        answer = await request
        await self._way()
        return answer

    async def _way(self, request: Coroutine[Any, Any, T] | None = None) -> None:
        luck = self._random.random()
        if luck < 0.1:
            if request is not None:
                request.close()
            await asyncio.sleep(100)
            raise NoAnswer("lost")
        await asyncio.sleep(self._random.uniform(0, 20) if luck < 0.3 else 0.01)


class TestABadNetwork:
    @pytest.mark.parametrize("seed", range(4))
    def test_never_makes_two_of_three_send_at_the_same_moment(self, seed: int) -> None:
        assert _most_at_once(seed) == 1

    def test_would_be_seen_to_do_so_if_nobody_waited_for_anothers_term(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Election, "_rival_until", lambda _self, _record, _now: NEVER)
        assert _most_at_once(0) > 1

    def test_would_be_seen_to_do_so_if_a_term_were_longer_than_the_lease(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(election, "TERM_SECONDS", 2.0 * LEASE_SECONDS)
        assert _most_at_once(1) > 1


def _most_at_once(seed: int) -> int:
    """Return how many could send at the same moment, at the most, in ten minutes of three replicas."""
    most = 0

    @in_virtual_time
    async def meet() -> None:
        nonlocal most
        random, api = Random(seed), FakeApi()
        replicas: list[Replica] = []
        led = set()
        for moment in range(6000):
            if len(replicas) < 3:
                replicas.append(_badly_connected(api, random, f"replica-{moment}"))
            sending = [one for one in replicas if one.part.may_send()]
            most = max(most, len(sending))
            led |= {one.name for one in sending}
            replicas = await _those_that_live(replicas, random)
            await asyncio.sleep(0.1)
        assert len(led) > 3, "hardly anybody was ever followed by another one"
        for replica in replicas:
            await replica.kill()
        await asyncio.sleep(200)  # until the last request has arrived or is lost

    meet()
    return most


def _badly_connected(api: FakeApi, random: Random, me: str) -> Replica:
    made = Replica(api, me, BadNetwork(api, random))
    made.begin()
    return made


async def _those_that_live(replicas: list[Replica], random: Random) -> list[Replica]:
    """Kill one now and then, or end it in good order, and take out who is lost."""
    for replica in list(replicas):
        ends = random.random() < 0.0005
        if ends:
            await replica.part.release()
        if ends or replica.over.is_set() or random.random() < 0.0005:
            await replica.kill()
            replicas.remove(replica)
    return replicas
