"""PURE: what was seen and decided, as status and conditions. No decision reads what is written here."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gpuwright.instance.actions import Action, LookAt, ReadLive, Record, Send, Terminate, Wait
from gpuwright.instance.cost import with_cost
from gpuwright.instance.observation import Observation
from gpuwright.model.conditions import Condition, ConditionType, Reason, Status, Summary, cut, rendered, timestamp
from gpuwright.model.memory import ENDS_MACHINE, EndingReason, Launch, Memory, Outcome
from gpuwright.model.resources import CLUSTER_PROVIDERS

LONG_WAIT_SECONDS = 5.0  # waits at least this long are worth telling

_NOT_ACCEPTED = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.PROVIDER_NOT_FOUND,
        Reason.NAMESPACE_NOT_ALLOWED,
        Reason.LIMIT_REACHED,
        Reason.SECRET_NOT_FOUND,
        Reason.CRD_OUTDATED,
    }
)
# With a machine: nobody can look at it.
_UNKNOWN_READY = frozenset(
    {
        Reason.PROVIDER_UNREACHABLE,
        Reason.CREDENTIALS_REJECTED,
        Reason.PROVIDER_NOT_FOUND,
        Reason.SECRET_NOT_FOUND,
    }
)
_ENDED = {
    EndingReason.LOST: Reason.LOST,
    EndingReason.PREEMPTED: Reason.PREEMPTED,
    EndingReason.BROKEN: Reason.BROKEN,
    EndingReason.EXPIRED: Reason.EXPIRED,
    EndingReason.LAUNCH_DEADLINE_EXCEEDED: Reason.BROKEN,
}
_LAUNCHING = {
    Outcome.INTENDED: (Reason.CREATING, "the create is being sent"),
    Outcome.UNKNOWN: (Reason.OUTCOME_UNKNOWN, "the answer was lost; looking for the machine"),
}
_UNTRIED = (Reason.INTENDED, "nothing has been sent yet")


def status_of(seen: Observation, action: Action) -> dict[str, Any]:
    """Return the whole status for what is on record and what was decided."""
    instance, memory = seen.instance, seen.memory
    before: Mapping[str, Any] = instance.body.get("status") or {}
    standing = standing_of(action)
    wanted = _conditions(seen, standing)
    now = datetime.fromtimestamp(seen.wall, UTC)
    status: dict[str, Any] = {
        "observedGeneration": instance.generation,
        "summary": _summary(seen, wanted),
        "conditions": rendered(wanted, before.get("conditions") or (), instance.generation, now),
        "replacements": memory.replacements,
    }
    if instance.record_error:
        # What cannot be read is not ours to drop.
        return {**before, **status, "replacements": before.get("replacements", 0)}
    status |= record_of(memory)
    if memory.machine:
        status["machine"] = {**memory.machine, "providerID": _provider_id(seen)}
    next_look = _next_look(seen)
    if next_look:
        status["nextLookTime"] = next_look
    return with_cost(seen, before, status)


def _provider_id(seen: Observation) -> str:
    """Return the machine's id in the form that Nodes carry: `gpuwright://<namespace or empty>/<provider>/<id>`."""
    namespace = "" if seen.ref.kind == CLUSTER_PROVIDERS.kind else seen.instance.key.namespace
    return f"gpuwright://{namespace}/{seen.ref.name}/{seen.memory.machine_id}"


def record_of(memory: Memory) -> dict[str, Any]:
    """Return the part of the status that must never be lost: the smallest patch still carries it."""
    record: dict[str, Any] = {}
    if memory.launch is not None:
        launch = replace(memory.launch, started=memory.started)
        record["launch"] = launch.body() | {"message": cut(memory.launch.message)}
        if not memory.launch.message:
            del record["launch"]["message"]
    if memory.machine:
        record["machine"] = dict(memory.machine)
    if memory.residue:
        record["residue"] = [entry.body() for entry in memory.residue]
    if memory.attempts:
        record["attempts"] = [dict(entry) for entry in memory.attempts]
    if memory.handled_request:
        record["lastHandledReconcileAt"] = memory.handled_request
    return record


def standing_of(action: Action) -> Wait:
    """Return how things stand, also while something is being done."""
    match action:
        case Wait():
            return action
        case Send():
            return Wait(Reason.CREATING, "the create is being sent")
        case Terminate(name=name):
            return Wait(Reason.TERMINATING_MACHINE, f"terminating {name}")
        case LookAt(name=name):
            return Wait(Reason.WORKING, f"looking for {name}")
        case Record(why=why):
            return Wait(Reason.WORKING, why)
        case ReadLive():
            return Wait(Reason.TERMINATING_MACHINE, "reading the object before anything is destroyed")
        case _:
            return Wait(Reason.WORKING, "working")


def _conditions(seen: Observation, standing: Wait) -> list[Condition]:
    launched = _launched(seen, standing)
    ready = _ready(seen, standing, launched)
    conditions = [
        _accepted(seen, standing),
        launched,
        ready,
        _reconciling(seen, standing, ready),
        _stalled(standing),
    ]
    if seen.instance.deleting:
        conditions.append(Condition(ConditionType.DELETING, Status.TRUE, _deleting_reason(standing), standing.message))
    return conditions


def _accepted(seen: Observation, standing: Wait) -> Condition:
    if seen.instance.spec is None:
        # Whatever is being done: a deletion goes on by the record alone.
        return Condition(ConditionType.ACCEPTED, Status.FALSE, Reason.INVALID_SPEC, seen.instance.spec_error)
    if standing.reason in _NOT_ACCEPTED:
        return Condition(ConditionType.ACCEPTED, Status.FALSE, standing.reason, standing.message)
    return Condition(ConditionType.ACCEPTED, Status.TRUE, Reason.ACCEPTED, "the spec can be carried out")


def _launched(seen: Observation, standing: Wait) -> Condition:
    launch = seen.launch
    if launch is not None and launch.outcome is Outcome.COMMITTED:
        return _made(seen, launch)
    if launch is not None and launch.outcome in _LAUNCHING:
        reason, words = _LAUNCHING[launch.outcome]
        return Condition(ConditionType.LAUNCHED, Status.FALSE, reason, launch.message or words)
    if standing.reason in _LAUNCH_REASONS:
        return Condition(ConditionType.LAUNCHED, Status.FALSE, standing.reason, standing.message)
    if launch is not None and launch.reason in _LAUNCH_WORDS:
        return Condition(ConditionType.LAUNCHED, Status.FALSE, Reason(launch.reason), launch.message)
    return Condition(ConditionType.LAUNCHED, Status.FALSE, *_UNTRIED)


_LAUNCH_REASONS = frozenset(
    {
        Reason.CAPACITY_UNAVAILABLE,
        Reason.PLACEMENT_FAILED,
        Reason.PRICE_TOO_HIGH,
        Reason.QUOTA_EXCEEDED,
        Reason.REQUEST_REJECTED,
        Reason.CREDENTIALS_REJECTED,
        Reason.NAME_CONFLICT,
        Reason.PROVIDER_UNREACHABLE,
        Reason.PROVIDER_DRAINING,
        Reason.THROTTLED,
    }
)
_LAUNCH_WORDS = frozenset(str(reason) for reason in _LAUNCH_REASONS)


def _made(seen: Observation, launch: Launch) -> Condition:
    if launch.ending is not None and launch.ending.reason in ENDS_MACHINE and launch.ending.reason in _ENDED:
        words = f"machine {seen.memory.machine_id} ended: {launch.ending.reason}"
        return Condition(ConditionType.LAUNCHED, Status.FALSE, _ENDED[launch.ending.reason], words)
    reason = Reason.ADOPTED if launch.reason == Reason.ADOPTED else Reason.CREATED
    return Condition(ConditionType.LAUNCHED, Status.TRUE, reason, f"machine {seen.memory.machine_id} as {launch.name}")


def _ready(seen: Observation, standing: Wait, launched: Condition) -> Condition:
    if seen.instance.deleting:
        return Condition(ConditionType.READY, Status.FALSE, _deleting_reason(standing), standing.message)
    if standing.ready:
        return Condition(ConditionType.READY, Status.TRUE, standing.reason, standing.message)
    if standing.reason is Reason.PAUSED:
        return _as_found(seen, standing)
    exists = launched.status is Status.TRUE
    unknown = standing.reason is Reason.PLACE_CHANGED or (exists and standing.reason in _UNKNOWN_READY)
    reason: Reason = standing.reason
    if standing.reason in {Reason.WORKING, Reason.WAITING}:
        reason = Reason.PROVISIONING if exists else launched.reason
    return Condition(ConditionType.READY, Status.UNKNOWN if unknown else Status.FALSE, reason, standing.message)


def _as_found(seen: Observation, standing: Wait) -> Condition:
    """Paused: what was true when it began is still the best that is known."""
    for condition in (seen.instance.body.get("status") or {}).get("conditions") or ():
        if condition.get("type") == ConditionType.READY and condition.get("reason") in list(Reason):
            status, reason = Status(condition["status"]), Reason(condition["reason"])
            return Condition(ConditionType.READY, status, reason, str(condition.get("message", "")))
    return Condition(ConditionType.READY, Status.UNKNOWN, Reason.PAUSED, standing.message)


def _reconciling(seen: Observation, standing: Wait, ready: Condition) -> Condition:
    if seen.instance.deleting:
        return Condition(ConditionType.RECONCILING, Status.TRUE, Reason.WORKING, standing.message)
    if standing.reason is Reason.PAUSED:
        return Condition(ConditionType.RECONCILING, Status.FALSE, Reason.PAUSED, standing.message)
    if ready.status is Status.TRUE or standing.stalled:
        return Condition(ConditionType.RECONCILING, Status.FALSE, Reason.SETTLED, "nothing is being done")
    reason = Reason.WAITING if standing.seconds and standing.seconds >= LONG_WAIT_SECONDS else Reason.WORKING
    return Condition(ConditionType.RECONCILING, Status.TRUE, reason, standing.message)


def _stalled(standing: Wait) -> Condition:
    if standing.stalled:
        return Condition(ConditionType.STALLED, Status.TRUE, standing.reason, standing.message)
    return Condition(ConditionType.STALLED, Status.FALSE, Reason.NOT_STALLED, "")


def _deleting_reason(standing: Wait) -> Reason:
    known = {
        Reason.TERMINATING_MACHINE,
        Reason.WAITING_FOR_SETTLEMENT,
        Reason.PROVING_ABSENCE,
        Reason.LEDGER_FULL,
        Reason.PROVIDER_UNREACHABLE,
        Reason.CREDENTIALS_REJECTED,
        Reason.PLACE_CHANGED,
        Reason.RECORD_LOST,
        Reason.PAUSED,
    }
    return standing.reason if standing.reason in known else Reason.TERMINATING_MACHINE


def _summary(seen: Observation, conditions: list[Condition]) -> str:
    if seen.instance.deleting:
        return str(Summary.DELETING)
    ready = next(condition for condition in conditions if condition.type is ConditionType.READY)
    return str(ready.reason)


def _next_look(seen: Observation) -> str:
    """Return when a create is tried again, where that is worth knowing. Nothing here moves by the clock alone."""
    launch = seen.launch
    remaining = seen.witness.not_before - seen.now
    if (
        launch is None
        or launch.outcome not in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}
        or remaining < LONG_WAIT_SECONDS
    ):
        return ""
    return timestamp(datetime.fromtimestamp(seen.wall + remaining, UTC))
