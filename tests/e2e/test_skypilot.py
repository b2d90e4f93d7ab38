"""The same ComputeInstance through SkyPilot: the operator as a process, a real API server, SkyPilot's emulator."""

from collections.abc import Iterator

import pytest
from tests.e2e.cluster import wait_for
from tests.e2e.elsewhere import PATIENCE_SECONDS, Elsewhere, elsewhere
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.skypilot.calls import Call, Kind
from gpuwright_sandbox.skypilot.double import SkyPilotDouble
from gpuwright_sandbox.skypilot.fleet import Fate, Pace

pytestmark = pytest.mark.cluster

MACHINE = {"gpu": {"type": "H100"}, "skypilot": {"cloud": "lambda"}}


@pytest.fixture(scope="module")
def skypilot() -> Iterator[SkyPilotDouble]:
    with SkyPilotDouble(Pace(boot=2.0, stop=0.5, end=0.5, refresh=1.0)) as double:
        yield double


@pytest.fixture(scope="module")
def provider(stage: Stage, skypilot: SkyPilotDouble) -> Iterator[Elsewhere]:
    """A ComputeProvider of type SkyPilot, and its Secret."""
    block = {"endpoint": skypilot.url, "cloud": "lambda"}
    with elsewhere(stage, "SkyPilot", block, {"token": "sky_sandbox"}, MACHINE) as made:
        yield made


def launches(skypilot: SkyPilotDouble) -> list[Call]:
    return [call for call in skypilot.server.calls if call.kind is Kind.CREATE]


def test_a_machine_through_skypilot_comes_up_goes_off_and_on_and_nothing_of_it_is_left(
    provider: Elsewhere, skypilot: SkyPilotDouble
) -> None:
    made = provider.create("trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    made.wait_condition("Ready", "True", "Running")
    (vm,) = skypilot.server.fleet.live()
    assert made.status()["machine"]["id"] == skypilot.server.fleet.clusters[vm.name].hash
    assert vm.labels["gpuwright-owner-uid"] == made.uid
    assert provider.provider()["status"]["capabilities"]["createKey"] == "UniqueName"
    made.change(powerState="Stopped")
    made.wait_condition("Ready", "True", "Stopped")
    made.change(powerState="Running")
    made.wait_condition("Ready", "True", "Running")
    assert len(launches(skypilot)) == 1
    made.delete()
    made.wait_gone()
    assert skypilot.server.fleet.live() == []


def test_a_launch_whose_answer_is_lost_is_found_and_not_bought_twice(
    provider: Elsewhere, skypilot: SkyPilotDouble
) -> None:
    before = len(launches(skypilot))
    skypilot.server.faults.faults.append(Fault(frozenset({Kind.CREATE}), How.DROP))
    made = provider.create("unheard")
    made.wait_condition("Ready", "True", "Running")
    assert len(launches(skypilot)) == before + 1
    assert len(skypilot.server.fleet.live()) == 1
    made.delete()
    made.wait_gone()
    assert skypilot.server.fleet.live() == []


def test_a_server_that_restarts_in_the_middle_of_a_launch_loses_nothing(
    provider: Elsewhere, skypilot: SkyPilotDouble
) -> None:
    before = len(launches(skypilot))
    made = provider.create("restarted")
    wait_for("a launch", lambda: len(launches(skypilot)) > before, PATIENCE_SECONDS)
    skypilot.server.fleet.restart()
    made.wait_condition("Ready", "True", "Running")
    assert len(launches(skypilot)) == before + 1
    made.delete()
    made.wait_gone()
    assert skypilot.server.fleet.live() == []


def test_a_setup_that_fails_is_ended_before_another_machine_is_made(
    provider: Elsewhere, skypilot: SkyPilotDouble
) -> None:
    skypilot.server.fleet.fates.append(Fate.SETUP_FAILS)
    made = provider.create("unset")
    made.wait_condition("Ready", "True", "Running")
    status = made.status()
    assert status["attempts"][0]["reason"] == "Broken"
    assert status["replacements"] == 1
    assert len(skypilot.server.fleet.live()) == 1
    made.delete()
    made.wait_gone()
    assert skypilot.server.fleet.live() == []


def test_no_room_is_waited_for_with_the_next_name(provider: Elsewhere, skypilot: SkyPilotDouble) -> None:
    skypilot.server.fleet.fates.append(Fate.NO_ROOM)
    made = provider.create("roomless")
    made.wait_condition("Ready", "True", "Running")
    status = made.status()
    assert status["attempts"][0]["reason"] == "CapacityUnavailable"
    assert status["launch"]["name"].endswith("-r2")
    assert len(skypilot.server.fleet.live()) == 1
    made.delete()
    made.wait_gone()
    assert skypilot.server.fleet.live() == []
