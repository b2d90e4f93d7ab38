"""SIGKILL at each point between two effects: the next process goes on from what is on record.

One kill strikes many instances, each at its own point. Writes are held by a door before the API server, calls by the
gateway; that a point was reached is asserted on the record and on what the gateway saw, after the kill.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.api_proxy import ApiProxy, Hold, When
from tests.e2e.cluster import Body, wait_for
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage
from tests.e2e.world import FAST_BOOT, Instance, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster

INTENT = ('"outcome":"Intended"',)
OUTCOME = ('"outcome":"Committed"',)
ENDING = ('"reason":"Deleted"',)
FINALIZER = ('"finalizers":["gpuwright.dev/machine"]',)
NO_FINALIZER = ('"finalizers":[]',)
SILENT = {"action": "hang", "seconds": 600}


@dataclass(frozen=True, slots=True)
class Point:
    """A point at which the operator dies.

    Attributes:
        when: how the door holds the write that has these `words`; None = the gateway holds the call, by `fault`.
        status: whether the write is one of the status, or of the object itself.
        sent: the names that must have reached the gateway in the end.
        reason: of Launched in the end; empty where the instance is being deleted when the operator dies.
        deleted_while_down: somebody deletes the instance before the next process starts.
        reached: whether record and gateway show that the point was reached.
    """

    name: str
    reached: Callable[["Evidence"], bool]
    when: When | None = None
    words: tuple[str, ...] = ()
    status: bool = True
    fault: Mapping[str, Any] = field(default_factory=dict)
    sent: tuple[str, ...] = ("n",)
    reason: str = ""
    deleted_while_down: bool = False

    @property
    def deletes(self) -> bool:
        """Whether the instance is being deleted when the operator dies."""
        return not self.reason and not self.deleted_while_down

    @property
    def survives(self) -> bool:
        """Whether the instance is wanted when the next process starts."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was there when the operator was dead."""

    body: Body | None
    live: int
    creates: list[Body]
    deletes: list[Body]

    @property
    def finalized(self) -> bool:
        return bool(self.body and self.body["metadata"].get("finalizers"))

    @property
    def launch(self) -> Body:
        return dict(((self.body or {}).get("status") or {}).get("launch") or {})

    @property
    def outcome(self) -> str:
        return str(self.launch.get("outcome", ""))

    @property
    def ending(self) -> str:
        return str((self.launch.get("ending") or {}).get("reason", ""))

    @property
    def silent_creates(self) -> int:
        return sum(record["status"] is None for record in self.creates)

    @property
    def silent_deletes(self) -> int:
        return sum(record["status"] is None for record in self.deletes)


POINTS = (
    Point(
        "finalizer-on",
        lambda seen: seen.finalized and not seen.launch and not seen.creates,
        When.AFTER,
        FINALIZER,
        status=False,
        reason="Created",
    ),
    Point(
        "no-intent",
        lambda seen: seen.finalized and not seen.launch and not seen.creates,
        When.BEFORE,
        INTENT,
        reason="Created",
    ),
    Point(
        "intent",
        lambda seen: seen.outcome == "Intended" and not seen.creates,
        When.AFTER,
        INTENT,
        reason="Created",
    ),
    Point(
        "on-the-wire-lands-late",
        lambda seen: seen.outcome == "Intended" and seen.silent_creates == 1 and seen.live == 0,
        fault=SILENT | {"call": "create", "commit": "later", "commit_after_seconds": 4},
        reason="Adopted",
    ),
    Point(
        "on-the-wire-never-lands",
        lambda seen: seen.outcome == "Intended" and seen.silent_creates == 1 and seen.live == 0,
        fault=SILENT | {"call": "create", "commit": "never"},
        sent=("n", "n"),
        reason="Created",
    ),
    Point(
        "made-not-answered",
        lambda seen: seen.outcome == "Intended" and seen.silent_creates == 1 and seen.live == 1,
        fault=SILENT | {"call": "create", "commit": "first"},
        reason="Adopted",
    ),
    Point(
        "answered-not-recorded",
        lambda seen: seen.outcome == "Intended" and [r["status"] for r in seen.creates] == [201] and seen.live == 1,
        When.BEFORE,
        OUTCOME,
        reason="Adopted",
    ),
    Point(
        "recorded",
        lambda seen: seen.outcome == "Committed" and [r["status"] for r in seen.creates] == [201],
        When.AFTER,
        OUTCOME,
        reason="Created",
    ),
    Point(
        "deleted-before-it-lands",
        lambda seen: seen.outcome == "Intended" and seen.silent_creates == 1 and seen.live == 0,
        fault=SILENT | {"call": "create", "commit": "later", "commit_after_seconds": 5},
        deleted_while_down=True,
    ),
    Point(
        "deleted-and-never-lands",
        lambda seen: seen.outcome == "Intended" and seen.silent_creates == 1 and seen.live == 0,
        fault=SILENT | {"call": "create", "commit": "never"},
        deleted_while_down=True,
    ),
    Point(
        "no-ending",
        lambda seen: seen.outcome == "Committed" and not seen.ending and not seen.deletes and seen.live == 1,
        When.BEFORE,
        ENDING,
    ),
    Point(
        "ending",
        lambda seen: seen.ending == "Deleted" and not seen.deletes and seen.live == 1,
        When.AFTER,
        ENDING,
    ),
    Point(
        "delete-on-the-wire",
        lambda seen: seen.ending == "Deleted" and seen.silent_deletes == 1 and seen.live == 1,
        fault=SILENT | {"call": "delete", "commit": "never"},
    ),
    Point(
        "deleted-not-answered",
        lambda seen: seen.ending == "Deleted" and seen.silent_deletes == 1 and seen.live == 0,
        fault=SILENT | {"call": "delete", "commit": "first"},
    ),
    Point(
        "finalizer-still-on",
        lambda seen: seen.finalized and seen.live == 0 and bool(seen.deletes),
        When.BEFORE,
        NO_FINALIZER,
        status=False,
    ),
    Point(
        "finalizer-off",
        lambda seen: seen.body is None and seen.live == 0,
        When.AFTER,
        NO_FINALIZER,
        status=False,
    ),
)
CREATING = [pytest.param(point, id=point.name) for point in POINTS if point.survives]
DELETING = [pytest.param(point, id=point.name) for point in POINTS if not point.survives]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The instances, and what was there when the operator was dead; since then another one runs."""

    instances: Mapping[str, Instance]
    evidence: Mapping[str, Evidence]


@pytest.fixture(scope="module")
def operator_kubeconfig(proxy: ApiProxy, operator_log: Path) -> Path:
    """The operator asks the API server through the proxy."""
    return proxy.write_kubeconfig(operator_log.with_suffix(".kubeconfig"))


@pytest.fixture(scope="module")
def shared(stage: Stage) -> Iterator[World]:
    with GatewayProcess(FAST_BOOT) as gateway:
        made = World(stage, gateway, "crashes")
        made.make_secret()
        # Long enough for all points to be reached before the first call is given up.
        made.make_provider(
            timeouts={"connectSeconds": 1, "requestSeconds": 4},
            settleSeconds=5,
            limits={"createsPerMinute": 6000, "maxInFlight": 100},
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def aftermath(shared: World, proxy: ApiProxy, operator: OperatorProcess) -> Aftermath:
    instances = {point.name: shared.create(point.name) for point in POINTS if point.deletes}
    for instance in instances.values():
        instance.wait_ready()
    holds = _stop_at_writes(shared, proxy, instances)
    # Calls of the gateway time out within seconds, so they come last.
    _stop_at_calls(shared, instances)
    operator.kill()
    for hold in holds:
        hold.drop()
    evidence = {name: _evidence(instance) for name, instance in instances.items()}
    for point in POINTS:
        if point.deleted_while_down:
            instances[point.name].delete()
    operator.start()
    return Aftermath(instances, evidence)


def _stop_at_writes(world: World, proxy: ApiProxy, instances: dict[str, Instance]) -> list[Hold]:
    points = [point for point in POINTS if point.when is not None]
    holds = [_hold(point, proxy) for point in points]
    for point in points:
        _begin(point, world, instances)
    for hold in holds:
        hold.wait()
    return holds


def _stop_at_calls(world: World, instances: dict[str, Instance]) -> None:
    points = [point for point in POINTS if point.when is None]
    for point in points:
        world.fault(point.name, **point.fault)
        _begin(point, world, instances)
    for point in points:
        look = partial(_calls, instances[point.name], str(point.fault["call"]))
        wait_for(f"the call of {point.name}", look)


def _hold(point: Point, proxy: ApiProxy) -> Hold:
    assert point.when is not None
    part = "/status" if point.status else ""
    return proxy.hold(point.when, "PATCH", f"/computeinstances/{point.name}{part}", *point.words)


def _begin(point: Point, world: World, instances: dict[str, Instance]) -> None:
    if point.deletes:
        instances[point.name].delete()
    else:
        instances[point.name] = world.create(point.name)


def _calls(instance: Instance, call: str) -> list[Body]:
    base = instance.machine_name()
    return [dict(record) for record in instance.gateway.requests(call=call, name=base)]


def _evidence(instance: Instance) -> Evidence:
    return Evidence(instance.body(), len(instance.live()), _calls(instance, "create"), _calls(instance, "delete"))


@pytest.mark.parametrize("point", [*CREATING, *DELETING])
def test_the_operator_died_at_that_point(aftermath: Aftermath, point: Point) -> None:
    seen = aftermath.evidence[point.name]
    assert point.reached(seen), seen


@pytest.mark.parametrize("point", CREATING)
def test_a_create_is_finished_with_exactly_one_machine(aftermath: Aftermath, point: Point) -> None:
    instance = aftermath.instances[point.name]
    instance.wait_ready(seconds=60)
    assert instance.condition("Launched") == ("True", point.reason)
    assert tuple(instance.sent()) == point.sent
    assert (instance.peak(), len(instance.live()), len(instance.machines())) == (1, 1, 1)
    assert instance.status()["machine"]["id"] == instance.live()[0]["id"]
    assert instance.status()["replacements"] == 0


@pytest.mark.parametrize("point", DELETING)
def test_a_deletion_is_finished_and_leaves_nothing(aftermath: Aftermath, point: Point) -> None:
    instance = aftermath.instances[point.name]
    instance.wait_gone(seconds=60)
    assert instance.peak() <= 1
    assert instance.live() == []
    assert instance.sent() == ["n"]


def test_a_machine_that_lands_after_the_deletion_is_found_and_terminated(aftermath: Aftermath) -> None:
    instance = aftermath.instances["deleted-before-it-lands"]
    instance.wait_gone(seconds=60)
    assert [machine["ending"] for machine in instance.machines()] == ["deleted"]


def test_every_machine_that_survived_the_crash_can_be_deleted(aftermath: Aftermath, shared: World) -> None:
    shared.clear_away()
    assert shared.gateway.live_machines() == []
    assert shared.gateway.doubled() == []


def test_nothing_went_wrong_in_either_process(aftermath: Aftermath, operator: OperatorProcess) -> None:
    assert operator.complaints() == []
