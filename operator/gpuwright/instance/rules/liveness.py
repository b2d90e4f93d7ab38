"""A machine is on record: is it there, does it come up in time, and is it still wanted?"""

from dataclasses import replace

from gpuwright.instance.actions import Action, Arms, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import absence_proven, is_look_due, living, next_proof_look, settled_at
from gpuwright.instance.rules.records import with_ending
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import COMING_UP, Machine, MachineState, gone
from gpuwright.model.memory import EndingReason, Launch, Outcome
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.times import age_since

REFUSAL_SECONDS = 60.0  # a refused start is asked for again after so long
SHORTEST_SAVE = 15.0  # seconds between two writes of the time on the way up


def committed(seen: Observation) -> Launch | None:
    """Return the launch if a machine of it was made and is still wanted."""
    launch = seen.launch
    if launch is None or launch.outcome is not Outcome.COMMITTED or launch.ends is not None:
        return None
    return launch


def recorded_machine(seen: Observation) -> Machine | None:
    """Return the recorded machine as the newest look showed it; None where the newest look did not show it, or is
    older than a record that says something else.
    """
    machine = seen.machine_under(seen.launch.name) if seen.launch is not None else None
    if machine is None or seen.memory.machine.get("state") == str(machine.state):
        return machine
    return None if seen.witness.is_outdated(machine.name) else machine


def end_when_dead(seen: Observation) -> Action | None:
    """The provider itself says that the recorded machine is no more."""
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None:
        return None
    machine = seen.trail(launch.name).machine
    if machine is not None and machine.id == seen.memory.machine_id and machine.state is MachineState.PREEMPTED:
        return _gone(seen, EndingReason.PREEMPTED, f"machine {machine.id} was taken away by its provider")
    if seen.memory.machine_id and seen.memory.machine_id in seen.trail(launch.name).tombstones:
        return _gone(seen, EndingReason.LOST, f"machine {seen.memory.machine_id} is gone (its provider says so)")
    return None


def look_when_another_lives(seen: Observation) -> Action | None:
    """The newest list shows another machine of ours, and not the recorded one: an older status may have been restored.
    A direct look says at once that the recorded one is gone, where its provider knows; and proves nothing else.
    """
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None or not provider.reachable or provider.snapshot is None:
        return None
    if not provider.capabilities.reads or seen.memory.machine_id in provider.snapshot.by_id:
        return None
    if not living(seen, provider, incarnation=1) or not is_look_due(seen, launch.name, provider):
        return None
    return LookAt(provider.ref, launch.name)


def end_when_absent(seen: Observation) -> Action | None:
    """No look shows it: gather proof over F before it counts as lost."""
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None or not provider.capabilities.reads:
        return None
    if seen.memory.machine_id in provider.mass_absent:
        words = (
            "many machines are missing from one list at once: waiting until they show again, or a person confirms it"
        )
        return Wait(Reason.PROVIDER_UNREACHABLE, words, seconds=60)
    if not seen.trail(launch.name).absences:
        return None
    since = settled_at(seen, launch, provider)
    if since is None:
        return None
    if absence_proven(seen, launch.name, since, provider):
        return _gone(
            seen, EndingReason.LOST, f"machine {seen.memory.machine_id} is gone: no look has shown it any more"
        )
    if not provider.reachable:
        return None
    delay = next_proof_look(seen, launch.name, since, provider)
    if delay <= 0:
        return LookAt(provider.ref, launch.name)
    words = f"machine {seen.memory.machine_id} is not listed: making sure for {provider.spec.settle_seconds} s"
    return Wait(Reason.LOST, words, seconds=delay)


def _gone(seen: Observation, reason: EndingReason, note: str) -> Record:
    name = seen.launch.name if seen.launch else ""
    memory = with_ending(seen, reason, (name,))
    return Record(replace(memory, machine=gone(memory.machine)), "gone", event=EventReason.LOST, note=note)


def end_when_broken(seen: Observation) -> Action | None:
    """A failed machine still bills: it is terminated before it is replaced."""
    machine = recorded_machine(seen)
    if committed(seen) is None or machine is None:
        return None
    if machine.state is MachineState.FAILED:
        return _end(seen, EndingReason.BROKEN, f"machine {machine.id} failed")
    # A refusal holds for the start that was asked for: not once it is to stay off, or runs, or could be asked again.
    fresh = seen.now - seen.witness.powered_at < REFUSAL_SECONDS
    if seen.witness.power_refused and fresh and seen.wants_running and machine.state is MachineState.STOPPED:
        return _end(seen, EndingReason.BROKEN, f"the machine cannot be started: {seen.witness.power_refused}")
    return None


def end_when_overdue(seen: Observation) -> Action | None:
    """A machine that never came up is paid for until it is destroyed. Only time in which we could see counts, and only
    a look at it that is as young as a list may be says that it still has not.
    """
    launch, provider = committed(seen), seen.provider
    limit = seen.spec.deadlines.launch_seconds
    if launch is None or provider is None or not limit or not is_coming_up(seen):
        return None
    if coming_up_seconds(seen, launch, provider) < limit or not provider.reachable or provider.credentials_rejected:
        return None
    machine = recorded_machine(seen)
    if machine is not None and machine.state not in COMING_UP:
        return None  # it came up while nobody could write it down, as while the object was paused
    if is_look_due(seen, launch.name, provider):
        return LookAt(provider.ref, launch.name)
    if machine is None or not seen.trail(launch.name).shown_directly:
        return None
    return _end(seen, EndingReason.LAUNCH_DEADLINE_EXCEEDED, f"the machine did not run within {limit} s")


def coming_up_seconds(seen: Observation, launch: Launch, provider: ProviderView) -> float:
    """Return for how long the machine has been on its way up: what is on record, and what we could see since."""
    sight = seen.witness.sight
    if sight is None or sight.send != launch.send:
        return float(launch.waited_seconds)
    return sight.base + provider.visible_seconds - sight.visible


def save_time_coming_up(seen: Observation) -> Action | None:
    """Keep how long the machine has been on its way, so that a restart does not begin its deadline anew; seldom,
    because each is a write.
    """
    launch, provider = committed(seen), seen.provider
    limit = seen.spec.deadlines.launch_seconds
    if launch is None or provider is None or not limit or not is_coming_up(seen):
        return None
    so_far = coming_up_seconds(seen, launch, provider)
    if so_far - launch.waited_seconds < max(SHORTEST_SAVE, limit / 4):
        return None
    settled = launch.settled or recorded_machine(seen) is not None
    return Record(seen.memory.with_launch(waited_seconds=int(so_far), settled=settled), "time on the way up")


def is_coming_up(seen: Observation) -> bool:
    """Return whether the machine is wanted and on its way up for the first time, as it was last recorded.

    Never where nothing can be read: what the create's answer said is all that is ever known of it there. And never
    again once it has run: a machine that was stopped and comes up again has something on its disks.
    """
    if seen.provider is not None and not seen.provider.capabilities.reads:
        return False
    if seen.launch is not None and seen.launch.started:
        return False
    return seen.memory.machine.get("state") in {str(state) for state in COMING_UP} and seen.wants_running


def end_when_expired(seen: Observation) -> Action | None:
    """The spec gave the machine an age; it counts from its birth."""
    limit = seen.spec.expire_after_seconds
    if committed(seen) is None or not limit:
        return None
    age = age_of(seen)
    if age is None or age < limit:
        return None
    return _end(seen, EndingReason.EXPIRED, f"the machine reached its age of {limit} s")


def age_of(seen: Observation) -> float | None:
    """Return the machine's age in seconds by the provider's time of its birth; by our intent where that is no time.

    What we made is never older than its intent, and what was found is never older than its object, whatever a provider
    says: some write the year 1 until they know, or leave the time zone out. Only what a person had us adopt may be.
    """
    born = age_since(str(seen.memory.machine.get("createdTime") or ""), seen.wall)
    launch = seen.launch
    if launch is None or (launch.adopted and born is not None):
        return born
    found = launch.reason == Reason.ADOPTED
    ours = str(seen.instance.body["metadata"].get("creationTimestamp") or "") if found else launch.intended
    bounds = [age for age in (born, age_since(ours, seen.wall)) if age is not None]
    return min(bounds, default=None)


def _end(seen: Observation, reason: EndingReason, note: str) -> Record:
    name = seen.launch.name if seen.launch else ""
    event = EventReason.EXPIRED if reason is EndingReason.EXPIRED else EventReason.REPLACING
    return Record(with_ending(seen, reason, (name,)), "ending", arms=Arms.DESTRUCTION, event=event, note=note)
