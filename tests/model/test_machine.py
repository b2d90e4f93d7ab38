"""What a provider shows of a machine, and the indexes of a list."""

from dataclasses import replace
from typing import Any

import pytest

from gpuwright.model.machine import Machine, MachineState, Snapshot, gone
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.memory import Memory
from gpuwright.model.names import LABEL_INCARNATION, Owner, owner_labels

OWNER = Owner("cluster-uid", "team-a", "trainer.0", "uid-1")


def a_machine(**changes: Any) -> Machine:
    return Machine(
        **{"id": "i-1", "name": "n", "state": MachineState.RUNNING, "labels": owner_labels(OWNER, 1)} | changes
    )


@pytest.mark.parametrize("state", MachineState)
def test_only_the_gone_and_the_preempted_bill_no_more(state: MachineState) -> None:
    assert a_machine(state=state).alive is (state not in {MachineState.GONE, MachineState.PREEMPTED})


def test_the_owner_is_read_from_the_tag() -> None:
    assert a_machine().owner == OWNER
    assert a_machine().owner_uid == "uid-1"


def test_without_a_full_tag_there_is_no_owner() -> None:
    machine = a_machine(labels={"gpuwright.dev/owner-uid": "uid-1"})
    assert (machine.owner, machine.owner_uid) == (None, "")


@pytest.mark.parametrize(
    ("word", "incarnation"),
    [
        pytest.param("1", 1, id="one"),
        pytest.param("12", 12, id="twelve"),
        pytest.param("0", 1, id="nought"),
        pytest.param("", 1, id="empty"),
        pytest.param("-2", 1, id="negative"),
        pytest.param("2.5", 1, id="a fraction"),
        pytest.param("two", 1, id="a word"),
        pytest.param("²", 1, id="a digit that is no number"),
        pytest.param("٣", 1, id="digits of another script"),
    ],
)
def test_the_incarnation_is_read_from_the_tag(word: str, incarnation: int) -> None:
    assert a_machine(labels={LABEL_INCARNATION: word}).incarnation == incarnation


def test_a_machine_without_a_tag_is_the_first() -> None:
    assert a_machine(labels={}).incarnation == 1


def test_the_record_of_a_machine_holds_its_id() -> None:
    assert Memory(machine=a_machine().recorded()).machine_id == "i-1"


def test_the_ways_in_are_on_record_while_it_lives() -> None:
    machine = a_machine(endpoints=(MachineEndpoint("ssh", 22, "203.0.113.9", 31022),))
    ways = [{"name": "ssh", "port": 22, "address": "203.0.113.9", "externalPort": 31022}]
    assert machine.recorded()["endpoints"] == ways
    assert replace(machine, state=MachineState.PREEMPTED).recorded()["endpoints"] == []
    ended = gone(machine.recorded())
    assert (ended["state"], ended["endpoints"], ended["id"]) == ("Gone", [], "i-1")


class TestSnapshot:
    def test_finds_by_id_name_owner_and_label(self) -> None:
        machine = a_machine()
        snapshot = Snapshot.of(1.0, (machine,))
        assert snapshot.by_id == {"i-1": machine}
        assert snapshot.by_name == {"n": machine}
        assert snapshot.by_owner == {"uid-1": (machine,)}
        assert snapshot.by_label == {"team-a.trainer.0": (machine,)}

    def test_counts_a_machine_that_is_listed_twice_once_as_it_was_last(self) -> None:
        last = a_machine(state=MachineState.DELETING)
        snapshot = Snapshot.of(1.0, (a_machine(), last))
        assert (snapshot.machines, snapshot.by_owner["uid-1"]) == ((last,), (last,))

    def test_finds_the_living_one_of_namesakes(self) -> None:
        dead = a_machine(id="i-2", state=MachineState.PREEMPTED)
        assert Snapshot.of(1.0, (a_machine(), dead)).by_name == {"n": a_machine()}
        assert Snapshot.of(1.0, (dead,)).by_name == {"n": dead}

    def test_shows_an_owners_machines_oldest_first(self) -> None:
        new, old = a_machine(id="i-1", created="2026-11-22"), a_machine(id="i-2", created="2026-11-21")
        twin = a_machine(id="i-0", created="2026-11-22")
        assert Snapshot.of(1.0, (new, old, twin)).by_owner["uid-1"] == (old, twin, new)

    def test_keeps_machines_without_a_tag_apart(self) -> None:
        snapshot = Snapshot.of(1.0, (a_machine(labels={}),))
        assert set(snapshot.by_owner) == {""}
        assert snapshot.by_label == {}

    def test_namesakes_share_a_label(self) -> None:
        other = a_machine(id="i-2", labels=owner_labels(Owner("cluster-uid", "team-a", "trainer.0", "uid-2"), 1))
        snapshot = Snapshot.of(1.0, (a_machine(), other))
        assert snapshot.by_label["team-a.trainer.0"] == (a_machine(), other)
