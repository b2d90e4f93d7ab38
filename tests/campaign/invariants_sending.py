"""I4, I5, I7 and I9: what must hold before something is sent, or let go, or counted as lost."""

from collections.abc import Iterable, Iterator

from tests.campaign.answers import MADE, NOT_MADE, Call, calls_of, unproven
from tests.campaign.story import (
    USER,
    Scene,
    is_deleting,
    is_finalized,
    is_let_go_on_purpose,
    memory_of,
    name_of,
    spec_of,
    status_of,
    uid_of,
    walk,
)
from tests.campaign.trace import Body, Machine, Sent, Trace, Written

from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Memory, Outcome
from gpuwright.model.provider_view import SEND_WINDOW_SECONDS
from gpuwright.model.resources import INSTANCES

SLACK_SECONDS = 0.05  # what two clocks may differ by, and rounding
LOOKS_APART = 2.0
_LOST = frozenset({EndingReason.LOST, EndingReason.PREEMPTED})


def i4_right_owner(trace: Trace) -> list[str]:
    """What is asked to end is what an object has on record as ending, or had until another leader took it off within
    the sender's window, and the machine there carries its tag; no two objects record the same machine.
    """
    broken: list[str] = []
    withdrawn: dict[str, Written] = {}
    for event, scene in walk(trace):
        if isinstance(event, Written) and event.process != USER:
            broken += _recorded_twice(event, scene)
            withdrawn.update(dict.fromkeys(_withdrawn(event), event))
        if not isinstance(event, Sent) or event.verb != "delete":
            continue
        owners = [body for body in _bodies(scene) if event.name in _names(body)]
        going = [body for body in owners if _is_to_go(body, event.name, scene)]
        words = f"at {event.at:.3f} s a delete of {event.name} left"
        if _is_swept(scene, event.name):
            continue
        if not going and not _was_announced(withdrawn.get(event.name), event):
            broken.append(f"{words}, and no object has announced that")
        broken += [
            f"{words}, and {machine.id} there belongs to {machine.uid or 'nobody'}"
            for machine in scene.machines
            if machine.name == event.name and not any(_is_its(body, machine) for body in going or owners)
        ]
    return broken


def _withdrawn(event: Written) -> frozenset[str]:
    """Return the names that this write takes off the record as ending."""
    return _ending_names(event.before) - _ending_names(event.after)


def _ending_names(body: Body | None) -> frozenset[str]:
    launch = memory_of(body).launch if body is not None and "providerRef" in (body.get("spec") or {}) else None
    return frozenset(launch.ending.names) if launch is not None and launch.ending is not None else frozenset()


def _was_announced(write: Written | None, sent: Sent) -> bool:
    """Return whether another process took it off the record while the sender's window for it was open."""
    window = SEND_WINDOW_SECONDS + SLACK_SECONDS
    return write is not None and write.process != sent.process and sent.at - write.at <= window


def _recorded_twice(event: Written, scene: Scene) -> Iterator[str]:
    """Yield the machine that this write records although another object has it: with one of them it would end."""
    if event.kind != INSTANCES.kind or event.after is None:
        return
    machine = scene.billing(memory_of(event.after).machine_id)
    if machine is None or machine.id == memory_of(event.before).machine_id:
        return
    others = [
        b for b in scene.instances() if uid_of(b) != uid_of(event.after) and memory_of(b).machine_id == machine.id
    ]
    for other in others:
        yield f"at {event.at:.3f} s {name_of(event.after)} records {machine.id}, which {name_of(other)} has on record"


def _is_swept(scene: Scene, name: str) -> bool:
    """Return whether a provider announces that the sweep ends what is under the name, and nobody has a claim on it."""
    there = [machine for machine in scene.machines if machine.name == name]
    if any(machine.uid in scene.objects for machine in there):
        return False
    claimed = {memory_of(body).machine_id for body in scene.instances()}
    return any(
        entry.get("name") == name
        and entry.get("endingTime")
        and not entry.get("keptBecause")
        and entry.get("id") not in claimed
        for body in scene.objects.values()
        for entry in status_of(body).get("orphans") or ()
    )


def _bodies(scene: Scene) -> list[Body]:
    ended = [
        body for _at, body in scene.gone.values() if {"providerRef", "placements"} & (body.get("spec") or {}).keys()
    ]
    return [*scene.instances(), *ended]


def _names(body: Body) -> frozenset[str]:
    memory = memory_of(body)
    ending = memory.launch.ending if memory.launch else None
    return frozenset((*memory.names, *(ending.names if ending else ())))


def _is_to_go(body: Body, name: str, scene: Scene) -> bool:
    launch = memory_of(body).launch
    if is_deleting(body) or uid_of(body) in scene.gone:
        return True
    ending = launch.ending if launch else None
    return ending is not None and name in ending.names and ending.reason is not EndingReason.POWER_OFF


def _is_its(body: Body, machine: Machine) -> bool:
    memory = memory_of(body)
    adopted = memory.launch is not None and memory.launch.adopted and memory.machine_id == machine.id
    return machine.uid in {"", uid_of(body)} or adopted


def _shared_tokens(trace: Trace) -> Iterator[str]:
    """Yield each create that left with the token of another: its provider answers it with the other's machine."""
    named: dict[str, tuple[str, str]] = {}
    for event in trace.events:
        if isinstance(event, Sent) and event.verb == "create" and event.token:
            whose = named.setdefault(event.token, (event.uid, event.name))
            if whose != (event.uid, event.name):
                yield f"at {event.at:.3f} s a create of {event.name} left with the token of {whose[1]}"


def i5_intent_first(trace: Trace) -> list[str]:
    """A create leaves once for each intent, with its token, from the process that wrote it, within the window; no two
    names have the same token.
    """
    broken = list(_shared_tokens(trace))
    intents: list[Written] = []
    left: set[tuple[str, int]] = set()
    for event in trace.events:
        if isinstance(event, Written) and event.kind == INSTANCES.kind and _is_intent(event):
            intents.append(event)
        if isinstance(event, Written) and event.process == USER and event.after is not None:
            left = {once for once in left if once[0] != uid_of(event.after) or once[1] <= _send(event)}
        if not isinstance(event, Sent) or event.verb != "create":
            continue
        intent = next((entry for entry in reversed(intents) if _announces(entry, event)), None)
        words = f"at {event.at:.3f} s a create of {event.name} left {event.process}"
        if intent is None:
            broken.append(f"{words}, which has no intent with its token on record")
            continue
        if event.at - intent.at > SEND_WINDOW_SECONDS + SLACK_SECONDS:
            broken.append(f"{words} {event.at - intent.at:.3f} s after its intent")
        once = (event.uid, _send(intent))
        if once in left:
            broken.append(f"{words} a second time under send {once[1]}")
        left.add(once)
    return broken


def _is_intent(event: Written) -> bool:
    launch = memory_of(event.after).launch
    return launch is not None and launch.outcome is Outcome.INTENDED


def _announces(event: Written, sent: Sent) -> bool:
    launch = memory_of(event.after).launch
    if launch is None or event.after is None or event.process != sent.process or uid_of(event.after) != sent.uid:
        return False
    return bool(sent.token) and (launch.token, launch.name) == (sent.token, sent.name)


def _send(event: Written) -> int:
    launch = memory_of(event.after).launch
    return launch.send if launch else 0


def i7_fence(trace: Trace) -> list[str]:
    """An object is let go when none of its creates can still land, and looks have shown that nothing is left."""
    broken = []
    calls = list(calls_of(trace))
    for event, scene in walk(trace):
        if not isinstance(event, Written) or event.kind != INSTANCES.kind or not _lets_go(event):
            continue
        body = event.before
        if body is None or is_let_go_on_purpose(body):
            continue
        words = f"at {event.at:.3f} s {name_of(body)} was let go"
        earlier = [call for call in calls if call.sent.at <= event.at]
        sent = list(_possibly_made(earlier, uid_of(body)))
        spec = spec_of(scene.provider_of(body))
        fence = float(spec.settle_seconds) if spec else 0.0
        broken += [f"{words}, {why}" for call in sent if (why := _may_land(call, earlier, event.at, fence))]
        lost = _record_lost_at(trace, uid_of(body), event.at)
        for name in _to_prove(sent, memory_of(body)):
            missing = unproven(earlier, name, event.at, LOOKS_APART)
            if missing and not (name not in memory_of(body).names and _is_listed_nowhere(earlier, name, lost)):
                broken.append(f"{words}, and {name} is not proven gone: {missing}")
    return broken


def _record_lost_at(trace: Trace, uid: str, until: float) -> float | None:
    """Return when somebody else last took the launch off an object's record; None where nobody did."""
    losses = [
        event.at
        for event in trace.events
        if isinstance(event, Written)
        and event.process == USER
        and event.at <= until
        and event.after is not None
        and uid_of(event.after) == uid
        and memory_of(event.before).launch is not None
        and memory_of(event.after).launch is None
    ]
    return losses[-1] if losses else None


def _is_listed_nowhere(calls: Iterable[Call], name: str, since: float | None) -> bool:
    """Return whether a complete list, begun since the record was lost, missed it: by a name that nobody knows any more
    nothing can be looked for.
    """
    return since is not None and any(c.is_list and c.misses(name) and c.sent.at >= since for c in calls)


def _possibly_made(calls: Iterable[Call], uid: str) -> Iterator[Call]:
    """Yield the creates of an object, without those whose name somebody else held before: what is there is theirs."""
    tried: set[str] = set()
    for call in calls:
        if call.sent.verb != "create" or call.sent.uid != uid:
            continue
        if call.word != "conflict" or call.sent.name in tried:
            yield call
        tried.add(call.sent.name)


def _lets_go(event: Written) -> bool:
    return event.process != USER and is_finalized(event.before) and not is_finalized(event.after)


def _may_land(call: Call, calls: Iterable[Call], at: float, fence: float) -> str:
    """Return why something of this create may still appear; empty where nothing may."""
    answered = call.answered_at is not None and call.answered_at <= at
    if answered and call.word in MADE | NOT_MADE:
        return ""
    shown = any(other.shows(call.sent.name) and other.sent.at >= call.sent.at for other in calls)
    age = at - call.sent.at
    return "" if shown or age >= fence else f"{age:.3f} s after a create of {call.sent.name} that was not answered"


def _to_prove(sent: Iterable[Call], memory: Memory) -> tuple[str, ...]:
    """Return the names under which something was made, or may have been."""
    names = [call.sent.name for call in sent if call.word not in NOT_MADE]
    if memory.machine_id and memory.launch is not None:
        names.append(memory.launch.name)
    return tuple(dict.fromkeys(names))


def i9_evidence(trace: Trace) -> list[str]:
    """A machine counts as lost when it is, and when an answer has said so; the next one comes after all are gone."""
    broken = []
    calls = list(calls_of(trace))
    for event, scene in walk(trace):
        if not isinstance(event, Written) or event.kind != INSTANCES.kind or event.process == USER:
            continue
        if event.before is None or event.after is None:
            continue
        old, new = memory_of(event.before), memory_of(event.after)
        words = f"at {event.at:.3f} s {name_of(event.after)}"
        if _counts_as_gone(old, new):
            billing = scene.billing(old.machine_id)
            if billing is not None:
                broken.append(f"{words} says that {billing.id} is gone, which bills")
            name = old.launch.name if old.launch else ""
            why = unproven(calls, name, event.at, 0.0) if scene.is_readable(event.after) else ""
            if why:
                broken.append(f"{words} says that {old.machine_id} is gone, and {why}")
        if old.launch and new.launch and new.launch.incarnation > old.launch.incarnation:
            taken_over = new.machine_id if new.machine_id != old.machine_id else ""
            owned = [machine for machine in scene.owned(uid_of(event.after)) if machine.id != taken_over]
            broken += [f"{words} goes on to the next incarnation, and {machine.id} bills" for machine in owned]
    return broken


def _counts_as_gone(old: Memory, new: Memory) -> bool:
    if not old.machine_id or old.machine.get("state") == MachineState.GONE:
        return False
    lost = new.launch is not None and new.launch.ends in _LOST and (old.launch is None or old.launch.ends is None)
    return lost or new.machine.get("state") == MachineState.GONE
