"""The invariants I1 to I15 as predicates over one trace, whichever level it comes from.

Each returns one sentence for each time it was broken. Bounds in seconds stand beside the predicates that have one; what
a provider's spec says is read from the trace.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from tests.campaign.invariants_conduct import (
    i8_honest_status,
    i10_spend,
    i11_isolation,
    i12_convergence,
    i13_quiet,
)
from tests.campaign.invariants_sending import i4_right_owner, i5_intent_first, i7_fence, i9_evidence
from tests.campaign.invariants_words import i14_hygiene, i15_conditions
from tests.campaign.story import (
    USER,
    Scene,
    condition_of,
    is_finalized,
    is_let_go_on_purpose,
    memory_of,
    name_of,
    spec_of,
    status_of,
    uid_of,
    walk,
)
from tests.campaign.trace import Billing, Body, Machine, Trace, Written

from gpuwright.model.resources import INSTANCES
from gpuwright.model.sweep_spec import SweepMode

TOLD_PERIODS = 3  # of the sweep: after so many what has no object any more is told of
RECORD_SECONDS = 60.0  # for so long at most a machine may bill that its object does not name


def i1_single(trace: Trace) -> list[str]:
    """At no time does an object have two machines that bill."""
    broken = []
    for event, scene in walk(trace):
        if not isinstance(event, Billing):
            continue
        for uid in sorted({machine.uid for machine in scene.machines if machine.uid}):
            owned = scene.owned(uid)
            if len(owned) > 1:
                words = ", ".join(f"{m.id} ({m.name})" for m in owned)
                broken.append(f"at {event.at:.3f} s {len(owned)} machines of {uid} bill: {words}")
    return broken


def i2_no_leak(trace: Trace) -> list[str]:
    """Nothing of an object bills once it is gone, but for what a person has kept, or what is written down as a leak.

    What lost its object by a person's hand is told of in the end.
    """
    broken: dict[str, str] = {}
    scene = Scene()
    for event, scene in walk(trace):
        if not isinstance(event, Billing | Written):
            continue
        for machine in scene.machines:
            ended = scene.gone.get(machine.uid)
            if ended is None or _is_a_persons(scene, machine, ended[1]) or _is_written_down(scene, machine):
                continue
            words = f"at {event.at:.3f} s {machine.id} ({machine.name}) bills, and {name_of(ended[1])}"
            broken.setdefault(machine.id, f"{words} is gone since {ended[0]:.3f} s")
    return [*broken.values(), *_untold(scene)]


def _is_a_persons(scene: Scene, machine: Machine, last: Body) -> bool:
    return is_let_go_on_purpose(last) or machine.uid in scene.torn


def _untold(scene: Scene) -> Iterator[str]:
    """Yield the machines that a person has cut off from their objects, and of which no provider tells."""
    for machine in scene.machines:
        ended = scene.gone.get(machine.uid)
        spec = spec_of(scene.provider_of(ended[1])) if ended else None
        if ended is None or spec is None or not scene.is_readable(ended[1]) or spec.sweep.mode is SweepMode.DISABLED:
            continue
        recorded = any(memory_of(body).machine_id == machine.id for body in scene.instances())
        late = scene.at - scene.changed_at > TOLD_PERIODS * spec.sweep.period_seconds
        if late and not recorded and not _is_written_down(scene, machine) and not _is_orphan(scene, machine):
            yield f"at {scene.at:.3f} s {machine.id} ({machine.name}) bills without an object, and no provider tells"


def _is_orphan(scene: Scene, machine: Machine) -> bool:
    told = [entry.get("id") for body in scene.objects.values() for entry in status_of(body).get("orphans") or ()]
    return machine.id in told


def _is_written_down(scene: Scene, machine: Machine) -> bool:
    """Return whether a provider's status names it as let go: by a person who tore the finalizer off, or kept it."""
    for body in scene.objects.values():
        status = status_of(body)
        leaks = {entry.get("name") for entry in status.get("leaks") or ()}
        kept = {entry.get("id") for entry in status.get("retained") or ()}
        if machine.name in leaks or machine.id in kept:
            return True
    return False


def i3_never_lost(trace: Trace) -> list[str]:
    """An id on record stays there until its machine is gone, and what bills is on record."""
    broken = []
    unrecorded: dict[str, float] = {}
    restored: dict[str, float] = {}
    for event, scene in walk(trace):
        if isinstance(event, Written) and event.kind == INSTANCES.kind:
            broken += _lost_id(event, scene)
            is_changed = status_of(event.before) != status_of(event.after)
            if event.process == USER and event.after is not None and is_changed and "launch" in status_of(event.after):
                restored[uid_of(event.after)] = event.at
        for machine in scene.machines:
            owner = scene.objects.get(machine.uid)
            if owner is None or _is_on_record(owner, machine) or _is_unreadable(owner) or scene.faults:
                unrecorded.pop(machine.id, None)
                continue
            since = unrecorded.setdefault(machine.id, event.at)
            # What an older status names must be proven gone first: twice F, if it is not settled.
            patience = 2.0 * _settle_seconds(owner, scene) if restored.get(machine.uid, -1e9) >= since else 0.0
            if event.at - since > RECORD_SECONDS + patience:
                words = f"{machine.id} ({machine.name}) bills since {since:.3f} s"
                broken.append(f"at {event.at:.3f} s {words}, and {name_of(owner)} does not know of it")
                unrecorded[machine.id] = event.at
    return broken


def _settle_seconds(owner: Body, scene: Scene) -> float:
    spec = spec_of(scene.provider_of(owner))
    return float(spec.settle_seconds) if spec is not None else 0.0


def _lost_id(event: Written, scene: Scene) -> list[str]:
    if event.before is None or event.after is None or event.process == USER:
        return []
    old, new = _machine_id(event.before), _machine_id(event.after)
    if not old or new == old or scene.billing(old) is None:
        return []
    return [f"at {event.at:.3f} s {name_of(event.after)} forgot {old}, which bills, for {new or 'nothing'}"]


def _is_unreadable(owner: Body) -> bool:
    """Return whether nothing is on record and the spec cannot be read: nobody can say at which provider to look, and
    the object says so.
    """
    return "launch" not in status_of(owner) and condition_of(owner, "Accepted").get("reason") == "InvalidSpec"


def _machine_id(body: Body) -> str:
    return str((status_of(body).get("machine") or {}).get("id") or "")


def _is_on_record(owner: Body, machine: Machine) -> bool:
    memory = memory_of(owner)
    ending = memory.launch.ending if memory.launch else None
    names = (*memory.names, *(ending.names if ending else ()))
    return machine.name in names or memory.machine_id == machine.id


def i6_finalizer(trace: Trace) -> list[str]:
    """While a machine of an object bills our finalizer is on the object; a person's hand has a minute to be undone."""
    broken: list[str] = []
    torn: dict[str, float] = {}
    bare: set[str] = set()
    for event, scene in walk(trace):
        if isinstance(event, Written) and event.after is not None and _tears_off(event):
            torn[uid_of(event.after)] = event.at
        if scene.faults:
            torn = dict.fromkeys(torn, event.at)  # whoever would put it back may be away
        for machine in scene.machines:
            owner = scene.objects.get(machine.uid)
            if owner is None or is_finalized(owner) or is_let_go_on_purpose(owner):
                bare.discard(machine.uid)
            elif machine.uid not in bare and event.at - torn.get(machine.uid, -1e9) > RECORD_SECONDS:
                bare.add(machine.uid)
                words = f"at {event.at:.3f} s {machine.id} ({machine.name}) bills"
                broken.append(f"{words}, and {name_of(owner)} has no finalizer of ours")
    return broken


def _tears_off(event: Written) -> bool:
    return event.process == USER and is_finalized(event.before) and not is_finalized(event.after)


Predicate = Callable[[Trace], list[str]]

INVARIANTS: Mapping[str, Predicate] = {
    "I1": i1_single,
    "I2": i2_no_leak,
    "I3": i3_never_lost,
    "I4": i4_right_owner,
    "I5": i5_intent_first,
    "I6": i6_finalizer,
    "I7": i7_fence,
    "I8": i8_honest_status,
    "I9": i9_evidence,
    "I10": i10_spend,
    "I11": i11_isolation,
    "I12": i12_convergence,
    "I13": i13_quiet,
    "I14": i14_hygiene,
    "I15": i15_conditions,
}


def broken_by(trace: Trace) -> list[tuple[str, str]]:
    """Return each broken invariant's name with what happened."""
    return [(name, words) for name, predicate in INVARIANTS.items() for words in predicate(trace)]


def in_order(trace: Trace) -> bool:
    """Return whether the events stand in the order of their times: nothing else can be judged."""
    return all(one.at <= following.at for one, following in pairwise(trace.events))
