"""Scenes that L1's workflows do not have: two processes, the real gateway adapter, a sweep, a restored status.

Each is judged by the invariants over its trace, and breaks none with the operator as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.campaign.invariants import broken_by
from tests.campaign.invariants_conduct import CONVERGE_SECONDS
from tests.campaign.l1_faults import Strike
from tests.campaign.l1_person import Person
from tests.campaign.l1_process import CLUSTER, task_of_its_process
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_run import TAIL_SECONDS, WorkingLoop, defects
from tests.campaign.l1_workflows import NAME, create
from tests.campaign.l1_world import connected
from tests.campaign.mutants.stage import Stage
from tests.campaign.mutants.wire import Tricks
from tests.campaign.story import status_of
from tests.kube.fake_api import Body

from gpuwright.model.errors import Unknown
from gpuwright.model.machine import MachineState
from gpuwright.model.names import ANNOTATION_FORGET, Owner, attempt_name, owner_labels
from gpuwright.model.resources import INSTANCES

NAMESPACE = "team-a"
Play = Callable[[Stage, Person], Awaitable[None]]
_FROZEN_SECONDS = 300.0  # longer than a successor waits for a create of which it knows nothing
_SWEPT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, at a provider of which class; with `tricks` through the real gateway adapter."""

    play: Play
    traits: str = "token"
    tricks: Callable[[], Tricks | None] = lambda: None


async def _two_at_once(world: Stage, person: Person) -> None:
    """Two operators lead at once, and both see the object in the same moment."""
    person.sets_up()
    await asyncio.sleep(5.0)
    world.begin()
    await asyncio.sleep(5.0)
    person.applies(NAME)
    await person.waits_ready(NAME)
    await asyncio.sleep(5.0)
    world.ends_the_oldest()


def _is_intended(body: Body) -> bool:
    return (status_of(body).get("launch") or {}).get("outcome") == "Intended"


async def _freezes_a_sender(world: Stage, person: Person) -> None:
    person.sets_up()
    world.freezes = _is_intended
    person.applies(NAME)
    await person.waits(lambda: world.oldest.frozen)
    world.begin()
    await asyncio.sleep(_FROZEN_SECONDS)


async def _zombie(world: Stage, person: Person) -> None:
    """The leader is frozen when its intent is on record, and goes on when another has made the machine."""
    await _freezes_a_sender(world, person)
    world.thaw(world.oldest)
    await asyncio.sleep(5.0)
    world.ends_the_oldest()
    await person.waits_ready(NAME)


async def _zombie_and_set_clock(world: Stage, person: Person) -> None:
    """The same, and for a moment the time of day is set back to when the intent was fresh."""
    await _freezes_a_sender(world, person)
    world.wall.seconds = -3600.0
    world.thaw(world.oldest)
    await asyncio.sleep(1.0)
    world.wall.seconds = 0.0
    await asyncio.sleep(5.0)
    world.ends_the_oldest()
    await person.waits_ready(NAME)


async def _fails(world: Stage, person: Person) -> None:
    """The machine fails, and bills on until it is ended; the next one is to come after it."""
    await create(person)
    machine = person.machine(NAME)
    assert machine is not None
    world.far.change(machine, MachineState.FAILED)
    await person.waits(lambda: not machine.alive)
    await person.waits_ready(NAME)


async def _made_again(world: Stage, person: Person) -> None:
    """A create takes its time; meanwhile its object is torn away by hand, and made again under the same name."""
    person.sets_up()
    world.strikes["create"] = [Strike(after=10.0)]
    person.applies(NAME)
    await person.waits(lambda: bool(world.far.vms), 60.0)
    torn = {"annotations": {ANNOTATION_FORGET: "it is in the way"}, "finalizers": []}
    with world.faulted("torn away"):  # until what was torn away is known to be gone
        person.api.change(INSTANCES, NAMESPACE, NAME, {"metadata": torn})
        person.deletes(NAME)
        person.applies(NAME)
        await person.waits_ready(NAME)
        await asyncio.sleep(900.0)


async def _restored(world: Stage, person: Person) -> None:
    """Two machines run at a gateway with one machine a page; then a status is lost, and the operator begins anew."""
    person.sets_up()
    person.applies("another")
    await person.waits_ready("another")
    person.applies(NAME)
    await person.waits_ready(NAME)
    world.crash(world.oldest)
    person.api.change(INSTANCES, NAMESPACE, NAME, {"status": None})
    await person.waits_ready(NAME)


async def _forbidden(world: Stage, person: Person) -> None:
    """For a while the gateway lists nothing and answers 403 to every look at a machine: to a running one, too."""
    await create(person)
    with world.faulted("403", refused=_nothing_but_403, hides=True):
        await asyncio.sleep(400.0)
    await person.waits_ready(NAME)


def _nothing_but_403(method: str, path: str) -> tuple[int, str] | None:
    return (403, "forbidden") if method == "GET" and path.startswith("/api/instances/") else None


async def _list_is_404(world: Stage, person: Person) -> None:
    """An object is deleted whose status was lost; the operator begins anew, and the gateway's list is answered 404."""
    await create(person)
    with world.faulted("404", refused=_list_not_found):
        world.crash(world.oldest)
        person.api.change(INSTANCES, NAMESPACE, NAME, {"status": None})
        person.deletes(NAME)
        await asyncio.sleep(120.0)
    await person.waits_gone(NAME)


def _list_not_found(method: str, path: str) -> tuple[int, str] | None:
    return (404, "not_found") if (method, path) == ("GET", "/api/instances") else None


async def _lost_answer(world: Stage, person: Person) -> None:
    """The answer to the create is lost on a connection that breaks."""
    await create(person)


async def _deleted_before_it_lands(world: Stage, person: Person) -> None:
    """The answer to a create is lost, its object is deleted at once, and the machine comes half a minute later."""
    person.sets_up()
    world.strikes["create"] = [Strike(30.0, 1.0, Unknown("no answer"))]
    person.applies(NAME)
    await person.waits(lambda: person.outcome(NAME) == "Unknown", 60.0)
    person.deletes(NAME)
    await person.waits_gone(NAME)


async def _silent(world: Stage, person: Person) -> None:
    """For ten minutes the gateway answers nothing."""
    await create(person)
    with world.faulted("silence"):
        world.silent = True
        await asyncio.sleep(600.0)
        world.silent = False
    await person.waits_ready(NAME)


async def _stranger(world: Stage, person: Person) -> None:
    """The machine is ended by hand, somebody else's takes its name, and then the object is deleted."""
    person.sets_up()
    person.applies(NAME, onLoss="Fail")
    await person.waits_ready(NAME)
    machine = person.machine(NAME)
    assert machine is not None
    world.far.kill(machine)
    theirs, _ = world.far.make(machine.name, owner_labels(Owner(CLUSTER, "team-b", "theirs", "uid-theirs"), 1))
    await asyncio.sleep(15.0)  # a list shows it
    person.deletes(NAME)
    await asyncio.sleep(5.0)
    world.far.kill(theirs)
    await person.waits_gone(NAME)


async def _young_orphan(world: Stage, person: Person) -> None:
    """A machine of ours that no object knows of, younger than the sweep ends any."""
    await _swept(world, person, CLUSTER, 3600)


async def _other_cluster(world: Stage, person: Person) -> None:
    """A machine of another cluster at the same provider, under the name of a namespace that is here, too."""
    await _swept(world, person, "another-cluster", 1)


async def _swept(world: Stage, person: Person, cluster: str, least_age: int) -> None:
    person.sets_up(sweep={"mode": "Delete", "periodSeconds": 10, "minAgeSeconds": least_age})
    owner = Owner(cluster, NAMESPACE, "old", "uid-old")
    spared, _ = world.far.make(attempt_name(owner, 1, 1), owner_labels(owner, 1))
    world.spared.append(spared)
    person.applies(NAME)
    await person.waits_ready(NAME)
    await asyncio.sleep(_SWEPT_SECONDS)


async def _deaf_leader_sweeps(world: Stage, person: Person) -> None:
    """An old leader whose watch is broken sweeps; the machine of an object that it never heard of runs."""
    person.sets_up(sweep={"mode": "Delete", "periodSeconds": 10, "minAgeSeconds": 1})
    await asyncio.sleep(5.0)
    world.deaf.add(world.oldest)
    world.begin()
    person.applies(NAME)
    await person.waits_ready(NAME)
    await asyncio.sleep(_SWEPT_SECONDS)
    world.ends_the_oldest()
    await asyncio.sleep(30.0)


SCENES: Mapping[str, Scene] = {
    "two-leaders-write-at-once": Scene(_two_at_once, "list-only"),
    "frozen-leader-goes-on": Scene(_zombie, "list-only"),
    "frozen-leader-goes-on-and-the-clock-is-set-back": Scene(_zombie_and_set_clock, "list-only"),
    "machine-fails": Scene(_fails),
    "made-again-while-its-create-is-on-its-way": Scene(_made_again, "list-only"),
    "status-lost-and-two-pages": Scene(_restored, "list-only", lambda: Tricks(page=1)),
    "looks-are-forbidden": Scene(_forbidden, tricks=Tricks),
    "list-is-not-found": Scene(_list_is_404, tricks=Tricks),
    "answer-lost": Scene(_lost_answer, tricks=lambda: Tricks(lost_creates=1)),
    "deleted-before-its-create-lands": Scene(_deleted_before_it_lands, "list-only"),
    "gateway-is-silent": Scene(_silent),
    "a-strangers-machine-has-the-name": Scene(_stranger, "list-only"),
    "young-orphan": Scene(_young_orphan),
    "machine-of-another-cluster": Scene(_other_cluster),
    "deaf-leader-sweeps": Scene(_deaf_leader_sweeps),
}


def broken_in(name: str, seed: int) -> list[tuple[str, str]]:
    """Return what a scene shows to be broken."""
    with asyncio.Runner(loop_factory=WorkingLoop) as runner:
        world = runner.run(_played(SCENES[name], seed))
    ended = [
        ("I4", f"{vm.id} ({vm.name}) was ended, which is none of ours to end") for vm in world.spared if not vm.alive
    ]
    return broken_by(world.trace) + defects(world) + ended


async def _played(scene: Scene, seed: int) -> Stage:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(task_of_its_process)  # type: ignore[arg-type]  # its stub wants a narrower coroutine
    world = Stage(CLASSES[scene.traits], seed, scene.tricks())
    with connected(world):
        world.begin()
        await scene.play(world, Person(world))
        await asyncio.sleep(CONVERGE_SECONDS + TAIL_SECONDS)
        world.say_metrics()
        world.stop()
        await asyncio.sleep(0)
    return world
