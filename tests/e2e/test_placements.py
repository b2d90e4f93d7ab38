"""One object, two providers: the operator as a process, a real API server, two gateways with truths of their own."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.cluster import PROVIDERS, wait_for
from tests.e2e.stage import Stage
from tests.e2e.together import short_name
from tests.e2e.world import FAST_BOOT, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster


@pytest.fixture
def second(stage: Stage, world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """A second gateway and its provider, beside those of `world`."""
    with GatewayProcess(FAST_BOOT) as gateway:
        made = World(stage, gateway, f"{short_name(request.node.name)}-b")
        made.make_secret()
        made.make_provider()
        yield made
        world.clear_away()  # its objects name this provider, too, which is kept for as long
        made.close()


def two(first: World, second: World) -> dict[str, Any]:
    """Return what of a spec names both providers, in order."""
    return {"providerRef": None, "placements": [{"providerRef": {"name": name}} for name in (first.name, second.name)]}


def wait_known(world: World) -> None:
    world.wait_provider("Online", "True")


def sells(world: World, price: str) -> None:
    """Give the provider the size `large` at this price, and return once the operator knows it."""
    world.change_provider(sizes=[{"name": "large", "gpu": {"type": "H100"}, "pricePerHour": price}])

    def is_known() -> bool:
        seen = world.provider()
        return bool(seen["status"].get("observedGeneration") == seen["metadata"]["generation"])

    wait_for(f"{world.name} sells at {price}", is_known)


def large(limit: str | None = None) -> dict[str, Any]:
    """Return what is bought by size, for at most `limit` an hour."""
    return {"size": "large", "image": "registry.example/trainer:1", **({"maxPricePerHour": limit} if limit else {})}


def made_at(world: World, uid: str) -> list[bool]:
    """Return of each machine that a gateway ever had of this owner whether it bills."""
    return [bool(machine["alive"]) for machine in world.gateway.machines() if machine["owner_uid"] == uid]


def test_the_second_serves_what_the_first_has_no_room_for(world: World, second: World) -> None:
    world.gateway.change_settings(capacity={"H100": 0})
    made = world.create("fallback", **two(world, second))
    made.wait_ready()
    status = made.status()
    assert (status["launch"]["placement"], status["launch"]["providerRef"]["name"]) == (1, second.name)
    assert [(entry["placement"], entry["reason"]) for entry in status["attempts"]] == [(0, "CapacityUnavailable")]
    assert (made_at(world, made.uid), made_at(second, made.uid)) == ([], [True])
    assert [record["status"] for record in world.gateway.requests(call="create")] == [503]
    shown = world.provider()["status"]["unavailableOffers"]
    assert [entry["offer"] for entry in shown] == ["H100 x 1, OnDemand"]
    made.delete()
    made.wait_gone()
    assert (made_at(world, made.uid), made_at(second, made.uid)) == ([], [False])


def test_a_first_that_is_away_is_not_waited_for_and_is_kept_while_it_is_named(world: World, second: World) -> None:
    wait_known(world)
    wait_known(second)
    world.gateway.kill()
    world.wait_provider("Online", "False")
    made = world.create("away", **two(world, second))
    made.wait_ready()
    assert made_at(second, made.uid) == [True]
    assert [entry["reason"] for entry in made.status()["attempts"]] == ["ProviderUnreachable"]
    world.gateway.start()
    world.wait_provider("Online", "True")
    finalizers = (world.cluster.get(PROVIDERS, world.namespace, world.name) or {})["metadata"].get("finalizers")
    assert finalizers == ["gpuwright.dev/in-use"]
    made.delete()
    made.wait_gone()
    assert made_at(world, made.uid) == []


def test_an_answer_that_was_lost_at_the_first_is_settled_there_before_the_second_is_asked(
    world: World, second: World
) -> None:
    made_first = world.create("lost", **two(world, second), powerState="Stopped")
    world.fault("lost", action="drop", commit="first")
    made_first.change(powerState="Running")
    made_first.wait_condition("Ready", "True", "Running")  # being Stopped as asked is Ready, too
    assert (made_at(world, made_first.uid), made_at(second, made_first.uid)) == ([True], [])


def test_an_entry_that_is_added_later_is_asked_too(world: World, second: World) -> None:
    world.gateway.change_settings(capacity={"H100": 0})
    both = two(world, second)["placements"]
    made = world.create("added", providerRef=None, placements=both[:1])
    made.wait_condition("Launched", "False", "CapacityUnavailable")
    made.change(placements=both)
    made.wait_ready()
    assert made_at(second, made.uid) == [True]


def test_two_objects_learn_from_one_answer(world: World, second: World) -> None:
    world.gateway.change_settings(capacity={"H100": 0})
    first = world.create("learns", **two(world, second))
    first.wait_ready()
    other = world.create("learnt", **two(world, second))
    other.wait_ready()
    wait_for("both at the second", lambda: len(second.gateway.live_machines()) == 2)
    assert len(world.gateway.requests(call="create")) == 1


def test_the_second_serves_where_the_first_is_too_dear_and_the_first_is_not_even_asked(
    world: World, second: World
) -> None:
    sells(world, "3.50")
    sells(second, "2.00")
    made = world.create("too-dear", **two(world, second), machine=large("3.00"))
    made.wait_ready()
    status = made.status()
    assert status["launch"]["placement"] == 1
    assert [(entry["placement"], entry["reason"]) for entry in status["attempts"]] == [(0, "PriceTooHigh")]
    assert "asks 3.50 USD an hour, and maxPricePerHour is 3.00" in status["attempts"][0]["message"]
    assert (made_at(world, made.uid), made_at(second, made.uid)) == ([], [True])
    assert world.gateway.requests(call="create") == []


def test_what_is_too_dear_is_never_sent_and_is_bought_once_it_is_cheaper(world: World) -> None:
    sells(world, "3.50")
    made = world.create("ceiling", machine=large("3.00"))
    reason = '--for=jsonpath={.status.conditions[?(@.type=="Launched")].reason}=PriceTooHigh'
    place = ("-n", made.namespace, f"gwi/{made.name}", "--timeout=60s")
    waited = world.stage.plane.kubectl("wait", *place, reason, kubeconfig=world.stage.admin)
    assert waited.returncode == 0, waited.stderr
    assert "asks 3.50 USD an hour, and maxPricePerHour is 3.00" in made.message("Launched")
    assert (made.condition("Ready"), made.condition("Stalled")) == (("False", "PriceTooHigh"), ("False", "NotStalled"))
    assert (made.launch(), world.gateway.requests(call="create")) == ({}, [])
    sells(world, "2.90")
    made.wait_ready()
    assert len(world.gateway.requests(call="create")) == 1


def test_a_price_that_nobody_tells_buys_nothing_under_a_ceiling_and_the_message_says_what_helps(world: World) -> None:
    wait_known(world)
    machine = {"gpu": {"type": "H100"}, "image": "registry.example/trainer:1", "maxPricePerHour": "99"}
    made = world.create("unknown", machine=machine)
    made.wait_condition("Launched", "False", "PriceTooHigh")
    assert "pricePerHour in its spec.sizes, or leave maxPricePerHour out" in made.message("Launched")
    made.delete()
    made.wait_gone()
    assert world.gateway.requests(call="create") == []


def test_in_the_order_of_prices_the_cheapest_is_asked_first(world: World, second: World) -> None:
    sells(world, "2.50")
    sells(second, "2.10")
    made = world.create("cheapest", **two(world, second), placementOrder="Price", machine=large())
    made.wait_ready()
    status = made.status()
    assert (status["launch"]["placement"], status.get("attempts")) == (1, None)
    assert (made_at(world, made.uid), made_at(second, made.uid)) == ([], [True])
    assert world.gateway.requests(call="create") == []
