"""One course of L4: steps, one after the other, then everything is put right, comes to rest, and is deleted."""

import asyncio
import inspect
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from tests.campaign.invariants import broken_by, i2_no_leak
from tests.campaign.invariants_conduct import CONVERGE_SECONDS, why_restless
from tests.campaign.l1_process import task_of_its_process
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_run import TAIL_SECONDS, WorkingLoop, defects
from tests.campaign.l1_world import connected
from tests.campaign.l4_deeds import Deeds
from tests.campaign.l4_world import Company
from tests.campaign.trace import Trace

from gpuwright.model.resources import PROVIDERS, SECRETS

SWEEPS = ("Report", "Delete", "Disabled")
PACE_SECONDS = 5.0
HELP_SECONDS = 300.0  # after so long a person does what the conditions ask for
TOLD_SECONDS = 130.0  # after so long a sweep has told of what has no object any more
GONE_SECONDS = 90.0  # for so long nothing may be left to do when all is gone: a release comes after 60 s

Broken = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step and the pause after it, written as `create/a/plain@0.2`."""

    what: str
    arguments: tuple[str, ...]
    pause: str = "0"

    def __str__(self) -> str:
        return f"{'/'.join((self.what, *self.arguments))}@{self.pause}"


@dataclass(frozen=True, slots=True)
class Script:
    """A class of adapters, what the sweep does, and steps: what --replay takes."""

    traits: str
    sweep: str
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return ":".join((self.traits, self.sweep, ",".join(str(step) for step in self.steps)))


def parsed(text: str) -> Script:
    """Return the script that a text names. Raises ValueError."""
    traits, sweep, steps = text.split(":")
    if traits not in CLASSES or sweep not in SWEEPS:
        raise ValueError(f"{text}: write <class>:<sweep>:<step>,<step>, as a violation names it")
    return Script(traits, sweep, tuple(_step(part) for part in steps.split(",") if part))


def _step(text: str) -> Step:
    act, _at, pause = text.partition("@")
    what, *arguments = act.split("/")
    deed = getattr(Deeds, what, None)
    if deed is None or len(inspect.signature(deed).parameters) != len(arguments) + 1:
        raise ValueError(f"{text}: there is no such step")
    return Step(what, tuple(arguments), str(float(pause or 0)))


class Course:
    """A world in which steps are made. Use it as a context, and end it once."""

    def __init__(self, traits: str, sweep: str, seed: int) -> None:
        self._stack = ExitStack()
        self._loop = self._stack.enter_context(asyncio.Runner(loop_factory=WorkingLoop)).get_loop()
        self._loop.set_task_factory(task_of_its_process)  # type: ignore[arg-type]  # its stub wants a narrower coroutine
        self._traits = traits
        self._sweep = sweep
        self._seed = seed
        self._leaked: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._loop.run_until_complete(self._begins())
        self._stack.enter_context(connected(self.world))
        self._loop.run_until_complete(self._sets_up())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def _begins(self) -> None:
        self.world = Company(CLASSES[self._traits], self._seed)

    async def _sets_up(self) -> None:
        self.world.begin()
        self.deeds = Deeds(self.world, self._sweep)

    @property
    def trace(self) -> Trace:
        """Return what has happened."""
        return self.world.trace

    @property
    def seconds(self) -> float:
        """Return for how long it has lasted, in virtual time."""
        return self.trace.events[-1].at

    def makes(self, step: Step) -> None:
        """Make one step, and let its pause pass."""
        self._loop.run_until_complete(self._makes(step))

    async def _makes(self, step: Step) -> None:
        deed: Callable[..., None] = getattr(self.deeds, step.what)
        deed(*step.arguments)
        self.world.note_ills(self.deeds.ills())
        await asyncio.sleep(float(step.pause))
        self.world.note_ills(self.deeds.ills())

    def broken_now(self) -> Broken:
        """Return what can be said after each step: no object has two machines now, and nobody writes without end."""
        uids = [machine.uid for machine in self.world.scene.machines if machine.uid]
        twice = [f"{uids.count(uid)} machines of {uid} bill" for uid in sorted(set(uids)) if uids.count(uid) > 1]
        hot = [("I13", self.world.hot)] if self.world.hot else []
        return (*(("I1", words) for words in twice), *hot)

    def ends(self) -> Broken:
        """Put everything right, let it come to rest, delete it, and return what was broken on the way."""
        self._loop.run_until_complete(self._ends())
        broken = [entry for entry in broken_by(self.trace) if not self._is_of_the_clock(entry[1])]
        return (*self.broken_now(), *broken, *self._leaked, *defects(self.world), *self._left())

    def _is_of_the_clock(self, words: str) -> bool:
        """Return whether this is only that a condition's time went back with the wall clock, which was set back."""
        return self.world.wall.was_set_back and words.endswith(" went back")

    async def _ends(self) -> None:
        world, deeds = self.world, self.deeds
        self._mends()
        if not {"no provider", "Secret goes"} & deeds.ills():
            await self._until(self._is_at_rest, TAIL_SECONDS)
        for body in list(world.scene.instances()):
            deeds.deletes(body["metadata"]["name"])
        await self._until(lambda: not list(world.scene.instances()), 0.0)
        if any(machine.uid for machine in world.scene.machines):
            await asyncio.sleep(TOLD_SECONDS)
            self._leaked = [("I2", words) for words in i2_no_leak(self.trace)]  # while there is somebody to tell
        deeds.provider("delete")
        deeds.secret("delete")
        await asyncio.sleep(GONE_SECONDS)
        world.say_metrics()
        for process in world.running():
            process.kill()
        await asyncio.sleep(0)

    def _mends(self) -> None:
        """Leave one process, well, at a provider that is well, with what it needs."""
        world, deeds = self.world, self.deeds
        world.closing = True
        world.crashes.clear()
        world.ill, world.away_until, world.deaf_until, world.loses = None, 0.0, 0.0, 0
        for process in world.running()[:-1]:
            world.ends(process)
        deeds.thaw()
        if not world.running():
            world.begin()
        deeds.provider("apply")
        deeds.provider("fill")
        if not deeds.secret_value() or deeds.secret_value() not in world.far.secrets:
            deeds.secret("both")
        for body in list(world.scene.instances()):
            deeds.note(body["metadata"]["name"], "unpause")
        world.note_ills(deeds.ills())

    async def _until(self, is_so: Callable[[], bool], tail: float) -> None:
        """Wait until something has been so for a while; a person helps where it takes long."""
        world = self.world
        begin, since, helped = world.now, None, False
        while world.now - max(begin, world.scene.disturbed_at) <= CONVERGE_SECONDS + 2 * TAIL_SECONDS:
            since = (world.now if since is None else since) if is_so() else None
            if since is not None and world.now - max(since, world.scene.changed_at) >= tail:
                return
            if world.now - begin > HELP_SECONDS and not helped:
                helped = True
                self._helps()
            await asyncio.sleep(PACE_SECONDS)
            world.note_ills(self.deeds.ills())

    def _helps(self) -> None:
        """Do what docs/reasons.md asks a person to do: confirm the account, and forget what can never be proven."""
        self.deeds.provider("ask")
        for body in list(self.world.scene.instances()):
            if self.deeds.is_at(body["metadata"]["name"], "RecordLost"):
                self.deeds.note(body["metadata"]["name"], "forget")

    def _is_at_rest(self) -> bool:
        scene = self.world.scene
        return not (self.world.flights or any(why_restless(scene, body) for body in scene.instances()))

    def _left(self) -> Iterable[tuple[str, str]]:
        kept = [*self.world.api.all(SECRETS), *self.world.api.all(PROVIDERS)]
        if not list(self.world.scene.instances()):
            for body in kept:
                yield "I12", f"{body['kind']} {body['metadata']['name']} is kept, and nobody needs it"


def played(script: Script, seed: int) -> tuple[Broken, Trace]:
    """Return what a whole script breaks, and its trace."""
    with Course(script.traits, script.sweep, seed) as course:
        for step in script.steps:
            course.makes(step)
            if course.broken_now():
                return course.broken_now(), course.trace
        return course.ends(), course.trace
