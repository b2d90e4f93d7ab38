"""Ways to tamper with a real run, each of which breaks one invariant: what test_invariants.py shows to be caught."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.campaign.invariants_tampering import (
    OPERATOR,
    after,
    body_of,
    ended_at,
    instead,
    is_made,
    is_ready,
    is_told,
    machine,
    machine_at,
    one_more,
    the,
    told,
)
from tests.campaign.l1_person import FIRST_TOKEN
from tests.campaign.story import condition_of
from tests.campaign.trace import Billing, Event, Logged, Read, Received, Sent, Trace, Written

Tamper = Callable[[Trace], Trace]


def two_machines(trace: Trace) -> Trace:
    return one_more(trace, machine_at(trace) + 1)


def bills_on(trace: Trace) -> Trace:
    return one_more(trace, ended_at(trace) + 1)


def forgets_its_id(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        del body["status"]["machine"]

    return told(trace, change, is_ready)


def writes_another_id(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["machine"]["id"] = "i-other"

    return told(trace, change, is_ready)


def bills_unknown(trace: Trace) -> Trace:
    more = replace(machine(trace), id="i-more", name="more")
    events = [replace(e, machines=(*e.machines, more)) if isinstance(e, Billing) else e for e in trace.events]
    return Trace(events)


def deletes_what_is_wanted(trace: Trace) -> Trace:
    return after(trace, Sent(machine_at(trace) + 4, OPERATOR, "delete", machine(trace).name))


def deletes_a_strangers(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "delete")
    stranger = replace(machine(trace), id="i-theirs", uid="uid-theirs")
    return after(trace, Billing(sent.at - 0.001, (machine(trace), stranger)))


def sends_without_intent(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    return instead(trace, sent, replace(sent, token=""))


def sends_from_elsewhere(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    return instead(trace, sent, replace(sent, process="operator-2"))


def sends_twice(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    return after(trace, replace(sent, at=sent.at + 0.1))


def sends_late(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    return after(Trace([event for event in trace.events if event is not sent]), replace(sent, at=sent.at + 3))


def tears_the_finalizer_off(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["metadata"]["finalizers"] = []

    return told(trace, change, is_ready)


def looks_once_only(trace: Trace) -> Trace:
    looks = [event for event in trace.events if isinstance(event, Received) and event.result == "absent"]
    lists = [event for event in trace.events if isinstance(event, Received) and event.verb == "list"]
    return Trace([event for event in trace.events if event not in [*looks[1:], *lists]])


def lets_go_on_an_error(trace: Trace) -> Trace:
    events = [
        replace(event, result="blind") if isinstance(event, Received) and event.verb == "look" else event
        for event in trace.events
    ]
    return Trace(events)


def lets_go_unanswered(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    return after(trace, replace(sent, at=ended_at(trace) - 5, name="another"))


def is_ready_for_another_spec(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["metadata"]["generation"] = 2

    return told(trace, change, is_ready)


def is_ready_without_a_machine(trace: Trace) -> Trace:

    def stopped(event: Event) -> Event:
        if not isinstance(event, Billing):
            return event
        return replace(event, machines=tuple(replace(one, state="Stopped") for one in event.machines))

    return Trace([stopped(event) for event in trace.events])


def is_ready_in_silence(trace: Trace) -> Trace:
    begin = trace.events[-1].at
    blind = [Received(begin + 30.0 * number, OPERATOR, "list", "", "blind") for number in range(1, 20)]
    return Trace([*trace.events, *blind])


def is_gone_by_word_only(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["machine"]["state"] = "Gone"

    return told(trace, change, is_ready)


def is_replaced_alive(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["launch"]["incarnation"] = 2

    return told(trace, change, is_ready)


def buys_too_fast(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    for number in range(300):
        trace = after(trace, replace(sent, at=sent.at + 0.01 * (number + 1)))
    return trace


def has_too_many_in_flight(trace: Trace) -> Trace:
    sent = the(trace, Sent, lambda event: event.verb == "create")
    for number in range(9):
        trace = after(trace, replace(sent, at=sent.at + 0.001 * (number + 1)))
    return trace


def reads_a_strangers_secret(trace: Trace) -> Trace:
    return after(trace, Read(5.0, OPERATOR, "Secret", "team-b", "gateway-token"))


def reads_a_secret_nobody_names(trace: Trace) -> Trace:
    return after(trace, Read(5.0, OPERATOR, "Secret", "team-a", "another"))


def never_comes_to_rest(trace: Trace) -> Trace:
    ready = [event for event in trace.events if isinstance(event, Written) and is_told(event) and is_ready(event)]
    events = [event for event in trace.events if event not in ready]
    return Trace([*events, Logged(events[-1].at + 1600, OPERATOR, "hello")])


def rests_and_turns_restless(trace: Trace) -> Trace:
    write = the(trace, Written, lambda event: is_told(event) and is_ready(event))
    body = body_of(write)
    condition_of(body, "Ready")["status"] = "False"
    return Trace([*trace.events, Written(trace.events[-1].at + 1, OPERATOR, write.kind, write.after, body)])


def writes_at_rest(trace: Trace) -> Trace:
    write = the(trace, Written, lambda event: is_told(event) and is_ready(event))
    return Trace([*trace.events, replace(write, at=trace.events[-1].at + 1, before=write.after)])


def asks_at_rest(trace: Trace) -> Trace:
    begin = trace.events[-1].at
    asked = [Sent(begin + 0.1 * number, OPERATOR, "list", "") for number in range(100)]
    return Trace([*trace.events, *asked])


def says(text: str) -> Tamper:
    return lambda trace: after(trace, Logged(5.0, OPERATOR, f"Bearer {text}"))


def writes_a_secret(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["launch"]["message"] = f"401 for {FIRST_TOKEN}"

    return told(trace, change, is_made)


def on_condition(kind: str, **changes: Any) -> Tamper:
    def change(body: dict[str, Any]) -> None:
        condition_of(body, kind).update(changes)

    return lambda trace: told(trace, change, is_ready)


def has_a_condition_twice(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["conditions"].append(body["status"]["conditions"][0])

    return told(trace, change, is_ready)


def has_no_ready(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["conditions"] = [one for one in body["status"]["conditions"] if one["type"] != "Ready"]

    return told(trace, change, is_made)


def observes_less(trace: Trace) -> Trace:
    def change(body: dict[str, Any]) -> None:
        body["status"]["observedGeneration"] = 0

    return told(trace, change, is_ready)


_LATER = "2030-01-01T00:00:00Z"
_EARLIER = "2020-01-01T00:00:00Z"
WAYS: tuple[tuple[str, str, Tamper], ...] = (
    ("I1", "delete-ready", two_machines),
    ("I2", "delete-ready", bills_on),
    ("I3", "create", forgets_its_id),
    ("I3", "create", writes_another_id),
    ("I3", "create", bills_unknown),
    ("I4", "create", deletes_what_is_wanted),
    ("I4", "delete-ready", deletes_a_strangers),
    ("I5", "create", sends_without_intent),
    ("I5", "create", sends_from_elsewhere),
    ("I5", "create", sends_twice),
    ("I5", "create", sends_late),
    ("I6", "create", tears_the_finalizer_off),
    ("I7", "delete-ready", looks_once_only),
    ("I7", "delete-ready", lets_go_on_an_error),
    ("I7", "delete-ready", lets_go_unanswered),
    ("I8", "create", is_ready_for_another_spec),
    ("I8", "create", is_ready_without_a_machine),
    ("I8", "create", is_ready_in_silence),
    ("I9", "create", is_gone_by_word_only),
    ("I9", "create", is_replaced_alive),
    ("I10", "create", buys_too_fast),
    ("I10", "create", has_too_many_in_flight),
    ("I11", "create", reads_a_strangers_secret),
    ("I11", "create", reads_a_secret_nobody_names),
    ("I12", "create", never_comes_to_rest),
    ("I12", "create", rests_and_turns_restless),
    ("I13", "create", writes_at_rest),
    ("I13", "create", asks_at_rest),
    ("I14", "create", says(FIRST_TOKEN)),
    ("I14", "create", says(base64.b64encode(FIRST_TOKEN.encode()).decode())),
    ("I14", "create", says(FIRST_TOKEN[:8])),
    ("I14", "create", writes_a_secret),
    ("I15", "create", has_a_condition_twice),
    ("I15", "create", has_no_ready),
    ("I15", "create", observes_less),
    ("I15", "create", on_condition("Accepted", lastTransitionTime=_LATER)),
    ("I15", "create", on_condition("Ready", lastTransitionTime=_EARLIER)),
    ("I15", "create", on_condition("Accepted", observedGeneration=0)),
    ("I15", "create", on_condition("Ready", reason="not a reason")),
)
