"""I12: wherever a run was disturbed, left alone it comes to rest at what is wanted, and then writes no more.

The ordinary course has one step after each state, so from every state it ends in a circle of states, or stands still.
Every circle is looked at, by the walk that comes to it first (l0_search.py).
"""

from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Node, Small
from tests.instance.world import World

from gpuwright.instance.actions import Action, Wait
from gpuwright.instance.rules import decide as rules
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Outcome


def stepped(node: Node) -> Node:
    """Return the state after one step of the ordinary course."""
    step = ordinary(node)
    return node if step is None else step[1]


def trouble(small: Small, node: Node, length: int) -> str:
    """Return what is wrong where the ordinary course ends: in a circle of so many states that this one is in.

    Where nothing follows, the length is 0.
    """
    version = _version(node.world)
    for _step in range(length):
        wrong = _unwanted(small, node)
        if wrong:
            return f"it comes to rest, but {wrong}"
        node = stepped(node)
    if _version(node.world) != version:
        return "it goes on writing for ever"
    return f"it stands still, but {_unwanted(small, node)}" if _unwanted(small, node) else ""


def _version(world: World) -> str:
    return world.stored["metadata"]["resourceVersion"] if world.stored is not None else ""


def _unwanted(small: Small, node: Node) -> str:
    world = node.world
    ours = [vm for vm in world.far.vms if vm.alive and vm.owner is not None and vm.owner.uid.startswith("uid-")]
    if world.stored is None:
        left = [vm.id for vm in ours if vm.id not in world.ledger]
        return f"{', '.join(left)} is left" if left else ""
    if "deletionTimestamp" in world.stored["metadata"]:
        if _reason(world) in small.stalls:
            return ""
        return f"the object is not let go: {_word(world)}"
    return _unlike_the_spec(small, world, [vm.id for vm in ours if vm.id not in world.ledger])


def _unlike_the_spec(small: Small, world: World, ours: list[str]) -> str:
    launch, decision = world.memory.launch, _decision(world)
    reason = _reason(world)
    if reason in small.stalls and (reason is Reason.RECORD_LOST or set(ours) <= {world.memory.machine_id}):
        return ""
    if (world.stored or {})["spec"].get("powerState") == "Stopped":
        on = [vm.id for vm in world.far.vms if vm.alive and vm.state is not MachineState.STOPPED and vm.id in ours]
        return f"{', '.join(on)} runs although powerState is Stopped" if on else ""
    if len(ours) != 1:
        return f"it has {len(ours)} machines: {_word(world)}"
    if launch is None or launch.outcome is not Outcome.COMMITTED or world.memory.machine_id != ours[0]:
        return f"{ours[0]} is not on record: {_word(world)}"
    ready = isinstance(decision, Wait) and decision.ready
    return "" if ready or not isinstance(decision, Wait) else f"it is not ready: {_word(world)}"


def _decision(world: World) -> Action | None:
    seen = world.sees(next(iter(world.operators)))
    return None if seen is None else rules.decide(seen)


def _reason(world: World) -> Reason | None:
    decision = _decision(world)
    return decision.reason if isinstance(decision, Wait) else None


def _word(world: World) -> str:
    decision = _decision(world)
    return f"{decision.reason}, {decision.message}" if isinstance(decision, Wait) else type(decision).__name__
