"""L5: every place of the API, changed, unset, made invalid and back, on a real API server with a real operator.

An object for each place, two dozen at once, on one operator. The order of a place's changes comes from the seed.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.campaign.l3_operator import copied
from tests.campaign.l5_ground import opened
from tests.campaign.l5_leaves import leaves
from tests.campaign.l5_rounds import Rounds
from tests.campaign.l5_steps import Course, courses_of
from tests.campaign.outcome import Outcome, Violation
from tests.crds.schema import ROOT

from gpuwright_sandbox.controlplane.plane import ControlPlane

WHAT = "every place of the API: changed, unset, made invalid and back, against untouched and directly created objects"
PATIENCE_SECONDS = 240.0  # of two hundred objects at once, on a busy machine
NAMESPACE = "l5"
AT_ONCE = 24  # places; each has some three objects, and all of them cost the same two cores


def run(seed: int, *, sample: float = 1.0, replay: str = "") -> Outcome:
    """Test all places, or a share of them; or the one of `replay` again, with its trace printed."""
    began = time.monotonic()
    courses = [course for leaf in leaves() for course in courses_of(leaf, seed)]
    chosen = chosen_of(courses, seed, sample, replay)
    with tempfile.TemporaryDirectory(prefix="l5-") as folder, ControlPlane(Path(folder), audit=False) as plane:
        plane.install_crds(ROOT / "crds")
        with opened(plane, NAMESPACE, copied("l5-operator")) as ground:
            waves = []
            for first in range(0, len(chosen), AT_ONCE):
                waves.append(Rounds(ground, PATIENCE_SECONDS, say=lambda words: print(words, file=sys.stderr)))  # noqa: T201
                waves[-1].run(chosen[first : first + AT_ONCE])
            if replay:
                for event in ground.watcher.trace(*(course.name for course in chosen)).events:
                    print(event, file=sys.stderr)  # noqa: T201
    found = chosen if replay else courses
    return outcome_of(waves, found, seed, time.monotonic() - began)


def chosen_of(courses: Sequence[Course], seed: int, sample: float, replay: str) -> Sequence[Course]:
    """Return the courses to run."""
    if replay:
        chosen = [course for course in courses if course.leaf.id == replay.partition(" ")[0]]
        if not chosen:
            raise SystemExit(f"there is no place {replay}; there is, for one, {courses[0].leaf.id}")
        return chosen
    if sample >= 1:
        return courses
    return Random(seed).sample(list(courses), max(1, round(sample * len(courses))))


def outcome_of(waves: Sequence[Rounds], courses: Sequence[Course], seed: int, seconds: float) -> Outcome:
    """Return what was found, as the campaign shows it."""
    violations = [
        Violation(one.invariant, f"{one.point}: {one.words}", _replay(one.point, seed))
        for wave in waves
        for one in wave.found
    ]
    facts = (
        ("places", float(len({course.leaf.id for course in courses}))),
        ("objects", float(sum(len(wave.things()) for wave in waves))),
        ("accepted", float(sum(wave.accepted for wave in waves))),
        ("rounds", float(sum(wave.rounds for wave in waves))),
    )
    points = sum(course.points for course in courses)
    return Outcome(
        "L5", WHAT, points, sum(wave.tested for wave in waves), tuple(violations), seed, round(seconds, 1), facts
    )


def _replay(point: str, seed: int) -> str:
    command = f"python -m tests.campaign --level L5 --seed {seed}"
    return f"{command} --replay '{point.partition(' ')[0]}'" if ":" in point else command
