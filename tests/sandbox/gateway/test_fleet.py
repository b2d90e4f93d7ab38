"""The truth keeps its word on a clock that stands still until it is moved."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright_sandbox.gateway.clock import ManualClock
from gpuwright_sandbox.gateway.fleet import Fleet, NameTakenError, Order
from gpuwright_sandbox.gateway.machines import Ending, Machine, MachineRequest, MachineState
from gpuwright_sandbox.gateway.settings import Settings
from gpuwright_sandbox.gateway.store import Journal
from gpuwright_sandbox.gateway.tally import OwnerCount

SETTINGS = Settings(boot_seconds=10, delete_seconds=4)
UID = "gpuwright.dev/owner-uid"


@pytest.fixture
def fleet(clock: ManualClock) -> Fleet:
    return Fleet(clock, SETTINGS)


def order(name: str, owner: str = "", *, indexed: bool = True, machine_id: str = "") -> Order:
    labels: Mapping[str, str] = {UID: owner} if owner else {}
    request = MachineRequest(image="i", cpu=1, memory_gb=1, labels=labels)
    return Order(name=name, request=request, indexed=indexed, id=machine_id)


def found(fleet: Fleet, name: str) -> Machine:
    machine = fleet.find("default", name)
    assert machine is not None
    return machine


def shown(fleet: Fleet) -> list[str]:
    return [machine.name for machine in fleet.shown("default")]


def test_a_machine_boots_by_itself(fleet: Fleet, clock: ManualClock) -> None:
    fleet.create(order("a"))
    states = []
    for seconds in (0, 2, 8):
        clock.advance(seconds)
        states.append(found(fleet, "a").state)
    assert states == [MachineState.PENDING, MachineState.PROVISIONING, MachineState.RUNNING]


def test_times_are_exact_however_late_somebody_looks(fleet: Fleet, clock: ManualClock) -> None:
    made = fleet.create(order("a"))
    clock.advance(3600)
    assert found(fleet, "a").running_at == made.created_at + timedelta(seconds=10)


def test_ids_are_never_given_twice_unless_asked_for(fleet: Fleet) -> None:
    ids = [fleet.create(order(name)).id for name in "abc"]
    fleet.reset()
    ids.append(fleet.create(order("a")).id)
    assert ids == ["i-000001", "i-000002", "i-000003", "i-000004"]
    assert fleet.create(order("b", machine_id="i-000001")).id == "i-000001"


def test_a_live_name_is_taken_and_the_holder_is_known(fleet: Fleet) -> None:
    holder = fleet.create(order("a"))
    with pytest.raises(NameTakenError) as caught:
        fleet.create(order("a"))
    assert caught.value.holder == holder
    assert len(fleet.machines()) == 1


def test_a_name_is_held_until_its_machine_is_gone(fleet: Fleet, clock: ManualClock) -> None:
    fleet.delete(fleet.create(order("a")))
    clock.advance(3.999)
    with pytest.raises(NameTakenError):
        fleet.create(order("a"))
    clock.advance(0.001)
    assert fleet.create(order("a")).serial == 2


def test_a_name_of_the_dead_is_kept_where_reuse_is_off(fleet: Fleet, clock: ManualClock) -> None:
    fleet.settings = Settings(delete_seconds=0, name_reuse=False)
    fleet.delete(fleet.create(order("a")))
    clock.advance(100)
    with pytest.raises(NameTakenError) as caught:
        fleet.create(order("a"))
    assert caught.value.holder is None


def test_accounts_have_names_and_lists_of_their_own(fleet: Fleet) -> None:
    request = MachineRequest(image="i", cpu=1, memory_gb=1)
    fleet.create(Order(name="a", request=request, account="one"))
    fleet.create(Order(name="a", request=request, account="two"))
    assert fleet.find("three", "a") is None
    assert [machine.account for machine in fleet.shown("two")] == ["two"]


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [pytest.param(4.999, True, id="just before"), pytest.param(5.0, False, id="at its end")],
)
def test_a_name_can_stay_registered_without_a_machine(
    fleet: Fleet, clock: ManualClock, seconds: float, taken: bool
) -> None:
    fleet.register("default", "a", 5)
    clock.advance(seconds)
    if taken:
        with pytest.raises(NameTakenError):
            fleet.create(order("a"))
    else:
        fleet.create(order("a"))
    assert (fleet.find("default", "a") is None) is taken


def test_a_deleted_machine_leaves_a_tombstone_and_no_list_shows_it(fleet: Fleet, clock: ManualClock) -> None:
    fleet.delete(fleet.create(order("a")))
    assert shown(fleet) == ["a"]
    clock.advance(4)
    assert shown(fleet) == []
    assert found(fleet, "a").state is MachineState.GONE


def test_a_vanished_machine_leaves_nothing_but_the_truth(fleet: Fleet) -> None:
    fleet.vanish(fleet.create(order("a", "u")))
    assert fleet.find("default", "a") is None
    assert shown(fleet) == []
    assert [machine.ending for machine in fleet.machines()] == [Ending.VANISHED]
    assert fleet.owners()["u"].live == 0


def test_a_preempted_machine_is_shown_bills_no_more_and_frees_its_name(fleet: Fleet) -> None:
    preempted = fleet.preempt(fleet.create(order("a")), "price")
    assert (preempted.state, preempted.alive, preempted.reason) == (MachineState.PREEMPTED, False, "price")
    assert shown(fleet) == ["a"]
    assert fleet.create(order("a")).serial == 2


def test_a_machine_that_is_deleted_while_it_boots_never_runs(fleet: Fleet, clock: ManualClock) -> None:
    made = fleet.create(order("a"))
    clock.advance(9)
    fleet.delete(made)
    clock.advance(100)
    assert found(fleet, "a").running_at is None


def test_what_is_done_to_an_old_record_is_done_to_the_machine_as_it_is(fleet: Fleet, clock: ManualClock) -> None:
    made = fleet.create(order("a"))
    clock.advance(10)
    assert fleet.preempt(made).running_at is not None


def test_the_dead_cannot_fail_stop_start_or_end_again(fleet: Fleet) -> None:
    gone = fleet.vanish(fleet.create(order("a")))
    for deed in (fleet.fail, fleet.stop, fleet.start, fleet.preempt, fleet.vanish):
        assert deed(gone) == gone


def test_a_failed_machine_waits_to_be_deleted(fleet: Fleet, clock: ManualClock) -> None:
    failed = fleet.fail(fleet.create(order("a")), "no disk")
    clock.advance(100)
    assert found(fleet, "a") == failed
    fleet.delete(failed)
    clock.advance(4)
    assert found(fleet, "a").state is MachineState.GONE


def test_a_machine_whose_name_was_lost_is_found_by_lists_only(fleet: Fleet) -> None:
    fleet.create(order("a", "u", indexed=False))
    assert fleet.find("default", "a") is None
    assert shown(fleet) == ["a"]
    fleet.create(order("a", "u"))
    assert fleet.doubled() == ("u",)


def test_two_live_machines_of_one_owner_are_never_forgotten(fleet: Fleet, clock: ManualClock) -> None:
    first, second = fleet.create(order("a", "u")), fleet.create(order("a-r2", "u"))
    fleet.delete(first)
    fleet.delete(second)
    clock.advance(100)
    assert fleet.owners() == {"u": OwnerCount(live=0, peak=2, created=2)}
    assert fleet.doubled() == ("u",)


def test_a_machine_made_when_the_one_before_is_gone_is_no_double(fleet: Fleet, clock: ManualClock) -> None:
    fleet.delete(fleet.create(order("a", "u")))
    clock.advance(4)
    fleet.create(order("a-g2", "u"))
    assert fleet.owners() == {"u": OwnerCount(live=1, peak=1, created=2)}


def test_a_machine_made_an_instant_too_early_is_a_double(fleet: Fleet, clock: ManualClock) -> None:
    fleet.delete(fleet.create(order("a", "u")))
    clock.advance(3.999)
    fleet.create(order("a-g2", "u"))
    assert fleet.doubled() == ("u",)


def test_a_new_owner_label_moves_the_machine_to_the_other_owner(fleet: Fleet) -> None:
    made = fleet.create(order("a", "u"))
    fleet.create(order("b", "v"))
    fleet.relabel(made, {UID: "v"})
    assert fleet.owners()["u"].live == 0
    assert fleet.doubled() == ("v",)


def test_what_is_to_happen_later_happens_at_its_time(fleet: Fleet, clock: ManualClock) -> None:
    start = fleet.now
    fleet.later(5, lambda: fleet.create(order("a")))
    clock.advance(60)
    assert found(fleet, "a").created_at == start + timedelta(seconds=5)


def test_lists_go_on_behind_a_serial(fleet: Fleet) -> None:
    for name in "abc":
        fleet.create(order(name))
    assert [machine.name for machine in fleet.shown("default", after=1)] == ["b", "c"]


def test_a_machine_is_picked_by_id_or_name_the_last_one_first(fleet: Fleet) -> None:
    fleet.vanish(fleet.create(order("a")))
    second = fleet.create(order("a"))
    assert fleet.pick("a") == second
    picked = fleet.pick("i-000001")
    assert picked is not None
    assert picked.serial == 1
    assert fleet.pick("b") is None


def reopened(path: Path, clock: ManualClock) -> tuple[Fleet, Journal]:
    journal = Journal(path)
    fleet = Fleet(clock, SETTINGS, journal)
    for kind, record in journal.open():
        fleet.restore(kind, record)
    return fleet, journal


def test_everything_survives_in_the_journal_and_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "journal.jsonl"
    fleet, journal = reopened(path, clock)
    for name, owner in (("a", "u"), ("b", "u"), ("c", "v")):
        fleet.create(order(name, owner))
    fleet.register("default", "taken", 100)
    fleet.vanish(found(fleet, "a"))
    clock.advance(5)
    fleet.delete(found(fleet, "b"))
    before = fleet.machines(), fleet.owners(), fleet.history("u")
    journal.close()

    again, journal = reopened(path, clock)
    assert (again.machines(), again.owners(), again.history("u")) == before
    assert again.find("default", "a") is None
    with pytest.raises(NameTakenError):
        again.check_name("default", "taken")
    clock.advance(5)
    assert found(again, "b").state is MachineState.GONE
    assert found(again, "c").state is MachineState.RUNNING
    assert again.create(order("d")).serial == 4
    journal.close()


def test_a_reset_survives_a_restart_and_so_do_the_numbers(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "journal.jsonl"
    fleet, journal = reopened(path, clock)
    fleet.create(order("a"))
    journal.clear()
    fleet.reset()
    journal.close()
    again, journal = reopened(path, clock)
    assert again.machines() == ()
    assert again.create(order("a")).serial == 2
    journal.close()


def test_lines_of_others_are_left_alone(fleet: Fleet) -> None:
    fleet.restore("snapshot", {"id": "s"})
    assert fleet.machines() == ()


@given(
    st.lists(
        st.tuples(st.sampled_from(["create", "delete", "vanish", "preempt", "wait"]), st.integers(0, 3)), max_size=40
    )
)
def test_the_oracle_agrees_with_counting_by_hand(steps: list[tuple[str, int]]) -> None:
    clock = ManualClock()
    fleet = Fleet(clock, SETTINGS)
    peak = 0
    for number, (verb, which) in enumerate(steps):
        machines = fleet.machines()
        match verb:
            case "create":
                fleet.create(order(f"m{number}", "u"))
            case "wait":
                clock.advance(which)
            case _ if machines:
                getattr(fleet, verb)(machines[which % len(machines)])
        peak = max(peak, sum(machine.alive for machine in fleet.machines()))
    counts = fleet.owners().get("u", OwnerCount(0, 0, 0))
    assert counts == OwnerCount(
        live=sum(machine.alive for machine in fleet.machines()), peak=peak, created=len(fleet.machines())
    )
