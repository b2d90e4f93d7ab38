"""The two columns that every run is held against: what the peer took, and what ours may take (docs/benchmarks.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from gpuwright_sandbox.bench.meter import Phase
from gpuwright_sandbox.bench.results import SizeRun

OK, OVER = "ok", "OVER"
_INSTANCES = "computeinstances"
_BUDGET_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside both columns; a `budget` of None is a figure without one."""

    name: str
    peer: str
    budget: float | None
    ours: float
    digits: int = 1

    @property
    def verdict(self) -> str:
        """Whether ours is within the budget; empty without one. What is shown is what is compared."""
        if self.budget is None:
            return ""
        return OK if round(self.ours, self.digits) <= round(self.budget, self.digits) else OVER

    def cells(self) -> tuple[str, ...]:
        """Return the row as text: name, peer, budget, ours, verdict."""
        budget = "" if self.budget is None else f"{self.budget:g}"
        return (self.name, self.peer, budget, f"{self.ours:.{self.digits}f}", self.verdict)


HEADER = ("", "Karpenter + kwok", "budget", "ours", "")


@dataclass(frozen=True, slots=True)
class Peer:
    """What Karpenter's kwok provider took for one size, measured on 2 cores on 2026-11-22, "-" where it was not."""

    writes: str
    create_cpu: str
    peak: str
    create_seconds: str
    delete_writes: str
    delete_cpu: str
    delete_seconds: str


_NO_PEER = Peer("-", "-", "-", "-", "-", "-", "-")
PEERS: Mapping[int, Peer] = {
    100: Peer("19.5", "3.1", "123", "7.3", "12.1", "2.4", "7.6"),
    500: Peer("18.1", "25.8", "272", "54.4", "12.2", "15.1", "37.9"),
    1000: Peer("15.0", "70.2", "479", "97.8", "12.5", "57.2", "154"),
}
"""Its writes include Events (1.2 to 6 a machine). Only the run of 1,000 has its idle and restart figures."""


def size_rows(run: SizeRun) -> list[Row]:
    """Return the rows of one run.

    The budgets are for 1,000 machines. For fewer, what grows with their number (CPU seconds and seconds of the
    creation) has its part of the budget, and the rest has all of it; for more than 1,000 likewise.
    """
    peer = PEERS.get(run.size, _NO_PEER)
    share = run.size / _BUDGET_SIZE
    big = run.size == _BUDGET_SIZE
    create, idle, restart, delete = (run.phases[name] for name in ("create", "idle", "restart", "delete"))
    peak = max(phase.peak_mib for phase in run.phases.values())
    events = create.traffic.event_count + delete.traffic.event_count
    return [
        Row("API writes per machine, creation to Ready", peer.writes, 4, per_machine(create, run.size), 2),
        Row("API writes per machine, delete", peer.delete_writes, 2, per_machine(delete, run.size), 2),
        Row("operator CPU s, creation to Ready", peer.create_cpu, 5 * share, create.operator_cpu),
        Row("operator CPU s, delete", peer.delete_cpu, None, delete.operator_cpu),
        Row("peak resident memory MiB", peer.peak, 150, peak, 0),
        Row("seconds until all are Ready", peer.create_seconds, 50 * share, create.seconds),
        Row("seconds until all are gone", peer.delete_seconds, None, delete.seconds),
        Row("idle: operator CPU s a minute", "13 to 15" if big else "-", 1, idle.operator_cpu * 60 / idle.seconds, 2),
        Row("idle: API writes", "0" if big else "-", 0, idle.traffic.write_count + idle.traffic.event_count, 0),
        Row("restart: seconds to settled", "8 to 15" if big else "-", 5, restart.seconds),
        Row("restart: API writes", "about 1,000" if big else "-", 0, writes_and_events(restart), 0),
        Row("restart: operator CPU s", "4 to 6" if big else "-", None, restart.operator_cpu),
        Row("Events, creation and delete", "in the writes", None, events, 0),
        Row("other API writes, creation and delete", "in the writes", None, _others(create) + _others(delete), 0),
        Row("machines made more than asked for", "-", 0, run.truth.created - run.size, 0),
    ]


PHASE_HEADER = ("", "seconds", "operator CPU s", "API server CPU s", "peak MiB", "others' cores")
REQUEST_HEADER = ("", "create", "idle", "restart", "delete")


def phase_cells(run: SizeRun) -> list[tuple[str, ...]]:
    """Return a row per phase; "others' cores" is what foreign programs took of the machine meanwhile."""
    return [
        (
            name,
            f"{phase.seconds:.1f}",
            f"{phase.operator_cpu:.2f}",
            f"{phase.cpu['kube-apiserver']:.1f}",
            f"{phase.peak_mib:.0f}",
            f"{phase.others_cores:.2f}",
        )
        for name, phase in run.phases.items()
    ]


def request_cells(run: SizeRun) -> list[tuple[str, ...]]:
    """Return a row per kind of request to the API server and to the provider, a column per phase."""
    counts = [_requests(run.phases[phase]) for phase in REQUEST_HEADER[1:]]
    labels = dict.fromkeys(label for counted in counts for label in counted)
    return [(label, *(str(counted.get(label, 0)) for counted in counts)) for label in labels]


def _requests(phase: Phase) -> dict[str, int]:
    traffic = phase.traffic
    provider = {f"provider: {label}": count for label, count in phase.calls.items()}
    return {**traffic.writes, **traffic.events, **traffic.reads, **provider}


def kill_rows(instances: int, doubled: int, leaked: int, ownerless: int) -> list[Row]:
    """Return the rows of the kill benchmark; the peer's 539 are 13.5 % of 4,000."""
    return [
        Row(f"machines doubled, of {instances}", "539 of 4,000", 0, doubled, 0),
        Row("machines leaked, alive after all was deleted", "all of those", 0, leaked, 0),
        Row("machines without an object once all are Ready", "539 of 4,000", 0, ownerless, 0),
    ]


def per_machine(phase: Phase, size: int) -> float:
    """Return the writes to instances and their status, per instance; refused ones count."""
    return phase.traffic.about(_INSTANCES) / size


def writes_and_events(phase: Phase) -> int:
    """Return all that was written."""
    return phase.traffic.write_count + phase.traffic.event_count


def _others(phase: Phase) -> int:
    return phase.traffic.write_count - phase.traffic.about(_INSTANCES)
