"""A frozen leader: it stops in the middle of an effect, another operator takes over, and then it goes on."""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from random import Random

from tests.campaign.l3_clean import Clean
from tests.campaign.l3_door import LetPass
from tests.campaign.l3_effects import READS, Exchange
from tests.campaign.l3_judge import compare, without_errors
from tests.campaign.l3_operator import Operator
from tests.campaign.l3_points import Point
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Slots
from tests.e2e.cluster import wait_for

COUNT = 40
PLAYS = ("create", "capacity", "delete", "recreate", "stop-start", "killed-at-provider")
FROZEN_SECONDS = (1.0, 4.0, 12.0)  # within the window, after it, and after all that was sent has settled
ON_THE_WAY_SECONDS = 1.5  # for so long what it had sent is under way; a create may take 2 s
_READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """Where a leader freezes, and for how long after the other one has come.

    Attributes:
        held: whether it freezes with its request on the way; else with the answer on the way.
    """

    effect: str
    held: bool
    seconds: float


class FreezeAt(LetPass):
    """Freeze one operator at one effect; a second one takes over, then the first one goes on.

    Attributes:
        struck: whether it has frozen.
    """

    def __init__(self, leader: Operator, other: Operator, freeze: Freeze) -> None:
        self._leader = leader
        self._other = other
        self._freeze = freeze
        self._thread = threading.Thread(target=self._take_over, name="take-over", daemon=True)
        self.struck = False

    async def before(self, exchange: Exchange) -> bool:
        """See Plan."""
        if self._freeze.held and self._begins(exchange):
            await asyncio.sleep(ON_THE_WAY_SECONDS)
        return True

    async def after(self, exchange: Exchange) -> bool:
        """See Plan."""
        if not self._freeze.held:
            self._begins(exchange)
        return True

    def join(self) -> None:
        """Return when nobody is frozen any more."""
        if self.struck:
            self._thread.join()

    def _begins(self, exchange: Exchange) -> bool:
        if self.struck or exchange.effect != self._freeze.effect:
            return False
        self.struck = True
        self._leader.freeze()
        self._thread.start()
        return True

    def _take_over(self) -> None:
        self._other.keep()
        # One that cannot begin is no reason to leave the first one frozen for ever.
        with suppress(AssertionError):
            wait_for("the second operator", self._other.is_ready, _READY_SECONDS)
        time.sleep(self._freeze.seconds)
        self._leader.thaw()


def zombie_points(clean: list[Clean], seed: int) -> list[Point]:
    """Return the points: every position at an intent, and a choice of all others."""
    every = [
        (one, Freeze(effect, held, seconds))
        for one in clean
        if one.play.name in PLAYS
        for effect in one.effects
        if effect.split(" ", 1)[0] not in {*READS, "event", "provider"}
        for held, seconds in product((True, False), FROZEN_SECONDS)
    ]
    first = [entry for entry in every if "Intended" in entry[1].effect and entry[0].play.name == "create"]
    others = [entry for entry in every if entry not in first]
    chosen = first + Random(seed).sample(others, COUNT - len(first))
    return [_point(one, freeze) for one, freeze in chosen]


def _point(clean: Clean, freeze: Freeze) -> Point:
    where = "held" if freeze.held else "answered"
    name = f"zombie/{clean.play.name}/{freeze.effect}/{where}/{freeze.seconds:g}"
    return Point(name, partial(frozen, clean, freeze), weight=2)


def frozen(clean: Clean, freeze: Freeze, slots: Slots) -> Report:
    """Play a workflow with a leader that freezes in it; at the end both operators see to the deletion."""
    with slots.lent() as slot:
        other = slot.operators[1] if len(slot.operators) > 1 else slot.add_operator()
        plan = FreezeAt(slot.operator, other, freeze)
        try:
            report = played(slot, clean.play, plan)
        finally:
            plan.join()
            other.put_down()
        without_errors(report)
        compare(report, clean)
        slot.worn = slot.worn or bool(report.broken)
    return report
