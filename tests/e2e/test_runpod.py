"""The same ComputeInstance at RunPod: the operator as a process, a real API server, the double that keeps to RunPod's
schema.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.cluster import INSTANCES, PROVIDERS, SECRETS, Body, condition, message, wait_for
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.runpod.double import RunpodInThread
from gpuwright_sandbox.runpod.pods import Pace
from gpuwright_sandbox.runpod.server import RunpodDouble

pytestmark = pytest.mark.cluster

PATIENCE_SECONDS = 120.0
MACHINE = {"gpu": {"type": "H100"}, "image": "registry.example/trainer:1"}
TIMES = {
    "timeouts": {"connectSeconds": 2, "requestSeconds": 10},
    "settleSeconds": 12,
    "poll": {"periodSeconds": 1},
    "probe": {"periodSeconds": 1},
}


@pytest.fixture(scope="module")
def runpod() -> Iterator[RunpodDouble]:
    with RunpodInThread(Pace(0.5, 0.5)) as double:
        yield double.server


@pytest.fixture(scope="module")
def provider(stage: Stage, runpod: RunpodDouble) -> Iterator[str]:
    """A ComputeProvider of type RunPod, and its Secret."""
    place = {"name": "runpod", "namespace": stage.home}
    stage.cluster.create(SECRETS, {"metadata": place, "stringData": {"apiKey": runpod.key}})
    block = {"endpoint": runpod.url, "credentialsSecretRef": {"name": "runpod", "key": "apiKey"}}
    spec = {"type": "RunPod", "runpod": block, **TIMES}
    body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": "ComputeProvider", "metadata": place, "spec": spec}
    stage.cluster.create(PROVIDERS, body)
    yield "runpod"
    stage.cluster.delete(PROVIDERS, stage.home, "runpod")
    stage.cluster.delete(SECRETS, stage.home, "runpod")


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


def status_of(stage: Stage, name: str) -> Body:
    return dict(body(stage, name).get("status") or {})


def wait_until(stage: Stage, name: str, what: str, reason: str, status: str = "True") -> Body:
    def is_so() -> bool:
        return condition(body(stage, name), "Ready") == (status, reason)

    wait_for(f"{name} {what}", is_so, PATIENCE_SECONDS, lambda: status_of(stage, name))
    return status_of(stage, name)


def delete(stage: Stage, name: str) -> None:
    stage.cluster.delete(INSTANCES, stage.home, name)
    wait_for(f"{name} gone", lambda: not body(stage, name), PATIENCE_SECONDS, lambda: status_of(stage, name))


def creates(runpod: RunpodDouble) -> int:
    return [call.operation.id for call in runpod.calls].count("createPod")


def test_a_pod_comes_up_and_nothing_of_it_is_left(stage: Stage, provider: str, runpod: RunpodDouble) -> None:
    made = create(stage, provider, "trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    status = wait_until(stage, "trainer", "Ready", "Running")
    (pod,) = runpod.fleet.live()
    assert status["machine"]["id"] == pod.id
    assert status["machine"]["instanceType"] == "NVIDIA H100 PCIe"
    assert (status["cost"]["currency"], status["cost"]["pricePerHour"]) == ("USD", "0.44")
    assert pod.env["RUN_ID"] == "42"
    assert pod.labels["gpuwright.dev/owner-uid"] == made["metadata"]["uid"]
    seen = stage.cluster.get(PROVIDERS, stage.home, provider) or {}
    assert seen["status"]["capabilities"]["createKey"] == "None"
    assert seen["status"]["capabilities"]["nodeJoin"] is False
    assert "made a second time" in message(seen, "Ready")
    delete(stage, "trainer")
    assert runpod.fleet.live() == []
    assert len(runpod.fleet.pods) == 1


def test_a_create_whose_answer_is_lost_is_found_in_the_list_and_not_bought_twice(
    stage: Stage, provider: str, runpod: RunpodDouble
) -> None:
    before = creates(runpod)
    runpod.faults.faults.append(Fault(frozenset({"createPod"}), How.DROP))
    create(stage, provider, "unheard")
    wait_until(stage, "unheard", "Ready", "Running")
    assert creates(runpod) == before + 1
    assert len(runpod.fleet.live()) == 1
    delete(stage, "unheard")
    assert runpod.fleet.live() == []


def test_no_room_of_one_kind_is_followed_by_the_next_kind(stage: Stage, provider: str, runpod: RunpodDouble) -> None:
    runpod.sold_out.add("NVIDIA H100 PCIe")
    try:
        create(stage, provider, "choosy")
        status = wait_until(stage, "choosy", "Ready", "Running")
    finally:
        runpod.sold_out.clear()
    assert status["machine"]["instanceType"] == "NVIDIA H100 80GB HBM3"
    assert status["launch"]["name"].endswith("-r2")
    assert [entry["reason"] for entry in status["attempts"]] == ["CapacityUnavailable"]
    delete(stage, "choosy")
    assert runpod.fleet.live() == []


def test_a_stopped_pod_whose_host_has_no_gpu_left_is_told_and_replaced(
    stage: Stage, provider: str, runpod: RunpodDouble
) -> None:
    create(stage, provider, "sleeper")
    wait_until(stage, "sleeper", "Ready", "Running")
    stage.cluster.merge(INSTANCES, stage.home, "sleeper", {"spec": {"powerState": "Stopped"}})
    wait_until(stage, "sleeper", "off", "Stopped")
    (first,) = runpod.fleet.live()
    first.host_full = True
    stage.cluster.merge(INSTANCES, stage.home, "sleeper", {"spec": {"powerState": "Running"}})

    def is_another() -> bool:
        there = status_of(stage, "sleeper")
        return (there.get("machine") or {}).get("id") not in {"", None, first.id}

    wait_for("another machine", is_another, PATIENCE_SECONDS, lambda: status_of(stage, "sleeper"))
    status = wait_until(stage, "sleeper", "Ready again", "Running")
    assert status["attempts"][0]["reason"] == "Broken"
    assert [pod.id for pod in runpod.fleet.live()] == [status["machine"]["id"]]
    starts = [call for call in runpod.calls if call.operation.id == "podAction" and call.body["action"] == "start"]
    assert len(starts) == 1, "a start that is refused for good is not asked for again"
    delete(stage, "sleeper")
    assert runpod.fleet.live() == []
