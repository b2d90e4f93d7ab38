"""L6: mistakes that operators of this kind are known for, put into ours one at a time; each must be caught by name.

A mutant is a copy of the operator with exact pieces of its text replaced; a piece that is not there any more is an
error. What is to catch it runs against the copy in a process of its own, and against the operator as it is, where it
must find nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from tests.campaign.mutants.catalogue import MUTANTS, mutant_named
from tests.campaign.mutants.mutant import ROOT, Mutant, copied
from tests.campaign.outcome import Outcome, Violation

LEVEL = "L6"
WHAT = "mutants: known mistakes of such operators, put into ours one at a time; each is caught by its invariant's name"
PATIENCE_SECONDS = 120.0

Broken = Mapping[str, Mapping[str, str]]
"""By killer: the invariants that it shows to be broken, with a sentence each."""


class JudgeFailed(Exception):
    """A killer could not be run to its end; the message has what it said."""


def run(seed: int, *, sample: float = 1.0, replay: str = "") -> Outcome:
    """Try all mutants, or a share of them chosen by the seed, or one again, of which is printed what caught it."""
    began = time.perf_counter()
    chosen = (mutant_named(replay),) if replay else _share(sample, seed)
    violations = list(_false_alarms(seed, judged(None, [mutant.killer for mutant in chosen], seed)))
    caught: dict[str, str] = {}
    for mutant in chosen:
        broken = judged(mutant, [mutant.killer], seed)[mutant.killer]
        if mutant.invariant in broken:
            caught[mutant.id] = broken[mutant.invariant]
        else:
            violations.append(_survived(seed, mutant, broken))
        if replay:
            _tell(mutant, broken)
    found = 1 if replay else len(MUTANTS)
    facts = (("killed", float(len(caught))), ("survived", float(len(chosen) - len(caught))))
    seconds = time.perf_counter() - began
    return Outcome(LEVEL, WHAT, found, len(chosen), tuple(violations), seed, seconds, facts)


def _share(sample: float, seed: int) -> tuple[Mutant, ...]:
    if sample >= 1:
        return MUTANTS
    return tuple(Random(seed).sample(MUTANTS, max(1, round(len(MUTANTS) * sample))))


def judged(mutant: Mutant | None, killers: Sequence[str], seed: int) -> Broken:
    """Return what killers say of a mutant, or of the operator as it is. Raises DoesNotApply, JudgeFailed."""
    with tempfile.TemporaryDirectory(prefix="gpuwright-mutant-") as folder:
        sources = copied(mutant, Path(folder))
        command = (
            sys.executable,
            "-m",
            "tests.campaign.mutants.judge",
            str(seed),
            str(sources),
            *dict.fromkeys(killers),
        )
        environment = {**os.environ, "PYTHONPATH": str(sources)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    if done.returncode != 0:
        raise JudgeFailed(f"{mutant.id if mutant else 'the operator'}: {done.stderr[-3000:]}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["killer"]: answer["broken"] for answer in answers}


def _false_alarms(seed: int, broken: Broken) -> Iterator[Violation]:
    """Yield what is found although there is no mistake: it would prove nothing about a mutant."""
    for killer, found in broken.items():
        for invariant, words in found.items():
            again = next(mutant.id for mutant in MUTANTS if mutant.killer == killer)
            yield Violation(invariant, f"{killer}, without any mutant: {words}", _command(seed, again))


def _survived(seed: int, mutant: Mutant, broken: Mapping[str, str]) -> Violation:
    found = ", ".join(broken) or "nothing"
    words = f"{mutant.id} ({mutant.known}) survived: {mutant.killer} should show {mutant.invariant}, and shows {found}"
    return Violation(mutant.invariant, words, _command(seed, mutant.id))


def _command(seed: int, name: str) -> str:
    return f"python -m tests.campaign --level {LEVEL} --seed {seed} --replay {name}"


def _tell(mutant: Mutant, broken: Mapping[str, str]) -> None:
    print(f"{mutant.id} {mutant.known}: {mutant.here}")  # noqa: T201 - what a replay is for
    for invariant, words in broken.items():
        print(f"    {invariant}: {words}")  # noqa: T201
