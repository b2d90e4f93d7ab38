"""On and off: announced, armed, at most every ten seconds, and never where it is not possible."""

import pytest
from tests.builders import (
    BLIND_CAPABILITIES,
    NOW,
    REF,
    N,
    a_hindrance,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_spec,
    a_witness,
    absent,
    an_ending,
    an_observation,
    an_unsettled_launch,
    armed,
    shown,
)

from gpuwright.instance.actions import Arms, Power, ReadLive, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.liveness import end_when_broken
from gpuwright.instance.rules.power import (
    PAUSE_SECONDS,
    refuse_power_off_where_impossible,
    switch_off,
    switch_on,
)
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Launch
from gpuwright.model.provider_view import ProviderView

ANNOUNCED = a_launch(ending=an_ending(EndingReason.POWER_OFF))
WITHOUT_POWER = a_provider_view(capabilities=BLIND_CAPABILITIES)


def wanted(
    power: str,
    state: MachineState,
    launch: Launch | None = None,
    provider: ProviderView | None = None,
    **witness: object,
) -> Observation:
    """Return a machine in this state that is to be Running or Stopped."""
    launch = launch or a_launch()
    machine = a_machine(state=state)
    return an_observation(
        memory=a_memory(launch, machine=machine.recorded()),
        witness=a_witness(launch, **{"trails": {N: shown(machine)}} | witness),
        provider=provider,
        instance={"spec": a_spec(powerState=power)},
    )


def test_power_off_is_announced_before_anything_is_called() -> None:
    action = switch_off(wanted("Stopped", MachineState.RUNNING, armed=armed(a_launch(), destructive=True)))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert action.memory.launch.ending.reason is EndingReason.POWER_OFF
    assert action.memory.launch.ends is None  # the machine is kept
    assert (action.why, action.arms) == ("power off", Arms.DESTRUCTION)


def test_an_announced_power_off_is_called_once_armed() -> None:
    assert switch_off(wanted("Stopped", MachineState.RUNNING, ANNOUNCED)) == ReadLive()
    permitted = armed(ANNOUNCED, destructive=True)
    assert switch_off(wanted("Stopped", MachineState.RUNNING, ANNOUNCED, armed=permitted)) == Power(REF, N, on=False)


def test_the_arms_of_a_create_switch_nothing_off() -> None:
    assert switch_off(wanted("Stopped", MachineState.RUNNING, ANNOUNCED, armed=armed(ANNOUNCED))) == ReadLive()


@pytest.mark.parametrize(
    ("ago", "waits"),
    [
        pytest.param(PAUSE_SECONDS - 1, True, id="just before"),
        pytest.param(PAUSE_SECONDS, False, id="at"),
        pytest.param(PAUSE_SECONDS + 1, False, id="just after"),
    ],
)
def test_a_power_call_is_repeated_after_a_pause(ago: float, waits: bool) -> None:
    off = switch_off(wanted("Stopped", MachineState.RUNNING, ANNOUNCED, powered_at=NOW - ago, powered_on=False))
    on = switch_on(wanted("Running", MachineState.STOPPED, powered_at=NOW - ago, powered_on=True))
    if not waits:
        assert (off, on) == (ReadLive(), ReadLive())
        return
    assert isinstance(off, Wait)
    assert isinstance(on, Wait)
    assert (off.reason, off.seconds) == (Reason.STOPPING, 1.0)
    assert (on.reason, on.seconds) == (Reason.STARTING, 1.0)


@pytest.mark.parametrize("state", sorted(set(MachineState) - {MachineState.RUNNING}))
def test_only_a_running_machine_is_switched_off(state: MachineState) -> None:
    assert switch_off(wanted("Stopped", state)) is None


def test_a_running_machine_that_is_to_run_is_left_alone() -> None:
    seen = wanted("Running", MachineState.RUNNING)
    assert (switch_off(seen), switch_on(seen), refuse_power_off_where_impossible(seen)) == (None, None, None)


def test_a_stopped_machine_that_is_wanted_is_started() -> None:
    assert switch_on(wanted("Running", MachineState.STOPPED)) == ReadLive()
    permitted = armed(a_launch(), destructive=True)
    assert switch_on(wanted("Running", MachineState.STOPPED, armed=permitted)) == Power(REF, N, on=True)


@pytest.mark.parametrize("state", sorted(set(MachineState) - {MachineState.STOPPED}))
def test_only_a_stopped_machine_is_started(state: MachineState) -> None:
    assert switch_on(wanted("Running", state)) is None


def test_a_power_off_that_is_not_wanted_any_more_is_taken_from_the_record_first() -> None:
    action = switch_on(wanted("Running", MachineState.STOPPED, ANNOUNCED, armed=armed(ANNOUNCED, destructive=True)))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert (action.memory.launch.ending, action.why, action.arms) == (None, "power on", Arms.DESTRUCTION)


def test_a_machine_is_not_started_while_creates_are_held_back() -> None:
    provider = a_provider_view(hindrance=a_hindrance(reason=Reason.PROVIDER_DRAINING, message="draining"))
    action = switch_on(wanted("Running", MachineState.STOPPED, provider=provider))
    assert action == Wait(Reason.PROVIDER_DRAINING, "draining", seconds=60)


def test_a_machine_is_switched_off_while_creates_are_held_back() -> None:
    provider = a_provider_view(hindrance=a_hindrance(reason=Reason.PROVIDER_DRAINING))
    assert isinstance(switch_off(wanted("Stopped", MachineState.RUNNING, provider=provider)), Record)


def test_a_machine_that_no_look_shows_is_not_switched() -> None:
    trails = {N: absent(NOW, after=shown())}
    assert switch_off(wanted("Stopped", MachineState.RUNNING, trails=trails)) is None
    assert switch_on(wanted("Running", MachineState.STOPPED, trails=trails)) is None


@pytest.mark.parametrize(
    "launch",
    [pytest.param(an_unsettled_launch(), id="unsettled"), pytest.param(a_launch(ending=an_ending()), id="ending")],
)
def test_what_is_no_wanted_machine_is_not_switched(launch: Launch) -> None:
    assert switch_off(wanted("Stopped", MachineState.RUNNING, launch)) is None
    assert switch_on(wanted("Running", MachineState.STOPPED, launch)) is None
    stopped = wanted("Stopped", MachineState.RUNNING, launch, WITHOUT_POWER)
    assert refuse_power_off_where_impossible(stopped) is None


def test_a_provider_without_power_refuses_stopped_and_says_what_to_do() -> None:
    action = refuse_power_off_where_impossible(wanted("Stopped", MachineState.RUNNING, provider=WITHOUT_POWER))
    assert isinstance(action, Wait)
    assert (action.reason, action.ready) == (Reason.INVALID_SPEC, False)
    assert "powerState" in action.message


def test_a_provider_without_power_may_run_what_is_to_run() -> None:
    assert refuse_power_off_where_impossible(wanted("Running", MachineState.RUNNING, provider=WITHOUT_POWER)) is None


def test_a_provider_with_power_refuses_nothing() -> None:
    assert refuse_power_off_where_impossible(wanted("Stopped", MachineState.RUNNING)) is None


@pytest.mark.parametrize(("since", "again"), [(3.9, False), (4.0, True)], ids=["just before", "after its pause"])
def test_a_power_call_that_was_not_accepted_is_told_and_made_again_more_and_more_slowly(
    since: float, again: bool
) -> None:
    seen = wanted(
        "Running",
        MachineState.STOPPED,
        armed=armed(a_launch(), destructive=True),
        powered_at=NOW - since,
        powered_on=True,
        answer="403 not yours",
        tries=2,
    )
    action = switch_on(seen)
    if again:
        assert action == Power(REF, N, on=True)
        return
    assert isinstance(action, Wait)
    assert (action.reason, action.ready) == (Reason.STARTING, False)
    assert "403 not yours" in action.message
    assert end_when_broken(seen) is None


def test_a_start_refused_for_good_is_broken() -> None:
    refused = wanted("Running", MachineState.STOPPED, power_refused="no capacity on its host", powered_at=NOW - 1)
    action = end_when_broken(refused)
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ends is EndingReason.BROKEN


def test_a_start_does_not_wait_for_the_pause_after_a_stop() -> None:
    on = switch_on(wanted("Running", MachineState.STOPPED, powered_at=NOW - 1, powered_on=False))
    assert on is not None
    assert not isinstance(on, Wait)
