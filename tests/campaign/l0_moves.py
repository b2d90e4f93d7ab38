"""What happens next: the ordinary course, one step at a time, and everything that may disturb it."""

from dataclasses import replace
from typing import Any

from tests.campaign.l0_node import Ending, Node
from tests.instance import course
from tests.instance.far_side import FarSide
from tests.instance.world import NEVER, Operator, World


def ordinary(node: Node) -> tuple[str, Node] | None:
    """Return the next step of the ordinary course, and who makes it; None where nothing will ever happen."""
    world = node.world
    for ending in node.endings:
        if ending.at <= world.now:
            return "", _ended(node, ending)
    who = actor(node)
    if who is not None:
        return who, node.then(_moved(world, who))
    moment = min(moments(node), default=NEVER)
    if moment >= NEVER:
        return None
    return "", node.then(world.passes(max(course.TICK, moment - world.now)))


def actor(node: Node) -> str | None:
    """Return the operator that moves next, if one has anything to do at this moment."""
    frozen, world = node.frozen, node.world
    ranked = sorted(world.operators, key=lambda who: who != node.first)
    return next((who for who in ranked if who not in frozen and busy(world, who)), None)


def busy(world: World, who: str) -> bool:
    """Return whether an operator has something to do at this moment."""
    op = world.operators[who]
    if op.doing is not None or op.rests_until <= world.now or _list_is_due(world, op):
        return True
    return not op.deaf and op.cached is not world.stored and op.cached != world.stored


def _list_is_due(world: World, op: Operator) -> bool:
    return world.far.reads and world.now >= op.listed + world.provider.poll.period_seconds


def _moved(world: World, who: str) -> World:
    """Return the world after one step of an operator, as course.py plays them."""
    world = course.watches(world, who)
    op = world.operators[who]
    if op.doing is not None:
        return course.goes_on(world, who)
    if _list_is_due(world, op):
        return world.lists(who)
    return course.decides(world, who)


def moments(node: Node) -> list[float]:
    """Return the times at which something happens by itself."""
    world, frozen = node.world, node.frozen
    ops = [op for who, op in world.operators.items() if who not in frozen]
    found = [*world.far.moments(), *(ending.at for ending in node.endings), *(op.rests_until for op in ops)]
    if world.far.reads:
        found += [op.listed + world.provider.poll.period_seconds for op in ops]
    return [moment for moment in found if moment > world.now]


def _ended(node: Node, ending: Ending) -> Node:
    """Return the state after a disturbance has ended."""
    world = node.world
    match ending.what:
        case "hears":
            world = world.operator(ending.who, deaf=False)
        case "goes on":
            world = world.user(annotations={})
        case "wakes":
            op = world.operators[ending.who]
            world = world.operator(ending.who, slept=op.slept + world.now - ending.begun)
        case "can be ended":
            world = world.at(world.far.changing(ending.who, immortal=False))
        case what if what in _PROVIDER_AGAIN:
            world = replace(world.provider_is(**_PROVIDER_AGAIN[what]), hindrance=None)
        case what:
            assert what == "thaws", what
    return replace(node, world=world, endings=tuple(other for other in node.endings if other is not ending))


_PROVIDER_AGAIN: dict[str, dict[str, Any]] = {
    "sees again": {"blind": False, "blind_lists": False},
    "tells the truth": {"empty_lists": False, "empty_looks": False},
    "comes back": {"place": FarSide().place},
}
"""How the provider is again after a disturbance of it has ended."""
