"""The emulator's server does to launches what a real one was seen to do to them (SkyPilot 0.14.1 on Slurm)."""

from typing import Any

import orjson
import pytest
from tests.engine.manual_clock import ManualClock

from gpuwright_sandbox.skypilot.fleet import Fate, Fleet, Pace, Request

TASK: dict[str, Any] = {"resources": {"accelerators": {"H100": 1}, "labels": {"team": "vision"}}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fleet(clock: ManualClock) -> Fleet:
    return Fleet(Pace(), clock.monotonic)


def launch(fleet: Fleet, name: str = "trainer", **resources: Any) -> Request:
    task = {"resources": {**TASK["resources"], **resources}}
    return fleet.submit("launch", {"cluster_name": name, "task": orjson.dumps(task).decode()})


def later(fleet: Fleet, clock: ManualClock, seconds: float = 60.0) -> None:
    clock.advance(seconds)
    fleet.tick()


def test_two_launches_of_one_name_make_one_machine(fleet: Fleet, clock: ManualClock) -> None:
    first, second = launch(fleet), launch(fleet)
    later(fleet, clock)
    assert first.status == second.status == "SUCCEEDED"
    assert len(fleet.live()) == 1


def test_another_request_for_the_same_name_is_refused(fleet: Fleet, clock: ManualClock) -> None:
    launch(fleet)
    later(fleet, clock)
    again = launch(fleet, accelerators={"H100": 8})
    assert again.error is not None
    assert (again.status, again.error["type"]) == ("FAILED", "ResourcesMismatchError")


def test_a_setup_that_fails_leaves_its_machine(fleet: Fleet, clock: ManualClock) -> None:
    fleet.fates.append(Fate.SETUP_FAILS)
    request = launch(fleet)
    later(fleet, clock)
    assert (request.status, fleet.clusters["trainer"].status, len(fleet.live())) == ("FAILED", "INIT", 1)


def test_a_launch_that_is_cancelled_leaves_its_machine(fleet: Fleet, clock: ManualClock) -> None:
    request = launch(fleet)
    fleet.cancel(request.id)
    later(fleet, clock)
    assert (request.status, fleet.clusters["trainer"].status, len(fleet.live())) == ("CANCELLED", "INIT", 1)


def test_a_down_cancels_a_launch_and_ends_its_machine(fleet: Fleet, clock: ManualClock) -> None:
    request = launch(fleet)
    down = fleet.submit("down", {"cluster_name": "trainer"})
    later(fleet, clock)
    assert (request.status, down.status, fleet.live(), fleet.clusters) == ("CANCELLED", "SUCCEEDED", [], {})
    again = fleet.submit("down", {"cluster_name": "trainer"})
    assert again.error is not None
    assert again.error["type"] == "ClusterDoesNotExist"


def test_a_restart_loses_requests_and_nothing_else(fleet: Fleet, clock: ManualClock) -> None:
    launch(fleet)
    fleet.restart()
    later(fleet, clock)
    assert fleet.requests == {}
    assert fleet.clusters["trainer"].status == "UP"


def test_a_machine_that_is_taken_away_is_noticed_later(fleet: Fleet, clock: ManualClock) -> None:
    launch(fleet)
    later(fleet, clock)
    fleet.taken_away("trainer")
    assert (fleet.live(), fleet.clusters["trainer"].status) == ([], "UP")
    later(fleet, clock)
    assert fleet.clusters == {}


@pytest.mark.parametrize(
    ("name", "task", "kind"),
    [
        ("9trainer", "{}", "InvalidClusterNameError"),
        ("trainer", "a: [", "ValueError"),
        ("trainer", "colour: red", "InvalidSkyPilotConfigError"),
        ("trainer", "resources: {colour: red}", "InvalidSkyPilotConfigError"),
        ("trainer", "resources: {labels: {gpuwright.dev/owner: a}}", "ValueError"),
        ("trainer", "resources: {labels: {owner: team-a.trainer}}", "ValueError"),
        ("trainer", "resources: {labels: {owner: -a}}", "ValueError"),
    ],
)
def test_a_bad_task_is_taken_and_fails_later(fleet: Fleet, name: str, task: str, kind: str) -> None:
    request = fleet.submit("launch", {"cluster_name": name, "task": task})
    assert request.error is not None
    assert (request.status, request.error["type"], fleet.live()) == ("FAILED", kind, [])
