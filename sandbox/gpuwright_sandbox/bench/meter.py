"""What a phase of a run has cost: by process, by request, by provider call."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # psutil 7 ships no types, and one module is not worth a stub package

from gpuwright_sandbox.bench.audit import Traffic
from gpuwright_sandbox.bench.stage import Stage
from gpuwright_sandbox.controlplane.identity import measure

OPERATOR = "operator"
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase.

    Attributes:
        seconds: what the phase is about: until the last one is Ready, settled, gone; for idle its length.
        cpu: CPU seconds by process until then; the operator under "operator".
        others_cores: how many cores other programs of this machine took meanwhile; the figures are sound near 0.
        peak_mib: the operator's peak resident memory (VmHWM) since its start.
        traffic: what the operator asked of the API server, until it had come to rest.
        calls: what the gateway was asked, by kind of call and status.
    """

    seconds: float
    cpu: Mapping[str, float]
    others_cores: float
    peak_mib: float
    traffic: Traffic
    calls: Mapping[str, int]
    details: Mapping[str, float]

    @property
    def operator_cpu(self) -> float:
        """CPU seconds of the operator."""
        return self.cpu[OPERATOR]


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds by process at one moment, and of the whole machine."""

    at: float
    cpu: Mapping[str, float]
    machine: float
    peak_mib: float


class Meter:
    """Measures one stage, phase by phase: `begin`, then `stop` at its decisive moment, then `phase` after the rest."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._last_call = 0
        self._begun = self._stopped = self.read()

    def begin(self, *, operator_is_new: bool = False) -> None:
        """A phase begins; a new process of the operator counts from its start, in `at` as well."""
        self._stage.audit.read()
        self.calls()
        reading = self.read(without_operator=operator_is_new)
        self._begun = reading

    def stop(self) -> None:
        """What is measured is over; requests that follow from it are still counted."""
        self._stopped = self.read()

    def phase(self, traffic: Traffic, seconds: float | None = None, **details: float) -> Phase:
        """Return the phase between `begin` and `stop`; its length is the seconds between them unless given."""
        begun, stopped = self._begun, self._stopped
        elapsed = stopped.at - begun.at
        cpu = {name: round(used - begun.cpu.get(name, 0.0), 2) for name, used in stopped.cpu.items()}
        others = stopped.machine - begun.machine - sum(cpu.values())
        return Phase(
            seconds=round(elapsed if seconds is None else seconds, 2),
            cpu=cpu,
            others_cores=round(max(0.0, others) / max(elapsed, 0.001), 2),
            peak_mib=round(stopped.peak_mib, 1),
            traffic=traffic,
            calls=self.calls(),
            details={name: round(value, 2) for name, value in details.items()},
        )

    def read(self, *, without_operator: bool = False) -> Reading:
        """Return what every process has used by now."""
        stage = self._stage
        cpu = {name: usage.cpu_seconds for name, usage in stage.plane.usage().items()}
        if stage.gateway.pid is not None:
            cpu["gateway"] = measure(stage.gateway.pid).cpu_seconds
        cpu["benchmark"] = measure(os.getpid()).cpu_seconds
        peak = 0.0
        if not without_operator:
            usage = stage.subject.usage()
            cpu[OPERATOR] = usage.cpu_seconds
            peak = usage.peak_rss_bytes / MIB
        return Reading(time.time(), cpu, _machine_cpu(), peak)

    def calls(self) -> Mapping[str, int]:
        """Return what the gateway was asked since the last time, by kind of call and status."""
        records = self._stage.gateway.requests(after=self._last_call)
        self._last_call = max((int(str(record["number"])) for record in records), default=self._last_call)
        counted = Counter(f"{record['call']} {record['status']}" for record in records)
        return dict(counted.most_common())


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
