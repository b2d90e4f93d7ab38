"""Clusters and requests, translated: what INIT means, and what is a proof that something is gone."""

from typing import Any

import pytest

from gpuwright.adapters.skypilot_machines import (
    KEPT,
    Remembered,
    RequestState,
    Row,
    machine_of,
    requests_in,
    rows_in,
    state_of,
)
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, MachineState, Tombstone


def row(status: str = "UP", **fields: Any) -> Row:
    return Row("trainer", "hash-1", status, {"launched_at": 100, **fields})


def request(name: str, status: str, *, finished: float = 200.0, created: float = 0.0, cluster: str = "trainer") -> Any:
    return RequestState("request-1", name, cluster, status, created, finished)


@pytest.mark.parametrize(
    ("status", "fields", "requests", "state"),
    [
        ("UP", {}, [], MachineState.RUNNING),
        ("UP", {}, [request("stop", "RUNNING")], MachineState.STOPPING),
        ("UP", {}, [request("stop", "FAILED")], MachineState.RUNNING),
        ("UP", {}, [request("down", "PENDING")], MachineState.DELETING),
        ("UP", {}, [request("down", "PENDING", cluster="other")], MachineState.RUNNING),
        ("UP", {}, [request("launch", "FAILED")], MachineState.RUNNING),
        ("STOPPED", {}, [], MachineState.STOPPED),
        ("STOPPED", {}, [request("start", "RUNNING")], MachineState.STOPPED),
        ("AUTOSTOPPING", {"to_down": True}, [], MachineState.DELETING),
        ("AUTOSTOPPING", {"to_down": False}, [], MachineState.STOPPING),
        ("PENDING", {}, [], MachineState.PENDING),
        ("HIBERNATING", {}, [], MachineState.UNKNOWN),
        ("INIT", {}, [], MachineState.PROVISIONING),
        ("INIT", {}, [request("launch", "RUNNING")], MachineState.PROVISIONING),
        ("INIT", {}, [request("launch", "PAUSED-BY-MAGIC")], MachineState.PROVISIONING),
        ("INIT", {}, [request("launch", "FAILED")], MachineState.FAILED),
        ("INIT", {}, [request("launch", "CANCELLED")], MachineState.FAILED),
        ("INIT", {}, [request("launch", "SUCCEEDED")], MachineState.PROVISIONING),
        ("INIT", {}, [request("launch", "FAILED"), request("launch", "RUNNING", created=9)], MachineState.PROVISIONING),
        (
            "INIT",
            {},
            [request("launch", "SUCCEEDED", created=9), request("launch", "FAILED")],
            MachineState.PROVISIONING,
        ),
        ("INIT", {"cluster_ever_up": True}, [], MachineState.UNKNOWN),
        ("INIT", {"cluster_ever_up": True}, [request("launch", "FAILED")], MachineState.UNKNOWN),
        ("INIT", {"cluster_ever_up": True}, [request("launch", "CANCELLED")], MachineState.UNKNOWN),
        ("INIT", {"cluster_ever_up": True}, [request("launch", "RUNNING")], MachineState.UNKNOWN),
        ("INIT", {"cluster_ever_up": True}, [request("down", "RUNNING")], MachineState.DELETING),
        ("INIT", {"cluster_ever_up": False}, [request("launch", "FAILED")], MachineState.FAILED),
        ("INIT", {"cluster_ever_up": True}, [request("start", "RUNNING")], MachineState.UNKNOWN),
        ("INIT", {}, [request("down", "RUNNING"), request("launch", "FAILED")], MachineState.DELETING),
    ],
)
def test_the_state_of_a_cluster(
    status: str, fields: dict[str, Any], requests: list[RequestState], state: MachineState
) -> None:
    assert state_of(row(status, **fields), requests) is state


def test_a_cluster_is_described() -> None:
    fields: dict[str, Any] = {
        "region": "us-east-1",
        "zone": None,
        "accelerators": "{'H100': 8}",
        "resources_str_full": "1x([Spot]gpus=H100:8)",
        "labels": {"gpuwright-incarnation": "2", "team": "vision", "number": 7},
    }
    machine = machine_of(row(**fields), [])
    assert (machine.id, machine.name, machine.word) == ("hash-1", "trainer", "UP")
    assert (machine.region, machine.instance_type, machine.purchase) == ("us-east-1", "H100:8", "Spot")
    assert machine.created == "1970-01-01T00:01:40Z"
    assert machine.labels == {"gpuwright.dev/incarnation": "2", "team": "vision"}


@pytest.mark.parametrize(
    "fields",
    [
        {"launched_at": "soon", "accelerators": "__import__('os')", "labels": [], "region": 7},
        {"launched_at": 10**30, "accelerators": "{" * 500},
        {"launched_at": -1, "accelerators": [1]},
        {"launched_at": True},
    ],
)
def test_what_cannot_be_read_is_left_out(fields: dict[str, Any]) -> None:
    machine = machine_of(row(**fields), [])
    assert (machine.created, machine.instance_type, machine.region, dict(machine.labels)) == ("", "", "", {})


@pytest.mark.parametrize(
    "body", [None, {}, "x", [7], [{"name": "a"}], [{"name": "a", "cluster_hash": "h", "status": 7}]]
)
def test_a_list_of_clusters_that_is_none_is_blind(body: object) -> None:
    with pytest.raises(Blind):
        rows_in(body)


@pytest.mark.parametrize("body", [None, {}, [7], [{"request_id": "a", "name": "b"}]])
def test_a_list_of_requests_that_is_none_is_blind(body: object) -> None:
    with pytest.raises(Blind):
        requests_in(body)


def test_a_request_is_read_without_its_prefix() -> None:
    body = [{"request_id": "a", "name": "sky.launch", "status": "WAITING", "cluster_name": None, "created_at": 7.5}]
    (found,) = requests_in(body)
    assert found == RequestState("a", "launch", "", "WAITING", 7.5)
    assert found.active


@pytest.mark.parametrize(
    ("requests", "gone"),
    [
        ([], False),
        ([request("down", "SUCCEEDED")], True),
        ([request("launch", "FAILED")], True),
        ([request("down", "FAILED")], False),
        ([request("launch", "CANCELLED")], False),
        ([request("launch", "SUCCEEDED")], False),
        ([request("down", "SUCCEEDED", finished=99.0)], False),
        ([request("down", "SUCCEEDED", cluster="other")], False),
    ],
)
def test_a_cluster_is_gone_by_the_servers_word_only(requests: list[RequestState], gone: bool) -> None:
    remembered = Remembered()
    remembered.saw(row())
    assert remembered.sighting("trainer", requests) == (Tombstone("hash-1") if gone else Absent())


@pytest.mark.parametrize(
    ("requests", "gone"),
    [
        ([request("launch", "FAILED")], False),
        ([request("down", "SUCCEEDED")], True),
        ([request("launch", "FAILED"), request("down", "SUCCEEDED")], True),
    ],
)
def test_a_cluster_that_was_up_is_gone_by_a_down_and_by_no_launch_that_failed(
    requests: list[RequestState], gone: bool
) -> None:
    remembered = Remembered()
    remembered.saw(row(cluster_ever_up=True))
    assert remembered.sighting("trainer", requests) == (Tombstone("hash-1") if gone else Absent())


def test_what_was_never_seen_has_no_tombstone() -> None:
    assert Remembered().sighting("trainer", [request("down", "SUCCEEDED")]) == Absent()


def test_no_more_is_remembered_than_has_room() -> None:
    remembered = Remembered()
    for number in range(KEPT + 1):
        remembered.saw(Row(f"trainer-{number}", "hash", "UP", {"launched_at": 100}))
    ended = [request("down", "SUCCEEDED", cluster=f"trainer-{number}") for number in (0, 1)]
    assert remembered.sighting("trainer-0", ended) == Absent()
    assert remembered.sighting("trainer-1", ended) == Tombstone("hash")
