"""One run: a workflow under a plan, from the first write to rest, and what was broken on the way."""

import asyncio
from dataclasses import dataclass

from tests.campaign.invariants import broken_by
from tests.campaign.invariants_conduct import CONVERGE_SECONDS, QUIET_SECONDS, why_restless
from tests.campaign.l1_api import Shaken
from tests.campaign.l1_person import Person
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_process import task_of_its_process
from tests.campaign.l1_provider import Traits
from tests.campaign.l1_several import Several
from tests.campaign.l1_workflows import Workflow
from tests.campaign.l1_world import World, connected
from tests.campaign.oracle import Counts, Reference
from tests.campaign.trace import Logged
from tests.engine.virtual_loop import VirtualLoop

PACE_SECONDS = 10.0
SECOND_SECONDS = 0.3  # after the first process the second one begins, where there are two
TICK_SECONDS = 1e-7
TAIL_SECONDS = QUIET_SECONDS + 30.0
_DEFECTS = ("AssertionError", "KeyError", "TypeError", "ValueError", "AttributeError", "RuntimeError")


class WorkingLoop(VirtualLoop):
    """Virtual time in which looking at the clock takes a moment, as it does: no pass can wait for less than that."""

    def time(self) -> float:
        """See VirtualLoop."""
        self._now += TICK_SECONDS
        return super().time()


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run has left."""

    world: World
    broken: tuple[tuple[str, str], ...]


def run_once(
    workflow: Workflow,
    traits: Traits,
    plan: Plan,
    seed: int,
    reference: Reference | None = None,
    counts: Counts = Counts.EQUAL,
) -> Ran:
    """Return what a run has led to; compared with the undisturbed one where that is given."""
    with asyncio.Runner(loop_factory=WorkingLoop) as runner:
        world = runner.run(_played(workflow, traits, plan, seed, reference))
    broken = broken_by(world.trace) + defects(world)
    if reference is not None:
        broken += [("I16", words) for words in reference.differences(world.trace, counts)]
    return Ran(world, tuple(broken))


async def _played(workflow: Workflow, traits: Traits, plan: Plan, seed: int, reference: Reference | None) -> World:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(task_of_its_process)  # type: ignore[arg-type]  # its stub wants a narrower coroutine
    await asyncio.sleep(1.7 * (seed % 31))  # so that no two seeds write the same times
    kind = Several if plan.two else World if plan.api is None else Shaken
    world = kind(traits, plan, seed)
    with connected(world):
        world.begin()
        if plan.two:
            asyncio.get_running_loop().call_later(SECOND_SECONDS, world.begin)
        await workflow(Person(world))
        await _comes_to_rest(world, reference)
        world.say_metrics()
        for process in world.running():
            process.kill()
        await asyncio.sleep(0)
    return world


async def _comes_to_rest(world: World, reference: Reference | None) -> None:
    """Wait until all is as it should be and has been for a while, or until it should have been for long."""
    since: float | None = None
    begin = max(world.now, world.scene.disturbed_at)
    while True:
        begin = max(begin, world.scene.disturbed_at)
        if _is_at_rest(world, reference):
            since = world.now if since is None else since
            if world.now - max(since, world.scene.changed_at) >= TAIL_SECONDS:
                return
        else:
            since = None
        if world.now - begin > CONVERGE_SECONDS + 2 * TAIL_SECONDS:
            return
        await asyncio.sleep(PACE_SECONDS)


def _is_at_rest(world: World, reference: Reference | None) -> bool:
    if world.flights or world.scene.faults or any(why_restless(world.scene, b) for b in world.scene.instances()):
        return False
    if any(machine.uid in world.scene.gone.keys() - world.scene.torn for machine in world.scene.machines):
        return False  # what a person has cut off is the workflow's to wait for
    return reference is None or reference.is_reached(world.scene)


def defects(world: World) -> list[tuple[str, str]]:
    """Return passes that raised what no provider and no API server can cause."""
    said = [event for event in world.trace.events if isinstance(event, Logged) and "a pass failed" in event.text]
    found = [event for event in said if any(f"\n{name}" in event.text for name in _DEFECTS)]
    return [("I12", f"at {event.at:.3f} s a pass raised {event.text.splitlines()[-1]}") for event in found]
