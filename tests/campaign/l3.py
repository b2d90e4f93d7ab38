"""L3: the operator as a child process on the real API server, killed at each effect, frozen, cut off and lied to.

Two doors see every effect of an operator: one before the API server, one before the gateway. The gateway's own history
says what was true. Results are kept in build/campaign/l3.jsonl; a point that was tested with the same version and seed
is not tested again.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.campaign.book import BUILD, ROOT, Book, version_of
from tests.campaign.l3_clean import all_recorded
from tests.campaign.l3_kinds import points_of
from tests.campaign.l3_operator import copied
from tests.campaign.l3_patient import PatientCluster
from tests.campaign.l3_points import Point, results_of
from tests.campaign.l3_slot import Ground, Slots
from tests.campaign.outcome import Outcome, Violation

from gpuwright_sandbox.controlplane.plane import ControlPlane

WHAT = "the operator as a process on a real API server: killed at each effect, frozen, cut off and lied to"
JUDGES = ("l3_checks.py", "l3_effects.py", "l3_kills.py", "l3_plays.py", "l3_run.py", "l3_trace.py")
AT_ONCE = int(os.environ.get("CAMPAIGN_AT_ONCE", "3"))  # operators that run at the same moment


def run(seed: int, *, sample: float = 1.0, replay: str = "") -> Outcome:
    """Test all points, or a share of them; or one point again, with its trace printed."""
    began = time.monotonic()
    sources = copied("l3-operator")
    version = tested_version(sources)
    book = Book(None if replay else BUILD / "l3.jsonl", version, seed)
    with ground(sources) as shared, Slots(shared) as slots:
        points = points_of(all_recorded(slots, Book(BUILD / "l3.jsonl", version, seed), AT_ONCE), seed)
        if replay:
            return _replayed(points, slots, replay, seed, began)
        chosen = points if sample >= 1 else Random(seed).sample(points, max(1, round(sample * len(points))))
        entries = results_of(chosen, slots, book, AT_ONCE)
    return _outcome(points, entries, seed, time.monotonic() - began)


def tested_version(sources: Path) -> str:
    """Return a hash over the operator, its CRDs, and what judges it here."""
    return version_of(sources / "gpuwright", ROOT / "crds", *(Path(__file__).with_name(name) for name in JUDGES))


@contextmanager
def ground(sources: Path) -> Iterator[Ground]:
    """Start a control plane for operators from these sources."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="l3-")))
        plane = stack.enter_context(ControlPlane(folder / "plane", audit=False))
        plane.install_crds(ROOT / "crds")
        (folder / "logs").mkdir()
        yield Ground(plane, stack.enter_context(PatientCluster(plane.admin_kubeconfig())), sources, folder / "logs")


def _replayed(points: list[Point], slots: Slots, replay: str, seed: int, began: float) -> Outcome:
    point = next((point for point in points if point.id == replay), None)
    if point is None:
        raise SystemExit(f"there is no point {replay}; there are, for one, {points[0].id} and {points[-1].id}")
    report = point.run(slots)
    for event in report.trace.events:
        print(event)  # noqa: T201
    verdict = "broken" if report.broken else "held" if report.struck else "missed"
    entry = {"id": point.id, "verdict": verdict, "broken": report.broken}
    return _outcome([point], [entry], seed, time.monotonic() - began)


def _outcome(points: list[Point], entries: list[Mapping[str, Any]], seed: int, seconds: float) -> Outcome:
    done = [entry for entry in entries if entry["verdict"] in {"held", "broken"}]
    by_chance = {entry["id"] for entry in entries if entry["verdict"] == "absent"}
    points = [point for point in points if point.id not in by_chance]
    violations = [
        Violation(invariant, f"{entry['id']}: {message}", _replay(entry["id"], seed))
        for entry in done
        for invariant, message in entry["broken"]
    ]
    kinds = Counter(point.kind for point in points)
    tested = Counter(entry["id"].partition("/")[0] for entry in done)
    facts = [(f"{kind} found", float(count)) for kind, count in sorted(kinds.items())]
    facts += [(f"{kind} tested", float(tested[kind])) for kind in sorted(kinds)]
    facts.append(("reads and reports that came in the clean runs only", float(len(by_chance))))
    return Outcome("L3", WHAT, len(points), len(done), tuple(violations), seed, round(seconds, 1), tuple(facts))


def _replay(point: str, seed: int) -> str:
    return f"python -m tests.campaign --level L3 --seed {seed} --replay '{point}'"
