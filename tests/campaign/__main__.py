"""`python -m tests.campaign`: run levels of the campaign, print one row each, and keep what they found as JSON."""

import argparse
import random
import signal
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.campaign import publish
from tests.campaign.outcome import Outcome

LEVELS = ("L0", "L1", "L3", "L4", "L5", "L6")
SOAK = "soak"  # an hour of random faults: only where it is asked for
SPREAD = frozenset({"L0", "L1", "L4"})  # levels without a control plane, which several processes can share
ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "campaign" / "campaign.json"
PUBLISHED = ROOT / "docs" / "campaign.json"
SEEDS = 2**31

Run = Callable[..., Outcome]


def main(arguments: Iterable[str]) -> int:
    """Return 0 if every point that was found was tested and nothing was wrong, else 1; 2 on a bad argument."""
    options = _options(arguments)
    seed = random.randrange(SEEDS) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    outcomes = []
    for level in options.level or LEVELS:
        outcome = level_run(level)(seed, sample=options.sample, replay=options.replay, **_of_the_level(level, options))
        print(*publish.lines(outcome), sep="\n", flush=True)
        outcomes.append(outcome)
        if not (options.replay or options.part):
            publish.keep(KEPT, outcome, options.sample)
    if options.publish:
        publish.publish(KEPT, PUBLISHED)
    whole = options.sample >= 1 and not (options.replay or options.part)
    return 0 if all(outcome.clean if whole else not outcome.violations for outcome in outcomes) else 1


def level_run(level: str) -> Run:
    """Return the level's run()."""
    run: Run = import_module(f"tests.campaign.{level.lower()}").run
    return run


def _of_the_level(level: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return what only some levels are told: in how many processes, which part, for how long, how many instances."""
    said: dict[str, Any] = {"processes": options.processes} if level in SPREAD else {}
    if options.part:
        said["part"] = options.part
    if level == SOAK:
        said = {"seconds": options.seconds, "instances": options.instances}
    return {name: value for name, value in said.items() if value is not None}


def _options(arguments: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument(
        "--level", action="append", choices=(*LEVELS, SOAK), help="may be repeated (default: all but the soak)"
    )
    parser.add_argument("--seed", type=int, help="of all that is drawn (default: a new one, which is printed)")
    parser.add_argument("--sample", type=_share, default=1.0, help="share of the points that is tested (default: 1)")
    parser.add_argument("--replay", default="", help="run one point again, as a violation names it; wants one --level")
    parser.add_argument("--part", default="", help="only one kind of L1's points, such as faults; wants --level L1")
    parser.add_argument("--processes", type=int, default=1, help="that share L0, L1 and L4 (default: 1)")
    parser.add_argument("--seconds", type=float, help="how long a soak lasts (default: 3600)")
    parser.add_argument("--instances", type=int, help="how many instances a soak has (default: 1000)")
    parser.add_argument("--publish", action="store_true", help="write what is kept in build/ to docs/ as well")
    options = parser.parse_args(list(arguments))
    if options.replay and len(options.level or ()) != 1:
        parser.error("--replay wants one --level, such as --level L1")
    if options.part and options.level != ["L1"]:
        parser.error("--part wants --level L1")
    return options


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError(text)
    return share


if __name__ == "__main__":
    # Like Ctrl-C: all that a level has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
