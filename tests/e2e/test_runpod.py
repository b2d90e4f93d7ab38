"""The same ComputeInstance at RunPod: the operator as a process, a real API server, the double that keeps to RunPod's
schema.
"""

from collections.abc import Iterator

import pytest
from tests.e2e.cluster import message
from tests.e2e.elsewhere import Elsewhere, elsewhere, wait_another
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.runpod.double import RunpodInThread
from gpuwright_sandbox.runpod.pods import Pace
from gpuwright_sandbox.runpod.server import RunpodDouble

pytestmark = pytest.mark.cluster

MACHINE = {"gpu": {"type": "H100"}, "image": "registry.example/trainer:1"}


@pytest.fixture(scope="module")
def runpod() -> Iterator[RunpodDouble]:
    with RunpodInThread(Pace(0.5, 0.5)) as double:
        yield double.server


@pytest.fixture(scope="module")
def provider(stage: Stage, runpod: RunpodDouble) -> Iterator[Elsewhere]:
    """A ComputeProvider of type RunPod, and its Secret."""
    with elsewhere(stage, "RunPod", {"endpoint": runpod.url}, {"apiKey": runpod.key}, MACHINE) as made:
        yield made


def creates(runpod: RunpodDouble) -> int:
    return [call.operation.id for call in runpod.calls].count("createPod")


def test_a_pod_comes_up_and_nothing_of_it_is_left(provider: Elsewhere, runpod: RunpodDouble) -> None:
    made = provider.create("trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    made.wait_condition("Ready", "True", "Running")
    status = made.status()
    (pod,) = runpod.fleet.live()
    assert status["machine"]["id"] == pod.id
    assert status["machine"]["instanceType"] == "NVIDIA H100 PCIe"
    assert (status["cost"]["currency"], status["cost"]["pricePerHour"]) == ("USD", "0.44")
    assert pod.env["RUN_ID"] == "42"
    assert pod.labels["gpuwright.dev/owner-uid"] == made.uid
    seen = provider.provider()
    assert seen["status"]["capabilities"]["createKey"] == "None"
    assert seen["status"]["capabilities"]["nodeJoin"] is False
    assert "made a second time" in message(seen, "Ready")
    made.delete()
    made.wait_gone()
    assert runpod.fleet.live() == []
    assert len(runpod.fleet.pods) == 1


def test_a_create_whose_answer_is_lost_is_found_in_the_list_and_not_bought_twice(
    provider: Elsewhere, runpod: RunpodDouble
) -> None:
    before = creates(runpod)
    runpod.faults.faults.append(Fault(frozenset({"createPod"}), How.DROP))
    made = provider.create("unheard")
    made.wait_condition("Ready", "True", "Running")
    assert creates(runpod) == before + 1
    assert len(runpod.fleet.live()) == 1
    made.delete()
    made.wait_gone()
    assert runpod.fleet.live() == []


def test_no_room_of_one_kind_is_followed_by_the_next_kind(provider: Elsewhere, runpod: RunpodDouble) -> None:
    runpod.sold_out.add("NVIDIA H100 PCIe")
    try:
        made = provider.create("choosy")
        made.wait_condition("Ready", "True", "Running")
    finally:
        runpod.sold_out.clear()
    status = made.status()
    assert status["machine"]["instanceType"] == "NVIDIA H100 80GB HBM3"
    assert status["launch"]["name"].endswith("-r2")
    assert [entry["reason"] for entry in status["attempts"]] == ["CapacityUnavailable"]
    made.delete()
    made.wait_gone()
    assert runpod.fleet.live() == []


def test_a_stopped_pod_whose_host_has_no_gpu_left_is_told_and_replaced(
    provider: Elsewhere, runpod: RunpodDouble
) -> None:
    made = provider.create("sleeper")
    made.wait_condition("Ready", "True", "Running")
    made.change(powerState="Stopped")
    made.wait_condition("Ready", "True", "Stopped")
    (first,) = runpod.fleet.live()
    first.host_full = True
    made.change(powerState="Running")
    wait_another(made, first.id)
    made.wait_condition("Ready", "True", "Running")
    status = made.status()
    assert status["attempts"][0]["reason"] == "Broken"
    assert [pod.id for pod in runpod.fleet.live()] == [status["machine"]["id"]]
    starts = [call for call in runpod.calls if call.operation.id == "podAction" and call.body["action"] == "start"]
    assert len(starts) == 1, "a start that is refused for good is not asked for again"
    made.delete()
    made.wait_gone()
    assert runpod.fleet.live() == []
