"""`bench neighbours`: what instances of one provider feel of another provider that hangs, as ratios within one run."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from gpuwright_sandbox.bench import driver
from gpuwright_sandbox.bench.driver import Body
from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.bench.stage import PROVIDER, Setting, Stage, apply, instance, provider_of, staged
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.gateway.process import GatewayProcess
from gpuwright_sandbox.gateway.shapes import Json

SICK = "sick"
_LIMITS: Json = {"createsPerMinute": 60_000, "maxInFlight": 64}
_PATIENCE_SECONDS = 900.0
_PACE_SECONDS = 0.1  # between two instances: one must not wait for the one before
_STUCK_SECONDS = 2.0  # from the deletions at the sick one until all of them wait for it

SETTING = Setting(
    name="neighbours",
    # A machine runs as soon as it is made, so that no list is waited for: what is measured is the operator's own time.
    # Probes come often, so that the one that hung is heard of soon after it goes on.
    provider={"limits": _LIMITS, "settleSeconds": 40, "probe": {"periodSeconds": 5}},
    gateway={"boot_seconds": 0},
    audit=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: so many instances that hang, and so many neighbours a measurement."""

    sick: int
    neighbours: int


@dataclass(frozen=True, slots=True)
class Waits:
    """How long neighbours took, in seconds: from the POST until a watch showed them Ready, and from DELETE to gone."""

    ready: tuple[float, ...]
    gone: tuple[float, ...]

    def figures(self) -> tuple[float, ...]:
        """Return median and 95th percentile of both, in the order of HEADER."""
        return (median(self.ready), percentile_95(self.ready), median(self.gone), percentile_95(self.gone))


HEADER = ("the other provider", "Ready median s", "Ready p95 s", "gone median s", "gone p95 s")


def percentile_95(seconds: Sequence[float]) -> float:
    """Return the 95th percentile; of a single figure itself."""
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


@dataclass(frozen=True, slots=True)
class NeighboursRun:
    """Beside a provider that is well, and beside one that hangs; `stuck` is how many calls hung meanwhile."""

    well: Waits
    hanging: Waits
    stuck: int
    complaints: tuple[str, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Return each figure beside the one that hangs, divided by the one beside the one that is well."""
        return tuple(bad / good for bad, good in zip(self.hanging.figures(), self.well.figures(), strict=True))

    def cells(self) -> list[tuple[str, ...]]:
        """Return the rows under HEADER."""
        return [
            ("well", *(f"{figure:.3f}" for figure in self.well.figures())),
            (f"hangs, with {self.stuck} calls", *(f"{figure:.3f}" for figure in self.hanging.figures())),
            ("ratio", *(f"{ratio:.2f}" for ratio in self.ratios)),
        ]


async def run(plan: Plan, binaries: Binaries, command: Sequence[str]) -> NeighboursRun:
    """Return what the neighbours felt. Raises BenchError where something does not come to its end, or leaks."""
    with GatewayProcess({"boot_seconds": 0}) as sick:
        async with staged(SETTING, binaries, command) as stage:
            apply(stage.plane, *provider_of(sick, SICK, SETTING.provider))
            names = [f"sick-{number:04}" for number in range(plan.sick)]
            await stage.driver.post_all(_at(SICK, name) for name in names)
            await _until_ready(stage, names)
            well = await _measured(stage, "well", plan.neighbours)
            sick.pause()
            try:
                await stage.driver.delete_all(names)
                await _until_announced(stage, names)
                await asyncio.sleep(_STUCK_SECONDS)
                hanging = await _measured(stage, "beside", plan.neighbours)
                stuck = sum(name in stage.driver.seen.exist for name in names)
            finally:
                sick.resume()
            if stuck < plan.sick:
                raise BenchError(f"only {stuck} of {plan.sick} deletions were left hanging: nothing was measured")
            await driver.until(
                "all instances gone", lambda: not stage.driver.seen.exist, _PATIENCE_SECONDS, stage.driver.seen.standing
            )
            left = [*stage.gateway.live_machines(), *sick.live_machines()]
            if left:
                raise BenchError(f"machines live on without an object: {left[:5]}")
            return NeighboursRun(well, hanging, stuck, tuple(stage.subject.complaints()))


async def _measured(stage: Stage, word: str, count: int) -> Waits:
    """Make neighbours at a steady pace and delete them likewise; return how long each took."""
    seen = stage.driver.seen
    names = [f"{word}-{number:03}" for number in range(count)]
    posted: dict[str, float] = {}
    for name in names:
        posted[name] = time.time()
        await stage.driver.post_all([_at(PROVIDER, name)])
        await asyncio.sleep(_PACE_SECONDS)
    await _until_ready(stage, names)
    deleted: dict[str, float] = {}
    for name in names:
        deleted[name] = time.time()
        await stage.driver.delete_all([name])
        await asyncio.sleep(_PACE_SECONDS)
    await driver.until("the neighbours gone", lambda: all(name in seen.gone for name in names), _PATIENCE_SECONDS)
    return Waits(
        tuple(seen.ready[name] - posted[name] for name in names),
        tuple(seen.gone[name] - deleted[name] for name in names),
    )


async def _until_announced(stage: Stage, names: Sequence[str]) -> None:
    """Wait out the burst of writes before the calls: it would be measured along with what hangs."""
    seen = stage.driver.seen
    await driver.until(
        "all deletions announced",
        lambda: all(seen.summaries.get(name) == "Deleting" for name in names),
        _PATIENCE_SECONDS,
        seen.standing,
    )


async def _until_ready(stage: Stage, names: Sequence[str]) -> None:
    seen = stage.driver.seen
    await driver.until(
        "all instances Ready", lambda: all(name in seen.ready for name in names), _PATIENCE_SECONDS, seen.standing
    )


def _at(provider_name: str, name: str) -> Body:
    body = instance(name)
    return {**body, "spec": {**body["spec"], "providerRef": {"name": provider_name}}}
