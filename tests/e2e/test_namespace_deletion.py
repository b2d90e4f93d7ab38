"""A namespace, or what stands in it, deleted in every order: no machine is left, and nothing hangs for ever.

Each case has a namespace of its own; one operator sees to all namespaces.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.cluster import INSTANCES, NAMESPACES, PROVIDERS, SECRETS, holds_for, wait_for
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage
from tests.e2e.together import Begun, cleared_away, together
from tests.e2e.world import FAST_BOOT, OWN_NAMESPACE, Instance, World

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster

NAMESPACE_SECONDS = 60.0


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, operator_user: str, operator_log: Path) -> Iterator[OperatorProcess]:
    """An operator that watches all namespaces."""
    made = OperatorProcess(control_plane.kubeconfig(operator_user, ("system:masters",)), operator_log)
    made.start()
    yield made
    made.close()


def wait_until_empty(world: World) -> None:
    """Return once nothing of ours is left in the namespace."""

    def left() -> list[object]:
        return [body for kind in (INSTANCES, PROVIDERS) for body in world.cluster.all(kind, world.namespace)]

    wait_for(f"namespace {world.namespace} empty", lambda: not left(), NAMESPACE_SECONDS, left)


def some_ready(world: World, count: int = 3) -> list[Instance]:
    instances = [world.create(f"machine-{number}") for number in range(count)]
    for instance in instances:
        instance.wait_ready()
    return instances


@together(own_gateway=True, own_namespace=True)
def test_a_namespace_with_live_machines_goes_and_leaves_none(world: World) -> None:
    world.fault("hanging", action="hang", seconds=1)
    some_ready(world)
    world.create("hanging")
    world.create("homeless", providerRef={"name": "there-is-none"})
    wait_for("a create in flight", lambda: len(world.gateway.requests(call="create")) == 4)
    world.cluster.delete(NAMESPACES, "", world.namespace)
    wait_until_empty(world)
    assert world.gateway.live_machines() == []
    assert len(world.gateway.machines()) == 4


@together(own_gateway=True, own_namespace=True)
def test_a_namespace_waits_for_a_provider_that_is_away(world: World) -> None:
    some_ready(world)
    world.gateway.pause()
    try:
        world.cluster.delete(NAMESPACES, "", world.namespace)
        assert holds_for(4, lambda: len(world.cluster.all(INSTANCES, world.namespace)) == 3)
        assert world.provider()["metadata"]["finalizers"] == ["gpuwright.dev/in-use"]
    finally:
        world.gateway.resume()
    wait_until_empty(world)
    assert world.gateway.live_machines() == []


def delete_secret(world: World) -> None:
    world.cluster.delete(SECRETS, world.namespace, world.name)


def delete_provider(world: World) -> None:
    world.cluster.delete(PROVIDERS, world.namespace, world.name)


def delete_instances(world: World) -> None:
    for instance in world.made:
        instance.delete()


@together(own_namespace=True)
def test_the_secret_first_then_the_provider_then_the_instances(world: World) -> None:
    delete_in_this_order(world, delete_secret, delete_provider, delete_instances)


@together(own_namespace=True)
def test_the_provider_first_then_the_secret_then_the_instances(world: World) -> None:
    delete_in_this_order(world, delete_provider, delete_secret, delete_instances)


@together(own_namespace=True)
def test_the_secret_first_then_the_instances_then_the_provider(world: World) -> None:
    delete_in_this_order(world, delete_secret, delete_instances, delete_provider)


@together(own_namespace=True)
def test_the_instances_first_then_the_provider_then_the_secret(world: World) -> None:
    delete_in_this_order(world, delete_instances, delete_provider, delete_secret)


def delete_in_this_order(world: World, *steps: Callable[[World], None]) -> None:
    """Delete all without a pause; whatever the order, the machines go first."""
    some_ready(world, 2)
    for step in steps:
        step(world)
    for instance in world.made:
        instance.wait_gone()
        assert [machine["ending"] for machine in instance.machines()] == ["deleted"]
    wait_for("provider gone", lambda: not world.provider(), shown=world.provider)
    wait_for("Secret gone", lambda: not world.cluster.get(SECRETS, world.namespace, world.name))


@together(own_gateway=True, own_namespace=True)
def test_a_provider_and_its_secret_stay_while_machines_need_them(world: World) -> None:
    instance = some_ready(world, 1)[0]
    delete_secret(world)
    delete_provider(world)
    wait_for("an Event that says so", lambda: "InUse" in world.provider_events())
    assert holds_for(2, lambda: instance.condition("Ready") == ("True", "Running"))
    refused = world.create("too-late")
    refused.wait_condition("Accepted", "False", "ProviderNotFound")
    assert world.cluster.get(SECRETS, world.namespace, world.name) is not None
    assert (refused.creates(), len(instance.live())) == ([], 1)
    delete_instances(world)
    wait_for("provider gone", lambda: not world.provider(), shown=world.provider)


def test_a_namespace_that_is_deleted_while_no_operator_runs_goes_once_one_does(begun: Begun, stage: Stage) -> None:
    begun.wait()
    with GatewayProcess(FAST_BOOT) as gateway:
        world = World(stage, gateway, "gateway")
        with world.own_namespace(), cleared_away(world):
            world.make_secret()
            world.make_provider()
            some_ready(world)
            stage.operator.kill()
            world.cluster.delete(NAMESPACES, "", world.namespace)
            assert holds_for(2, lambda: len(gateway.live_machines()) == 3)
            stage.operator.start()
            wait_until_empty(world)
            assert gateway.live_machines() == []


def test_every_deleted_namespace_is_gone(begun: Begun, stage: Stage) -> None:
    begun.wait()

    def left() -> list[str]:
        found = [str(body["metadata"]["name"]) for body in stage.cluster.all(NAMESPACES, "")]
        return [name for name in found if name.startswith(OWN_NAMESPACE)]

    wait_for("namespaces gone", lambda: not left(), NAMESPACE_SECONDS, left)


def test_nothing_went_wrong_in_the_operator(begun: Begun, stage: Stage) -> None:
    begun.wait()
    assert stage.operator.complaints() == []
