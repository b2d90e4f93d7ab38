"""A machine that is there: which changes are worth a write, and how it is said to be."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    BLIND_CAPABILITIES,
    N_R2,
    NOW,
    POLL,
    REF,
    F,
    N,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_residue,
    a_sight,
    a_snapshot,
    a_spec,
    a_witness,
    absent,
    an_observation,
    an_unsettled_launch,
    shown,
)

from gpuwright.instance.actions import LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.liveness import recorded_machine
from gpuwright.instance.rules.steady import keep_record_true, say_how_it_is, watch_untagged_directly
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.provider_view import ProviderView


def was_and_is(was: Machine, now: Machine, launch_changes: dict[str, object] | None = None) -> Observation:
    """Return a record of one picture, and a look that shows another."""
    launch = a_launch(**launch_changes or {})
    witness = a_witness(launch, trails={N: shown(now)})
    return an_observation(memory=a_memory(launch, machine=was.recorded()), witness=witness)


def in_state(state: MachineState) -> Machine:
    return a_machine(state=state, word=str(state).lower())


def test_what_the_record_says_already_is_not_written_again() -> None:
    assert keep_record_true(an_observation()) is None


@pytest.mark.parametrize(
    ("was", "now", "written"),
    [
        pytest.param(MachineState.PENDING, MachineState.PROVISIONING, False, id="a step on the way up"),
        pytest.param(MachineState.PENDING, MachineState.RUNNING, True, id="up"),
        pytest.param(MachineState.PROVISIONING, MachineState.UNKNOWN, True, id="an unknown word on the way up"),
        pytest.param(MachineState.RUNNING, MachineState.STOPPING, True, id="on its way down"),
        pytest.param(MachineState.STOPPED, MachineState.PENDING, True, id="up again"),
    ],
)
def test_only_changes_that_matter_are_worth_a_write(was: MachineState, now: MachineState, written: bool) -> None:
    action = keep_record_true(was_and_is(in_state(was), in_state(now)))
    assert (action is not None) is written
    if written:
        assert isinstance(action, Record)
        assert (action.why, action.event) == ("state", None)
        assert action.memory.machine == in_state(now).recorded()


def test_a_new_address_is_written() -> None:
    moved = a_machine(addresses=({"type": "InternalIP", "address": "10.0.0.8"},))
    action = keep_record_true(was_and_is(a_machine(), moved))
    assert isinstance(action, Record)
    assert action.memory.machine["addresses"] == [{"type": "InternalIP", "address": "10.0.0.8"}]


def test_a_way_in_that_came_late_is_written_and_one_that_went_is_taken_back() -> None:
    reached = a_machine(endpoints=(MachineEndpoint("ssh", 22, "203.0.113.9", 31022),))
    came = keep_record_true(was_and_is(a_machine(), reached))
    assert isinstance(came, Record)
    assert came.memory.machine["endpoints"][0]["externalPort"] == 31022
    went = keep_record_true(was_and_is(reached, a_machine()))
    assert isinstance(went, Record)
    assert went.memory.machine["endpoints"] == []


def test_another_id_on_the_way_up_is_written() -> None:
    action = keep_record_true(
        was_and_is(in_state(MachineState.PENDING), a_machine(id="i-2", state=MachineState.PENDING))
    )
    assert isinstance(action, Record)
    assert action.memory.machine_id == "i-2"


def test_a_look_that_shows_the_machine_settles_its_create() -> None:
    changes: dict[str, object] = {"settled": False, "waited_seconds": 40}
    action = keep_record_true(was_and_is(in_state(MachineState.PENDING), a_machine(), changes))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert (action.memory.launch.settled, action.memory.launch.waited_seconds) == (True, 0)


@pytest.mark.parametrize(
    ("was", "now", "started"),
    [
        pytest.param(MachineState.PENDING, MachineState.UNKNOWN, False, id="an unknown word on the way up"),
        pytest.param(MachineState.PENDING, MachineState.RUNNING, True, id="up"),
        pytest.param(MachineState.PROVISIONING, MachineState.STOPPED, True, id="up and off before a look"),
        pytest.param(MachineState.RUNNING, MachineState.PENDING, True, id="up again, where the create told the first"),
        pytest.param(MachineState.STOPPED, MachineState.PROVISIONING, True, id="switched on"),
    ],
)
def test_the_record_says_that_a_machine_has_run_once(was: MachineState, now: MachineState, started: bool) -> None:
    action = keep_record_true(was_and_is(in_state(was), in_state(now)))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.started is started


def test_a_machine_that_has_run_stays_one_though_its_provider_gives_it_another_id() -> None:
    for machine_id in ("i-1", "i-2"):
        pending = a_machine(id=machine_id, state=MachineState.PENDING)
        action = keep_record_true(
            was_and_is(a_machine(id="i-1", state=MachineState.UNKNOWN), pending, {"started": True})
        )
        assert isinstance(action, Record)
        assert action.memory.launch is not None
        assert action.memory.launch.started


def test_the_birth_of_a_machine_stays_as_it_was_first_told() -> None:
    again = a_machine(created="2026-11-21T23:59:00Z")
    assert keep_record_true(was_and_is(a_machine(), again)) is None
    stopped = keep_record_true(was_and_is(a_machine(), replace(again, state=MachineState.STOPPED)))
    assert isinstance(stopped, Record)
    assert stopped.memory.machine["createdTime"] == a_machine().created
    another = keep_record_true(was_and_is(a_machine(), replace(again, id="i-2")))
    assert isinstance(another, Record)
    assert another.memory.machine["createdTime"] == again.created


@pytest.mark.parametrize(
    ("started", "reason"), [pytest.param(False, "Provisioning", id="new"), pytest.param(True, "Starting", id="again")]
)
def test_a_machine_that_comes_up_again_is_being_started(started: bool, reason: str) -> None:
    pending = in_state(MachineState.PENDING)
    said = say_how_it_is(was_and_is(pending, pending, {"started": started}))
    assert isinstance(said, Wait)
    assert said.reason == reason


def test_a_record_is_left_alone_while_no_look_shows_the_machine() -> None:
    launch = a_launch()
    seen = an_observation(
        memory=a_memory(launch, machine=in_state(MachineState.PENDING).recorded()),
        witness=a_witness(launch, trails={N: absent(NOW, after=shown())}),
    )
    assert keep_record_true(seen) is None


def test_an_unsettled_create_has_no_record_to_keep_true() -> None:
    launch = an_unsettled_launch()
    assert keep_record_true(an_observation(launch, witness=a_witness(launch, trails={N: shown()}))) is None


@pytest.mark.parametrize(
    ("ago", "looks"),
    [
        pytest.param(POLL - 1, False, id="just before"),
        pytest.param(POLL, True, id="at"),
        pytest.param(POLL + 1, True, id="just after"),
        pytest.param(None, True, id="never looked"),
    ],
)
def test_an_untagged_machine_is_looked_at_directly_at_the_lists_pace(ago: float | None, looks: bool) -> None:
    launch = a_launch(adopted=True)
    trail = shown() if ago is None else shown(began=NOW - ago, direct=True)
    seen = an_observation(launch, witness=a_witness(launch, trails={N: trail}))
    assert watch_untagged_directly(seen) == (LookAt(REF, N) if looks else None)


def test_a_tagged_machine_is_watched_by_lists() -> None:
    assert watch_untagged_directly(an_observation()) is None


def test_an_untagged_machine_is_not_looked_at_while_its_provider_does_not_answer() -> None:
    assert (
        watch_untagged_directly(an_observation(a_launch(adopted=True), provider=a_provider_view(reachable=False)))
        is None
    )


def said(state: MachineState, power: str = "Running", **view: Any) -> Wait:
    """Return how a machine in this state is said to be."""
    memory = a_memory(a_launch(), machine=in_state(state).recorded())
    spec = a_spec(powerState=power)
    action = say_how_it_is(an_observation(memory=memory, provider=a_provider_view(**view), instance={"spec": spec}))
    assert isinstance(action, Wait)
    assert not action.stalled
    return action


@pytest.mark.parametrize(
    ("state", "power", "reason", "ready"),
    [
        pytest.param(MachineState.RUNNING, "Running", Reason.RUNNING, True, id="running as asked"),
        pytest.param(MachineState.STOPPED, "Stopped", Reason.STOPPED, True, id="off as asked"),
        pytest.param(MachineState.STOPPED, "Running", Reason.STARTING, False, id="off, to be started"),
        pytest.param(MachineState.STOPPING, "Stopped", Reason.STOPPING, False, id="being switched off"),
        pytest.param(MachineState.PENDING, "Running", Reason.PROVISIONING, False, id="pending"),
        pytest.param(MachineState.PROVISIONING, "Running", Reason.PROVISIONING, False, id="provisioning"),
        pytest.param(MachineState.UNKNOWN, "Running", Reason.PROVISIONING, False, id="an unknown word"),
        pytest.param(MachineState.DELETING, "Running", Reason.LOST, False, id="deleted by somebody else"),
        pytest.param(MachineState.RUNNING, "Stopped", Reason.WAITING, False, id="on, to be switched off"),
    ],
)
def test_each_state_is_said_in_its_own_words(state: MachineState, power: str, reason: Reason, ready: bool) -> None:
    wait = said(state, power)
    assert (wait.reason, wait.ready) == (reason, ready)
    assert wait.message


@pytest.mark.parametrize(
    "view",
    [
        pytest.param({"reachable": False, "message": "it timed out"}, id="it does not answer"),
        pytest.param({"credentials_rejected": True, "message": "401"}, id="it refuses our credentials"),
        pytest.param({"credentials_rejected": True}, id="it refuses our credentials without a word"),
    ],
)
def test_an_unreachable_provider_is_said_to_be_that_whatever_the_machine_was(view: dict[str, Any]) -> None:
    wait = said(MachineState.RUNNING, **view)
    assert (wait.reason, wait.ready, wait.brief) == (Reason.PROVIDER_UNREACHABLE, False, False)
    assert wait.message


def test_a_provider_that_has_not_answered_this_process_yet_is_not_called_unreachable() -> None:
    wait = said(MachineState.RUNNING, reachable=False)
    assert (wait.reason, wait.brief) == (Reason.WAITING, True)


def test_where_nothing_can_be_read_the_message_says_what_cannot_be_seen() -> None:
    wait = said(MachineState.PENDING, capabilities=BLIND_CAPABILITIES)
    assert (wait.reason, wait.ready) == (Reason.RUNNING, True)
    assert "it cannot be read" in wait.message


def test_without_a_machine_there_is_nothing_to_say() -> None:
    action = say_how_it_is(an_observation(an_unsettled_launch()))
    assert isinstance(action, Wait)
    assert (action.reason, action.ready, action.brief, action.seconds) == (Reason.WAITING, False, True, 30)


def seconds(seen: Observation) -> float | None:
    action = say_how_it_is(seen)
    assert isinstance(action, Wait)
    return action.seconds


def test_a_machine_that_runs_without_any_deadline_is_not_looked_at_again() -> None:
    assert seconds(an_observation()) is None


def test_the_next_look_is_when_the_machine_expires() -> None:
    assert seconds(an_observation(instance={"spec": a_spec(expireAfterSeconds=960)})) == 60


def coming_up(waited: int = 1700, **view: Any) -> Observation:
    launch = a_launch(waited_seconds=waited)
    machine = a_machine(state=MachineState.PENDING)
    witness = a_witness(launch, sight=a_sight(launch, visible=0.0), trails={N: shown(machine)})
    provider: ProviderView = a_provider_view(visible_seconds=50.0, **view)
    return an_observation(memory=a_memory(launch, machine=machine.recorded()), witness=witness, provider=provider)


def test_the_next_look_is_when_the_machine_is_overdue() -> None:
    assert seconds(coming_up()) == 1800 - 1700 - 50


def test_the_next_look_is_when_the_time_on_the_way_up_is_worth_a_write() -> None:
    assert seconds(coming_up(waited=200)) == 1800 / 4 - 50


def never_shown(**view: Any) -> Observation:
    """Return a machine whose create was answered 20 s ago, and which no look has shown since."""
    launch = a_launch(settled=False)
    sight = a_sight(launch, at=NOW - 20)
    witness = a_witness(launch, sight=sight, answered_send=launch.send, answered_at=NOW - 20, trails={})
    machine = a_machine(state=MachineState.PENDING).recorded()
    return an_observation(
        memory=a_memory(launch, machine=machine),
        witness=witness,
        provider=a_provider_view(**view),
        instance={"spec": a_spec(deadlines={"launchSeconds": 0})},
    )


def test_a_machine_that_was_gone_before_any_list_showed_it_is_looked_at_when_its_create_has_settled() -> None:
    assert seconds(never_shown()) == F - 20


def test_where_nothing_can_be_read_nobody_waits_to_look() -> None:
    assert seconds(never_shown(capabilities=BLIND_CAPABILITIES)) is None


def test_a_deadline_that_is_paused_wants_no_look() -> None:
    assert seconds(coming_up(reachable=False, message="it timed out")) is None


def test_a_residue_name_is_looked_at_once_f_has_passed() -> None:
    launch = a_launch(attempt=2, name=N_R2)
    memory = a_memory(launch, residue=(a_residue(),))
    seen = an_observation(memory=memory, witness=a_witness(launch, residue_since={N: NOW - 20}))
    assert seconds(seen) == F - 20


class TestAnOlderLook:
    """Of two leaders one has the newer list: what the other wrote by it is not taken back by an older one."""

    @staticmethod
    def seen(now: Machine, recorded_at: float) -> Observation:
        seen = was_and_is(in_state(MachineState.RUNNING), now)
        return replace(seen, witness=replace(seen.witness, recorded_at=recorded_at))

    @pytest.mark.parametrize(
        "now",
        [in_state(MachineState.PROVISIONING), a_machine(addresses=({"type": "Public", "address": "203.0.113.1"},))],
        ids=["another state", "another address"],
    )
    def test_changes_nothing_on_record(self, now: Machine) -> None:
        assert isinstance(keep_record_true(self.seen(now, NOW - 5)), Record)
        assert keep_record_true(self.seen(now, NOW - 5 + 1e-3)) is None

    def test_shows_no_machine_where_the_record_says_something_else(self) -> None:
        stopped = in_state(MachineState.STOPPED)
        assert recorded_machine(self.seen(stopped, NOW - 5)) == stopped
        assert recorded_machine(self.seen(stopped, NOW - 4)) is None
        assert recorded_machine(self.seen(a_machine(), NOW - 4)) == a_machine()


def out_of_sight(trail: Trail | None = None, **view: Any) -> Wait:
    """Return what is said of a machine that was seen running, by lists as they are now."""
    launch = a_launch()
    witness = a_witness(launch, trails={N: trail or shown(a_machine(), NOW - 60)})
    action = say_how_it_is(an_observation(launch, witness=witness, provider=a_provider_view(**view)))
    assert isinstance(action, Wait)
    return action


def test_until_a_first_list_it_stays_as_it_was_said_to_be() -> None:
    assert out_of_sight(snapshot=None).brief
    assert not out_of_sight(snapshot=None).ready


def test_a_machine_that_a_list_by_new_credentials_does_not_show_is_not_called_running() -> None:
    empty = a_snapshot(began=NOW - 5)
    action = out_of_sight(snapshot=empty, absence_counts=False)
    assert (action.ready, action.brief, action.reason) == (False, False, Reason.PROVIDER_UNREACHABLE)
    assert "reconcile-requested-at" in action.message
    assert out_of_sight(snapshot=empty).brief, "they are trusted by now: the next list will count"
    assert out_of_sight(shown(a_machine(), NOW - 5), snapshot=a_snapshot(a_machine())).ready


def test_a_list_from_before_the_record_misses_nothing() -> None:
    launch = a_launch()
    witness = a_witness(launch, trails={}, recorded_at=NOW - 4)
    action = say_how_it_is(an_observation(launch, witness=witness, provider=a_provider_view(snapshot=a_snapshot())))
    assert isinstance(action, Wait)
    assert action.ready


def test_a_machine_that_a_person_had_us_adopt_is_in_no_list() -> None:
    launch = a_launch(adopted=True)
    witness = a_witness(launch, trails={N: shown(a_machine(), NOW - 60)})
    action = say_how_it_is(an_observation(launch, witness=witness, provider=a_provider_view(snapshot=a_snapshot())))
    assert isinstance(action, Wait)
    assert action.ready


def test_after_a_direct_look_the_next_list_is_waited_for() -> None:
    look = shown(a_machine(), NOW - 3)
    before, after = a_snapshot(a_machine(), began=NOW - 5), a_snapshot(a_machine(), began=NOW - 3)
    assert out_of_sight(look, snapshot=before).seconds == POLL
    assert out_of_sight(look, snapshot=after).seconds is None
