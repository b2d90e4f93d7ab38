"""A provider that is away for a while proves nothing: nobody loses a machine, and nobody has to do anything after."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.cluster import Body, condition, holds_for, wait_for
from tests.e2e.history import History
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage
from tests.e2e.together import Begun, together
from tests.e2e.world import FAST_BOOT, Instance, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster

AWAY_SECONDS = 3.0
ANY_CALL = ["create", "get", "list", "delete", "healthz"]


@dataclass(frozen=True, slots=True)
class Way:
    """How a gateway goes away, and comes back."""

    name: str
    leave: Callable[[GatewayProcess], object]
    come_back: Callable[[GatewayProcess], object]


def break_down(gateway: GatewayProcess) -> None:
    gateway.add_fault(call=list(ANY_CALL), action="answer", status=502, nth="every")


WAYS = (
    Way("killed", GatewayProcess.kill, GatewayProcess.start),
    Way("frozen", GatewayProcess.pause, GatewayProcess.resume),
    Way("broken", break_down, GatewayProcess.clear_faults),
)
EACH_WAY = pytest.mark.parametrize("way", [way.name for way in WAYS])


@dataclass(slots=True)
class Outage:
    """One gateway's outage: who was there before, and what was seen while it lasted."""

    world: World
    running: Instance
    leaving: Instance  # deleted while its provider is away
    coming: Instance  # created while its provider is away
    machine_id: str
    provider: Body
    seen: Mapping[str, Body]  # the objects as they were after some seconds of it, by name


@pytest.fixture(scope="module")
def outages(stage: Stage, begun: Begun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Outage]]:
    """All gateways go away together, and come back together."""
    with ExitStack() as stack:
        worlds = [_world(stack, stage, way, tmp_path_factory.mktemp("stores")) for way in WAYS]
        pairs = [(world.create(f"{world.name}-running"), world.create(f"{world.name}-leaving")) for world in worlds]
        for instance in (instance for pair in pairs for instance in pair):
            instance.wait_ready()
        ids = [str(running.status()["machine"]["id"]) for running, _leaving in pairs]
        for way, world in zip(WAYS, worlds, strict=True):
            way.leave(world.gateway)
        for world in worlds:
            world.wait_provider("Online", "False", "Unreachable")
        coming = [world.create(f"{world.name}-coming") for world in worlds]
        for _running, leaving in pairs:
            leaving.delete()
        _wait_until_all_is_said(pairs, coming)
        # Nothing may happen now, however long it lasts.
        assert holds_for(AWAY_SECONDS, lambda: all(leaving.body() for _running, leaving in pairs))
        made = {
            way.name: _outage(world, *pair, new, machine_id)
            for way, world, pair, new, machine_id in zip(WAYS, worlds, pairs, coming, ids, strict=True)
        }
        for way, world in zip(WAYS, worlds, strict=True):
            way.come_back(world.gateway)
        yield made
        for world in worlds:
            world.close()


def _world(stack: ExitStack, stage: Stage, way: Way, folder: Path) -> World:
    gateway = stack.enter_context(GatewayProcess(FAST_BOOT, store=folder / "machines.jsonl"))
    world = World(stage, gateway, way.name)
    world.make_secret()
    world.make_provider()
    return world


def _wait_until_all_is_said(pairs: list[tuple[Instance, Instance]], coming: list[Instance]) -> None:
    for running, leaving in pairs:
        running.wait_condition("Ready", "Unknown", "ProviderUnreachable")
        leaving.wait_condition("Deleting", "True", "ProviderUnreachable")
    for instance in coming:
        instance.wait_condition("Ready", "False", "ProviderUnreachable")


def _outage(world: World, running: Instance, leaving: Instance, coming: Instance, machine_id: str) -> Outage:
    seen = {instance.name.rpartition("-")[2]: instance.body() or {} for instance in (running, leaving, coming)}
    return Outage(world, running, leaving, coming, machine_id, world.provider(), seen)


@EACH_WAY
def test_a_running_instance_is_unknown_and_keeps_its_record(outages: Mapping[str, Outage], way: str) -> None:
    body = outages[way].seen["running"]
    launch = body["status"]["launch"]
    assert condition(body, "Ready") == ("Unknown", "ProviderUnreachable")
    assert condition(body, "Launched") == ("True", "Created")
    assert condition(body, "Reconciling")[0] == "True"
    assert condition(body, "Stalled") == ("False", "NotStalled")
    assert (launch["attempt"], launch["incarnation"], launch["send"]) == (1, 1, 1)
    assert "ending" not in launch
    assert body["status"]["replacements"] == 0
    assert body["status"]["machine"]["id"] == outages[way].machine_id


@EACH_WAY
def test_a_new_instance_waits_without_an_intent(outages: Mapping[str, Outage], way: str) -> None:
    body = outages[way].seen["coming"]
    assert "launch" not in body["status"]
    assert condition(body, "Ready") == ("False", "ProviderUnreachable")
    assert condition(body, "Launched") == ("False", "ProviderUnreachable")
    assert condition(body, "Reconciling")[0] == "True"
    assert condition(body, "Stalled") == ("False", "NotStalled")


@EACH_WAY
def test_a_deletion_waits(outages: Mapping[str, Outage], way: str) -> None:
    body = outages[way].seen["leaving"]
    assert body["metadata"]["finalizers"] == ["gpuwright.dev/machine"]
    assert condition(body, "Deleting") == ("True", "ProviderUnreachable")


@EACH_WAY
def test_the_provider_says_that_it_is_offline(outages: Mapping[str, Outage], way: str) -> None:
    provider = outages[way].provider
    assert condition(provider, "Online") == ("False", "Unreachable")
    assert condition(provider, "Ready") == ("False", "Unreachable")
    assert condition(provider, "CredentialsValid") == ("True", "Authenticated")
    assert provider["status"]["breaker"]["state"] == "Open"
    assert provider["status"]["summary"] == "Unreachable"


@EACH_WAY
def test_all_recover_without_a_person(outages: Mapping[str, Outage], way: str) -> None:
    outage = outages[way]
    outage.world.wait_provider("Online", "True", "Answered")
    outage.running.wait_ready()
    outage.coming.wait_ready()
    outage.leaving.wait_gone()
    assert [machine["id"] for machine in outage.running.live()] == [outage.machine_id]
    assert outage.running.launch()["send"] == 1
    assert outage.coming.sent() == ["n"]
    assert outage.coming.outcomes() == []
    assert [machine["ending"] for machine in outage.leaving.machines()] == ["deleted"]
    assert [instance.peak() for instance in (outage.running, outage.coming, outage.leaving)] == [1, 1, 1]


@EACH_WAY
def test_there_is_one_event_for_each_transition(outages: Mapping[str, Outage], way: str) -> None:
    world = outages[way].world
    world.wait_provider("Online", "True", "Answered")
    wait_for("an Event", lambda: "ProviderOnline" in world.provider_events())
    events = world.cluster.events(world.namespace, world.name)
    assert [event["reason"] for event in events] == ["ProviderUnreachable", "ProviderOnline"]
    assert not any(event.get("series") for event in events)


@EACH_WAY
def test_there_is_one_warning_for_the_transition(
    outages: Mapping[str, Outage], operator: OperatorProcess, home: str, way: str
) -> None:
    said = [line for line in operator.said("does not answer") if line.get("provider", "").endswith(f"{home}/{way}")]
    assert [line["level"] for line in said] == ["WARNING"]


@EACH_WAY
def test_no_instance_was_ever_thought_lost(outages: Mapping[str, Outage], history: History, way: str) -> None:
    reasons = history.reasons(outages[way].running.uid, "Ready")
    assert set(reasons).isdisjoint({"Lost", "Preempted", "Broken"})
    assert not [event["reason"] for event in outages[way].running.events()]


@together(own_gateway=True)
def test_a_moment_away_is_not_worth_a_word(world: World) -> None:
    instance = world.create_ready("brief")
    world.gateway.add_fault(call="list", action="drop", nth=[1, 2])
    wait_for("two broken lists", lambda: world.gateway.faults()[0]["done"] == 2)
    assert holds_for(2, lambda: instance.condition("Ready") == ("True", "Running"))
    reasons = world.history.reasons(instance.uid, "Ready")
    assert (reasons[-1], reasons.count("Running")) == ("Running", 1)
    assert world.provider_events() == []


@together(own_gateway=True)
def test_empty_lists_are_no_proof(world: World) -> None:
    """As many machines missing at once as this are a sick list: direct looks still show them."""
    instances = [world.create(f"unlisted-{number}") for number in range(4)]
    for instance in instances:
        instance.wait_ready()
    ids = [instance.status()["machine"]["id"] for instance in instances]
    world.gateway.add_fault(call="list", action="empty", for_seconds=6)
    world.wait_provider("MassAbsence", "True", "MachinesMissing")
    world.wait_provider("MassAbsence", "False", seconds=20)
    for instance in instances:
        instance.wait_ready()
    assert [instance.status()["machine"]["id"] for instance in instances] == ids
    assert [instance.sent() for instance in instances] == [["n"]] * 4
    assert world.gateway.requests(call="delete") == []
    assert world.provider_events() == ["MassAbsence"]


def test_nothing_went_wrong_in_the_operator(outages: Mapping[str, Outage], operator: OperatorProcess) -> None:
    assert operator.complaints() == []
