"""The soak: many instances on a real control plane and gateway, and for an hour something goes wrong every moment.

The operator is killed, the API server and the gateway stand still, calls are spoilt, instances come and go. Then all is
mended, everything must come to be Ready, and everything is deleted. What counts is the gateway's truth: no owner ever
had two machines, and none bills at the end. One process lives through the second half, and its memory must not grow.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from random import Random

from tests.campaign.outcome import Outcome, Violation
from tests.campaign.soak_memory import Growth, Sample, growth
from tests.campaign.soak_plan import (
    REQUEST_SECONDS,
    SETTLE_SECONDS,
    Churn,
    Disturbance,
    Freeze,
    GatewayFault,
    Kill,
    Planned,
    planned,
)

from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.bench.stage import Setting, Stage, instance, staged
from gpuwright_sandbox.controlplane.binaries import Places, find_all

LEVEL = "soak"
WHAT = "instances on a real control plane while something goes wrong every moment; the gateway's truth, and memory"
SECONDS = 3600.0
INSTANCES = 1000
SAMPLES = 60  # in all, but none sooner than after a second
PATIENCE_SECONDS = 900.0  # until all is Ready, and until all is gone
_GLANCE_SECONDS = 2.0
_MIB = 2**20

SETTING = Setting(
    name="soak",
    provider={
        "limits": {"createsPerMinute": 60_000, "maxInFlight": 64},
        "poll": {"periodSeconds": 5},
        "timeouts": {"connectSeconds": 1, "requestSeconds": REQUEST_SECONDS},
        "settleSeconds": SETTLE_SECONDS,
    },
    gateway={"boot_seconds": 1.0},
)


def run(
    seed: int, *, sample: float = 1.0, replay: str = "", seconds: float = SECONDS, instances: int = INSTANCES
) -> Outcome:
    """Soak for so long, or a share of it. There are no points to be tried alone: a replay is the whole again."""
    del replay
    began = time.perf_counter()
    soak = Soak(seed, seconds * sample, instances)
    asyncio.run(soak.run())
    return soak.outcome(time.perf_counter() - began)


class Soak:
    """One soak, and what it has seen."""

    def __init__(self, seed: int, seconds: float, instances: int) -> None:
        self._seed = seed
        self._seconds = seconds
        self._instances = instances
        self._plan = planned(seed, seconds)
        self._random = Random(f"soak {seed} which")
        self._names: list[str] = []
        self._number = 0
        self._began = 0.0
        self._done = 0
        self._restarts = 0
        self._writes = 0
        self._samples: list[Sample] = []
        self._violations: list[tuple[str, str]] = []
        self._facts: dict[str, float] = {}

    async def run(self) -> None:
        """Start everything, disturb it, mend it, and delete it all."""
        binaries = find_all(Places.of_environment(os.environ))
        async with staged(SETTING, binaries, (sys.executable,)) as stage:
            await self._create(stage, self._instances)
            self._began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(stage))
                await self._disturb(stage)
                watching.cancel()
            await self._mend(stage)
            await self._delete_all(stage)
            self._judge(stage)

    async def _create(self, stage: Stage, count: int) -> None:
        names = [f"soak-{self._number + number:06}" for number in range(count)]
        self._number += count
        self._names += names
        await stage.driver.post_all(instance(name) for name in names)

    async def _disturb(self, stage: Stage) -> None:
        """Do what is planned when it is due; what takes its time delays the rest, and nothing is left out."""
        for entry in self._plan:
            await asyncio.sleep(max(0.0, entry.at - self._elapsed()))
            await self._make(stage, entry)
            self._done += 1
        await asyncio.sleep(max(0.0, self._seconds - self._elapsed()))

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    async def _make(self, stage: Stage, entry: Planned) -> None:
        self._count(entry.disturbance)
        match entry.disturbance:
            case Kill():
                stage.subject.kill()
                stage.subject.spawn()
                self._restarts += 1
            case Freeze("gateway", seconds):
                stage.gateway.pause()
                await asyncio.sleep(seconds)
                stage.gateway.resume()
            case Freeze(_, seconds):
                stage.plane.pause("kube-apiserver")
                await asyncio.sleep(seconds)
                stage.plane.resume("kube-apiserver")
            case GatewayFault(spec):
                stage.gateway.add_fault(**spec)
            case Churn(share):
                await self._churn(stage, max(1, round(share * self._instances)))

    def _count(self, disturbance: Disturbance) -> None:
        name = f"{type(disturbance).__name__} made"
        self._facts[name] = self._facts.get(name, 0.0) + 1

    async def _churn(self, stage: Stage, count: int) -> None:
        gone = self._random.sample(self._names, min(count, len(self._names)))
        self._names = [name for name in self._names if name not in gone]
        await stage.driver.delete_all(gone)
        await self._create(stage, len(gone))

    async def _watch(self, stage: Stage) -> None:
        """Take a sample every minute, and print it."""
        pace = max(1.0, self._seconds / SAMPLES)
        while True:
            self._sample(stage)
            await asyncio.sleep(pace)

    def _sample(self, stage: Stage) -> None:
        self._writes += sum(request.is_write for request in stage.audit.read())
        try:
            mib = stage.subject.usage().rss_bytes / _MIB
        except BenchError as error:
            self._violations.append(("I12", f"the operator ended by itself: {error}"))
            stage.subject.spawn()
            return
        exist = len(stage.driver.seen.exist)
        sample = Sample(self._elapsed(), mib, self._restarts, self._writes, exist)
        self._samples.append(sample)
        print(  # noqa: T201 - an hour is long
            f"{sample.at:7.0f} s  {mib:6.1f} MiB  {self._restarts} restarts  {self._writes} writes  {exist} instances",
            flush=True,
        )

    async def _mend(self, stage: Stage) -> None:
        """Take all faults away, and wait until everything that is wanted is Ready."""
        stage.gateway.clear_faults()
        began = time.monotonic()
        wanted = set(self._names)

        async def is_ready() -> bool:
            bodies = {body["metadata"]["name"]: body for body in await stage.driver.instances()}
            return bodies.keys() == wanted and all(_is_ready(body) for body in bodies.values())

        if not await _until(is_ready):
            self._late(stage, "Ready")
        self._facts["seconds until all was Ready"] = round(time.monotonic() - began, 1)

    async def _delete_all(self, stage: Stage) -> None:
        began = time.monotonic()
        await stage.driver.delete_all(self._names)

        async def is_gone() -> bool:
            return not await stage.driver.instances()

        if not await _until(is_gone):
            self._late(stage, "gone")
        self._facts["seconds until all was gone"] = round(time.monotonic() - began, 1)
        await asyncio.sleep(SETTLE_SECONDS + REQUEST_SECONDS)

    def _late(self, stage: Stage, what: str) -> None:
        words = f"not all {what} within {PATIENCE_SECONDS:.0f} s: {stage.driver.seen.standing()}"
        self._violations.append(("I12", words))

    def _judge(self, stage: Stage) -> None:
        """Ask the gateway for its truth, and look at the memory."""
        owners = stage.gateway.owners()
        doubled = [uid for uid, count in owners.items() if uid and int(str(count["peak"])) > 1]
        leaked = stage.gateway.live_machines()
        grown = growth(self._samples, self._seconds)
        self._violations += [("I1", f"{uid} had {owners[uid]['peak']} machines at once") for uid in doubled]
        self._violations += [("I2", f"{one['id']} ({one['name']}) bills, and everything is deleted") for one in leaked]
        if grown.grows:
            words = f"{grown.mib_added:.1f} MiB in {grown.seconds:.0f} s on {grown.level_mib:.1f} MiB"
            self._violations.append(("memory", f"the operator's memory grows: {words}"))
        self._facts |= _figures(grown)
        made = sum(int(str(count["created"])) for count in owners.values())
        self._facts |= {"machines made": made, "machines doubled": len(doubled), "machines leaked": len(leaked)}
        self._facts |= {"restarts": self._restarts, "API writes": self._writes, "instances": self._number}

    def outcome(self, seconds: float) -> Outcome:
        """Return what the soak has shown."""
        again = f"python -m tests.campaign --level soak --seed {self._seed} --seconds {self._seconds:g}"
        command = f"{again} --instances {self._instances}"
        violations = tuple(Violation(invariant, words, command) for invariant, words in self._violations)
        facts = tuple((name, float(value)) for name, value in self._facts.items())
        return Outcome(LEVEL, WHAT, len(self._plan), self._done, violations, self._seed, seconds, facts)


def _figures(grown: Growth) -> dict[str, float]:
    return {
        "MiB of the second half": round(grown.level_mib, 1),
        "MiB an hour in the second half": round(grown.mib_an_hour, 2),
        "memory was judged": float(grown.judged),
    }


def _is_ready(body: dict[str, object]) -> bool:
    status = body.get("status")
    return isinstance(status, dict) and status.get("summary") == "Running"


async def _until(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Return whether it holds in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if await holds():
            return True
        await asyncio.sleep(_GLANCE_SECONDS)
    return False
