"""Counting what is in an audit log."""

from pathlib import Path

import orjson
import pytest

from gpuwright_sandbox.bench.audit import AuditTail, Request, count, parse

US = "gpuwright-bench-operator"


def line(verb: str = "patch", resource: str = "computeinstances", subresource: str = "", **changes: object) -> bytes:
    reference = {"resource": resource, "name": "machine-0"} | ({"subresource": subresource} if subresource else {})
    event = {
        "kind": "Event",
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": US, "groups": ["system:masters"]},
        "objectRef": reference,
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-22T05:00:00.000000Z",
        "stageTimestamp": "2026-11-22T05:00:01.500000Z",
    }
    return orjson.dumps(event | changes)


def test_a_request_has_its_verb_resource_code_and_the_time_of_its_answer() -> None:
    assert list(parse([line(subresource="status")], US)) == [
        Request(at=1795323601.5, verb="patch", resource="computeinstances/status", code=200)
    ]


def test_what_others_ask_for_is_not_counted_even_when_it_names_us() -> None:
    stranger = {"username": "somebody"}
    lines = [line(user=stranger), line(user=stranger, impersonatedUser={"username": US})]
    assert list(parse(lines, US)) == []


@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseStarted"])
def test_a_request_counts_once_when_it_is_answered(stage: str) -> None:
    assert len(list(parse([line(stage=stage), line()], US))) == 1


def test_a_path_that_is_no_resource_is_shown_as_it_is() -> None:
    requests = parse([line("get", objectRef=None, requestURI="/apis?timeout=32s")], US)
    assert [request.label for request in requests] == ["get /apis"]


def test_writes_events_and_reads_are_counted_apart_and_refusals_are_shown() -> None:
    lines = [
        line(),
        line(subresource="status"),
        line(subresource="status"),
        line(subresource="status", responseStatus={"code": 409}),
        line("create", "events"),
        line("patch", "events"),
        line("update", "leases"),
        line("deletecollection", "secrets"),
        line("list"),
        line("watch"),
    ]
    traffic = count(parse(lines, US))
    assert traffic.writes == {
        "PATCH computeinstances/status": 2,
        "PATCH computeinstances": 1,
        "PATCH computeinstances/status 409": 1,
        "PUT leases": 1,
        "DELETE secrets": 1,
    }
    assert traffic.events == {"POST events": 1, "PATCH events": 1}
    assert traffic.reads == {"list computeinstances": 1, "watch computeinstances": 1}
    assert (traffic.write_count, traffic.event_count) == (6, 2)


def test_writes_about_a_resource_include_its_parts_and_refusals_but_no_namesake() -> None:
    lines = [line(), line(subresource="status"), line(subresource="status", responseStatus={"code": 409})]
    traffic = count(parse([*lines, line(resource="computeproviders"), line("get")], US))
    assert traffic.about("computeinstances") == 3


def test_the_tail_shows_each_line_once_and_waits_for_the_end_of_the_last(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    tail = AuditTail(log, US)
    assert tail.read() == []
    whole = line()
    log.write_bytes(whole + b"\n" + whole[:20])
    assert len(tail.read()) == 1
    assert tail.read() == []
    with log.open("ab") as more:
        more.write(whole[20:] + b"\n")
    assert len(tail.read()) == 1
