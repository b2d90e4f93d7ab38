"""Changing a real run: what the ways of invariants_tampered.py are made of."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.campaign.story import condition_of, status_of
from tests.campaign.trace import Billing, Event, Machine, Trace, Written

OPERATOR = "operator-1"


def the(trace: Trace, kind: type[Any], which: Callable[[Any], bool] = lambda _event: True) -> Any:
    """Return the first event of a kind."""
    return next(event for event in trace.events if isinstance(event, kind) and which(event))


def body_of(event: Written) -> dict[str, Any]:
    """Return a copy of the object after a write."""
    copied: dict[str, Any] = json.loads(json.dumps(event.after))
    return copied


def after(trace: Trace, event: Event) -> Trace:
    """Return the trace with one more event, at its time."""
    events = [known for known in trace.events if known.at <= event.at]
    return Trace([*events, event, *trace.events[len(events) :]])


def instead(trace: Trace, old: Event, new: Event) -> Trace:
    """Return the trace with one event replaced."""
    return Trace([new if event is old else event for event in trace.events])


def told(trace: Trace, change: Callable[[dict[str, Any]], None], which: Callable[[Written], bool]) -> Trace:
    """Return the trace with what an operator wrote about the instance changed."""
    write = the(trace, Written, lambda event: is_told(event) and which(event))
    body = body_of(write)
    change(body)
    return instead(trace, write, replace(write, after=body))


def is_told(event: Written) -> bool:
    return event.kind == "ComputeInstance" and event.process == OPERATOR and event.after is not None


def is_ready(event: Written) -> bool:
    return condition_of(event.after, "Ready").get("status") == "True"


def is_made(event: Written) -> bool:
    return "machine" in status_of(event.after)


def machine(trace: Trace) -> Machine:
    """Return the machine of the run."""
    found: Machine = the(trace, Billing, lambda event: event.machines).machines[0]
    return found


def one_more(trace: Trace, at: float, seconds: float = 5.0, **changes: Any) -> Trace:
    """Return the trace with another machine of the same owner for some seconds."""
    here = [event for event in trace.events if isinstance(event, Billing) and event.at <= at]
    now = here[-1].machines if here else ()
    more = replace(machine(trace), **({"id": "i-more", "name": "more"} | changes))
    return after(after(trace, Billing(at, (*now, more))), Billing(at + seconds, now))


def machine_at(trace: Trace) -> float:
    return float(the(trace, Billing, lambda event: event.machines).at)


def ended_at(trace: Trace) -> float:
    return float(the(trace, Written, lambda event: event.kind == "ComputeInstance" and event.after is None).at)
