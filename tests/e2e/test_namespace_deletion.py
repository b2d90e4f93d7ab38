"""A namespace, or what stands in it, deleted in every order: no machine is left, and nothing hangs for ever.

Each case has a namespace and a gateway of its own; one operator sees to all namespaces.
"""

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.e2e.cluster import INSTANCES, NAMESPACES, PROVIDERS, SECRETS, Cluster, holds_for, wait_for
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.world import Instance, World

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


@pytest.fixture(scope="module")
def deleted() -> list[str]:
    """The namespaces that were deleted: each takes a while to go, which only the last test waits for."""
    return []


@pytest.fixture
def lonely(operator: OperatorProcess, cluster: Cluster, gateway: GatewayProcess, deleted: list[str]) -> Iterator[World]:
    """A namespace with a provider in it, and nobody else's objects."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster.create(NAMESPACES, {"metadata": {"name": name}})
    made = World(cluster, name, gateway, "gateway")
    made.make_secret()
    made.make_provider()
    yield made
    cluster.delete(NAMESPACES, "", name)
    deleted.append(name)
    wait_until_empty(made)
    assert gateway.doubled() == []
    assert gateway.live_machines() == []


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


def test_a_namespace_with_live_machines_goes_and_leaves_none(lonely: World) -> None:
    lonely.fault("hanging", action="hang", seconds=1)
    some_ready(lonely)
    lonely.create("hanging")
    lonely.create("homeless", providerRef={"name": "there-is-none"})
    wait_for("a create in flight", lambda: len(lonely.gateway.requests(call="create")) == 4)
    lonely.cluster.delete(NAMESPACES, "", lonely.namespace)
    wait_until_empty(lonely)
    assert lonely.gateway.live_machines() == []
    assert len(lonely.gateway.machines()) == 4


def test_a_namespace_that_is_deleted_while_no_operator_runs_goes_once_one_does(
    lonely: World, operator: OperatorProcess
) -> None:
    some_ready(lonely)
    operator.kill()
    try:
        lonely.cluster.delete(NAMESPACES, "", lonely.namespace)
        assert holds_for(2, lambda: len(lonely.gateway.live_machines()) == 3)
    finally:
        operator.start()
    wait_until_empty(lonely)
    assert lonely.gateway.live_machines() == []


def test_a_namespace_waits_for_a_provider_that_is_away(lonely: World) -> None:
    some_ready(lonely)
    lonely.gateway.pause()
    try:
        lonely.cluster.delete(NAMESPACES, "", lonely.namespace)
        assert holds_for(4, lambda: len(lonely.cluster.all(INSTANCES, lonely.namespace)) == 3)
        assert lonely.provider()["metadata"]["finalizers"] == ["gpuwright.dev/in-use"]
    finally:
        lonely.gateway.resume()
    wait_until_empty(lonely)
    assert lonely.gateway.live_machines() == []


def delete_secret(world: World) -> None:
    world.cluster.delete(SECRETS, world.namespace, world.name)


def delete_provider(world: World) -> None:
    world.cluster.delete(PROVIDERS, world.namespace, world.name)


def delete_instances(world: World) -> None:
    for instance in world.made:
        instance.delete()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((delete_secret, delete_provider, delete_instances), id="secret, provider, instances"),
        pytest.param((delete_provider, delete_secret, delete_instances), id="provider, secret, instances"),
        pytest.param((delete_secret, delete_instances, delete_provider), id="secret, instances, provider"),
        pytest.param((delete_instances, delete_provider, delete_secret), id="instances, provider, secret"),
    ],
)
def test_whatever_the_order_the_machines_go_first(lonely: World, steps: tuple[Callable[[World], None], ...]) -> None:
    some_ready(lonely, 2)
    for step in steps:
        step(lonely)
    for instance in lonely.made:
        instance.wait_gone()
    wait_for("provider gone", lambda: not lonely.provider(), shown=lonely.provider)
    wait_for("Secret gone", lambda: not lonely.cluster.get(SECRETS, lonely.namespace, lonely.name))
    assert lonely.gateway.live_machines() == []
    assert [machine["ending"] for machine in lonely.gateway.machines()] == ["deleted", "deleted"]


def test_a_provider_and_its_secret_stay_while_machines_need_them(lonely: World) -> None:
    instance = some_ready(lonely, 1)[0]
    delete_secret(lonely)
    delete_provider(lonely)
    wait_for("an Event that says so", lambda: "InUse" in lonely.provider_events())
    assert holds_for(2, lambda: instance.condition("Ready") == ("True", "Running"))
    refused = lonely.create("too-late")
    refused.wait_condition("Accepted", "False", "ProviderNotFound")
    assert lonely.cluster.get(SECRETS, lonely.namespace, lonely.name) is not None
    assert (refused.creates(), len(instance.live())) == ([], 1)
    delete_instances(lonely)
    wait_for("provider gone", lambda: not lonely.provider(), shown=lonely.provider)


def test_every_deleted_namespace_is_gone(cluster: Cluster, deleted: list[str]) -> None:
    for name in deleted:
        wait_for(f"namespace {name} gone", partial(_is_gone, cluster, name), NAMESPACE_SECONDS)


def _is_gone(cluster: Cluster, namespace: str) -> bool:
    return cluster.get(NAMESPACES, "", namespace) is None


def test_nothing_went_wrong_in_the_operator(operator: OperatorProcess) -> None:
    assert operator.complaints() == []
