"""The invariants as predicates over one step of the search: what was, who moved, and what is."""

from collections.abc import Iterator
from dataclasses import replace

from tests.campaign.l0_node import WINDOW, F, Ghosts, Node
from tests.instance import course
from tests.instance.far_side import Vm
from tests.instance.world import Answered, Body, Leaving, World, Writing, memory_of

from gpuwright.instance.actions import Arms
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Memory, Outcome
from gpuwright.model.names import FINALIZER_MACHINE

OURS = "uid-"
Broken = tuple[str, str]
"""The invariant, and what happened."""


def window() -> float:
    """Return the send window as course.py has it now: a guard may have been taken away."""
    return float(vars(course)["SEND_WINDOW_SECONDS"])


def remember(before: Node, after: Node, who: str) -> Node:
    """Return the state with what the predicates must know of this step noted."""
    if not who or who not in before.world.operators:
        return after
    was, doing = before.world.operators[who], after.world.operators[who].doing
    ghosts = before.ghosts
    if isinstance(doing, Writing) and doing.kept and doing.action.arms is Arms.SEND and doing.armed is not None:
        ghosts = _intended(ghosts, was.process, doing)
    if len(after.world.sent) > len(before.world.sent) and isinstance(was.doing, Leaving):
        ghosts = _sent(ghosts, before, was.doing, doing if isinstance(doing, Answered) else None)
    return after if ghosts is before.ghosts else replace(after, ghosts=ghosts)


def _intended(ghosts: Ghosts, process: str, writing: Writing) -> Ghosts:
    launch, armed = writing.action.memory.launch, writing.armed
    if launch is None or armed is None:
        return ghosts
    began = armed.boottime - window()
    others = tuple(intent for intent in ghosts.intents if intent[0] != process)
    return replace(ghosts, intents=(*others, (process, launch.name, launch.request_hash, began)))


def _sent(ghosts: Ghosts, before: Node, leaving: Leaving, answer: Answered | None) -> Ghosts:
    request, now = leaving.action.request, before.world.now
    body = (request.name, request.fingerprint())
    bodies = ghosts.bodies if body in ghosts.bodies else (*ghosts.bodies, body)
    launch = answer.memory.launch if answer is not None else None
    lost = launch is not None and launch.outcome is Outcome.UNKNOWN
    unanswered = tuple(entry for entry in ghosts.unanswered if now - entry[2] <= F)
    if lost:
        unanswered = (*unanswered, (request.owner.uid, request.name, now))
    return replace(ghosts, bodies=bodies, unanswered=unanswered)


def broken(before: Node, after: Node, who: str) -> Iterator[Broken]:
    """Yield what this step has broken. `who` is empty where no operator moved."""
    was, now = before.world, after.world
    if was.far is not now.far or was.stored is not now.stored:
        yield from _single(after)
        yield from _protected(now)
    if not who or who not in was.operators:
        return
    if len(now.sent) > len(was.sent):
        yield from _intent_first(before, after, who)
    if was.far is not now.far:
        yield from _right_owner(before, after)
    if was.stored is not now.stored:
        yield from _fence(before, after)
        yield from _evidence(was, now)


def _single(node: Node) -> Iterator[Broken]:
    if node.ghosts.broken_promise:
        return
    uids = [vm.owner.uid for vm in node.world.far.vms if vm.alive and vm.owner is not None]
    for uid in set(uids):
        if uid.startswith(OURS) and uids.count(uid) > 1:
            yield "I1", f"{uids.count(uid)} machines of {uid} bill at once"


def _protected(world: World) -> Iterator[Broken]:
    stored = world.stored
    finalized = stored is not None and FINALIZER_MACHINE in (stored["metadata"].get("finalizers") or ())
    uid = stored["metadata"]["uid"] if stored is not None else ""
    billing = [(vm.owner.uid, vm.id) for vm in world.far.vms if vm.alive and vm.owner is not None]
    billing += [(flight.owner.uid, f"the create of {flight.name}") for flight in world.far.flights]
    for owner, what in billing:
        if not owner.startswith(OURS) or what in world.ledger:
            continue
        if owner != uid:
            yield "I2", f"{what} of {owner} is left, and the object is gone"
        elif not finalized:
            yield "I6", f"{what} of {owner} is there, and our finalizer is not on the object"


def _paused_for(node: Node) -> float:
    return max((node.world.now - e.begun for e in node.endings if e.what == "goes on"), default=0.0)


def _intent_first(before: Node, after: Node, who: str) -> Iterator[Broken]:
    op = before.world.operators[who]
    if not isinstance(op.doing, Leaving):
        return
    request, now = op.doing.action.request, before.world.now
    body = request.fingerprint()
    mine = (op.process, request.name, body)
    age = next((now - at for *intent, at in before.ghosts.intents if tuple(intent) == mine), None)
    if age is None:
        yield "I5", f"{request.name} is sent, and {op.process} never wrote its intent"
    elif age >= WINDOW:
        yield "I5", f"{request.name} is sent {age:.2f} s after its intent"
    if any(name == request.name and other != body for name, other in before.ghosts.bodies):
        yield "I5", f"{request.name} and its token are sent again with another body"
    if _paused_for(before) > WINDOW:
        yield "I5", f"{request.name} is sent although the object is paused"


def _right_owner(before: Node, after: Node) -> Iterator[Broken]:
    was = {vm.id: vm for vm in before.world.far.vms}
    for vm in after.world.far.vms:
        old = was.get(vm.id)
        dies = (vm.dies is not None or not vm.alive) and (old is None or (old.dies is None and old.alive))
        if dies and old is not None:
            yield from _why(before, after, vm)


def _why(before: Node, after: Node, vm: Vm) -> Iterator[Broken]:
    world = before.world
    if vm.owner is None or not vm.owner.uid.startswith(OURS):
        yield "I4", f"{vm.id} is terminated, and it belongs to somebody else"
        return
    if _paused_for(before) > WINDOW:
        yield "I4", f"{vm.id} is terminated although the object is paused"
    stored = world.stored
    if stored is None or stored["metadata"]["uid"] != vm.owner.uid:
        if vm.id not in after.world.ledger:
            yield "I4", f"{vm.id} is terminated for an object that is gone"
        return
    memory = memory_of(stored["status"])
    ending = memory.launch.ending if memory.launch else None
    if "deletionTimestamp" in stored["metadata"] or vm.id in after.world.ledger:
        return
    if ending is None or vm.name not in ending.names or ending.reason is EndingReason.POWER_OFF:
        yield "I4", f"{vm.id} is terminated, and no ending of {vm.name} is on record"
    elif ending.reason is EndingReason.DUPLICATE and vm.id == memory.machine_id:
        yield "I4", f"{vm.id} is terminated as a second machine, and it is the recorded one"


def _fence(before: Node, after: Node) -> Iterator[Broken]:
    stored = before.world.stored
    if stored is None or not _is_released(stored, after.world.stored):
        return
    uid, now = stored["metadata"]["uid"], after.world.now
    for owner, name, at in before.ghosts.unanswered:
        made = any(vm.name == name and vm.born >= at for vm in after.world.far.vms)
        if owner == uid and now - at < F and not made:
            yield "I7", f"the object goes {now - at:.1f} s after the create of {name}, which has no answer yet"


def _is_released(before: Body, after: Body | None) -> bool:
    had = FINALIZER_MACHINE in (before["metadata"].get("finalizers") or ())
    return had and (after is None or FINALIZER_MACHINE not in (after["metadata"].get("finalizers") or ()))


def _evidence(was: World, now: World) -> Iterator[Broken]:
    before, after = was.stored, now.stored
    if before is None or after is None or before["metadata"]["uid"] != after["metadata"]["uid"]:
        return
    if before["status"] is after["status"]:
        return
    old, new = memory_of(before["status"]), memory_of(after["status"])
    alive = {vm.id: vm for vm in now.far.vms if vm.alive}
    held = old.machine_id
    if held in alive and new.machine_id != held:
        yield "I9", f"{held} bills and leaves the record"
    elif held in alive and _is_gone(new) and not _is_gone(old):
        yield "I9", f"{held} bills and is recorded as gone"
    yield from _ends_in_truth(old, new, alive)
    yield from _intended_in_time(before, old, new)


def _intended_in_time(before: Body, old: Memory, new: Memory) -> Iterator[Broken]:
    spec = before["spec"]
    sends = [memory.launch.send if memory.launch else 0 for memory in (old, new)]
    intended = new.launch is not None and new.launch.outcome is Outcome.INTENDED
    if not intended or sends[1] <= sends[0]:
        return
    if "deletionTimestamp" in before["metadata"]:
        yield "I5", "an intent is written although the object is being deleted"
    if spec.get("powerState") == "Stopped":
        yield "I10", "a machine is about to be bought although powerState is Stopped"


def _is_gone(memory: Memory) -> bool:
    return memory.machine.get("state") == str(MachineState.GONE)


def _ends_in_truth(old: Memory, new: Memory, alive: dict[str, Vm]) -> Iterator[Broken]:
    why = new.launch.ends if new.launch else None
    if why is None or (old.launch is not None and old.launch.ends is why):
        return
    vm = alive.get(new.machine_id)
    if why in {EndingReason.LOST, EndingReason.PREEMPTED} and vm is not None:
        yield "I9", f"{vm.id} bills and is taken for {why}"
    if why is EndingReason.BROKEN and vm is not None and vm.state is not MachineState.FAILED:
        yield "I9", f"{vm.id} is well and is taken for {why}"
