"""All points of the level."""

from functools import partial
from random import Random

from tests.campaign.l3_checks import Broken
from tests.campaign.l3_clean import Clean, flat
from tests.campaign.l3_kills import KillAt, Position
from tests.campaign.l3_points import Point
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Slots


def points_of(clean: list[Clean], seed: int) -> list[Point]:
    """Return all points; in an order that mixes the workflows."""
    points = kill_points(clean, seed)
    Random(seed).shuffle(points)
    return points


def kill_points(clean: list[Clean], seed: int) -> list[Point]:
    """Return one point for each effect of each workflow and each position."""
    return [
        Point(
            f"kill/{one.play.name}/{effect}/{position}",
            partial(killed, one, effect, position, seed),
            fresh=one.play.fresh,
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


def compare(report: Report, clean: Clean) -> None:
    """Add what is not as it is when nothing goes wrong (I16)."""
    if not report.end:
        return
    end = flat(report.end)
    for path, value in clean.end.items():
        if end.get(path) != value:
            report.broken.append(Broken("I16", f"{path} is {end.get(path)}, and {value} when nothing goes wrong"))
