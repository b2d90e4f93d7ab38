"""Each invariant of L3 is broken once, in a trace made by hand, and nothing is said of one that is in order."""

from typing import Any

import pytest
from tests.campaign.l3_checks import FINALIZER, check
from tests.campaign.trace import Billing, Event, Machine, Sent, Trace, Written

MACHINE = Machine("i-1", "one-abc", "uid", 1, "running")
SECOND = Machine("i-2", "one-abc-g2", "uid", 2, "running")


def body(*, finalizers: tuple[str, ...] = (FINALIZER,), **status: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "uid", "finalizers": list(finalizers)}, "status": status}


def launch(outcome: str, send: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": MACHINE.name, "outcome": outcome, "send": send, "token": "t", **more}


def wrote(
    at: float, after: dict[str, Any] | None, before: dict[str, Any] | None = None, process: str = "a1"
) -> Written:
    return Written(at, process, "ComputeInstance", before, after)


INTENDED = body(launch=launch("Intended"))
COMMITTED = body(launch=launch("Committed"), machine={"id": "i-1"})
ENDING = body(launch=launch("Committed", ending={"names": [MACHINE.name]}), machine={"id": "i-1"})
INTENT = wrote(1.0, INTENDED)
CREATE = Sent(1.1, "a1", "create", MACHINE.name, "t", "uid")
MADE = Billing(1.2, (MACHINE,))
RECORDED = wrote(1.3, COMMITTED, INTENDED)
ANNOUNCED = wrote(2.0, ENDING, COMMITTED)
TERMINATE = Sent(2.1, "a1", "delete", MACHINE.name)
GONE = Billing(2.2, ())
RELEASED = wrote(3.0, None, ENDING)
LIFE: tuple[Event, ...] = (INTENT, CREATE, MADE, RECORDED, ANNOUNCED, TERMINATE, GONE, RELEASED)


def without(*left_out: Event) -> tuple[Event, ...]:
    return tuple(event for event in LIFE if event not in left_out)


BROKEN: dict[str, tuple[str, tuple[Event, ...]]] = {
    "two machines": ("I1", (*LIFE[:4], Billing(1.5, (MACHINE, SECOND)))),
    "let go too early": ("I2", without(GONE)),
    "appeared too late": ("I2", (*LIFE, Billing(4.0, (SECOND,)))),
    "forgotten": ("I3", (*LIFE[:4], wrote(1.5, body(launch=launch("Committed")), COMMITTED))),
    "terminated unannounced": ("I4", without(ANNOUNCED)),
    "sent unannounced": ("I5", without(INTENT)),
    "sent late": ("I5", (INTENT, Sent(9.0, "a1", "create", MACHINE.name, "t", "uid"))),
    "sent by another": ("I5", (INTENT, Sent(1.1, "b1", "create", MACHINE.name, "t", "uid"))),
    "sent with another token": ("I5", (INTENT, Sent(1.1, "a1", "create", MACHINE.name, "other", "uid"))),
    "sent twice": ("I5", (INTENT, CREATE, CREATE)),
    "sent late though the other has touched the record": (
        "I5",
        (
            INTENT,
            wrote(8.0, body(launch=launch("Intended", settled=False)), INTENDED, "b1"),
            Sent(9.0, "a1", "create", MACHINE.name, "t", "uid"),
        ),
    ),
    "without a finalizer": ("I6", (wrote(1.0, body(finalizers=(), launch=launch("Intended"))), CREATE)),
    "a condition twice": ("I15", (wrote(1.0, body(conditions=[{"type": "Ready", "reason": "Running"}] * 2)),)),
    "a condition without a reason": ("I15", (wrote(1.0, body(conditions=[{"type": "Ready", "reason": ""}])),)),
    "an older generation": ("I15", (wrote(1.0, body(observedGeneration=2)), wrote(2.0, body(observedGeneration=1)))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named(case: str) -> None:
    invariant, events = BROKEN[case]
    assert {broken.invariant for broken in check(Trace(list(events)))} == {invariant}


def test_nothing_is_said_of_a_life_in_order() -> None:
    assert check(Trace(list(LIFE))) == []


def test_a_machine_that_is_kept_on_purpose_is_no_leak() -> None:
    assert check(Trace(list(without(GONE))), frozenset({"i-1"})) == []
