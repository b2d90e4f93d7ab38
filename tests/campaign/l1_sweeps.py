"""Workflows of the sweep: machines without an object, what is kept, what leaked, and objects out of a backup.

Where nothing can be read there is no sweep, so they are for the other classes.
"""

import asyncio
from collections.abc import Callable, Mapping

from tests.campaign.l1_person import NAMESPACE, Person
from tests.campaign.l1_workflows import Workflow
from tests.campaign.story import status_of
from tests.campaign.trace import Restarted

from gpuwright.model.names import ANNOTATION_ADOPT, ANNOTATION_FORGET
from gpuwright.model.resources import INSTANCES, PROVIDERS

NAME, OTHER = "trainer-0", "trainer-1"
FLEET = tuple(f"trainer-{number}" for number in range(4))
SWEEP = {"periodSeconds": 30, "minAgeSeconds": 60}
SWEPT_SECONDS = 240.0  # some sweeps: nothing more is done to what they leave alone
DOWN_SECONDS = 5.0


async def _begins(person: Person, mode: str, *names: str) -> None:
    person.sets_up(sweep={**SWEEP, "mode": mode})
    for name in names:
        person.applies(name)
    for name in names:
        await person.waits_ready(name)


def orphans(person: Person) -> list[str]:
    """Return the ids of the orphans that the provider's status shows."""
    body = person.api.now(PROVIDERS, NAMESPACE, "gateway")
    return [str(entry["id"]) for entry in status_of(body).get("orphans") or ()]


def ledger(person: Person, name: str) -> list[str]:
    """Return the names in a ledger of the provider's status: leaks or retained."""
    body = person.api.now(PROVIDERS, NAMESPACE, "gateway")
    return [str(entry["name"]) for entry in status_of(body).get(name) or ()]


async def while_no_operator_runs(person: Person, act: Callable[[], None]) -> None:
    """Do something that no process sees."""
    world = person.world
    await person.waits(lambda: bool(world.running()))
    for process in world.running():
        process.kill()
        world.tell(Restarted(world.now, process.name, "killed"))
    act()
    await asyncio.sleep(DOWN_SECONDS)
    world.begin()


def tear_off(person: Person, *names: str) -> None:
    """Delete objects and take their finalizers off by hand."""
    for name in names:
        person.deletes(name)
        person.tears(INSTANCES, name)


async def orphan_ended(person: Person) -> None:
    """An object vanishes while no operator runs; its machine is ended by the sweep, and its neighbour's is not."""
    await _begins(person, "Delete", NAME, OTHER)
    await while_no_operator_runs(person, lambda: tear_off(person, NAME))
    await person.waits(lambda: len(person.world.far.billing) == 1)
    await person.waits(lambda: not orphans(person))


async def orphan_reported(person: Person) -> None:
    """The same where the sweep only reports; a person ends the machine at the provider."""
    await _begins(person, "Report", NAME, OTHER)
    machine = person.machine(NAME)
    await while_no_operator_runs(person, lambda: tear_off(person, NAME))
    await person.waits(lambda: bool(orphans(person)))
    await asyncio.sleep(SWEPT_SECONDS)
    if machine is not None:
        person.world.far.kill(machine)
    await person.waits(lambda: not orphans(person))


async def orphan_taken_over(person: Person) -> None:
    """Another object adopts the machine while the sweep counts its age."""
    await _begins(person, "Delete", NAME)
    machine = person.machine(NAME)
    await while_no_operator_runs(person, lambda: tear_off(person, NAME))
    await person.waits(lambda: bool(orphans(person)))
    person.applies(OTHER, {ANNOTATION_ADOPT: machine.id if machine else ""})
    await person.waits_ready(OTHER)
    await asyncio.sleep(SWEPT_SECONDS)


async def leak_ended(person: Person) -> None:
    """The finalizer is torn off while the operator runs: a leak, which the sweep ends; then its entry goes."""
    await _begins(person, "Delete", NAME, OTHER)
    tear_off(person, NAME)
    await person.waits(lambda: len(person.world.far.billing) == 1)
    await person.waits(lambda: not (orphans(person) or ledger(person, "leaks")))


async def forgotten(person: Person) -> None:
    """An object is force-forgotten; what its one terminate has left is the sweep's."""
    await _begins(person, "Delete", NAME, OTHER)
    person.annotates(NAME, {ANNOTATION_FORGET: "it must go"})
    person.deletes(NAME)
    await person.waits_gone(NAME)
    await person.waits(lambda: len(person.world.far.billing) == 1)
    await person.waits(lambda: not (orphans(person) or ledger(person, "leaks")))


async def retained(person: Person) -> None:
    """What a person keeps is left alone; when it is ended by hand its entry goes."""
    await _begins(person, "Delete", NAME, OTHER)
    machine = person.machine(NAME)
    person.edits(NAME, deletionPolicy="Retain")
    person.deletes(NAME)
    await person.waits_gone(NAME)
    await asyncio.sleep(SWEPT_SECONDS)
    if machine is not None and machine.alive:
        person.world.far.kill(machine)
    await person.waits(lambda: not ledger(person, "retained"))


async def restored_object(person: Person) -> None:
    """A backup gives an object a new uid and no status: a person has it adopt the machine that it had."""
    await _begins(person, "Delete", NAME, OTHER)
    machine = person.machine(NAME)

    def restore() -> None:
        tear_off(person, NAME)
        person.applies(NAME)

    await while_no_operator_runs(person, restore)
    await person.waits(lambda: person.is_at(NAME, "NameConflict"))
    await asyncio.sleep(SWEPT_SECONDS)
    person.annotates(NAME, {ANNOTATION_ADOPT: machine.id if machine else ""})
    await person.waits_ready(NAME)
    await asyncio.sleep(SWEPT_SECONDS)


async def mass_finding(person: Person) -> None:
    """All objects vanish: that is likelier a mistake, so nothing is ended; the backup brings them back, and they adopt
    what they had.
    """
    await _begins(person, "Delete", *FLEET)
    machines = {name: person.machine(name) for name in FLEET}
    await while_no_operator_runs(person, lambda: tear_off(person, *FLEET))
    await person.waits(lambda: len(orphans(person)) == len(FLEET))
    await asyncio.sleep(SWEPT_SECONDS)
    for name, machine in machines.items():
        person.applies(name, {ANNOTATION_ADOPT: machine.id if machine else ""})
    for name in FLEET:
        await person.waits_ready(name)


SWEEPS: Mapping[str, Workflow] = {
    workflow.__name__.replace("_", "-"): workflow
    for workflow in (
        orphan_ended,
        orphan_reported,
        orphan_taken_over,
        leak_ended,
        forgotten,
        retained,
        restored_object,
        mass_finding,
    )
}
