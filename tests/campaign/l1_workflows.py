"""The fourteen workflows, and the ways to one spec that must end the same."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.campaign.l1_person import PATIENCE_SECONDS, SECOND_TOKEN, Person

from gpuwright.model.machine import MachineState
from gpuwright.model.names import ANNOTATION_PAUSED

Workflow = Callable[[Person], Awaitable[None]]
NAME = "trainer-0"
LAUNCH_SECONDS = 60
OTHER_MACHINE = {"cpu": "4", "memory": "8Gi", "image": "registry.example/trainer:2"}


async def create(person: Person) -> None:
    """Somebody applies an instance."""
    person.sets_up()
    person.applies(NAME)
    await person.waits_ready(NAME)


async def slow_create(person: Person) -> None:
    """The provider takes its time: a machine boots for two minutes."""
    person.world.far.boot_seconds = 120.0
    await create(person)


async def capacity_error_then_success(person: Person) -> None:
    """There is no room for the first two creates."""
    person.world.full_for = 2
    await create(person)


async def mutable_edit(person: Person) -> None:
    """What may be changed is changed."""
    await create(person)
    person.edits(NAME, onLoss="Fail", maxReplacements=1)
    await person.waits_ready(NAME)


async def immutable_edit(person: Person) -> None:
    """The machine's words are final, so somebody replaces the object: kubectl replace --force."""
    await create(person)
    person.deletes(NAME)
    await person.waits_gone(NAME)
    person.applies(NAME, machine=OTHER_MACHINE)
    await person.waits_ready(NAME)


async def stop_and_start(person: Person) -> None:
    """The machine is switched off, and on again."""
    await create(person)
    person.edits(NAME, powerState="Stopped")
    await person.waits(lambda: person.is_ready(NAME) or person.is_at(NAME, "InvalidSpec"))
    person.edits(NAME, powerState="Running")
    await person.waits_ready(NAME)


async def delete_ready(person: Person) -> None:
    """A machine that runs is deleted."""
    await create(person)
    person.deletes(NAME)
    await person.waits_gone(NAME)


async def delete_while_creating(person: Person) -> None:
    """The object is deleted while its create is on its way."""
    person.sets_up()
    person.applies(NAME)
    await person.waits(lambda: person.outcome(NAME) != "", 120.0)
    person.deletes(NAME)
    await person.waits_gone(NAME)


async def delete_and_create_again(person: Person) -> None:
    """The object is deleted, and the moment that it is gone applied again under the same name."""
    await create(person)
    uid = person.uid(NAME)
    person.applies_when_gone(NAME)  # the watch has not told of the end yet
    person.deletes(NAME)
    await person.waits(lambda: person.uid(NAME) not in {"", uid})
    await person.waits_ready(NAME)


async def spot_loss(person: Person) -> None:
    """The provider takes a spot machine away."""
    person.sets_up()
    person.applies(NAME, machine={**OTHER_MACHINE, "purchase": "Spot"})
    await person.waits_ready(NAME)
    machine = person.machine(NAME)
    if machine is not None:
        person.world.far.change(machine, MachineState.PREEMPTED)
        await _waits_for_another(person, machine.id)


async def manual_kill(person: Person) -> None:
    """Somebody ends the machine at the provider."""
    await create(person)
    machine = person.machine(NAME)
    if machine is not None:
        person.world.far.kill(machine)
        await _waits_for_another(person, machine.id)


async def _waits_for_another(person: Person, machine_id: str) -> None:
    def is_another() -> bool:
        found = person.machine(NAME)
        return found is not None and found.id != machine_id

    await person.waits(is_another, PATIENCE_SECONDS if person.world.traits.reads else 30.0)
    await person.waits_ready(NAME)


async def secret_rotation(person: Person) -> None:
    """The provider's token is changed there and in the Secret, and then the machine is deleted."""
    await create(person)
    person.puts_secret(SECOND_TOKEN)
    await asyncio.sleep(60.0)
    await person.waits_ready(NAME)
    person.deletes(NAME)
    await person.waits_gone(NAME)


async def namespace_delete(person: Person) -> None:
    """Everything goes at once: instance, provider and Secret."""
    await create(person)
    person.ends_namespace()
    await person.waits_gone(NAME)


async def adopt_existing(person: Person) -> None:
    """A machine that was made by hand is taken over; deleting the object ends it."""
    person.sets_up()
    person.runs_a_machine("by-hand")
    await asyncio.sleep(10.0)
    person.applies(NAME, {"gpuwright.dev/adopt": "by-hand"})
    await person.waits_ready(NAME)
    person.deletes(NAME)
    await person.waits_gone(NAME)


WORKFLOWS: Mapping[str, Workflow] = {
    workflow.__name__.replace("_", "-"): workflow
    for workflow in (
        create,
        slow_create,
        capacity_error_then_success,
        mutable_edit,
        immutable_edit,
        stop_and_start,
        delete_ready,
        delete_while_creating,
        delete_and_create_again,
        spot_loss,
        manual_kill,
        secret_rotation,
        namespace_delete,
        adopt_existing,
    )
}


async def life_cycles(person: Person) -> None:
    """What the fault matrix disturbs: two instances that come and go while a fault lasts, and one that comes and
    stays.
    """
    person.sets_up()
    plan: tuple[tuple[float, Callable[[str], None], str], ...] = (
        (0.0, person.applies, "first"),
        (30.0, person.applies, "second"),
        (200.0, person.deletes, "first"),
        (260.0, person.deletes, "second"),
        (400.0, person.applies, "third"),
    )
    for at, act, name in plan:
        await asyncio.sleep(max(0.0, at - person.world.now))
        act(name)
    await person.waits(lambda: person.is_ready("third") and person.is_gone("first") and person.is_gone("second"))


async def edited_twice(person: Person) -> None:
    """onLoss is changed, and changed again."""
    await create(person)
    person.edits(NAME, onLoss="Fail")
    await asyncio.sleep(5.0)
    person.edits(NAME, onLoss="Recreate", maxReplacements=2)
    await person.waits_ready(NAME)


async def applied_as_edited(person: Person) -> None:
    """The same, applied at once."""
    person.sets_up()
    person.applies(NAME, onLoss="Recreate", maxReplacements=2)
    await person.waits_ready(NAME)


async def stopped_then_started(person: Person) -> None:
    """Stopped at birth, then started."""
    person.sets_up()
    person.applies(NAME, powerState="Stopped")
    await person.waits(lambda: person.is_at(NAME, "Stopped"), 60.0)
    person.edits(NAME, powerState="Running")
    await person.waits_ready(NAME)


async def applied_running(person: Person) -> None:
    """The same, applied at once."""
    person.sets_up()
    person.applies(NAME, powerState="Running")
    await person.waits_ready(NAME)


async def restarted_late(person: Person) -> None:
    """A machine that has run for longer than it may take to come up is switched off and on, which takes a while."""
    await applied_with_a_deadline(person)
    await asyncio.sleep(2.0 * LAUNCH_SECONDS)
    person.edits(NAME, powerState="Stopped")
    await person.waits(lambda: person.is_ready(NAME) or person.is_at(NAME, "InvalidSpec"))
    person.edits(NAME, powerState="Running")
    await person.waits(lambda: not person.is_ready(NAME), 30.0)
    await person.waits_ready(NAME)


async def applied_with_a_deadline(person: Person) -> None:
    """The same, and nobody switches it."""
    _applies_with_a_deadline(person)
    await person.waits_ready(NAME)


def _applies_with_a_deadline(person: Person) -> None:
    person.world.far.boot_seconds = 30.0
    person.sets_up()
    deadlines = {"launchSeconds": LAUNCH_SECONDS}
    person.applies(NAME, {ANNOTATION_PAUSED: "false"}, deadlines=deadlines, powerState="Running")


async def paused_as_it_comes_up(person: Person) -> None:
    """The machine comes up while its object is paused, for longer than it may take."""
    _applies_with_a_deadline(person)
    await person.waits(lambda: person.outcome(NAME) == "Committed", 120.0)
    person.annotates(NAME, {ANNOTATION_PAUSED: "true"})
    await asyncio.sleep(2.0 * LAUNCH_SECONDS)
    person.annotates(NAME, {ANNOTATION_PAUSED: "false"})
    await person.waits_ready(NAME)


async def cloned(person: Person) -> None:
    """Somebody makes a machine like ours at the provider, with its name and its tags. Not among those that every class
    has: names may be there twice only where they are not unique.
    """
    await create(person)
    machine = person.machine(NAME)
    if machine is not None:
        person.world.far.clone(machine)
        await person.waits(lambda: len(person.world.far.billing) == 1, 120.0)
        await person.waits_ready(NAME)


async def bad_then_good(person: Person) -> None:
    """A spec that cannot be carried out is put right."""
    person.sets_up()
    person.applies(NAME, expireAfterSeconds="never")
    await person.waits(lambda: person.is_at(NAME, "InvalidSpec"), 60.0)
    person.edits(NAME, expireAfterSeconds=None)
    await person.waits_ready(NAME)


async def second_placement(person: Person) -> None:
    """The first of two providers has no room: the second one serves it."""
    person.sets_up_two()
    person.applies(NAME, **TWO_PLACEMENTS)
    await person.waits_ready(NAME)


async def second_placement_lost(person: Person) -> None:
    """The machine of the second is ended there by somebody: the next one comes from there again."""
    await second_placement(person)
    machine = person.machine(NAME)
    if machine is not None:
        person.world.second.kill(machine)
        await _waits_for_another(person, machine.id)


async def second_placement_deleted(person: Person) -> None:
    """The object is deleted: nothing is left at either provider."""
    await second_placement(person)
    person.deletes(NAME)
    await person.waits_gone(NAME)


TWO_PLACEMENTS: dict[str, Any] = {
    "providerRef": None,
    "placements": [{"providerRef": {"name": "gateway"}}, {"providerRef": {"name": "second"}}],
}
PLACEMENTS: Mapping[str, Workflow] = {
    workflow.__name__.replace("_", "-"): workflow
    for workflow in (second_placement, second_placement_lost, second_placement_deleted)
}
"""Those with two providers, beside the fourteen."""

CONFLUENCES: Mapping[str, tuple[Workflow, Workflow]] = {
    "edited-twice": (edited_twice, applied_as_edited),
    "stopped-then-started": (stopped_then_started, applied_running),
    "started-stopped-started": (stop_and_start, applied_running),
    "restarted-late": (restarted_late, applied_with_a_deadline),
    "paused-as-it-comes-up": (paused_as_it_comes_up, applied_with_a_deadline),
    "bad-then-good": (bad_then_good, create),
}
