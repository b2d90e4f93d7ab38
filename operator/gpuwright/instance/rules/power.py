"""On and off, as powerState says."""

from gpuwright.instance.actions import Action, Arms, Power, ReadLive, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.liveness import committed, recorded_machine
from gpuwright.instance.rules.records import with_ending
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason

PAUSE_SECONDS = 10.0  # between two power calls that changed nothing


def refuse_power_off_where_impossible(seen: Observation) -> Action | None:
    """A provider without that call would leave the machine running and billed while the status says Stopped."""
    provider = seen.provider
    if provider is None or provider.capabilities.power or seen.wants_running or committed(seen) is None:
        return None
    return Wait(
        Reason.INVALID_SPEC, "this provider cannot switch machines off: set powerState to Running, or delete the object"
    )


def switch_off(seen: Observation) -> Action | None:
    """Announced first, like all that takes a machine from its user."""
    launch, machine = committed(seen), recorded_machine(seen)
    if launch is None or machine is None or seen.wants_running or machine.state is not MachineState.RUNNING:
        return None
    if launch.ending is None:
        return Record(with_ending(seen, EndingReason.POWER_OFF, (launch.name,)), "power off", arms=Arms.DESTRUCTION)
    return _call(seen, launch.name, on=False)


def switch_on(seen: Observation) -> Action | None:
    """A stopped machine that is wanted is started again; not while creates are held back, for it begins to bill."""
    launch, machine, provider = committed(seen), recorded_machine(seen), seen.provider
    if launch is None or machine is None or provider is None or not seen.wants_running:
        return None
    if launch.ending is not None and launch.ending.reason is EndingReason.POWER_OFF:
        return Record(seen.memory.with_launch(ending=None), "power on", arms=Arms.DESTRUCTION)
    if machine.state is not MachineState.STOPPED:
        return None
    if provider.hindrance is not None:
        return Wait(provider.hindrance.reason, provider.hindrance.message, seconds=60)
    return _call(seen, launch.name, on=True)


def _call(seen: Observation, name: str, *, on: bool) -> Action:
    pause = seen.witness.retry_seconds if seen.witness.answer else PAUSE_SECONDS
    remaining = seen.witness.powered_at + pause - seen.now
    if remaining > 0 and seen.witness.powered_on is on:
        word = Reason.STARTING if on else Reason.STOPPING
        words = seen.witness.told("waiting for the machine to change its power state")
        return Wait(word, words, seconds=remaining)
    if seen.witness.armed is None or not seen.witness.armed.destructive:
        return ReadLive()
    return Power(seen.ref, name, on)
