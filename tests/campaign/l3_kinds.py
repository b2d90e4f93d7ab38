"""All points of the level."""

from functools import partial
from random import Random

from tests.campaign.l3_clean import Clean
from tests.campaign.l3_judge import compare
from tests.campaign.l3_kills import KillAt, Position, is_chance
from tests.campaign.l3_outages import outage_points
from tests.campaign.l3_points import Point
from tests.campaign.l3_removals import removal_points
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Slots
from tests.campaign.l3_streams import stream_points
from tests.campaign.l3_zombies import zombie_points


def points_of(clean: list[Clean], seed: int) -> list[Point]:
    """Return all points; in an order that mixes the workflows."""
    points = [*kill_points(clean, seed), *zombie_points(clean, seed), *stream_points(clean), *removal_points()]
    points += outage_points(clean)
    Random(seed).shuffle(points)
    return points


def kill_points(clean: list[Clean], seed: int) -> list[Point]:
    """Return one point for each effect of each workflow and each position."""
    return [
        Point(
            f"kill/{one.play.name}/{effect}/{position}",
            partial(killed, one, effect, position, seed),
            fresh=one.play.fresh,
            by_chance=is_chance(effect),
        )
        for one in clean
        for effect in one.effects
        for position in Position
    ]


def killed(clean: Clean, effect: str, position: Position, seed: int, slots: Slots) -> Report:
    """Play a workflow and kill the operator at one effect."""
    play = clean.play
    with slots.lent(fresh=play.fresh, provider=play.provider) as slot:
        report = played(slot, play, KillAt(slot.operator, effect, position, seed))
        compare(report, clean)
        slot.worn = slot.worn or bool(report.broken)
    return report
