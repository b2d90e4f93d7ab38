"""`bench kill`: SIGKILL in the middle of a burst, again and again; the gateway says what came of it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from gpuwright_sandbox.bench import driver
from gpuwright_sandbox.bench.driver import Body
from gpuwright_sandbox.bench.stage import Setting, Stage, instance, staged
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.gateway.shapes import Json

SETTLE_SECONDS = 4
_EARLIEST, _LATEST = 0.2, 5.0
_PATIENCE_SECONDS = 300.0

SETTING = Setting(
    name="kill",
    provider={
        "limits": {"createsPerMinute": 60_000, "maxInFlight": 64},
        "poll": {"periodSeconds": 1},
        "timeouts": {"connectSeconds": 1, "requestSeconds": 2},
        "settleSeconds": SETTLE_SECONDS,
    },
    gateway={"boot_seconds": 0.5},
    audit=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done; the same seed kills at the same moments."""

    rounds: int
    burst: int
    seed: int

    def delays(self) -> list[float]:
        """Return when each round kills, in seconds after its first POST."""
        random = Random(self.seed)
        return [random.uniform(_EARLIEST, _LATEST) for _ in range(self.rounds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one round.

    Attributes:
        killed_after: seconds after the first POST.
        posted: objects that existed at the kill.
        machines: machines that existed at the kill.
        unrecorded: of these, how many their object did not know of: whom a restart tempts to make a second one.
        ready_seconds: from the start of the next process until all were Ready.
        doubled: owners that had two live machines or more at any moment of the round, up to its very end.
        ownerless: machines alive once all were Ready that are not the one recorded by an existing object.
        leaked: machines alive after all objects were deleted and time to settle had passed.
    """

    killed_after: float
    posted: int
    machines: int
    unrecorded: int
    ready_seconds: float
    doubled: int
    ownerless: int
    leaked: int

    def cells(self) -> tuple[str, ...]:
        """Return the round as text, in the order of HEADER."""
        counts = (self.doubled, self.ownerless, self.leaked)
        found = (self.posted, self.machines, self.unrecorded)
        return (f"{self.killed_after:.2f}", *map(str, found), f"{self.ready_seconds:.1f}", *map(str, counts))


HEADER = (
    "killed after s",
    "objects then",
    "machines then",
    "unrecorded then",
    "Ready s after restart",
    "doubled",
    "ownerless",
    "leaked",
)


@dataclass(frozen=True, slots=True)
class KillRun:
    """All rounds, and what the operator's log complains of."""

    rounds: tuple[Round, ...]
    complaints: tuple[str, ...]

    @property
    def doubled(self) -> int:
        """How many owners had two machines at once."""
        return sum(one.doubled for one in self.rounds)

    @property
    def ownerless(self) -> int:
        """How many machines no object knew of once all were Ready."""
        return sum(one.ownerless for one in self.rounds)

    @property
    def leaked(self) -> int:
        """How many machines outlived all objects."""
        return sum(one.leaked for one in self.rounds)

    @property
    def promise_kept(self) -> bool:
        """Whether nothing was doubled, leaked or without an object."""
        return not (self.doubled or self.ownerless or self.leaked)


async def run(plan: Plan, binaries: Binaries, command: Sequence[str]) -> KillRun:
    """Return what came of all rounds. Raises BenchError where a round did not come to an end."""
    rounds = []
    async with staged(SETTING, binaries, command) as stage:
        for number, delay in enumerate(plan.delays(), 1):
            names = [f"round-{number:02}-machine-{index:03}" for index in range(plan.burst)]
            rounds.append(await _round(stage, names, delay))
            print(f"round {number}: {' '.join(rounds[-1].cells())}", flush=True)
        complaints = stage.subject.complaints()
    return KillRun(tuple(rounds), tuple(complaints))


async def _round(stage: Stage, names: Sequence[str], delay: float) -> Round:
    seen = stage.driver.seen
    known = set(stage.gateway.owners())
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.driver.post_all(instance(name) for name in names))
        await asyncio.sleep(delay)
        stage.subject.kill()
    # The operator is dead: what is read now is what it left, however long reading takes.
    objects = await stage.driver.instances()
    machines = _of_round(stage.gateway.live_machines(), known)
    began = time.monotonic()
    stage.subject.spawn()
    await driver.until(
        "all instances Ready",
        lambda: all(name in seen.ready for name in names),
        _PATIENCE_SECONDS,
        seen.standing,
    )
    ready = time.monotonic() - began
    ownerless = len(strangers(await stage.driver.instances(), _of_round(stage.gateway.live_machines(), known)))
    leaked = await delete_all(stage, names, known)
    peaks = [count["peak"] for uid, count in stage.gateway.owners().items() if uid not in known]
    return Round(
        killed_after=delay,
        posted=len(objects),
        machines=len(machines),
        unrecorded=len(strangers(objects, machines)),
        ready_seconds=ready,
        doubled=sum(int(str(peak)) > 1 for peak in peaks),
        ownerless=ownerless,
        leaked=leaked,
    )


async def delete_all(stage: Stage, names: Sequence[str], known: set[str]) -> int:
    """Delete all objects, wait, and return how many machines live on."""
    seen = stage.driver.seen
    await stage.driver.delete_all(names)
    await driver.until("all instances gone", lambda: not seen.exist, _PATIENCE_SECONDS, seen.standing)
    await asyncio.sleep(SETTLE_SECONDS)
    return len(_of_round(stage.gateway.live_machines(), known))


def strangers(objects: Sequence[Body], machines: Sequence[Mapping[str, Json]]) -> list[str]:
    """Return the ids of the machines that no object has on record."""
    recorded = {((body.get("status") or {}).get("machine") or {}).get("id") for body in objects}
    return [str(machine["id"]) for machine in machines if machine["id"] not in recorded]


def _of_round(machines: Sequence[Mapping[str, Json]], known: set[str]) -> list[Mapping[str, Json]]:
    return [machine for machine in machines if machine["owner_uid"] not in known]
