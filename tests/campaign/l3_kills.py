"""SIGKILL at each effect of each workflow: before it arrives, with its answer lost, or right after its answer."""

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from random import Random

from tests.campaign.l3_door import LetPass
from tests.campaign.l3_effects import READS, Exchange
from tests.campaign.l3_operator import Operator


class Position(StrEnum):
    """Where the operator dies."""

    BEFORE = "before"  # the request never arrives
    LOST = "lost"  # it was carried out, and its answer is lost
    AFTER = "after"  # its answer is on its way, or has just been read


class Nowhere(LetPass):
    """No effect at all: how things go when nothing goes wrong."""

    struck = False


class KillAt(LetPass):
    """Kill the operator at one effect.

    Attributes:
        struck: whether it was.
    """

    def __init__(self, operator: Operator, effect: str, position: Position, seed: int) -> None:
        self._operator = operator
        self._effect = effect
        self._position = position
        # How far it gets with an answer is chance, so it is tried at several depths.
        self._pause = Random(f"{seed}/{effect}/{position}").choice((0.0, 0.001, 0.005, 0.02))
        self.struck = False

    async def before(self, exchange: Exchange) -> bool:
        """See Plan."""
        return not self._strike(exchange, Position.BEFORE)

    async def after(self, exchange: Exchange) -> bool:
        """See Plan."""
        return not self._strike(exchange, Position.LOST)

    async def done(self, exchange: Exchange) -> None:
        """See Plan."""
        if self._is_it(exchange, Position.AFTER):
            await asyncio.sleep(self._pause)
            self._strike(exchange, Position.AFTER)

    def _is_it(self, exchange: Exchange, position: Position) -> bool:
        return not self.struck and position is self._position and exchange.effect == self._effect

    def _strike(self, exchange: Exchange, position: Position) -> bool:
        if not self._is_it(exchange, position):
            return False
        self.struck = True
        self._operator.strike()
        return True


def worth_killing(effects: Iterable[str]) -> list[str]:
    """Return the effects at which to kill: each write and call, and the first read of a kind after each of them."""
    found = dict.fromkeys(effects)
    return [effect for effect in found if not _is_read(effect) or effect.endswith("#1")]


def _is_read(effect: str) -> bool:
    return effect.split(" ", 1)[0] in READS


def steady(first: list[str], second: list[str]) -> list[str]:
    """Return what both of two clean runs did, and all that is on record in either.

    Which reads there are, and how often is told how things stand, is partly chance.
    """
    both = [effect for effect in first if effect in second or not is_chance(effect)]
    return both + [effect for effect in second if effect not in first and not is_chance(effect)]


def is_chance(effect: str) -> bool:
    """Return whether this is a read, or a write that puts nothing on record.

    Of many Events at once some are told as one, later: in a place that has seen many plays one may come in the next.
    """
    return _is_read(effect) or " says " in effect or effect.startswith("event ")
