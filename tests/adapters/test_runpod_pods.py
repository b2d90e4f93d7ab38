"""RunPod's pods as machines: what is believed, what is not, and what stays out."""

from typing import Any

import pytest

from gpuwright.adapters.runpod_pods import (
    ENV_LABELS,
    ENV_NAME,
    STATES,
    labels_of,
    labels_text,
    machine_of,
    of_cluster,
    pods_in,
    sighting_of,
    under,
)
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Tombstone
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright_sandbox.runpod.pods import Status

LABELS = {"gpuwright.dev/cluster": "cluster-1", "team": "vision"}
POD: dict[str, Any] = {
    "id": "7h9k2m4n6p",
    "name": "trainer-0-3f9a1c2b7d",
    "status": "RUNNING",
    "env": {"TOKEN": "s3cret", ENV_LABELS: labels_text(LABELS), ENV_NAME: "trainer-0-3f9a1c2b7d"},
    "gpu": {"id": "NVIDIA L4", "count": 1},
    "dataCenterId": "US-KS-2",
    "cost": 0.44,
    "createdAt": "2026-06-01T14:00:00+02:00",
    "globalNetworking": {"enabled": True, "ip": "10.65.1.42", "internalDns": "7h9k2m4n6p.runpod.internal"},
    "ports": ["22/tcp", "8888/http"],
    "runtime": {"uptime": 1, "ports": [{"private": 22, "public": 34446, "type": "tcp", "ip": "195.26.233.3"}] * 2},
}


def pod(**changes: Any) -> dict[str, Any]:
    return {**POD, **changes}


def a_machine(identity: str, state: MachineState = MachineState.RUNNING, created: str = "") -> Machine:
    return Machine(identity, "name", state, created=created, labels={"gpuwright.dev/cluster": "cluster-1"})


def test_a_pod_is_told_in_full_and_its_environment_is_not() -> None:
    machine = machine_of(POD)
    assert machine == Machine(
        id="7h9k2m4n6p",
        name="trainer-0-3f9a1c2b7d",
        state=MachineState.RUNNING,
        word="RUNNING",
        labels=LABELS,
        addresses=(
            {"type": "InternalIP", "address": "10.65.1.42"},
            {"type": "InternalDNS", "address": "7h9k2m4n6p.runpod.internal"},
            {"type": "ExternalIP", "address": "195.26.233.3"},
        ),
        endpoints=(
            MachineEndpoint("", 22, "195.26.233.3", 34446),
            MachineEndpoint("", 8888, url="https://7h9k2m4n6p-8888.proxy.runpod.net"),
        ),
        region="US-KS-2",
        instance_type="NVIDIA L4",
        purchase="OnDemand",
        created="2026-06-01T12:00:00Z",
        price_per_hour="0.44",
        currency="USD",
    )
    assert "s3cret" not in repr(machine)


def test_every_word_of_runpods_is_known() -> None:
    assert set(STATES) == {str(status) for status in Status}


def test_a_word_that_nobody_knows_is_alive() -> None:
    machine = machine_of(pod(status="HIBERNATING"))
    assert (machine.state, machine.word, machine.alive) == (MachineState.UNKNOWN, "HIBERNATING", True)


@pytest.mark.parametrize(
    ("started", "state"),
    [
        pytest.param({"startedAt": None}, MachineState.FAILED, id="never"),
        pytest.param({}, MachineState.FAILED, id="nothing said"),
        pytest.param({"startedAt": "2026-06-01T12:02:00Z"}, MachineState.UNKNOWN, id="once"),
        pytest.param({"startedAt": 7}, MachineState.UNKNOWN, id="something said"),
    ],
)
def test_an_error_breaks_a_pod_that_never_ran_and_ends_none_that_has(
    started: dict[str, Any], state: MachineState
) -> None:
    machine = machine_of(pod(status="ERROR", **started))
    assert (machine.state, machine.word, machine.alive) == (state, "ERROR", True)


def test_a_stopped_pod_shows_no_stale_addresses_and_no_price_of_nothing() -> None:
    machine = machine_of(pod(status="EXITED", cost=0.0))
    assert (machine.addresses, machine.endpoints, machine.price_per_hour) == ((), (), "")


@pytest.mark.parametrize("cost", [None, "0.44", True, -1, 0, float("nan"), 1e9])
def test_what_is_no_price_is_left_out(cost: object) -> None:
    assert machine_of(pod(cost=cost)).price_per_hour == ""


@pytest.mark.parametrize("moment", [None, 7, "", "yesterday", "2026-06-01T12:00:00"])
def test_what_is_no_moment_is_left_out(moment: object) -> None:
    assert machine_of(pod(createdAt=moment)).created == ""


@pytest.mark.parametrize(
    "changes",
    [{"gpu": None}, {"gpu": []}, {"runtime": None}, {"runtime": {"ports": [7]}}, {"globalNetworking": 7}],
    ids=["no gpu", "a list for a gpu", "not running", "odd ports", "odd network"],
)
def test_what_is_odd_beside_the_point_is_left_out(changes: dict[str, Any]) -> None:
    assert machine_of(pod(**changes)).id == POD["id"]


@pytest.mark.parametrize(
    "changes",
    [{"id": ""}, {"id": 7}, {"name": None}, {"name": ""}, {"status": []}, {"status": ""}, {"env": None}, {"env": []}],
)
def test_what_is_no_pod_is_blind(changes: dict[str, Any]) -> None:
    with pytest.raises(Blind):
        machine_of(pod(**changes))


@pytest.mark.parametrize("body", [None, [], {}, {"pods": None}, {"pods": {}}, {"pods": [7]}, {"pods": [POD, {}]}])
def test_one_entry_that_is_no_pod_makes_the_whole_list_blind(body: Any) -> None:
    with pytest.raises(Blind):
        pods_in(body)


@pytest.mark.parametrize("text", [None, 7, "", "{", "[]", '"a"', "null"])
def test_labels_that_somebody_made_unreadable_are_none(text: Any) -> None:
    assert labels_of(text) == {}


def test_labels_come_back_as_they_went() -> None:
    assert labels_of(labels_text(LABELS)) == LABELS
    assert labels_text(dict(reversed(LABELS.items()))) == labels_text(LABELS)
    assert labels_of('{"a": "b", "c": 7}') == {"a": "b"}


def test_a_list_shows_this_clusters_pods_that_are_not_gone() -> None:
    ours, gone = machine_of(POD), machine_of(pod(status="TERMINATED"))
    theirs = machine_of(pod(env={ENV_LABELS: '{"gpuwright.dev/cluster": "cluster-2"}'}))
    nobodys = machine_of(pod(env={}))
    assert of_cluster([ours, gone, theirs, nobodys], "cluster-1") == (ours,)


def test_a_name_means_a_name_or_an_id_and_never_another_clusters() -> None:
    ours = machine_of(POD)
    theirs = machine_of(pod(env={ENV_LABELS: '{"gpuwright.dev/cluster": "cluster-2"}'}))
    emptied = machine_of(pod(id="emptied", env={}))
    found = under([ours, theirs, emptied], POD["name"], "cluster-1")
    assert [machine.id for machine in found] == [ours.id, "emptied"]
    (by_id,) = under([machine_of(pod(id="by-hand", name="x", env={}))], "by-hand", "cluster-1")
    assert by_id.name == "by-hand"


def test_an_id_means_its_own_pod_and_none_that_is_called_so() -> None:
    meant, called = machine_of(pod(id="abc")), machine_of(pod(id="def", env={ENV_NAME: "abc"}))
    assert [machine.id for machine in under([called, meant], "abc", "cluster-1")] == ["abc"]
    assert [machine.id for machine in under([called], "abc", "cluster-1")] == ["def"]


def test_the_oldest_that_lives_counts() -> None:
    old, new = a_machine("a", created="2026-01-01T00:00:00Z"), a_machine("b", created="2026-01-02T00:00:00Z")
    oldest_first = under([new, old], "name", "cluster-1")
    assert sighting_of(oldest_first) == Present(old)
    dead = a_machine("a", MachineState.GONE, created="2026-01-01T00:00:00Z")
    assert sighting_of([dead, new]) == Present(new)


def test_what_says_that_it_is_gone_leaves_its_tombstone() -> None:
    assert sighting_of([a_machine("a", MachineState.GONE)]) == Tombstone("a")
    assert sighting_of([]) == Absent()
