"""Bodies of the API server and of the gateway, read."""

from datetime import UTC, datetime
from typing import Any

from tests.sandbox.demo.making import call, instance, machine, one_each, view

from gpuwright_sandbox.demo.facts import LOST, ON_ITS_WAY, Call, Instance, Machine, OwnerCount, Truth

METADATA = {"name": "a", "uid": "u", "creationTimestamp": "2026-11-22T12:00:00Z"}


def request(**changes: Any) -> dict[str, Any]:
    body = {"labels": {"gpuwright.dev/owner-uid": "u"}}
    values = {"number": 3, "call": "create", "name": "a-1", "body": body, "status": 201, "action": ""}
    return values | changes


def test_an_instance_that_nobody_has_looked_at_says_nothing() -> None:
    seen = Instance.of({"metadata": METADATA})
    assert (seen.ready, seen.summary, seen.machine_id, seen.tried) == ("Unknown", "", "", ())
    assert seen.created == datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_an_instance_tells_its_conditions_its_machine_and_every_name_that_it_tried() -> None:
    status = {
        "summary": "Running",
        "conditions": [
            {"type": "Launched", "status": "True", "reason": "Adopted"},
            {"type": "Ready", "status": "True", "reason": "Running", "lastTransitionTime": "t"},
        ],
        "attempts": [{"name": "a-1"}, {"name": "a-1-r2"}],
        "launch": {"name": "a-1-r3"},
        "machine": {"id": "i-1", "name": "a-1-r3"},
    }
    seen = Instance.of({"metadata": METADATA, "status": status})
    assert (seen.ready, seen.reason, seen.ready_since, seen.launched) == ("True", "Running", "t", "Adopted")
    assert (seen.machine_id, seen.machine_name) == ("i-1", "a-1-r3")
    assert seen.tried == ("a-1", "a-1-r2", "a-1-r3")


def test_a_machine_is_read_with_its_owner_and_its_bill() -> None:
    body = {
        "id": "i-1",
        "name": "a-1",
        "owner_uid": "u",
        "state": "gone",
        "alive": False,
        "created_at": "2026-11-22T12:00:00+00:00",
        "price_per_hour": 3.0,
        "billed": 0.5,
        "more": "is ignored",
    }
    seen = Machine.of(body)
    assert (seen.id, seen.owner_uid, seen.alive, seen.billed) == ("i-1", "u", False, 0.5)


def test_counts_are_read() -> None:
    assert OwnerCount.of({"live": 1, "peak": 2, "created": 3}) == OwnerCount(live=1, peak=2, created=3)


def test_a_create_knows_its_owner_and_its_answer() -> None:
    seen = Call.of(request())
    assert (seen.kind, seen.owner_uid, seen.answer) == ("create", "u", "201")


def test_an_answer_that_was_spoiled_away_is_lost_and_any_other_is_on_its_way() -> None:
    assert Call.of(request(status=None, action="drop")).answer == LOST
    assert Call.of(request(status=None)).answer == ON_ITS_WAY
    assert Call.of(request(status=500, action="answer")).answer == "500"


def test_a_call_without_a_body_has_no_owner() -> None:
    assert Call.of(request(call="delete", body=None)).owner_uid == ""
    assert Call.of(request(body="no json")).owner_uid == ""


def test_the_truth_adds_up_only_what_lives() -> None:
    dead = machine("b", alive=False, billed=0.25)
    truth = Truth((machine("a"), dead), {"u-a": OwnerCount(live=1, peak=2, created=2)})
    assert truth.live == (machine("a"),)
    assert truth.price_per_hour == 3.0
    assert truth.billed == 0.26
    assert truth.doubled == ("u-a",)


def test_the_truth_is_asked_by_owner() -> None:
    truth = one_each("a", "b")
    assert truth.live_of("u-a") == (machine("a"),)
    assert truth.creates_of("u-b") == (call("b", number=2),)
    assert truth.of_kind("delete") == ()


def test_a_view_finds_only_what_exists() -> None:
    seen = view("a", departed=(instance("b"),))
    assert seen.instance("a") == instance("a")
    assert seen.instance("b") is None
