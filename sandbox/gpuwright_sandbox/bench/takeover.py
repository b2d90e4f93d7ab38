"""`bench takeover`: of two replicas the leader ends in a burst; how long nobody leads, and what it cost."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from statistics import median

from gpuwright_sandbox.bench import driver, kill
from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.bench.kill import strangers
from gpuwright_sandbox.bench.stage import Stage, instance, staged
from gpuwright_sandbox.bench.subject import Subject
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.gateway.shapes import Json

SETTING = replace(kill.SETTING, name="takeover", replicas=2)
KILLED = -9
LEASE_LOST = 3
_EARLIEST, _LATEST = 0.2, 3.0
_PATIENCE_SECONDS = 300.0
_GLANCE_SECONDS = 0.02
_LOOK_SECONDS = 1.0


class End(StrEnum):
    """How the leader ends, and the code with which its process then does."""

    STOP = "SIGTERM"
    KILL = "SIGKILL"
    FREEZE = "SIGSTOP"

    @property
    def code(self) -> int:
        """Return the exit code; a frozen one ends when it goes on and finds that its Lease is lost."""
        return {End.STOP: 0, End.KILL: KILLED, End.FREEZE: LEASE_LOST}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done; the same seed ends the leader at the same moments."""

    rounds: int
    burst: int
    seed: int

    def moments(self) -> list[tuple[End, float]]:
        """Return how each round ends the leader, and when, in seconds after its first POST."""
        random = Random(self.seed)
        return [(end, random.uniform(_EARLIEST, _LATEST)) for _ in range(self.rounds) for end in End]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one round.

    Attributes:
        after: when the leader was ended, in seconds after the first POST.
        machines: machines that existed then.
        leaderless: seconds from then until the other one led.
        ready_seconds: from then until all were Ready.
        code: with which the old leader's process ended.
        doubled, ownerless, leaked: as in the kill benchmark.
    """

    end: End
    after: float
    machines: int
    leaderless: float
    ready_seconds: float
    code: int
    doubled: int
    ownerless: int
    leaked: int

    def cells(self) -> tuple[str, ...]:
        """Return the round as text, in the order of HEADER."""
        counts = (self.code, self.doubled, self.ownerless, self.leaked)
        seconds = (f"{self.leaderless:.1f}", f"{self.ready_seconds:.1f}")
        return (str(self.end), f"{self.after:.2f}", str(self.machines), *seconds, *map(str, counts))

    @property
    def is_good(self) -> bool:
        """Whether nothing was doubled, leaked or without an object, and the old leader ended as it should."""
        return not (self.doubled or self.ownerless or self.leaked) and self.code == self.end.code


HEADER = (
    "end",
    "after s",
    "machines then",
    "without a leader s",
    "all Ready s",
    "exit code",
    "doubled",
    "ownerless",
    "leaked",
)
SUMMARY_HEADER = ("end", "rounds", "median s", "longest s")


@dataclass(frozen=True, slots=True)
class TakeoverRun:
    """All rounds, what the operators' logs complain of, and how often one had ended that was not meant to."""

    rounds: tuple[Round, ...]
    complaints: tuple[str, ...]
    restarts: int

    @property
    def promise_kept(self) -> bool:
        """Whether every round was good."""
        return all(one.is_good for one in self.rounds)

    def summary(self) -> list[tuple[str, ...]]:
        """Return how long nobody led, by how the leader ended, in the order of SUMMARY_HEADER."""
        rows: list[tuple[str, ...]] = []
        for end in End:
            seconds = [one.leaderless for one in self.rounds if one.end is end]
            if seconds:
                rows.append((str(end), str(len(seconds)), f"{median(seconds):.1f}", f"{max(seconds):.1f}"))
        return rows


async def run(plan: Plan, binaries: Binaries, command: Sequence[str]) -> TakeoverRun:
    """Return what came of all rounds. Raises BenchError where a round did not come to an end."""
    rounds = []
    async with staged(SETTING, binaries, command) as stage:
        kubelet = Kubelet(stage.subjects)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(kubelet.run())
            for number, (end, delay) in enumerate(plan.moments(), 1):
                names = [f"round-{number:02}-machine-{index:03}" for index in range(plan.burst)]
                rounds.append(await _round(stage, kubelet, names, end, delay))
                print(f"round {number}: {' '.join(rounds[-1].cells())}", flush=True)
            looking.cancel()
        complaints = [line for subject in stage.subjects for line in subject.complaints()]
    return TakeoverRun(tuple(rounds), tuple(complaints), kubelet.restarts)


class Kubelet:
    """Starts a replica again that has ended without being told to: on a starved machine a Lease is lost."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects
        self.spared: Subject | None = None  # ended on purpose
        self.restarts = 0

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Start again what has ended."""
        for subject in self._subjects:
            if subject is not self.spared and subject.has_ended():
                subject.stop()
                subject.spawn()
                self.restarts += 1


async def _round(stage: Stage, kubelet: Kubelet, names: Sequence[str], end: End, delay: float) -> Round:
    seen = stage.driver.seen
    known = set(stage.gateway.owners())
    leader, standby = await _roles(stage)
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.driver.post_all(instance(name) for name in names))
        await asyncio.sleep(delay)
        kubelet.spared = leader
        began = time.monotonic()
        _end(leader, end)
        machines = len(_of_round(stage, known))
        leaderless = await _until_it_leads(standby, began)
    await driver.until(
        "all instances Ready", lambda: all(name in seen.ready for name in names), _PATIENCE_SECONDS, seen.standing
    )
    ready = time.monotonic() - began
    if end is End.FREEZE:
        leader.thaw()
    code = await asyncio.to_thread(leader.wait)
    ownerless = len(strangers(await stage.driver.instances(), _of_round(stage, known)))
    await asyncio.to_thread(leader.start)
    kubelet.spared = None
    leaked = await kill.delete_all(stage, names, known)
    peaks = [count["peak"] for uid, count in stage.gateway.owners().items() if uid not in known]
    return Round(
        end=end,
        after=delay,
        machines=machines,
        leaderless=leaderless,
        ready_seconds=ready,
        code=code,
        doubled=sum(int(str(peak)) > 1 for peak in peaks),
        ownerless=ownerless,
        leaked=leaked,
    )


def _end(leader: Subject, end: End) -> None:
    match end:
        case End.STOP:
            leader.ask_to_end()
        case End.KILL:
            leader.strike()
        case End.FREEZE:
            leader.freeze()


async def _roles(stage: Stage) -> tuple[Subject, Subject]:
    """Return who leads and who stands by. Raises BenchError where it is not one of each."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        leading = [await asyncio.to_thread(subject.leads) for subject in stage.subjects]
        if leading.count(True) == 1:
            leader = stage.subjects[leading.index(True)]
            return leader, stage.subjects[leading.index(False)]
        if leading.count(True) > 1:
            raise BenchError("both replicas say that they lead")
        await asyncio.sleep(_GLANCE_SECONDS)
    raise BenchError("no replica leads")


async def _until_it_leads(standby: Subject, began: float) -> float:
    while not await asyncio.to_thread(standby.leads):
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise BenchError(f"nobody took over:\n{standby.log.read_text()[-3000:]}")
        await asyncio.sleep(_GLANCE_SECONDS)
    return time.monotonic() - began


def _of_round(stage: Stage, known: set[str]) -> list[Mapping[str, Json]]:
    return [machine for machine in stage.gateway.live_machines() if machine["owner_uid"] not in known]
