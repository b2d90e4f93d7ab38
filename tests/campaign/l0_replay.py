"""A path in words and back, and the path played again with its trace.

In words: the world's name, then the number of ordinary steps before each disturbance, such as
`names: 6 · A is frozen for 60 s · 36`.
"""

from dataclasses import replace
from typing import NamedTuple

from tests.campaign.l0_checks import Broken, broken, remember
from tests.campaign.l0_moves import busy, ordinary
from tests.campaign.l0_node import Node, Small
from tests.campaign.l0_search import disturb
from tests.campaign.trace import Billing, Body, Event, Faulted, Machine, Received, Sent, Trace, Written
from tests.instance import course
from tests.instance.far_side import Vm
from tests.instance.world import Answered, Leaving, World

from gpuwright.instance.actions import Action, Record, Wait
from gpuwright.instance.rules import decide as rules
from gpuwright.model.machine import MachineState
from gpuwright.model.resources import INSTANCES

DOT = " · "


class Step(NamedTuple):
    """One step of a path as it is played again."""

    before: Node
    after: Node
    who: str
    by: str


def words_of(world: str, path: tuple[str, ...]) -> str:
    """Return a path in words."""
    parts: list[str] = []
    steps = 0
    for by in path:
        if by:
            parts += [str(steps), by]
            steps = 0
        else:
            steps += 1
    return f"{world}: {DOT.join([*parts, str(steps)])}"


def path_of(words: str) -> tuple[str, tuple[str, ...]]:
    """Return the world's name and the path that the words describe."""
    world, _colon, rest = words.partition(": ")
    path: list[str] = []
    for part in rest.split(DOT):
        path += [""] * int(part) if part.isdigit() else [part]
    return world, tuple(path)


def played(small: Small, path: tuple[str, ...]) -> tuple[list[str], list[Broken]]:
    """Play a path again; return its trace, a line an event, and what it broke."""
    node = replace(small.start(), left=small.budget)
    named = {disturbance.name: disturbance for disturbance in small.disturbances}
    lines: list[str] = []
    wrong: list[Broken] = []
    for by in path:
        step = _ordinary(node) if not by else Step(node, disturb(node, named[by]), "", by)
        if step is None:
            break
        lines += _told(step)
        wrong += [(invariant, words) for invariant, words in broken(step.before, step.after, step.who)]
        node = step.after
    return [*lines, *(f"broken: {invariant}: {words}" for invariant, words in wrong)], wrong


def _ordinary(node: Node) -> Step | None:
    following = ordinary(node)
    if following is None:
        return None
    who, after = following
    return Step(node, remember(node, after, who), who, "")


def _told(step: Step) -> list[str]:
    at = step.before.world.now - START
    decided = _decided(step)
    lines = [f"{at:9.2f}  {step.who}  {decided}"] if decided else []
    trace = Trace()
    for event in _events(step):
        trace.add(event)
    return lines + [f"{at:9.2f}     {_line(event)}" for event in trace.events]


START = World().now


def _decided(step: Step) -> str:
    """Return what the operator that moves does, in words."""
    world, who = step.before.world, step.who
    if not who or not busy(world, who):
        return ""
    world = course.watches(world, who)
    op = world.operators[who]
    if op.doing is not None:
        return f"goes on: {type(op.doing).__name__}"
    if world.far.reads and world.now >= op.listed + world.provider.poll.period_seconds:
        return "lists"
    seen = world.sees(who)
    return "" if seen is None else _word(rules.decide(seen))


def _word(action: Action) -> str:
    match action:
        case Record(why=why):
            return f"writes: {why}"
        case Wait(reason=reason, message=message, seconds=seconds):
            return f"waits {'until something changes' if seconds is None else f'{seconds:.2f} s'}: {reason}, {message}"
        case _:
            return f"{type(action).__name__} {getattr(action, 'name', '')}".strip()


def _events(step: Step) -> list[Event]:
    was, now, events = step.before.world, step.after.world, list[Event]()
    process = was.operators[step.who].process if step.who in was.operators else "user"
    if step.by:
        events.append(Faulted(was.now, step.by, begins=True))
    events += [Faulted(was.now, f"{e.who} {e.what}", begins=False) for e in step.before.endings[: _ended(step)]]
    if len(now.sent) > len(was.sent):
        events += _sent(step, process)
    if was.stored is not now.stored:
        events.append(Written(was.now, process, INSTANCES.kind, was.stored, now.stored))
    if was.far.vms != now.far.vms:
        events.append(Billing(now.now, tuple(_machine(vm) for vm in now.far.vms if vm.alive)))
    return events


def _ended(step: Step) -> int:
    return max(0, len(step.before.endings) - len(step.after.endings))


def _sent(step: Step, process: str) -> list[Event]:
    leaving = step.before.world.operators[step.who].doing
    answer = step.after.world.operators[step.who].doing
    if not isinstance(leaving, Leaving):
        return []
    request, at = leaving.action.request, step.before.world.now
    launch = answer.memory.launch if isinstance(answer, Answered) else None
    result = str(launch.outcome) if launch else "nothing"
    return [
        Sent(at, process, "create", request.name, request.token, request.owner.uid),
        Received(at, process, "create", request.name, result),
    ]


def _machine(vm: Vm) -> Machine:
    state = MachineState.DELETING if vm.dies is not None else vm.state
    return Machine(vm.id, vm.name, vm.owner.uid if vm.owner else "", vm.incarnation, str(state))


def _line(event: Event) -> str:
    match event:
        case Written(process=process, after=after):
            return f"{process} has written: {'gone' if after is None else _record(after)}"
        case Sent(name=name):
            return f"create of {name} leaves"
        case Received(name=name, result=result):
            return f"create of {name} is answered: {result}"
        case Billing(machines=machines):
            return f"billing: {', '.join(f'{m.id} ({m.name}, {m.state})' for m in machines) or 'nothing'}"
        case Faulted(what=what, begins=begins):
            return f"*** {what}" if begins else f"*** over: {what}"
        case _:
            return str(event)


def _record(body: Body) -> str:
    launch, machine = body["status"].get("launch") or {}, body["status"].get("machine") or {}
    words = [f"{key}={launch[key]}" for key in ("outcome", "send", "name", "incarnation") if key in launch]
    words += [f"ending={launch['ending']['reason']} {launch['ending']['names']}"] if "ending" in launch else []
    words += [f"machine={machine.get('id')} {machine.get('state')}"] if machine else []
    metadata = body["metadata"]
    words += ["deleting"] if "deletionTimestamp" in metadata else []
    words += ["finalizer"] if metadata.get("finalizers") else []
    return ", ".join(words) or "nothing on record"
