"""Values to practise on: instances, machines, calls, and views of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.facts import Call, Instance, Machine, OwnerCount, Truth, View
from gpuwright_sandbox.demo.plan import Act, Planned, acts, base_name
from gpuwright_sandbox.demo.story import Outcome, Place

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLUSTER = "c1"
TRUE = Check("it is so", "yes", "yes")
FALSE = Check("it is so", "yes", "no")


def instance(name: str = "plain", /, **changes: Any) -> Instance:
    """Return an instance that runs; its uid is its name with a u before it."""
    base = base_name(name, f"u-{name}", CLUSTER)
    values: dict[str, Any] = {
        "name": name,
        "uid": f"u-{name}",
        "created": NOW - timedelta(seconds=9),
        "ready": "True",
        "reason": "Running",
        "ready_since": "2026-11-22T11:59:55Z",
        "launched": "Created",
        "summary": "Running",
        "machine_id": f"i-{name}",
        "machine_name": base,
        "tried": (base,),
    }
    return Instance(**values | changes)


def machine(name: str = "plain", /, **changes: Any) -> Machine:
    """Return the machine that runs for the instance of that name."""
    values: dict[str, Any] = {
        "id": f"i-{name}",
        "name": base_name(name, f"u-{name}", CLUSTER),
        "owner_uid": f"u-{name}",
        "state": "running",
        "alive": True,
        "created": NOW - timedelta(seconds=8),
        "price_per_hour": 3.0,
        "billed": 0.01,
    }
    return Machine(**values | changes)


def call(name: str = "plain", /, **changes: Any) -> Call:
    """Return a create for the instance of that name, answered 201."""
    values: dict[str, Any] = {
        "number": 1,
        "kind": "create",
        "name": base_name(name, f"u-{name}", CLUSTER),
        "owner_uid": f"u-{name}",
        "status": 201,
        "spoiled": False,
    }
    return Call(**values | changes)


def one_each(*names: str) -> Truth:
    """Return the truth in which each instance of these names has one machine, made by one create."""
    return Truth(
        tuple(machine(name) for name in names),
        {f"u-{name}": OwnerCount(live=1, peak=1, created=1) for name in names},
        tuple(call(name, number=number) for number, name in enumerate(names, start=1)),
    )


def view(*names: str, **changes: Any) -> View:
    """Return the view in which each of these instances runs."""
    values: dict[str, Any] = {
        "now": NOW,
        "instances": tuple(instance(name) for name in names),
        "departed": (),
        "truth": one_each(*names),
    }
    return View(**values | changes)


def outcome(*checks: Check, act: Act | None = None, number: int = 1) -> Outcome:
    """Return an act that is over, with these claims."""
    place = Place(act or acts()[0], number, 7, 1.0)
    return Outcome(place, checks or (TRUE,), 2.5, view("plain", "flaky-1"))


def planned(name: str) -> Planned:
    """Return the instance of the demo that has this name."""
    return next(each for act in acts() for each in act.instances if each.name == name)
