"""A machine's life, one function at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from gpuwright_sandbox.gateway import machines
from gpuwright_sandbox.gateway.machines import Ending, Gpu, Machine, MachineRequest, MachineState
from gpuwright_sandbox.gateway.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings(boot_seconds=10, stop_seconds=3, start_seconds=4, delete_seconds=5)


def request(**metadata: object) -> MachineRequest:
    return MachineRequest(image="i", cpu=2, memory_gb=8, metadata=metadata)


def machine(state: MachineState = MachineState.RUNNING, asked: MachineRequest | None = None) -> Machine:
    return Machine(
        serial=1,
        id="i-1",
        name="a",
        account="default",
        state=state,
        request=asked or request(),
        price_per_hour=2.0,
        created_at=NOW,
    )


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_boots_from_pending_over_provisioning_to_running() -> None:
    pending = machines.boot(machine(), SETTINGS)
    provisioning = machines.step(pending, SETTINGS)
    running = machines.step(provisioning, SETTINGS)
    assert [(seen.state, seen.next_at) for seen in (pending, provisioning, running)] == [
        (MachineState.PENDING, after(2)),
        (MachineState.PROVISIONING, after(10)),
        (MachineState.RUNNING, None),
    ]
    assert running.running_at == after(10)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param("1", 1.0, id="text"),
        pytest.param(0.5, 0.5, id="number"),
        pytest.param(-1, 0.0, id="negative"),
        pytest.param("soon", 10.0, id="no number"),
    ],
)
def test_a_request_can_choose_its_boot_time(asked: object, seconds: float) -> None:
    pending = machines.boot(machine(asked=request(sandboxBootSeconds=asked)), SETTINGS)
    assert machines.step(pending, SETTINGS).next_at == after(seconds)


def test_a_machine_at_rest_stays_as_it_is() -> None:
    assert machines.step(machine(), SETTINGS) == machine()


def test_deleting_takes_a_while_and_bills_meanwhile() -> None:
    going = machines.delete(machine(), SETTINGS, NOW)
    gone = machines.step(going, SETTINGS)
    assert (going.state, going.alive, going.deleting_at) == (MachineState.DELETING, True, NOW)
    assert (gone.state, gone.alive, gone.ended_at, gone.ending) == (MachineState.GONE, False, after(5), Ending.DELETED)


def test_a_second_delete_changes_nothing() -> None:
    going = machines.delete(machine(), SETTINGS, NOW)
    assert machines.delete(going, SETTINGS, after(1)) == going


def test_deleting_within_no_time_is_gone_at_once() -> None:
    gone = machines.delete(machine(asked=request(sandboxDeleteSeconds=0)), SETTINGS, NOW)
    assert (gone.state, gone.ended_at) == (MachineState.GONE, NOW)


def test_deleting_a_preempted_machine_hides_it_and_keeps_the_end_of_its_bill() -> None:
    preempted = machines.end(machine(), Ending.PREEMPTED, after(1), "taken back")
    gone = machines.delete(preempted, SETTINGS, after(9))
    assert (gone.state, gone.ended_at, gone.ending) == (MachineState.GONE, after(1), Ending.PREEMPTED)
    assert gone.reason == "taken back"


def test_stops_and_starts() -> None:
    stopping = machines.stop(machine(), SETTINGS, NOW)
    stopped = machines.step(stopping, SETTINGS)
    starting = machines.start(stopped, SETTINGS, after(3))
    running = machines.step(starting, SETTINGS)
    assert [(seen.state, seen.next_at) for seen in (stopping, stopped, starting, running)] == [
        (MachineState.STOPPING, after(3)),
        (MachineState.STOPPED, None),
        (MachineState.STARTING, after(7)),
        (MachineState.RUNNING, None),
    ]


def test_a_failed_machine_bills_on_and_does_not_boot_any_further() -> None:
    failed = machines.fail(machines.boot(machine(), SETTINGS), "no disk")
    assert (failed.state, failed.alive, failed.reason, failed.next_at) == (MachineState.FAILED, True, "no disk", None)


def test_bills_from_the_commit_to_the_end() -> None:
    ended = machines.end(machine(), Ending.VANISHED, NOW + timedelta(minutes=30))
    assert machine().billed(NOW + timedelta(hours=3)) == pytest.approx(6.0)
    assert ended.billed(NOW + timedelta(hours=3)) == pytest.approx(1.0)


def test_labels_are_changed_one_by_one() -> None:
    labelled = machines.relabel(machines.relabel(machine(), {"a": "1", "b": "2"}), {"b": "3"})
    assert labelled.request.labels == {"a": "1", "b": "3"}


def test_the_owner_and_the_incarnation_are_labels() -> None:
    labels = {"gpuwright.dev/owner-uid": "u", "gpuwright.dev/incarnation": "2"}
    labelled = machines.relabel(machine(), labels)
    assert (labelled.owner_uid, labelled.incarnation) == ("u", "2")
    assert (machine().owner_uid, machine().incarnation) == ("", "")


def test_more_costs_more_and_spot_costs_less() -> None:
    plain = request().price_per_hour
    with_gpus = MachineRequest(image="i", cpu=2, memory_gb=8, gpu=Gpu("H100", 8)).price_per_hour
    spot = MachineRequest(image="i", cpu=2, memory_gb=8, gpu=Gpu("H100", 8), purchase="Spot").price_per_hour
    assert plain < spot < with_gpus
