"""The sweep over an API server in memory and the sandbox gateway: what it finds, and whom it never touches."""

import pytest
from tests.provider.ground import CLUSTER, GATEWAY, SHARED, Ground
from tests.provider.sweep_ground import (
    AGE,
    DELETE,
    LONG,
    PERIOD,
    SWEEP,
    a_machine_of,
    gauge,
    orphans,
    terminated,
    until_announced,
)

from gpuwright.kube.client import ApiError, Forbidden, NoAnswer, NotFound
from gpuwright.model.conditions import Reason
from gpuwright.model.resources import INSTANCES, PROVIDERS, Key
from gpuwright.provider.sweep import ADOPTING_WORDS, UNDECIDED_WORDS


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

    async def test_whose_object_was_let_go_since_the_last_list(self, ground: Ground) -> None:
        ground.a_provider(sweep=SWEEP)
        instance = ground.an_instance("trainer-0", machine=ground.a_machine("trainer-0"))
        await ground.run(PERIOD / 2)
        for machine in ground.gateway.fleet.machines():
            ground.gateway.fleet.vanish(machine)
        ground.api.delete(INSTANCES, "team-a", instance.name)
        await ground.run(LONG)
        assert (orphans(ground), ground.reasons.count("OrphanFound")) == ([], 0)

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
        assert (entry["id"], entry["keptBecause"], terminated(ground)) == (machine, UNDECIDED_WORDS, [])

    async def test_that_wants_to_adopt_it_keeps_the_sweep_from_it(self, ground: Ground) -> None:
        ground.a_provider(sweep=DELETE)
        machine = a_machine_of(ground, "team-a.gone")
        heir = ground.an_instance("heir")
        ground.change({"metadata": {"annotations": {"gpuwright.dev/adopt": machine}}}, heir)
        await ground.run(LONG)
        (entry,) = ground.now()["status"]["orphans"]
        assert (entry["keptBecause"], terminated(ground)) == (ADOPTING_WORDS, [])

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
