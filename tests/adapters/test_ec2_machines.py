"""What EC2 says of instances, translated."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gpuwright.adapters.ec2_machines import (
    PREEMPTED,
    TAG_NAME,
    instances_in,
    is_id,
    machine_of,
    shown,
    sighting_of,
)
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Tombstone


def an_instance(identity: str = "i-1", state: str = "running", **more: Any) -> dict[str, Any]:
    return {"InstanceId": identity, "State": {"Name": state}, "Tags": [{"Key": TAG_NAME, "Value": "n"}], **more}


def a_machine(identity: str, state: MachineState, created: str = "") -> Machine:
    return Machine(identity, "n", state, created=created)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("pending", MachineState.PROVISIONING),
        ("running", MachineState.RUNNING),
        ("stopping", MachineState.STOPPING),
        ("stopped", MachineState.STOPPED),
        ("shutting-down", MachineState.DELETING),
        ("terminated", MachineState.GONE),
        ("hibernating", MachineState.UNKNOWN),
        ("", MachineState.UNKNOWN),
    ],
)
def test_each_word_has_its_state_and_one_that_nobody_knows_is_alive(word: str, state: MachineState) -> None:
    machine = machine_of(an_instance(state=word), "us-east-1")
    assert (machine.state, machine.word) == (state, word)
    assert machine.alive is (word != "terminated")


def test_what_shuts_down_is_there_until_it_has_terminated() -> None:
    assert isinstance(sighting_of([machine_of(an_instance(state="shutting-down"), "r")]), Present)


@pytest.mark.parametrize("code", sorted(PREEMPTED))
def test_what_ec2_has_taken_away_is_preempted_once_it_is_gone(code: str) -> None:
    going = an_instance(state="shutting-down", StateReason={"Code": code})
    gone = an_instance(state="terminated", StateReason={"Code": code})
    assert machine_of(going, "r").state is MachineState.DELETING
    assert machine_of(gone, "r").state is MachineState.PREEMPTED


def test_a_machine_has_its_addresses_its_place_and_its_time_in_utc() -> None:
    launched = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2)))
    machine = machine_of(
        an_instance(
            PrivateIpAddress="10.0.0.7",
            PublicIpAddress="203.0.113.9",
            PrivateDnsName="ip.internal",
            PublicDnsName="",
            Placement={"AvailabilityZone": "us-east-1a"},
            InstanceType="g6.xlarge",
            InstanceLifecycle="spot",
            LaunchTime=launched,
        ),
        "us-east-1",
    )
    assert machine.addresses == (
        {"type": "InternalIP", "address": "10.0.0.7"},
        {"type": "ExternalIP", "address": "203.0.113.9"},
        {"type": "InternalDNS", "address": "ip.internal"},
    )
    assert (machine.region, machine.zone, machine.instance_type) == ("us-east-1", "us-east-1a", "g6.xlarge")
    assert (machine.purchase, machine.created) == ("Spot", "2026-11-22T10:00:00Z")
    assert launched.astimezone(UTC).hour == 10
    assert machine.price_per_hour == ""


BORN, STARTED = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC)


def interface(index: object, attached: object) -> dict[str, Any]:
    return {"Attachment": {"DeviceIndex": index, "AttachTime": attached}}


@pytest.mark.parametrize(
    ("interfaces", "created"),
    [
        pytest.param([interface(1, STARTED), interface(0, BORN)], BORN, id="the primary one"),
        pytest.param([interface(1, BORN)], STARTED, id="another one only"),
        pytest.param([interface(0, None)], STARTED, id="no time"),
        pytest.param([{}], STARTED, id="not attached"),
        pytest.param([], STARTED, id="none"),
        pytest.param(None, STARTED, id="nothing said"),
    ],
)
def test_a_machine_that_was_switched_off_and_on_is_as_old_as_its_primary_interface(
    interfaces: list[dict[str, Any]] | None, created: datetime
) -> None:
    machine = machine_of(an_instance(LaunchTime=STARTED, NetworkInterfaces=interfaces), "r")
    assert machine.created == created.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_machine_without_a_name_of_ours_goes_by_its_id() -> None:
    machine = machine_of({"InstanceId": "i-0a1b2c3d", "Tags": [{"Key": "Name", "Value": "for people"}]}, "r")
    assert machine.name == "i-0a1b2c3d"
    assert is_id(machine.name)


@pytest.mark.parametrize("name", ["i-0123456789", "i-0123456789-r2", "trainer-0", "i-0A1B2C3D"])
def test_a_name_that_only_looks_like_an_id_is_none(name: str) -> None:
    assert not is_id(name)


@pytest.mark.parametrize("instance", [{}, {"InstanceId": ""}, {"InstanceId": 42}])
def test_what_has_no_id_is_no_machine_and_the_list_is_blind(instance: dict[str, Any]) -> None:
    with pytest.raises(Blind):
        machine_of(instance, "r")


def test_an_answer_without_a_list_is_blind_and_an_empty_list_is_not() -> None:
    assert instances_in({"Reservations": []}) == []
    with pytest.raises(Blind):
        instances_in({})


class TestASighting:
    def test_of_nothing_is_absent(self) -> None:
        assert sighting_of([]) == Absent()

    def test_of_what_has_terminated_is_a_tombstone(self) -> None:
        assert sighting_of([a_machine("i-1", MachineState.GONE)]) == Tombstone("i-1")

    def test_shows_what_lives_beside_what_has_terminated(self) -> None:
        gone, living = a_machine("i-1", MachineState.GONE), a_machine("i-2", MachineState.STOPPED)
        assert sighting_of([gone, living]) == Present(living)

    def test_shows_the_oldest_of_two_that_live(self) -> None:
        older = a_machine("i-9", MachineState.RUNNING, "2026-11-22T10:00:00Z")
        newer = a_machine("i-1", MachineState.RUNNING, "2026-11-22T10:00:01Z")
        assert sighting_of([newer, older]) == Present(older)

    def test_shows_why_it_is_gone_where_ec2_has_taken_it(self) -> None:
        taken = a_machine("i-1", MachineState.PREEMPTED)
        assert sighting_of([taken]) == Present(taken)


def test_a_list_leaves_out_what_has_terminated_but_not_what_was_taken_away() -> None:
    gone, taken = a_machine("i-1", MachineState.GONE), a_machine("i-2", MachineState.PREEMPTED)
    assert shown([gone, taken]) == (taken,)
