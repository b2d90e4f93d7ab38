"""One point played from its beginning to the last proof that nothing is left."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.campaign.l3_checks import Broken, check
from tests.campaign.l3_door import Plan
from tests.campaign.l3_plays import Play, Stand
from tests.campaign.l3_slot import Slot
from tests.campaign.l3_trace import trace_of
from tests.campaign.trace import Trace
from tests.e2e.cluster import Body, wait_for

TRAILING_SECONDS = 2.5  # after the end has come: Events and reads that belong to it
QUIET_SECONDS = 1.2  # a little more than a provider's period: what came before is over
_GLANCE_SECONDS = 0.05


class Disturbance(Plan, Protocol):
    """What goes wrong at a point."""

    @property
    def struck(self) -> bool:
        """Whether it has begun to go wrong."""
        ...

    def join(self) -> None:
        """Return when it is over."""
        ...


@dataclass(slots=True)
class Report:
    """What came of a point.

    Attributes:
        broken: what was wrong.
        struck: whether the point was reached.
        end: the state in the end, without what differs between two clean runs.
        effects: what the operator did, by name, in order; only what was committed.
    """

    broken: list[Broken] = field(default_factory=list)
    struck: bool = False
    end: dict[str, Any] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)


def played(slot: Slot, play: Play, plan: Disturbance) -> Report:
    """Play one workflow with something going wrong in it."""
    stand, report = Stand(slot, slot.world()), Report()
    slot.clear()
    log = len(slot.log())
    try:
        slot.wait_operator()
        play.prepare(stand)
        wait_for("a quiet operator", lambda: slot.door.is_quiet(QUIET_SECONDS), 30)
        slot.door.arm(plan)
        play.act(stand)
        _finish(stand, play, plan)
        report.end = end_of(stand)
        report.effects = _effects(slot)
        slot.disarm()
        _clear_away(stand, play)
    except AssertionError as error:
        report.broken.append(Broken("I12", f"it did not come to its end: {error}"))
        slot.disarm()
    report.struck = plan.struck
    report.trace = trace_of(slot.door.exchanges, slot.restarts, slot.gateway.machines())
    report.broken += check(report.trace)
    report.broken += _complaints(slot, log)
    slot.worn = slot.worn or bool(report.broken)
    return report


def _finish(stand: Stand, play: Play, plan: Disturbance) -> None:
    """See to it that the end is reached, and after the disturbance, too, however late that comes."""
    play.end(stand)
    until = time.monotonic() + TRAILING_SECONDS
    while not plan.struck and time.monotonic() < until:
        time.sleep(_GLANCE_SECONDS)
    plan.join()
    stand.slot.wait_operator()
    play.end(stand)


def _effects(slot: Slot) -> list[str]:
    names = []
    for exchange in slot.door.since_armed():
        committed = exchange.status is not None and (exchange.side == "gateway" or exchange.status < 300)
        if committed and exchange.effect:
            names.append(exchange.effect)
    return names


def end_of(stand: Stand) -> dict[str, Any]:
    """Return what must be the same however the way there was: the object's state, and how many machines were made."""
    body = stand.instance.body()
    made = [len(instance.machines()) for instance in stand.instances]
    return {"object": _state(body), "made": made, "live": [len(instance.live()) for instance in stand.instances]}


def _state(body: Body | None) -> dict[str, Any]:
    if body is None:
        return {}
    status = body.get("status") or {}
    launch = status.get("launch") or {}
    return {
        "conditions": {entry["type"]: _condition(entry) for entry in status.get("conditions") or ()},
        "finalizers": body["metadata"].get("finalizers") or [],
        "summary": status.get("summary"),
        "incarnation": launch.get("incarnation"),
        "outcome": launch.get("outcome"),
        "ending": launch.get("ending"),
        "replacements": status.get("replacements"),
        "machine": (status.get("machine") or {}).get("state"),
        "residue": [entry.get("name") for entry in status.get("residue") or ()],
    }


def _condition(entry: Mapping[str, Any]) -> str:
    # What was adopted after a crash and what was created are the same machine.
    return str(entry["status"]) if entry["type"] == "Launched" else f"{entry['status']} {entry['reason']}"


def _clear_away(stand: Stand, play: Play) -> None:
    """Delete what is left, and see that nothing bills."""
    for instance in stand.instances:
        instance.delete()
    for instance in stand.instances:
        instance.wait_gone(60)
    left = [machine["name"] for machine in stand.slot.gateway.live_machines()]
    assert left == [], f"machines are left that bill: {left}"


def _complaints(slot: Slot, offset: int) -> list[Broken]:
    """Return what an operator has said that is a defect of its own: an error, or a traceback."""
    found = []
    for line in slot.log()[offset:].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            # A line that SIGKILL cut in two.
            continue
        if isinstance(entry, dict) and (entry.get("level") in {"ERROR", "CRITICAL"} or "traceback" in entry):
            found.append(Broken("errors", line[:2000]))
    return found
