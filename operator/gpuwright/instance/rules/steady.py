"""A machine that is there: keep the record true, and say how it is."""

from collections.abc import Mapping
from typing import Any

from gpuwright.instance.actions import Action, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import UNKNOWN_ACCOUNT, is_look_due, settled_at, settlement_remaining
from gpuwright.instance.rules.liveness import (
    SHORTEST_SAVE,
    age_of,
    coming_up_seconds,
    committed,
    is_coming_up,
    recorded_machine,
)
from gpuwright.instance.rules.residue import residue_look_due
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import COMING_UP, MachineState
from gpuwright.model.memory import Launch
from gpuwright.model.provider_view import ProviderView

_REASONS = {
    MachineState.PENDING: (Reason.PROVISIONING, "the machine is being made"),
    MachineState.PROVISIONING: (Reason.PROVISIONING, "the machine is being made"),
    MachineState.STOPPING: (Reason.STOPPING, "the machine is being switched off"),
    MachineState.STOPPED: (Reason.STOPPED, "the machine is off"),
    MachineState.DELETING: (Reason.LOST, "the machine is being deleted by somebody else"),
    MachineState.UNKNOWN: (
        Reason.PROVISIONING,
        "the provider uses a word for the machine's state that is not known here",
    ),
}


def watch_untagged_directly(seen: Observation) -> Action | None:
    """A machine that a person had us adopt carries no tag of ours, so no list shows it: look by name, at the lists'
    pace.
    """
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None or not launch.adopted or not provider.reachable:
        return None
    return LookAt(provider.ref, launch.name) if is_look_due(seen, launch.name, provider) else None


def keep_record_true(seen: Observation) -> Action | None:
    """Write what a look shows where it matters. Steps on the way up are not worth a write each."""
    launch, machine = committed(seen), recorded_machine(seen)
    if launch is None or machine is None or seen.witness.is_outdated(launch.name):
        return None
    memory = seen.memory.with_machine(machine)
    if not _matters(seen.memory.machine, memory.machine):
        return None
    # Its id is not asked: some providers give a machine another one as it comes up again.
    started = seen.memory.started or memory.started
    return Record(memory.with_launch(settled=True, started=started, waited_seconds=0), "state")


def _matters(recorded: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    if all(recorded.get(name) == value for name, value in shown.items()):
        return False
    comes_up = {recorded.get("state"), shown["state"]} <= {str(state) for state in COMING_UP}
    return not (comes_up and recorded.get("id") == shown["id"])


def say_how_it_is(seen: Observation) -> Action | None:
    """The last rule: nothing is to be done, so say why, and when to look again."""
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None:
        return Wait(Reason.WAITING, "waiting", brief=True, seconds=30)
    out_of_sight = _wait_out_of_sight(seen, launch, provider)
    if out_of_sight is not None:
        return out_of_sight
    state = MachineState(seen.memory.machine.get("state") or MachineState.UNKNOWN)
    if not provider.capabilities.reads:
        words = f"the provider confirmed it; {provider.capabilities.limits}"
        return Wait(Reason.RUNNING, words, ready=True, seconds=_soonest(seen))
    if state is MachineState.RUNNING and seen.wants_running:
        return Wait(Reason.RUNNING, "the machine is running", ready=True, seconds=_soonest(seen))
    if state is MachineState.STOPPED and not seen.wants_running:
        return Wait(
            Reason.STOPPED, "the machine is off because powerState is Stopped", ready=True, seconds=_soonest(seen)
        )
    reason, words = _REASONS.get(state, (Reason.WAITING, "waiting"))
    if state is MachineState.STOPPED or (launch.started and state in COMING_UP):
        reason, words = Reason.STARTING, "the machine is being started"
    return Wait(reason, words, seconds=_soonest(seen))


def _wait_out_of_sight(seen: Observation, launch: Launch, provider: ProviderView) -> Wait | None:
    """Return what is said while the provider shows nothing; None where it does."""
    if not provider.reachable and not provider.message:
        return Wait(
            Reason.WAITING, "the provider has not answered this process yet", seconds=_soonest(seen), brief=True
        )
    if provider.credentials_rejected or not provider.reachable:
        words = provider.message or "the provider does not answer; the machine's last known state is kept"
        return Wait(Reason.PROVIDER_UNREACHABLE, words, seconds=_soonest(seen))
    if provider.capabilities.reads and provider.snapshot is None:
        # It answers again, or takes other credentials: what was true before is told again once a list shows it.
        return Wait(Reason.WAITING, "no list has shown the machine yet", seconds=_soonest(seen), brief=True)
    if launch.settled and not launch.adopted and _is_missing(seen, launch, provider):
        # That list counted for nothing, or there would be an absence to prove.
        known = provider.absence_counts  # by now: the next list will count
        return Wait(Reason.PROVIDER_UNREACHABLE, UNKNOWN_ACCOUNT, seconds=_soonest(seen), brief=known)
    return None


def _soonest(seen: Observation) -> float | None:
    """Return the seconds until the first deadline, expiry, end of a settlement or residue look; None where there is
    none.
    """
    delays = []
    provider, launch = seen.provider, seen.launch
    if provider is None or launch is None:
        return None
    age = age_of(seen)
    if seen.spec.expire_after_seconds and age is not None:
        delays.append(seen.spec.expire_after_seconds - age)
    limit = seen.spec.deadlines.launch_seconds
    if is_coming_up(seen) and provider.reachable and not provider.credentials_rejected and limit:
        spent = coming_up_seconds(seen, launch, provider)
        overdue = limit - spent if spent < limit else float(provider.spec.poll.period_seconds)
        delays.extend((overdue, launch.waited_seconds + max(SHORTEST_SAVE, limit / 4) - spent))
    if provider.capabilities.reads and settled_at(seen, launch, provider) is None:
        # No look has shown it yet. From then on absence counts, and lists that go on not showing it wake nobody.
        delays.append(settlement_remaining(seen, launch, provider))
    if launch.adopted or _awaits_list(seen, launch, provider):
        delays.append(float(provider.spec.poll.period_seconds))
    for entry in seen.memory.residue:
        there = seen.providers.get(entry.provider)
        if there is not None and there.capabilities.reads and there.reachable:
            delays.append(residue_look_due(seen, entry.name, there))
    return max(0.1, min(delays)) if delays else None


def _is_missing(seen: Observation, launch: Launch, provider: ProviderView) -> bool:
    """Return whether the newest list does not show the machine, and no look since. One from before the record cannot:
    a leader that was frozen wakes with such a list.
    """
    snapshot, shown = provider.snapshot, seen.trail(launch.name).shown
    if snapshot is None or snapshot.began < max(shown or 0.0, seen.witness.recorded_at):
        return False
    return seen.memory.machine_id not in snapshot.by_id and launch.name not in snapshot.by_name


def _awaits_list(seen: Observation, launch: Launch, provider: ProviderView) -> bool:
    """Return whether no list has begun since an answer or a direct look showed the machine: if it has gone meanwhile,
    the lists before and after do not differ, and wake nobody.
    """
    shown = seen.trail(launch.name).shown
    return (
        provider.capabilities.reads
        and shown is not None
        and (provider.snapshot is None or provider.snapshot.began < shown)
    )
