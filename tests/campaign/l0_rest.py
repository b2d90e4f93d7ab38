"""I12: wherever a run was disturbed, left alone it comes to rest at what is wanted, and then writes no more.

The ordinary course has one step after each state, so from every state it ends in a circle of states, or stands still.
Every circle is looked at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Node, Small
from tests.instance.world import World

from gpuwright.instance.actions import Action, Wait
from gpuwright.instance.rules import decide as rules
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Outcome


class Came(NamedTuple):
    """From which state a state was come to first, and by what; `before` is 0 for the first state."""

    before: int
    by: str


Trouble = tuple[str, str, tuple[str, ...]]


class Rest:
    """Follows the ordinary course from every state to its end. `came` and `follows` are the search's, and grow."""

    def __init__(self, small: Small, came: dict[int, Came], follows: dict[int, int]) -> None:
        self._small = small
        self._came = came
        self._follows = follows
        self._seen: set[int] = set()
        self.circles = 0

    def troubles(self, starts: Iterable[int]) -> Iterator[Trouble]:
        """Yield what is wrong where the ordinary course from these states ends: in a circle, or standing still."""
        for start in starts:
            end = self._end(start)
            if end is None:
                continue
            self.circles += 1
            path = path_to(self._came, end[0])
            words = _trouble(self._small, follow(self._small, path), end[1])
            if words:
                yield "I12", words, path

    def _end(self, start: int) -> tuple[int, int] | None:
        """Return a state of the circle that the course ends in, and the circle's length: 0 where nothing follows.

        None where the course leads into one that was followed before.
        """
        row: dict[int, int] = {}
        key = start
        while key not in self._seen:
            self._seen.add(key)
            row[key] = len(row)
            following = self._follows.get(key)
            if following is None:
                return key, 0
            if following in row:
                return following, len(row) - row[following]
            key = following
        return None


def path_to(came: dict[int, Came], key: int) -> tuple[str, ...]:
    """Return the steps that lead to a state; an empty word is a step of the ordinary course."""
    path = []
    while came[key].before:
        path.append(came[key].by)
        key = came[key].before
    return tuple(reversed(path))


def follow(small: Small, path: tuple[str, ...]) -> Node:
    """Return the state that a path leads to."""
    node = replace(small.start(), left=small.budget)
    named = {disturbance.name: disturbance for disturbance in small.disturbances}
    for by in path:
        node = stepped(node) if not by else named[by].then(node)
    return node


def stepped(node: Node) -> Node:
    """Return the state after one step of the ordinary course."""
    step = ordinary(node)
    return node if step is None else step[1]


def _trouble(small: Small, node: Node, length: int) -> str:
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
