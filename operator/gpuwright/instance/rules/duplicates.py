"""Never two machines of one owner: what is there twice is made one again."""

from gpuwright.instance.actions import Action, Arms, AskList, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import living, owned
from gpuwright.instance.rules.liveness import committed, recorded_machine
from gpuwright.instance.rules.records import with_ending
from gpuwright.instance.rules.termination import terminate_listed
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine
from gpuwright.model.memory import EndingReason, Launch
from gpuwright.model.provider_view import ProviderView


def terminate_second_machines(seen: Observation) -> Action | None:
    """Two machines of one owner: keep the recorded one, else the one under launch.name, else the oldest."""
    launch, provider = committed(seen), seen.provider
    if launch is None or provider is None:
        return None
    extra = [machine for machine in _others(seen, provider, launch) if machine.stays]
    if not extra:
        return None
    names = tuple(_handle(launch, machine) for machine in extra)
    if (
        launch.ending is None
        or launch.ending.reason is not EndingReason.DUPLICATE
        or set(names) - set(launch.ending.names)
    ):
        note = f"machines {', '.join(m.id for m in extra)} beside {seen.memory.machine_id}: the recorded one is kept"
        memory = with_ending(seen, EndingReason.DUPLICATE, names)
        return Record(memory, "duplicate", arms=Arms.DESTRUCTION, event=EventReason.DUPLICATE_TERMINATED, note=note)
    return terminate_listed(seen, provider, names)


def _others(seen: Observation, provider: ProviderView, launch: Launch) -> list[Machine]:
    is_shown = _recorded_is_shown(seen, provider)
    elsewhere = _elsewhere(seen, launch) if is_shown else []
    if not _is_of_the_record(seen, provider):
        return elsewhere
    mine = [m for m in living(seen, provider, incarnation=1) if m.id != seen.memory.machine_id]
    apart = [m for m in mine if m.name != launch.name or provider.capabilities.ends_by_id]
    if is_shown:
        return apart + elsewhere
    # The recorded one may be gone, and then one of these is all that there is.
    kept = next((m for m in mine if m.name == launch.name), mine[0] if mine else None)
    return [m for m in apart if m is not kept]


def _handle(launch: Launch, machine: Machine) -> str:
    """Return by what it is terminated: never by the recorded name, under which the kept machine would go too."""
    return machine.id if machine.name == launch.name else machine.name


def _elsewhere(seen: Observation, launch: Launch) -> list[Machine]:
    """Return ours at the other placements' providers. One under the recorded name is left out: it could not be told
    from the recorded one when it is terminated.
    """
    others = (other for other in seen.others if _is_of_the_record(seen, other))
    shown = (machine for other in others for machine in living(seen, other, incarnation=1))
    return [machine for machine in shown if machine.name != launch.name]


def _recorded_is_shown(seen: Observation, provider: ProviderView) -> bool:
    machine = recorded_machine(seen)
    listed = any(m.id == seen.memory.machine_id for m in owned(seen, provider))
    return listed or (machine is not None and machine.id == seen.memory.machine_id)


def _is_of_the_record(seen: Observation, provider: ProviderView) -> bool:
    """Return whether the provider's newest list began when this launch was on record: one before it cannot show what
    the record names, and may show what was proven gone since.
    """
    began = seen.witness.sight.at if seen.witness.sight else seen.witness.first_seen
    return provider.snapshot is not None and provider.snapshot.began >= began


def clear_finished_duplicates(seen: Observation) -> Action | None:
    """The second machines are gone: what is on record about them has done its work."""
    launch, provider = committed(seen), seen.provider
    if (
        launch is None
        or provider is None
        or launch.ending is None
        or launch.ending.reason is not EndingReason.DUPLICATE
    ):
        return None
    views = (provider, *seen.others)
    for view in views:
        if view.reachable and (view.snapshot is None or view.snapshot.began < seen.witness.recorded_at):
            # Another leader may have announced it by a newer list than ours.
            return AskList(view.ref, "looking whether a second machine is gone")
    listed = (machine for view in views for machine in owned(seen, view))
    others = (m for m in listed if m.alive and m.id != seen.memory.machine_id)
    if any(not {m.name, m.id}.isdisjoint(launch.ending.names) for m in others):
        return Wait(Reason.WORKING, "waiting for a second machine to go", seconds=2, brief=True)
    return Record(seen.memory.with_launch(ending=None), "duplicates gone")
