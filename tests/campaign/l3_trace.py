"""The one trace of a point, from what passed the doors and from the gateway's own history."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.campaign.l3_effects import Exchange
from tests.campaign.trace import Billing, Event, Machine, Received, Restarted, Sent, Trace, Written

_VERBS = {"create": "create", "delete": "delete", "look": "look", "list": "list", "start": "power", "stop": "power"}
_INSTANCES = "/computeinstances/"


def trace_of(
    exchanges: Iterable[Exchange], restarts: Iterable[Restarted], machines: Sequence[Mapping[str, Any]]
) -> Trace:
    """Return all of it in the order of time."""
    made = sorted(exchanges, key=lambda exchange: exchange.answered or exchange.at)
    events: list[Event] = [*restarts, *_billing(machines), *_written(made)]
    for exchange in made:
        events += _called(exchange)
    return Trace(sorted(events, key=lambda event: event.at))


def _called(exchange: Exchange) -> list[Event]:
    verb = _VERBS.get(exchange.label)
    # A request that was dropped at the door has never come to the provider.
    if exchange.side != "gateway" or verb is None or exchange.status is None:
        return []
    labels = exchange.sent.get("labels") or {}
    uid = str(labels.get("gpuwright.dev/owner-uid", ""))
    words = f"{exchange.status}" if exchange.delivered else f"{exchange.status}, not delivered"
    return [
        Sent(exchange.at, exchange.process, verb, exchange.name, exchange.token, uid),
        Received(exchange.answered, exchange.process, verb, exchange.name, words),
    ]


def _written(exchanges: Iterable[Exchange]) -> list[Event]:
    """Return the writes of instances that were committed; a user's own are seen in the next one of an operator."""
    events: list[Event] = []
    last: dict[str, Mapping[str, Any]] = {}
    for exchange in exchanges:
        committed = exchange.side == "api" and exchange.method == "PATCH" and exchange.status == 200
        if not committed or _INSTANCES not in exchange.path or not exchange.answer:
            continue
        body, metadata = exchange.answer, exchange.answer["metadata"]
        # The answer to a write that takes the last finalizer off is the object as it went.
        ended = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        after = None if ended else body
        before = last.get(metadata["uid"]) or (body if ended else None)
        events.append(Written(exchange.answered, exchange.process, "ComputeInstance", before, after))
        last[metadata["uid"]] = body
    return events


def _billing(machines: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Return who billed from each moment on at which that changed."""
    moments = {_seconds(machine[key]) for machine in machines for key in ("created_at", "ended_at") if machine[key]}
    return [Billing(at, tuple(_machine(one) for one in machines if _bills(one, at))) for at in sorted(moments)]


def _bills(machine: Mapping[str, Any], at: float) -> bool:
    ended = machine["ended_at"]
    return _seconds(machine["created_at"]) <= at and (not ended or at < _seconds(ended))


def _machine(machine: Mapping[str, Any]) -> Machine:
    return Machine(
        id=str(machine["id"]),
        name=str(machine["name"]),
        uid=str(machine["owner_uid"]),
        incarnation=int(machine["incarnation"] or 0),
        state=str(machine["state"]),
        price=float(machine["price_per_hour"]),
    )


def _seconds(text: Any) -> float:
    return datetime.fromisoformat(str(text)).timestamp()
