"""Machines whose object is gone, on a real API server: told, ended where a person asks for it, and never too many."""

import pytest
from tests.e2e.cluster import Body, condition, holds_for, wait_for
from tests.e2e.together import together
from tests.e2e.world import World

pytestmark = pytest.mark.cluster

QUICK = {"periodSeconds": 1, "minAgeSeconds": 2}
LONG_ENOUGH = 6.0  # in which a machine that is to be ended would have been


def orphans(world: World) -> list[Body]:
    """Return what the provider's status says of machines without an owner."""
    return list((world.provider().get("status") or {}).get("orphans") or ())


def alive(world: World, *machines: str) -> bool:
    """Return whether all these machines bill."""
    return set(machines) <= {str(machine["id"]) for machine in world.gateway.live_machines()}


def metric(world: World, name: str) -> float:
    return world.operator.metric(f'{name}{{provider="{world.namespace}/{world.name}"}}')


@together(own_gateway=True)
def test_an_orphan_is_reported_and_ended_only_when_a_person_asks_for_it(world: World) -> None:
    lives = world.create_ready("lives")
    (machine,) = lives.live()
    orphan = world.smuggle("gone-machine", owner="gone", owner_uid="uid-of-gone")
    world.left_on_purpose.add(orphan)
    world.change_provider(sweep={"mode": "Report", **QUICK})
    wait_for("a report", lambda: [entry["id"] for entry in orphans(world)] == [orphan], shown=world.provider)
    assert condition(world.provider(), "Orphaned") == ("True", "OrphansFound")
    assert holds_for(LONG_ENOUGH, lambda: alive(world, orphan, str(machine["id"])))
    world.left_on_purpose.discard(orphan)
    world.change_provider(sweep={"mode": "Delete", **QUICK})
    wait_for("the orphan gone", lambda: not alive(world, orphan), shown=world.provider)
    wait_for("a clean status", lambda: not orphans(world), shown=world.provider)
    assert alive(world, str(machine["id"])), "the machine of an owner who lives is not touched"
    assert condition(world.provider(), "Orphaned") == ("False", "Settled")
    wait_for("the Events", lambda: {"OrphanFound", "OrphanTerminated"} <= {*world.provider_events()})
    assert metric(world, "gpuwright_orphans_terminated_total") == 1
    wait_for("the gauge", lambda: metric(world, "gpuwright_orphans") == 0)


@together(own_gateway=True)
def test_so_many_orphans_that_it_is_likelier_a_mistake_are_all_left_alone(world: World) -> None:
    machines = [world.smuggle(f"gone-{n}", owner=f"gone-{n}", owner_uid=f"uid-{n}") for n in range(3)]
    world.left_on_purpose.update(machines)
    world.change_provider(sweep={"mode": "Delete", **QUICK})
    wait_for("a report", lambda: len(orphans(world)) == 3, shown=world.provider)
    world.wait_provider("Orphaned", "True", "TooManyOrphans")
    assert holds_for(LONG_ENOUGH, lambda: alive(world, *machines))
    assert list(world.gateway.requests(call="delete")) == []


@together(own_gateway=True)
def test_after_a_restore_the_old_machine_waits_for_a_person_and_no_second_one_is_made(world: World) -> None:
    world.change_provider(sweep={"mode": "Delete", **QUICK})
    old = world.smuggle("old-machine", owner="restored", owner_uid="uid-before-the-restore")
    restored = world.create("restored")
    restored.wait_condition("Stalled", "True", "NameConflict")
    wait_for("a report", lambda: [entry["id"] for entry in orphans(world)] == [old], shown=world.provider)
    assert holds_for(LONG_ENOUGH, lambda: alive(world, old))
    assert "a person decides" in orphans(world)[0]["keptBecause"]
    assert restored.sent() == []
    restored.annotate("adopt", old)
    restored.wait_ready()
    assert restored.status()["machine"]["id"] == old
    assert restored.sent() == []
    wait_for("a clean status", lambda: not orphans(world), shown=world.provider)
    assert holds_for(LONG_ENOUGH, lambda: alive(world, old))


@together(own_gateway=True)
def test_a_leak_leaves_the_status_once_its_machine_is_proven_gone(world: World) -> None:
    world.create_ready("lives")
    torn = world.create_ready("torn")
    (machine,) = torn.live()
    world.left_on_purpose.add(str(machine["id"]))
    torn.annotate("paused", "true")
    torn.wait_condition("Reconciling", "False", "Paused")
    torn.delete()
    torn.set_finalizers()
    torn.wait_gone()
    wait_for("a leak", lambda: world.provider()["status"].get("leakCount") == 1, shown=world.provider)
    wait_for("the gauge", lambda: metric(world, "gpuwright_leaks") == 1)
    world.change_provider(sweep={"mode": "Delete", **QUICK})
    wait_for("the machine gone", lambda: not alive(world, str(machine["id"])), shown=world.provider)
    wait_for("no leak", lambda: world.provider()["status"].get("leakCount") == 0, 60, shown=world.provider)
    assert world.provider()["status"]["leaks"] == []
    wait_for("the gauge", lambda: metric(world, "gpuwright_leaks") == 0)
