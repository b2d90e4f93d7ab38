"""Answers gone wrong, without a server."""

from datetime import UTC, datetime

import pytest
from tests.sandbox.gateway.asking import at

from gpuwright_sandbox.gateway import spoil
from gpuwright_sandbox.gateway.actions import AnswerWith, Capacity, Garble, Redirect, Residue, Spoil, Throttle
from gpuwright_sandbox.gateway.answers import Answer
from gpuwright_sandbox.gateway.shapes import FieldError, Json, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE: dict[str, Json] = {"id": "i-1", "name": "a", "state": "running", "labels": {}, "cpu": 4}
LIST: dict[str, Json] = {"items": [MACHINE, MACHINE], "next_cursor": ""}


@pytest.mark.parametrize(
    ("action", "code"),
    [
        pytest.param(AnswerWith(status=500), "internal", id="code of the status"),
        pytest.param(AnswerWith(status=503), "no_placement", id="code of 503"),
        pytest.param(AnswerWith(status=503, code="capacity"), "capacity", id="code as asked"),
        pytest.param(AnswerWith(status=502, code="internal"), "internal", id="502 of the gateway itself"),
    ],
)
def test_an_error_has_the_apis_shape(action: AnswerWith, code: str) -> None:
    answer = spoil.scripted(action)
    assert answer.status == action.status
    assert answer.body == {"error": {"code": code, "message": "scripted by a fault"}}


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(AnswerWith(status=502), id="502 comes from a proxy"),
        pytest.param(AnswerWith(status=504), id="504 comes from a proxy"),
        pytest.param(AnswerWith(status=500, code=""), id="no code"),
        pytest.param(AnswerWith(status=404, body="<h1>nginx</h1>"), id="a page as asked"),
    ],
)
def test_what_something_in_between_says_is_a_page(action: AnswerWith) -> None:
    answer = spoil.scripted(action)
    assert isinstance(answer.body, bytes)
    assert answer.content_type.startswith("text/html")


@pytest.mark.parametrize("committed", ["yes", "no", "unknown"])
def test_an_error_can_say_what_became_of_it(committed: str) -> None:
    body = spoil.scripted(AnswerWith(status=500, committed=committed)).body
    assert at(body, "error", "committed") == committed


def test_headers_and_body_are_sent_as_asked() -> None:
    answer = spoil.scripted(AnswerWith(status=503, body={"a": 1}, headers={"Retry-After": "2"}))
    assert answer == Answer(503, {"a": 1}, {"Retry-After": "2"})


def test_a_success_without_a_body_is_an_empty_object() -> None:
    assert spoil.scripted(AnswerWith(status=201)).body == {}


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        pytest.param(Throttle(seconds=2), {"Retry-After": "2"}, id="seconds"),
        pytest.param(Throttle(seconds=1.5), {"Retry-After": "1.5"}, id="fraction"),
        pytest.param(
            Throttle(seconds=90, retry_after="date"), {"Retry-After": "Thu, 01 Jan 2026 00:01:30 GMT"}, id="date"
        ),
        pytest.param(Throttle(retry_after="absurd"), {"Retry-After": "1000000000"}, id="absurd"),
        pytest.param(Throttle(retry_after="missing"), {}, id="missing"),
        pytest.param(Throttle(retry_after="soon"), {"Retry-After": "soon"}, id="unreadable"),
    ],
)
def test_says_when_to_come_again(action: Throttle, headers: dict[str, str]) -> None:
    answer = spoil.throttled(action, NOW)
    assert (answer.status, answer.headers) == (429, headers)
    assert at(answer.body, "error", "code") == "rate_limited"


def test_room_quota_and_residue_have_their_codes() -> None:
    assert at(spoil.short_of(Capacity()).body, "error", "code") == "no_placement"
    quota = spoil.short_of(Capacity(code="quota", status=429))
    assert (quota.status, at(quota.body, "error", "code")) == (429, "quota")
    residue = spoil.left_behind(Residue(seconds=5))
    assert (residue.status, at(residue.body, "error", "code")) == (500, "internal")


def test_a_redirect_leads_elsewhere() -> None:
    assert spoil.redirected(Redirect(location="http://x/")) == Answer(307, None, {"Location": "http://x/"})


def garbled(how: Spoil, body: Json) -> Answer:
    return spoil.garbled(Answer(201, body), Garble(how=how, size_bytes=1000, state="asleep"))


def test_a_malformed_body_is_no_json_although_it_says_so() -> None:
    answer = garbled(Spoil.MALFORMED, MACHINE)
    with pytest.raises(FieldError):
        parse(answer.content)
    assert (answer.status, answer.headers) == (201, {"Content-Type": "application/json"})


def test_a_malformed_nothing_is_nothing() -> None:
    assert garbled(Spoil.MALFORMED, None).content == b""


def test_other_bodies_are_not_what_they_should_be() -> None:
    assert garbled(Spoil.HTML, MACHINE).status == 200
    assert garbled(Spoil.HTML, MACHINE).content.startswith(b"<!DOCTYPE html>")
    assert garbled(Spoil.EMPTY, MACHINE) == Answer(201, None)
    assert garbled(Spoil.LIST, MACHINE).body == [MACHINE]
    assert len(garbled(Spoil.HUGE, MACHINE).content) > 1000


@pytest.mark.parametrize("how", [Spoil.WITHOUT_ID, Spoil.WRONG_TYPES, Spoil.UNKNOWN_STATE])
def test_a_list_is_spoiled_machine_by_machine(how: Spoil) -> None:
    one = garbled(how, MACHINE).body
    assert one != MACHINE
    assert garbled(how, LIST).body == {"items": [one, one], "next_cursor": ""}


def test_a_machine_loses_its_id_its_types_or_a_known_state() -> None:
    assert garbled(Spoil.WITHOUT_ID, MACHINE).body == {key: MACHINE[key] for key in MACHINE if key != "id"}
    assert at(garbled(Spoil.WRONG_TYPES, MACHINE).body, "id") == 42
    assert at(garbled(Spoil.UNKNOWN_STATE, MACHINE).body, "state") == "asleep"
