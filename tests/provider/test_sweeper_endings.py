"""What keeps the sweep from ending a machine that it has found: too many of them, and whatever has changed since."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.provider.ground import Ground
from tests.provider.sweep_ground import AGE, DELETE, LONG, PERIOD, orphans, terminated, until_announced

from gpuwright.kube.client import ApiError, Conflict, Forbidden, NoAnswer
from gpuwright.model.machine import Snapshot
from gpuwright.model.resources import INSTANCES
from gpuwright.provider.sweep import Named
from gpuwright.provider.sweeper import Sweeper


class TestListsThatLie:
    async def test_and_show_it_only_now_and_then_never_make_it_old_enough(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.gateway.add_fault(call="list", action="lose", machine=machine, nth=[*range(3, 400, 3)])
        await ground.run(2 * LONG)
        assert terminated(ground) == []

    async def test_and_show_what_a_direct_look_does_not_end_nothing(self, ground: Ground) -> None:
        """A replica that lags behind still has a machine that is gone; its name may be another's by now."""
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        ground.gateway.add_fault(call="get", action="lag", seconds=1e6, nth="every")
        await ground.run(LONG)
        assert ground.asked("delete") == 0

    async def test_and_do_not_come_any_more_are_not_judged_again(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        await ground.run(PERIOD + 1)
        ground.gateway.add_fault(call="list", action="answer", status=429, nth="every")
        await ground.run(LONG)
        assert ground.account().reachable, "it answers, but not to lists"
        assert [orphan.sweeps for orphan in ground.account().sweep.orphans.values()] == [1]

    @pytest.mark.parametrize("online", [True, False], ids=["answers", "is away since"])
    async def test_are_judged_only_of_a_provider_that_answers(self, ground: Ground, online: bool) -> None:
        ground.a_provider(sweep=DELETE)
        await ground.run(PERIOD - 1)
        ground.clock.advance(PERIOD)
        account, now = ground.account(), ground.clock.monotonic()
        account.snapshot, account.online = Snapshot.of(now, ()), online
        await ground.reconciler._sweeper.judge(account)
        assert (account.sweep.judged_at == now) is online

    async def test_and_show_it_twice_do_not_make_two_of_it(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.gateway.add_fault(call="list", action="duplicate", nth="every")
        await ground.run(AGE)
        assert orphans(ground) == [machine]

    async def test_and_hide_the_young_do_not_make_their_owners_look_gone(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.machines(3)
        ground.gateway.add_fault(call="list", action="lag", seconds=5, count=5)
        await ground.run(LONG)
        assert (orphans(ground), terminated(ground)) == ([], [])


class TestManyAtOnce:
    async def test_are_likelier_a_mistake_and_none_is_terminated(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        for number in range(3):
            ground.a_machine(f"gone-{number}")
        await ground.run(LONG)
        assert (len(orphans(ground)), terminated(ground)) == (3, [])
        assert ground.conditions()["Orphaned"] == ("True", "TooManyOrphans")
        assert ground.reasons.count("TooManyOrphans") == 1

    async def test_are_no_mistake_where_they_are_two(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machines = [ground.a_machine(f"gone-{number}") for number in range(2)]
        await ground.run(LONG)
        assert terminated(ground) == machines

    async def test_are_measured_against_the_machines_that_have_owners(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.machines(30)
        machines = [ground.a_machine(f"gone-{number}") for number in range(3)]
        await ground.run(LONG)
        assert terminated(ground) == machines

    async def test_are_ended_a_few_at_a_time(self, ground: Ground) -> None:
        ground.a_provider(sweep={**DELETE, "maxPerPass": 1})
        ground.machines(30)
        for number in range(3):
            ground.a_machine(f"gone-{number}")
        await until_announced(ground)
        assert len(terminated(ground)) <= 1

    async def test_when_the_cluster_was_restored_to_before_them_are_only_told(self, ground: Ground) -> None:
        """Five of ten objects are missing after a restore of etcd."""
        ground.a_provider(sweep=DELETE)
        ground.machines(10)
        for number in range(5):
            ground.api.delete(INSTANCES, "team-a", f"trainer-{number}")
        await ground.run(LONG)
        assert (len(orphans(ground)), terminated(ground)) == (5, [])


def a_person_retains(ground: Ground, machine: str) -> None:
    ground.change({"status": {"retained": [{"id": machine, "name": "gone"}]}})


def an_object_records_it(ground: Ground, machine: str) -> None:
    ground.an_instance("heir", machine=machine)


def an_object_would_adopt_it(ground: Ground, machine: str) -> None:
    heir = ground.an_instance("heir")
    ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": machine}}}, heir)


def the_owner_is_back(ground: Ground, machine: str) -> None:
    ground.an_instance("gone")


def the_owner_is_restored(ground: Ground, machine: str) -> None:
    body = ground.an_instance("gone")
    ground.api._objects[INSTANCES.path("team-a", body.name)]["metadata"]["uid"] = "uid-new"


def the_sweep_is_switched_off(ground: Ground, machine: str) -> None:
    ground.change({"spec": {"sweep": {"mode": "Report"}}})


def the_name_is_another_machines(ground: Ground, machine: str) -> None:
    ground.gateway.fleet.vanish(ground.gateway.fleet.pick(machine))  # type: ignore[arg-type]  # it is there
    ground.a_machine("gone")


def its_tag_names_another_owner(ground: Ground, machine: str) -> None:
    found = ground.gateway.fleet.pick(machine)
    assert found is not None
    ground.gateway.fleet.relabel(found, {**found.request.labels, "gpuwright.dev/owner-uid": "uid-of-another"})


AT_THE_LAST_MOMENT = [
    pytest.param(a_person_retains, id="it is retained"),
    pytest.param(an_object_records_it, id="it is recorded"),
    pytest.param(an_object_would_adopt_it, id="it is to be adopted"),
    pytest.param(the_owner_is_back, id="its owner lives"),
    pytest.param(the_owner_is_restored, id="its owner is restored"),
    pytest.param(the_sweep_is_switched_off, id="the mode is Report"),
    pytest.param(the_name_is_another_machines, id="its name is another's"),
    pytest.param(its_tag_names_another_owner, id="its tag names another"),
]


class TestRightBeforeTheEnd:
    """What changes after the announcement, unseen by the cache, still holds the sweep back."""

    async def test_the_ground_is_such_that_it_would_be_terminated(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        await self._last_moment(ground, lambda: None)
        assert terminated(ground) == [machine]

    async def _last_moment(self, ground: Ground, happen: Callable[[], object]) -> None:
        """Make the pass that would end it; the watch has shown nothing of what happens after its announcement."""
        await ground.run(AGE)
        assert terminated(ground) == []
        real = ground.reconciler._publish

        async def publish(account: Any) -> None:
            await real(account)
            if account.sweep.doomed:
                ground.api._listeners.clear()
                happen()

        ground.reconciler._publish = publish  # type: ignore[method-assign]  # the moment after the announcement
        for _ in range(10):
            await ground.run(PERIOD / 2)
            if not ground.api._listeners:
                return
        raise AssertionError("nothing was announced")

    @pytest.mark.parametrize("happen", AT_THE_LAST_MOMENT)
    async def test_it_is_spared_where(self, ground: Ground, happen: Callable[[Ground, str], None]) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        await self._last_moment(ground, lambda: happen(ground, machine))
        assert ground.asked("delete") == 0

    @pytest.mark.parametrize(
        ("part", "error"),
        [
            pytest.param("computeinstances", NoAnswer("503"), id="no list of instances"),
            pytest.param("computeproviders", Forbidden("403"), id="no list of providers"),
            pytest.param("clustercomputeproviders", Forbidden("403"), id="no list of cluster providers"),
            pytest.param("computeproviders/gateway", NoAnswer("503"), id="no announcement"),
            pytest.param("computeinstances/gone", NoAnswer("503"), id="no owner"),
        ],
    )
    async def test_nothing_is_ended_where_something_cannot_be_read(
        self, ground: Ground, part: str, error: ApiError
    ) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        await self._last_moment(ground, lambda: ground.api.fail(error, "GET", part))
        assert ground.asked("delete") == 0

    @pytest.mark.parametrize(("late", "ended"), [(1.9, 1), (2.0, 0), (2.1, 0)])
    async def test_what_was_read_too_long_ago_does_not_count(self, ground: Ground, late: float, ended: int) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")

        def slow() -> None:
            ground.api.before(lambda: ground.clock.advance(late), "GET", "computeinstances/gone")

        await self._last_moment(ground, slow)
        assert ground.asked("delete") == ended

    async def test_without_the_write_that_announces_it_nothing_is_ended(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        await ground.run(AGE)
        ground.api.fail(Conflict("409"), "PATCH", "computeproviders/gateway/status", times=10_000)
        await ground.run(LONG)
        assert terminated(ground) == []

    async def test_a_provider_that_fails_is_left_alone_until_the_next_sweep(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.machines(30)
        for number in range(3):
            ground.a_machine(f"gone-{number}")
        ground.gateway.add_fault(call="delete", action="answer", status=502, nth="every")
        await until_announced(ground)
        assert ground.asked("delete") == 1


async def _always(*_arguments: object) -> bool:
    return True


async def _nobody(*_arguments: object) -> Named:
    return Named()


@pytest.mark.parametrize(
    ("guard", "instead", "happen"),
    [
        pytest.param("_is_announced", _always, a_person_retains, id="the announcement"),
        pytest.param("_named_live", _nobody, an_object_records_it, id="the live lists"),
    ],
)
async def test_without_a_guard_the_machine_of_somebody_dies(
    ground: Ground,
    monkeypatch: pytest.MonkeyPatch,
    guard: str,
    instead: Callable[..., Any],
    happen: Callable[[Ground, str], None],
) -> None:
    """The tests above can fail: each of these guards is needed by itself."""
    monkeypatch.setattr(Sweeper, guard, instead)
    if guard == "_is_announced":
        monkeypatch.setattr(Sweeper, "_named_live", _nobody)
    ground.a_provider(sweep=DELETE)
    machine = ground.a_machine("gone")
    await TestRightBeforeTheEnd()._last_moment(ground, lambda: happen(ground, machine))
    assert terminated(ground) == [machine]
