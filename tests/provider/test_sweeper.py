"""The sweep over an API server in memory and the sandbox gateway: what it finds, and all that must hold it back."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.provider.ground import CLUSTER, GATEWAY, SHARED, Ground

from gpuwright.kube.client import ApiError, Conflict, Forbidden, NoAnswer, NotFound
from gpuwright.model.conditions import Reason
from gpuwright.model.resources import INSTANCES, PROVIDERS, Key
from gpuwright.provider import sweep as judgement
from gpuwright.provider.sweeper import Sweeper
from gpuwright_sandbox.gateway.fleet import Order
from gpuwright_sandbox.gateway.machines import MachineRequest, MachineState

PERIOD = 10
AGE = 25
LONG = 200.0  # seconds in which every sweep that may end something has ended it
SWEEP = {"periodSeconds": PERIOD, "minAgeSeconds": AGE}
DELETE = {**SWEEP, "mode": "Delete"}


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with Ground() as made:
        yield made


def a_machine_of(ground: Ground, label: str, *, cluster: str = CLUSTER, uid: str = "uid-old", name: str = "n") -> str:
    """Let there be a machine whose tag names `<namespace>.<name>`; return its id."""
    labels = {"gpuwright.dev/cluster": cluster, "gpuwright.dev/owner-uid": uid, "gpuwright.dev/owner": label}
    request = MachineRequest(image="i", cpu=1, memory_gb=1, labels=labels)
    return ground.gateway.fleet.create(Order(name=name, request=request)).id


def orphans(ground: Ground, key: Key = GATEWAY) -> list[str]:
    return [entry["id"] for entry in ground.now(key).get("status", {}).get("orphans", [])]


def terminated(ground: Ground) -> list[str]:
    """Return the ids of the machines whose end the gateway was asked for."""
    return [machine.id for machine in ground.gateway.fleet.machines() if machine.state is MachineState.DELETING]


def gauge(ground: Ground, name: str, provider: str = "team-a/gateway") -> float | None:
    return ground.metrics.registry.get_sample_value(name, {"provider": provider})


async def until_announced(ground: Ground) -> None:
    """Run until the end of a machine is chosen and not yet written."""
    chosen: list[Any] = []
    for _ in range(100):
        await ground.run(PERIOD / 2)
        chosen = [entry for entry in ground.now()["status"].get("orphans", []) if entry.get("endingTime")]
        if chosen:
            return
    raise AssertionError("nothing was announced")


class TestAnOrphan:
    async def test_is_reported_with_everything_that_a_person_needs(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        machine = ground.a_machine("gone")
        await ground.run(LONG)
        status = ground.now()["status"]
        (entry,) = status["orphans"]
        assert (entry["id"], entry["name"], entry["owner"]) == (machine, "gone", "team-a/gone")
        assert (status["orphanCount"], ground.conditions()["Orphaned"]) == (1, ("True", "OrphansFound"))
        assert terminated(ground) == [], "the default only reports"
        assert ground.reasons.count("OrphanFound") == 1
        assert gauge(ground, "gpuwright_orphans") == 1

    async def test_is_terminated_once_it_is_announced_and_old_enough(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        await ground.run(AGE)
        assert (orphans(ground), terminated(ground)) == ([machine], [])
        await ground.run(LONG)
        assert terminated(ground) == [machine]
        assert gauge(ground, "gpuwright_orphans_terminated_total") == 1, "once, however long it takes to go"
        assert ground.reasons.count("OrphanTerminated") == 1

    async def test_is_announced_on_the_api_server_before_the_provider_hears_of_it(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        announced: list[bool] = []
        for _ in range(100):
            await ground.run(1.0)
            if ground.asked("delete"):
                break
            announced.append(bool(ground.now().get("status", {}).get("orphans", [{}])[0].get("endingTime")))
        assert ground.asked("delete") == 1
        patches = [
            (write.body["status"]["orphans"][0].get("endingTime"), ground.asked("delete"))
            for write in ground.api.writes
            if "orphans" in write.body.get("status", {})
        ]
        assert patches[-1][0], "the last write about it says that it ends"

    async def test_leaves_the_status_when_it_is_gone(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        machine = ground.a_machine("gone")
        await ground.run(LONG)
        ground.gateway.fleet.vanish(ground.gateway.fleet.pick(machine))  # type: ignore[arg-type]  # it is there
        await ground.run(LONG)
        status = ground.now()["status"]
        assert ("orphans" in status, "orphanCount" in status) == (False, False)
        assert ground.conditions()["Orphaned"] == ("False", str(Reason.SETTLED))
        assert gauge(ground, "gpuwright_orphans") == 0

    async def test_costs_no_write_while_nothing_changes(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        ground.a_machine("gone")
        await ground.run(LONG)
        before = len(ground.api.writes)
        await ground.run(600)
        assert len(ground.api.writes) == before

    async def test_is_not_told_again_after_a_restart(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        ground.a_machine("gone")
        await ground.run(LONG)
        before = ground.now()["status"]["orphans"]
        await ground.restart()
        await ground.reconcile()
        assert ground.now()["status"]["orphans"] == before, "and is shown until the first sweep"
        await ground.run(LONG)
        assert (ground.now()["status"]["orphans"], ground.reasons.count("OrphanFound")) == (before, 0)

    async def test_waits_its_whole_age_again_after_a_restart(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        ground.a_machine("gone")
        await ground.run(AGE)
        await ground.restart()
        await ground.run(AGE)
        assert terminated(ground) == []
        await ground.run(LONG)
        assert len(terminated(ground)) == 1

    async def test_is_reported_by_nobody_where_the_sweep_is_switched_off(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        ground.a_machine("gone")
        await ground.run(LONG)
        ground.change({"spec": {"sweep": {"mode": "Disabled"}}})
        await ground.run(LONG)
        assert "orphans" not in ground.now()["status"]

    async def test_of_any_namespace_is_judged_by_a_cluster_provider(self, ground: Ground) -> None:
        ground.a_cluster_provider(sweep=SWEEP)
        machine = a_machine_of(ground, "team-b.gone")
        await ground.run(LONG, SHARED)
        assert orphans(ground, SHARED) == [machine]
        assert gauge(ground, "gpuwright_orphans", "shared") == 1

    async def test_of_a_provider_that_is_deleted_calls_nobody_any_more(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        ground.a_machine("gone")
        await ground.run(LONG)
        ground.api.delete(PROVIDERS, "team-a", "gateway")
        await ground.run(LONG)
        assert gauge(ground, "gpuwright_orphans") is None


class TestNothingIsTouched:
    """Each test lets the sweep run for long in mode Delete, over a machine that is not its to end."""

    async def untouched(self, ground: Ground, machine: str, key: Key = GATEWAY) -> None:
        await ground.run(LONG, key)
        assert terminated(ground) == []
        assert machine not in orphans(ground, key)

    async def test_of_an_owner_who_lives(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        (machine,) = ground.machines(1)
        await self.untouched(ground, machine)

    async def test_of_an_owner_whom_the_cache_does_not_know_yet(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("trainer-0")
        ground.api._listeners.clear()
        ground.an_instance("trainer-0")
        assert ground.cache.get(Key(INSTANCES.kind, "team-a", "trainer-0")) is None
        ground.api._listeners.append(ground._watch)
        await self.untouched(ground, machine)

    async def test_that_another_object_records(self, ground: Ground) -> None:
        """Adopted by a person: its tag goes on naming the owner who is gone."""
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.an_instance("heir", machine=machine)
        await self.untouched(ground, machine)

    async def test_that_is_retained(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.change({"status": {"retained": [{"id": machine, "name": "gone"}]}})
        await self.untouched(ground, machine)

    async def test_that_another_provider_of_this_place_retains(self, ground: Ground) -> None:
        ground.a_cluster_provider(sweep=DELETE)
        ground.a_provider()
        machine = ground.a_machine("gone")
        await ground.reconcile()
        ground.change({"status": {"retained": [{"id": machine, "name": "gone"}]}})
        await self.untouched(ground, machine, SHARED)

    @pytest.mark.parametrize(
        ("label", "cluster"),
        [
            pytest.param("team-a.gone", "another-cluster", id="of another cluster"),
            pytest.param("team-b.gone", CLUSTER, id="of another namespace"),
            pytest.param("team-a.../../x", CLUSTER, id="with a path in its tag"),
            pytest.param("team-a.", CLUSTER, id="without a name in its tag"),
        ],
    )
    async def test_that_is_none_of_its_business(self, ground: Ground, label: str, cluster: str) -> None:
        ground.a_provider(sweep=DELETE)
        machine = a_machine_of(ground, label, cluster=cluster)
        await self.untouched(ground, machine)
        assert not [path for path in ground.api.requests if ".." in path]

    async def test_of_a_namespace_that_is_not_watched(self) -> None:
        async with Ground(watched=("team-a",)) as ground:
            ground.a_cluster_provider(sweep=DELETE)
            machine = a_machine_of(ground, "team-b.gone")
            await self.untouched(ground, machine, SHARED)

    @pytest.mark.parametrize(
        "error",
        [
            pytest.param(Forbidden("403"), id="403"),
            pytest.param(NoAnswer("time-out"), id="time-out"),
            pytest.param(NotFound("404 page not found"), id="the kind is not served"),
        ],
    )
    async def test_while_owners_cannot_be_read(self, ground: Ground, error: ApiError) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.api.fail(error, "GET", "computeinstances/gone", times=10_000)
        await self.untouched(ground, machine)

    async def test_after_one_request_without_an_answer_no_other_is_made_in_that_sweep(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        for number in range(100):
            ground.a_machine(f"gone-{number}")
        ground.api.fail(NoAnswer("time-out"), "GET", "computeinstances/", times=10_000)
        await ground.run(2 * PERIOD + 1)
        asked = [path for path in ground.api.requests if "computeinstances/gone" in path]
        assert 0 < len(asked) <= 2 * 8

    async def test_where_the_list_is_from_a_gateway_that_answers_with_nothing(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await self.untouched(ground, machine)

    async def test_where_the_provider_cannot_be_read(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE, gateway={"dialect": "CreateOnly"})
        await self.untouched(ground, ground.a_machine("gone"))


class TestARestoredObject:
    """A backup gives an object a new uid: the machine of the old one is neither killed nor doubled by us."""

    async def test_keeps_the_sweep_from_the_machine_of_the_old_one_while_it_has_none(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = a_machine_of(ground, "team-a.trainer-0")
        ground.an_instance("trainer-0")
        await ground.run(LONG)
        (entry,) = ground.now()["status"]["orphans"]
        assert (entry["id"], entry["keptBecause"], terminated(ground)) == (machine, judgement.UNDECIDED_WORDS, [])

    async def test_that_wants_to_adopt_it_keeps_the_sweep_from_it(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = a_machine_of(ground, "team-a.gone")
        heir = ground.an_instance("heir")
        ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": machine}}}, heir)
        await ground.run(LONG)
        (entry,) = ground.now()["status"]["orphans"]
        assert (entry["keptBecause"], terminated(ground)) == (judgement.ADOPTING_WORDS, [])

    async def test_that_has_decided_for_another_machine_protects_it_no_more(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = a_machine_of(ground, "team-a.trainer-0", name="old")
        ground.an_instance("trainer-0", machine=ground.a_machine("trainer-0"))
        await ground.run(LONG)
        assert terminated(ground) == [machine]

    async def test_cannot_take_over_what_is_announced_as_ending(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = ground.a_machine("gone")
        ground.gateway.add_fault(call="delete", action="answer", status=503, nth="every")
        heir = ground.an_instance("heir")
        await until_announced(ground)
        ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": machine}}}, heir)
        assert "the sweep of team-a/gateway" in ground.view(heir).recorded_elsewhere[machine]


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


def it_takes_too_long(ground: Ground, machine: str) -> None:
    ground.clock.advance(2.0)


AT_THE_LAST_MOMENT = [
    pytest.param(a_person_retains, id="it is retained"),
    pytest.param(an_object_records_it, id="it is recorded"),
    pytest.param(an_object_would_adopt_it, id="it is to be adopted"),
    pytest.param(the_owner_is_back, id="its owner lives"),
    pytest.param(the_owner_is_restored, id="its owner is restored"),
    pytest.param(the_sweep_is_switched_off, id="the mode is Report"),
    pytest.param(the_name_is_another_machines, id="its name is another's"),
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


def _everything_is_gone(*_arguments: object) -> Any:
    return judgement.Standing.GONE


async def _always(*_arguments: object) -> bool:
    return True


async def _nobody(*_arguments: object) -> judgement.Named:
    return judgement.Named()


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
