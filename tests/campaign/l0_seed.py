"""What a seed changes in the small worlds: how long things take, and the order in which disturbances are tried.

All that is drawn lies within what the protocol assumes (docs/protocol.md, "Words"): a disturbance is never longer than
its name says, so no create lands later and no list lies longer than it may. All times are whole ticks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.campaign.l0_node import POLL, Node, Small
from tests.instance.far_side import FarSide

PACES = (1.0, 31 / 32, 15 / 16, 29 / 32, 7 / 8)
BOOTS = (2.0, 3.0, 4.0, 5.0)  # seconds until a machine runs
DYING = (0.5, 1.0, 1.5)  # seconds from an accepted terminate to the end
POLLS = (8, 9, 10, 11, 12)  # seconds between two lists
COMMON = FarSide()


@dataclass(frozen=True, slots=True)
class Draw:
    """What one seed has drawn."""

    pace: float
    boots: float
    dying: float
    poll: int


def drawn(seed: int) -> Draw:
    """Return what a seed draws; the same for all worlds, so that those that share their provider go on sharing it."""
    random = Random(f"L0 {seed}")
    return Draw(random.choice(PACES), random.choice(BOOTS), random.choice(DYING), random.choice(POLLS))


def seeded(small: Small, seed: int) -> Small:
    """Return the small world as this seed has it. Where a world is about one of these times, that one stays."""
    order = list(small.disturbances)
    Random(f"L0 {seed} {small.name}").shuffle(order)
    return replace(small, start=_begin(small.start, drawn(seed)), disturbances=tuple(order))


def _begin(start: Callable[[], Node], draw: Draw) -> Callable[[], Node]:
    def begin() -> Node:
        node = start()
        far, provider = node.world.far, node.world.provider
        boots = draw.boots if far.boots == COMMON.boots else far.boots
        dying = draw.dying if far.dying == COMMON.dying else far.dying
        if provider.poll.period_seconds == POLL:
            poll = provider.poll.model_copy(update={"period_seconds": draw.poll})
            provider = provider.model_copy(update={"poll": poll})
        world = replace(node.world, far=replace(far, boots=boots, dying=dying), provider=provider)
        return replace(node, world=world, pace=draw.pace)

    return begin
