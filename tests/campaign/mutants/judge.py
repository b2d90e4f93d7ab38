"""`python -m tests.campaign.mutants.judge SEED FOLDER KILLER...`: what each killer says of the operator in a folder.

A killer is `L1 <point>`, `scene <name>` or `pytest <node>`. Prints one JSON object a killer: the invariants that it
shows to be broken, with the first sentence of each. Run in a process of its own, because the operator is imported once:
from FOLDER, or it ends with an error.
"""

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.campaign.l1_bench import Bench
from tests.campaign.l1_points import parsed
from tests.campaign.mutants.scenes import broken_in

import gpuwright

_LONGEST = 300  # characters of a sentence
_INVARIANT = re.compile(r"::test_(i[0-9]+)_")


def main(arguments: Iterable[str]) -> int:
    """Judge and print."""
    seed, folder, *killers = arguments
    here = Path(gpuwright.__file__ or "").resolve()
    if not here.is_relative_to(Path(folder).resolve()):
        raise SystemExit(f"{here} was imported, and not what is in {folder}")
    for killer in killers:
        # The tests print what they like: the answer stands in a line of its own.
        with contextlib.redirect_stdout(io.StringIO()):
            broken = _broken(killer, int(seed))
        print(json.dumps({"killer": killer, "broken": broken}), flush=True)  # noqa: T201 - what this is for
    return 0


def _broken(killer: str, seed: int) -> dict[str, str]:
    kind, _space, what = killer.partition(" ")
    match kind:
        case "L1":
            return _first(Bench(seed).tried(parsed(what)).broken)
        case "scene":
            return _first(broken_in(what, seed))
        case "pytest":
            return _failed(what)
    raise ValueError(f"{killer}: write L1, scene or pytest before it")


def _first(broken: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for invariant, words in broken:
        found.setdefault(invariant, words[:_LONGEST])
    return found


def _failed(node: str) -> dict[str, str]:
    """Run one test, which is named after its invariant: test_i14_..., in a process that imports the same operator."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", node)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and "1 passed" in done.stdout:
        return {}
    named = _INVARIANT.search(node)
    if named is None or "1 failed" not in done.stdout:
        raise RuntimeError(f"{node} could not be run: {done.stdout[-_LONGEST:]}")
    return {named.group(1).upper(): done.stdout[-_LONGEST:]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
