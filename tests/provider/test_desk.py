"""The desk: what instances are told of a provider, the slots that they get, the calls that they make."""

import asyncio
from dataclasses import replace

import pytest
from tests.adapters.contract import a_request, opened
from tests.provider.ground import GATEWAY, SHARED, Ground

from gpuwright.adapters.contract import Deletion, NotAsked
from gpuwright.adapters.desk import LedgerEntry, LedgerFull, ProviderDesk
from gpuwright.kube.client import ApiError, Conflict, NoAnswer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import NeverSent, NotCommitted, NotExecuted, ProviderError, Rejected, Throttled, Unknown
from gpuwright.model.machine import Absent, Present
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import Owner
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.resources import Key
from gpuwright.provider.desk import LEDGER_TRIES
from gpuwright.provider.ledger import MAX_RETAINED
from gpuwright_sandbox.gateway.shapes import Json

REF = ProviderRef("ComputeProvider", "gateway")
ENTRY = LedgerEntry(
    names=("trainer-0-3f",),
    machine_id="i-7",
    owner=Owner("cluster-1", "team-a", "trainer-0", "uid-1"),
    place="5f0c",
    reason="a person said so",
    retained=False,
)


async def ready(ground: Ground, **spec: object) -> Key:
    """Let there be a provider that answers, and an instance that wants a machine there."""
    ground.a_provider(**spec)
    asker = ground.an_instance()
    await ground.run(60)
    return asker


def test_it_is_what_instances_expect(ground: Ground) -> None:
    desk: ProviderDesk = ground.desk
    assert desk is ground.desk


class TestAView:
    async def test_of_nobody_is_none(self, ground: Ground) -> None:
        assert ground.desk.view(REF, ground.an_instance()) is None

    async def test_of_a_provider_that_was_never_looked_at_is_a_wait(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        ground.marked.clear()
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert (hindrance.stalls, ground.marked) == (False, [GATEWAY])

    async def test_of_a_provider_that_is_well_has_no_hindrance(self, ground: Ground) -> None:
        asker = await ready(ground)
        view = ground.view(asker)
        assert view.hindrance is None
        assert view.reachable
        assert view.room.free
        assert view.place == ground.account().place
        assert view.settle_seconds == 2 + 5 + 30 + 60

    async def test_is_the_askers_own_namespaces(self, ground: Ground) -> None:
        await ready(ground)
        assert ground.desk.view(REF, ground.an_instance(namespace="team-b")) is None

    async def test_knows_what_was_let_go(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.change({"status": {"retained": [{"id": "i-1"}], "leaks": [{"name": "lost"}]}})
        view = ground.view(asker)
        assert (view.retained_ids, view.leaked_names) == (frozenset({"i-1"}), frozenset({"lost"}))

    @pytest.mark.parametrize(("adoption", "allowed"), [(None, False), ("Denied", False), ("Allowed", True)])
    async def test_of_a_cluster_provider_allows_adoption_only_where_its_owner_does(
        self, ground: Ground, adoption: str | None, allowed: bool
    ) -> None:
        words = {} if adoption is None else {"adoption": adoption}
        ground.a_cluster_provider(allowedNamespaces={"names": ["team-a"]}, **words)
        asker = ground.an_instance(provider=SHARED)
        ground.hindrance(asker, SHARED)
        for _ in range(3):
            await ground.reconcile(SHARED)
            ground.hindrance(asker, SHARED)
        await ground.reconcile(SHARED)
        view = ground.view(asker, SHARED)
        assert (view.adoption_allowed, view.cluster_scoped) == (allowed, True)

    async def test_tells_who_else_has_a_machine_on_record_to_who_wants_to_adopt(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.an_instance("holder", machine="i-7")
        assert ground.view(asker).recorded_elsewhere == {}, "nobody else needs to know"
        ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": "i-7"}}}, asker)
        assert ground.view(asker).recorded_elsewhere == {"i-7": "team-a/holder"}

    async def test_lets_one_of_two_that_ask_for_the_same_machine_have_it(self, ground: Ground) -> None:
        await ready(ground)
        one, other = (ground.an_instance(name) for name in ("one", "other"))
        for name in (one, other):
            ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": "i-7"}}}, name)
        assert ground.view(one).recorded_elsewhere == {}
        assert ground.view(other).recorded_elsewhere == {"i-7": "team-a/one, which asks for it first"}
        ground.change({"metadata": {"deletionTimestamp": "2026-11-22T10:00:00Z"}}, one)
        assert ground.view(other).recorded_elsewhere == {}


class TestSlots:
    async def test_are_given_up_to_the_limit_and_given_back(self, ground: Ground) -> None:
        await ready(ground, limits={"maxInFlight": 2})
        askers = [ground.an_instance(f"new-{number}") for number in range(4)]
        assert [ground.desk.reserve(REF, asker) for asker in askers] == [True, True, False, False]
        for asker in askers[2:]:
            assert ground.view(asker).room.reason is Reason.THROTTLED
        ground.marked.clear()
        ground.desk.release(REF, askers[0])
        assert ground.marked == [askers[2]], "the first in the queue is woken, and nobody else"
        assert ground.desk.reserve(REF, askers[2])

    async def test_are_waited_for_in_the_order_of_asking(self, ground: Ground) -> None:
        await ready(ground, limits={"maxInFlight": 1, "createsPerMinute": 60})
        askers = [ground.an_instance(f"new-{number}") for number in range(5)]
        assert ground.desk.reserve(REF, askers[0])
        waits = [ground.view(asker).room.retry_seconds for asker in askers[1:]]
        assert waits == sorted(waits)
        assert max(waits) <= 30.0

    async def test_are_not_waited_for_by_who_has_a_machine(self, ground: Ground) -> None:
        await ready(ground, limits={"maxInFlight": 1})
        holder, waiting = ground.an_instance("holder", machine="i-1"), ground.an_instance("waiting")
        assert ground.desk.reserve(REF, waiting)
        ground.view(holder)
        assert list(ground.account().queue) == []

    async def test_are_held_back_by_the_most_machines(self, ground: Ground) -> None:
        asker = await ready(ground, limits={"maxInstances": 2})
        for number in range(2):
            ground.an_instance(f"holder-{number}", machine=f"i-{number}")
        assert ground.view(asker).room.reason is Reason.LIMIT_REACHED
        assert not ground.desk.reserve(REF, asker)

    async def test_of_a_provider_without_a_spec_are_none(self, ground: Ground) -> None:
        ground.a_provider(settleSeconds=1)
        asker = ground.an_instance()
        await ground.reconcile()
        assert not ground.desk.reserve(REF, asker)

    async def test_that_nobody_holds_can_be_given_back(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.desk.release(REF, asker)
        ground.desk.release(ProviderRef("ComputeProvider", "never-heard-of"), asker)


class TestCalls:
    async def test_go_to_the_provider(self, ground: Ground) -> None:
        asker = await ready(ground)
        request = a_request()
        created = await ground.desk.create(REF, asker, request, opened)
        began, sighting = await ground.desk.look(REF, asker, request.name, opened)
        assert isinstance(sighting, Present)
        assert (sighting.machine.id, began) == (created.machine.id, ground.clock.monotonic())
        with pytest.raises(NotExecuted, match="cannot stop"):
            await ground.desk.power(REF, asker, request.name, opened, on=False)
        assert await ground.desk.delete(REF, asker, request.name, opened) is Deletion.ACCEPTED

    async def test_say_when_they_began_and_not_when_they_ended(self, ground: Ground) -> None:
        asker = await ready(ground)
        asked = asyncio.ensure_future(ground.desk.look(REF, asker, "never-there", opened))
        await asyncio.sleep(0)
        began = ground.clock.monotonic()
        ground.clock.advance(10)
        assert await asked == (began, Absent())

    async def test_are_not_made_without_credentials(self, ground: Ground) -> None:
        asker = ground.an_instance()
        for call in (
            ground.desk.create(REF, asker, a_request(), opened),
            ground.desk.look(REF, asker, "a", opened),
            ground.desk.delete(REF, asker, "a", opened),
            ground.desk.power(REF, asker, "a", opened, on=True),
        ):
            with pytest.raises(NeverSent):
                await call

    async def test_that_are_refused_make_the_provider_look_at_its_credentials(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.gateway.change_settings(tokens=["another"])
        ground.marked.clear()
        with pytest.raises(Rejected):
            await ground.desk.create(REF, asker, a_request(), opened)
        assert ground.marked == [GATEWAY]
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert hindrance.reason is Reason.CREDENTIALS_REJECTED


class TestHealth:
    """Every call counts once, whoever makes it."""

    async def test_suffers_from_calls_that_get_no_answer(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.gateway.add_fault(call="create", action="drop", nth="every")
        for _ in range(3):
            with pytest.raises(Unknown):
                await ground.desk.create(REF, asker, a_request(), opened)
        assert not ground.account().reachable

    async def test_does_not_suffer_from_forty_that_were_on_their_way(self, ground: Ground) -> None:
        asker = await ready(ground, probe={"periodSeconds": 30})
        ground.gateway.add_fault(action="answer", status=502, nth="every")
        requests = [a_request(f"trainer-{number}") for number in range(40)]
        await asyncio.gather(
            *(ground.desk.create(REF, asker, request, opened) for request in requests), return_exceptions=True
        )
        assert ground.account().breaker.probe_at == ground.clock.monotonic() + 30

    @pytest.mark.parametrize(
        ("fault", "means"),
        [
            pytest.param({"action": "capacity"}, NotCommitted, id="no room"),
            pytest.param({"action": "answer", "status": 500}, NotCommitted, id="promised"),
            pytest.param({"action": "answer", "status": 400}, Rejected, id="rejected"),
            pytest.param({"action": "throttle"}, Throttled, id="throttled"),
        ],
    )
    async def test_does_not_suffer_from_answers(
        self, ground: Ground, fault: dict[str, Json], means: type[ProviderError]
    ) -> None:
        asker = await ready(ground)
        ground.gateway.add_fault(call="create", nth="every", **fault)
        for _ in range(10):
            with pytest.raises(means):
                await ground.desk.create(REF, asker, a_request(), opened)
        assert ground.account().reachable
        assert ground.account().breaker.failures == 0

    async def test_hears_nothing_from_calls_that_we_did_not_make(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.gateway.add_fault(action="refuse", seconds=600)
        await ground.run(60)
        assert not ground.account().reachable
        for _ in range(5):
            with pytest.raises(NotAsked):
                await ground.desk.delete(REF, asker, "a", lambda: False)
            with pytest.raises(NotAsked):
                await ground.desk.create(REF, asker, a_request(), lambda: False)
        assert not ground.account().reachable, "nobody has answered"

    async def test_does_not_suffer_from_calls_that_we_did_not_make(self, ground: Ground) -> None:
        asker = await ready(ground)
        for _ in range(10):
            with pytest.raises(NotAsked):
                await ground.desk.create(REF, asker, a_request(), lambda: False)
        assert ground.account().reachable

    async def test_counts_only_time_in_which_we_could_see(self, ground: Ground) -> None:
        asker = await ready(ground, poll={"periodSeconds": 5})
        before = ground.view(asker).visible_seconds
        await ground.run(100)
        seen = ground.view(asker).visible_seconds
        assert seen - before == pytest.approx(100, abs=6)
        ground.gateway.add_fault(action="refuse", seconds=600)
        await ground.run(300)
        assert ground.view(asker).visible_seconds - seen <= 6

    async def test_is_counted_by_verb_and_result(self, ground: Ground) -> None:
        asker = await ready(ground)
        await ground.desk.create(REF, asker, a_request(), opened)
        ground.gateway.add_fault(call="create", action="drop")
        with pytest.raises(Unknown):
            await ground.desk.create(REF, asker, a_request("other"), opened)
        for result in ("ok", "unknown"):
            labels = {"provider": "team-a/gateway", "verb": "create", "result": result}
            assert ground.metrics.registry.get_sample_value("gpuwright_provider_calls_total", labels) == 1


class TestTheLedger:
    async def test_is_written_into_the_providers_status(self, ground: Ground) -> None:
        asker = await ready(ground)
        await ground.desk.enter(REF, asker, ENTRY)
        await ground.desk.enter(REF, asker, replace(ENTRY, retained=True))
        status = ground.now()["status"]
        assert [leak["name"] for leak in status["leaks"]] == ["trainer-0-3f"]
        assert [kept["id"] for kept in status["retained"]] == ["i-7"]
        await ground.run(60)
        assert ground.now()["status"]["leaks"] == status["leaks"], "and stays there"

    async def test_is_written_on_top_of_what_others_write(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.api.before(lambda: ground.change({"status": {"leaks": [{"name": "theirs"}]}}), "PATCH", "status")
        await ground.desk.enter(REF, asker, ENTRY)
        assert [leak["name"] for leak in ground.now()["status"]["leaks"]] == ["theirs", "trainer-0-3f"]

    async def test_that_changes_too_fast_is_an_error_and_not_forgotten(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.api.fail(Conflict("409"), "PATCH", "status", times=LEDGER_TRIES)
        with pytest.raises(Conflict):
            await ground.desk.enter(REF, asker, ENTRY)

    async def test_that_cannot_be_written_is_an_error(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.api.fail(NoAnswer("503"), "PATCH", "status")
        with pytest.raises(ApiError):
            await ground.desk.enter(REF, asker, ENTRY)

    async def test_of_a_provider_that_is_gone_is_nowhere(self, ground: Ground) -> None:
        await ground.desk.enter(REF, ground.an_instance(), ENTRY)
        assert ground.api.writes == []

    async def test_that_is_full_keeps_the_machine(self, ground: Ground) -> None:
        asker = await ready(ground)
        ground.change({"status": {"retained": [{"id": f"i-{1000 + number}"} for number in range(MAX_RETAINED)]}})
        with pytest.raises(LedgerFull):
            await ground.desk.enter(REF, asker, replace(ENTRY, retained=True))

    async def test_of_a_cluster_provider_is_its_own(self, ground: Ground) -> None:
        ground.a_cluster_provider()
        asker = ground.an_instance(provider=SHARED)
        await ground.reconcile(SHARED)
        await ground.desk.enter(ProviderRef("ClusterComputeProvider", "shared"), asker, ENTRY)
        assert ground.now(SHARED)["status"]["leakCount"] == 1


async def test_a_view_is_a_picture_and_does_not_change(ground: Ground) -> None:
    asker = await ready(ground)
    view = ground.view(asker)
    ground.gateway.add_fault(action="refuse", seconds=600)
    await ground.run(120)
    assert isinstance(view, ProviderView)
    assert view.hindrance is None
    later = ground.view(asker)
    assert isinstance(later.hindrance, Hindrance)


async def test_a_size_that_nobody_has_looked_up_is_never_asked_for(ground: Ground) -> None:
    asker = await ready(ground)
    request = a_request()
    machine = request.wishes.machine.model_copy(update={"size": "large"})
    with pytest.raises(NotAsked, match="nobody knows what size large is"):
        await ground.desk.create(
            REF, asker, replace(request, wishes=replace(request.wishes, machine=machine)), lambda: True
        )
    assert ground.asked("create") == 0
