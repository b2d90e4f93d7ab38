"""`bench size`: what N instances cost, from their creation to their end."""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence

from gpuwright_sandbox.bench import driver
from gpuwright_sandbox.bench.audit import count
from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.bench.meter import Meter, Phase
from gpuwright_sandbox.bench.results import SizeRun, Truth
from gpuwright_sandbox.bench.stage import Setting, Stage, instance, quiet, staged
from gpuwright_sandbox.controlplane.selection import Binaries

POLL_SECONDS = 2
BOOT_SECONDS = 1.5
IDLE_SECONDS = 60.0
# The operator gathers Events for 15 s before it writes them; nothing of that may reach the idle phase.
REST_SECONDS = 17.0
RESTART_REST_SECONDS = 3.0
_PATIENCE_SECONDS = 900.0
_REST_AT_MOST_SECONDS = 180.0


def setting(size: int) -> Setting:
    """Return how a run of this size is set up: the provider holds nothing back, the gateway has its defaults."""
    return Setting(
        name=f"size-{size}",
        provider={
            "limits": {"createsPerMinute": 60_000, "maxInFlight": 64},
            "poll": {"periodSeconds": POLL_SECONDS},
        },
        gateway={"boot_seconds": BOOT_SECONDS},
    )


async def run(size: int, binaries: Binaries, command: Sequence[str], idle_seconds: float = IDLE_SECONDS) -> SizeRun:
    """Return what the phases have cost; nothing happens for so long in the idle one.

    Raises:
        BenchError: a phase did not end, or the gateway saw what must never be.
    """
    names = [f"machine-{number:04}" for number in range(size)]
    async with staged(setting(size), binaries, command) as stage:
        meter = Meter(stage)
        _say(f"{size}: create")
        phases = {"create": await create(stage, meter, names)}
        _say(f"{size}: idle")
        phases["idle"] = await idle(stage, meter, idle_seconds)
        _say(f"{size}: restart")
        phases["restart"] = await restart(stage, meter)
        _say(f"{size}: delete")
        phases["delete"] = await delete(stage, meter, names)
        truth = Truth.of(stage.gateway)
        complaints = stage.subject.complaints()
    broken = truth.broken(size)
    if broken:
        raise BenchError(f"the gateway saw {', '.join(broken)}")
    return SizeRun(size=size, phases=phases, truth=truth, complaints=tuple(complaints))


async def create(stage: Stage, meter: Meter, names: Sequence[str]) -> Phase:
    """Post all instances and return once all are Ready and what follows from that is written."""
    seen = stage.driver.seen
    meter.begin()
    began = time.time()
    await stage.driver.post_all(instance(name) for name in names)
    posted = time.time() - began
    await driver.until("all instances Ready", lambda: len(seen.ready) == len(names), _PATIENCE_SECONDS, seen.standing)
    meter.stop()
    heard = await quiet(stage.audit, REST_SECONDS, _REST_AT_MOST_SECONDS)
    waits = [at - began for at in seen.ready.values()]
    return meter.phase(
        count(heard),
        max(waits),
        post_seconds=posted,
        ready_p50_seconds=statistics.median(waits),
        watches_ended=seen.watches_ended,
    )


async def idle(stage: Stage, meter: Meter, seconds: float) -> Phase:
    """Return what so many seconds cost in which nothing happens."""
    meter.begin()
    await asyncio.sleep(seconds)
    meter.stop()
    return meter.phase(count(stage.audit.read()))


async def restart(stage: Stage, meter: Meter) -> Phase:
    """Kill the operator, start it again and return once it is ready and has written nothing for three seconds."""
    stage.subject.kill()
    meter.begin(operator_is_new=True)
    began = time.time()
    ready = stage.subject.start()
    heard = await quiet(stage.audit, RESTART_REST_SECONDS, _REST_AT_MOST_SECONDS)
    meter.stop()
    last = max((request.at - began for request in heard if request.is_write), default=0.0)
    return meter.phase(count(heard), max(ready, last), ready_seconds=ready, last_write_seconds=last)


async def delete(stage: Stage, meter: Meter, names: Sequence[str]) -> Phase:
    """Delete all instances and return once the last object and the last machine are gone."""
    seen = stage.driver.seen
    meter.begin()
    began = time.time()
    await stage.driver.delete_all(names)
    asked = time.time() - began
    await driver.until("all instances gone", lambda: not seen.exist, _PATIENCE_SECONDS, seen.standing)
    last_object = max(seen.gone.values()) - began
    while stage.gateway.live_machines():
        if time.time() - began > _PATIENCE_SECONDS:
            raise BenchError(f"machines live on without an object: {stage.gateway.live_machines()[:5]}")
        await asyncio.sleep(0.5)
    meter.stop()
    heard = await quiet(stage.audit, REST_SECONDS, _REST_AT_MOST_SECONDS)
    return meter.phase(count(heard), last_object, delete_calls_seconds=asked)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
