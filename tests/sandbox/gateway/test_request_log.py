"""What was asked is remembered, without its secrets and not for ever."""

from datetime import UTC, datetime

from tests.sandbox.gateway.asking import call, create_call

from gpuwright_sandbox.gateway.request_log import LONGEST_BODY, RequestLog, RequestRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entered(log: RequestLog, name: str, body: bytes = b"") -> RequestRecord:
    return log.enter(create_call(name), {"Authorization": "Bearer s3cret", "X-Request-Id": "7"}, body, NOW)


def test_tells_what_was_asked_without_the_token() -> None:
    record = entered(RequestLog(10), "a", b'{"name": "a"}')
    record.status = 201
    assert record.as_json() == {
        "number": 1,
        "at": "2026-01-01T00:00:00+00:00",
        "call": "create",
        "method": "POST",
        "path": "/api/instances",
        "name": "a",
        "headers": {"authorization": "redacted", "x-request-id": "7"},
        "body": {"name": "a"},
        "status": 201,
        "fault": None,
        "action": "",
        "commit": "",
    }


def test_a_body_that_is_no_json_is_text_and_a_missing_one_is_null() -> None:
    log = RequestLog(10)
    assert entered(log, "a", b"{").as_json()["body"] == "{"
    assert entered(log, "a").as_json()["body"] is None


def test_a_long_body_is_cut() -> None:
    assert len(entered(RequestLog(1), "a", b"x" * (LONGEST_BODY + 1)).body) == LONGEST_BODY


def test_remembers_the_last_ones_and_their_numbers() -> None:
    log = RequestLog(2)
    for name in "abc":
        entered(log, name)
    assert [(record.number, record.name) for record in log] == [(2, "b"), (3, "c")]
    assert len(log) == 2


def test_can_remember_fewer_from_now_on() -> None:
    log = RequestLog(5)
    for name in "abc":
        entered(log, name)
    log.keep(1)
    assert [record.name for record in log] == ["c"]


def test_forgets_all_and_counts_on() -> None:
    log = RequestLog(5)
    entered(log, "a")
    log.clear()
    assert entered(log, "b").number == 2


def test_finds_by_call_name_and_number() -> None:
    log = RequestLog(9)
    for name in "aba":
        entered(log, name)
    log.enter(call("GET", "/api/instances/a"), {}, b"", NOW)
    assert [record.number for record in log.find(name="a")] == [1, 3, 4]
    assert [record.number for record in log.find(call="create", name="a", after=1)] == [3]
    assert [record.number for record in log.find()] == [1, 2, 3, 4]


def test_a_line_says_what_became_of_it() -> None:
    record = entered(RequestLog(1), "a")
    assert str(record).endswith("POST /api/instances a -> no answer")
    record.status, record.action, record.commit = 502, "answer", "first"
    assert str(record).endswith("a -> 502 [answer, commit first]")
