"""The same ComputeInstance through SkyPilot: the operator as a process, a real API server, SkyPilot's emulator."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.cluster import INSTANCES, PROVIDERS, SECRETS, Body, condition, wait_for
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.skypilot.calls import Call, Kind
from gpuwright_sandbox.skypilot.double import SkyPilotDouble
from gpuwright_sandbox.skypilot.fleet import Fate, Pace

pytestmark = pytest.mark.cluster

PATIENCE_SECONDS = 120.0
MACHINE = {"gpu": {"type": "H100"}, "skypilot": {"cloud": "lambda"}}
TIMES = {
    "timeouts": {"connectSeconds": 2, "requestSeconds": 10},
    "settleSeconds": 12,
    "poll": {"periodSeconds": 1},
    "probe": {"periodSeconds": 1},
}


@pytest.fixture(scope="module")
def skypilot() -> Iterator[SkyPilotDouble]:
    with SkyPilotDouble(Pace(boot=2.0, stop=0.5, end=0.5, refresh=1.0)) as double:
        yield double


@pytest.fixture(scope="module")
def provider(stage: Stage, skypilot: SkyPilotDouble) -> Iterator[str]:
    """A ComputeProvider of type SkyPilot, and its Secret."""
    place = {"name": "skypilot", "namespace": stage.home}
    stage.cluster.create(SECRETS, {"metadata": place, "stringData": {"token": "sky_sandbox"}})
    block = {"endpoint": skypilot.url, "credentialsSecretRef": {"name": "skypilot", "key": "token"}, "cloud": "lambda"}
    spec = {"type": "SkyPilot", "skypilot": block, **TIMES}
    body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": "ComputeProvider", "metadata": place, "spec": spec}
    stage.cluster.create(PROVIDERS, body)
    yield "skypilot"
    stage.cluster.delete(PROVIDERS, stage.home, "skypilot")
    stage.cluster.delete(SECRETS, stage.home, "skypilot")


def create(stage: Stage, provider: str, name: str, **spec: Any) -> Body:
    manifest = {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": stage.home},
        "spec": {"providerRef": {"name": provider}, "machine": MACHINE, **spec},
    }
    return stage.cluster.create(INSTANCES, manifest)


def body(stage: Stage, name: str) -> Body:
    return stage.cluster.get(INSTANCES, stage.home, name) or {}


def wait_ready(stage: Stage, name: str, *, reason: str = "Running") -> Body:
    def ready() -> bool:
        return condition(body(stage, name), "Ready") == ("True", reason)

    wait_for(f"{name} Ready", ready, PATIENCE_SECONDS, lambda: body(stage, name).get("status"))
    return dict(body(stage, name)["status"])


def delete(stage: Stage, name: str) -> None:
    stage.cluster.delete(INSTANCES, stage.home, name)
    wait_for(f"{name} gone", lambda: not body(stage, name), PATIENCE_SECONDS, lambda: body(stage, name).get("status"))


def launches(skypilot: SkyPilotDouble) -> list[Call]:
    return [call for call in skypilot.server.calls if call.kind is Kind.CREATE]


def test_a_machine_through_skypilot_comes_up_goes_off_and_on_and_nothing_of_it_is_left(
    stage: Stage, provider: str, skypilot: SkyPilotDouble
) -> None:
    made = create(stage, provider, "trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    status = wait_ready(stage, "trainer")
    (vm,) = skypilot.server.fleet.live()
    assert status["machine"]["id"] == skypilot.server.fleet.clusters[vm.name].hash
    assert vm.labels["gpuwright-owner-uid"] == made["metadata"]["uid"]
    seen = stage.cluster.get(PROVIDERS, stage.home, provider) or {}
    assert seen["status"]["capabilities"]["createKey"] == "UniqueName"
    stage.cluster.merge(INSTANCES, stage.home, "trainer", {"spec": {"powerState": "Stopped"}})
    wait_ready(stage, "trainer", reason="Stopped")
    stage.cluster.merge(INSTANCES, stage.home, "trainer", {"spec": {"powerState": "Running"}})
    wait_ready(stage, "trainer")
    assert len(launches(skypilot)) == 1
    delete(stage, "trainer")
    assert skypilot.server.fleet.live() == []


def test_a_launch_whose_answer_is_lost_is_found_and_not_bought_twice(
    stage: Stage, provider: str, skypilot: SkyPilotDouble
) -> None:
    before = len(launches(skypilot))
    skypilot.server.faults.faults.append(Fault(frozenset({Kind.CREATE}), How.DROP))
    create(stage, provider, "unheard")
    wait_ready(stage, "unheard")
    assert len(launches(skypilot)) == before + 1
    assert len(skypilot.server.fleet.live()) == 1
    delete(stage, "unheard")
    assert skypilot.server.fleet.live() == []


def test_a_server_that_restarts_in_the_middle_of_a_launch_loses_nothing(
    stage: Stage, provider: str, skypilot: SkyPilotDouble
) -> None:
    before = len(launches(skypilot))
    create(stage, provider, "restarted")
    wait_for("a launch", lambda: len(launches(skypilot)) > before, PATIENCE_SECONDS, lambda: None)
    skypilot.server.fleet.restart()
    wait_ready(stage, "restarted")
    assert len(launches(skypilot)) == before + 1
    delete(stage, "restarted")
    assert skypilot.server.fleet.live() == []


def test_a_setup_that_fails_is_ended_before_another_machine_is_made(
    stage: Stage, provider: str, skypilot: SkyPilotDouble
) -> None:
    skypilot.server.fleet.fates.append(Fate.SETUP_FAILS)
    create(stage, provider, "unset")
    wait_ready(stage, "unset")
    status = body(stage, "unset")["status"]
    assert status["attempts"][0]["reason"] == "Broken"
    assert status["replacements"] == 1
    assert len(skypilot.server.fleet.live()) == 1
    delete(stage, "unset")
    assert skypilot.server.fleet.live() == []


def test_no_room_is_waited_for_with_the_next_name(stage: Stage, provider: str, skypilot: SkyPilotDouble) -> None:
    skypilot.server.fleet.fates.append(Fate.NO_ROOM)
    create(stage, provider, "roomless")
    status = wait_ready(stage, "roomless")
    assert status["attempts"][0]["reason"] == "CapacityUnavailable"
    assert status["launch"]["name"].endswith("-r2")
    assert len(skypilot.server.fleet.live()) == 1
    delete(stage, "roomless")
    assert skypilot.server.fleet.live() == []
