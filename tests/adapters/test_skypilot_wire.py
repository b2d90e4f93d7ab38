"""Calls to a SkyPilot API server: what counts as taken, what as answered, and what is repeated."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.adapters.adapter_stage import client_for
from tests.adapters.skypilot_stage import TOKEN

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.skypilot_wire import Failed, Refused, Unreadable, Wire
from gpuwright.http_client import Interrupted
from gpuwright.model.errors import Blind
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.skypilot.answers import error
from gpuwright_sandbox.skypilot.calls import Kind
from gpuwright_sandbox.skypilot.server import SkyPilotServer

BODY: dict[str, Any] = {"cluster_names": None}


def opened() -> bool:
    return True


@pytest.fixture
async def server() -> AsyncIterator[SkyPilotServer]:
    async with SkyPilotServer(token=TOKEN) as server:
        yield server


@pytest.fixture
async def wire(server: SkyPilotServer) -> AsyncIterator[Wire]:
    wire = Wire(client_for(server.url), BearerToken(TOKEN))
    yield wire
    await wire.close()


def fault(server: SkyPilotServer, kind: Kind, **fields: Any) -> None:
    server.faults.faults.append(Fault(frozenset({kind}), **fields))


async def test_a_request_is_taken_and_answered(wire: Wire) -> None:
    assert await wire.result(await wire.ask("/status", BODY, opened), opened) == []


@pytest.mark.parametrize("header", ["", "7 o'clock", "a" * 65, "short", "id\tand-more-of-it"])
async def test_an_answer_without_a_request_is_not_taken(wire: Wire, server: SkyPilotServer, header: str) -> None:
    headers = {"X-Skypilot-Request-ID": header} if header else {}
    fault(server, Kind.LIST, answer=Answer(200, b"null", headers))
    with pytest.raises(Unreadable):
        await wire.submit("/status", BODY, opened)


@pytest.mark.parametrize("body", [b"", b"{}", b"nul", b"<h1>null</h1>"])
async def test_an_answer_that_is_not_null_is_not_taken(wire: Wire, server: SkyPilotServer, body: bytes) -> None:
    fault(server, Kind.LIST, answer=Answer(200, body, {"X-Skypilot-Request-ID": "0123456789ab"}))
    with pytest.raises(Unreadable):
        await wire.submit("/status", BODY, opened)


async def test_what_is_submitted_is_sent_once_and_what_is_asked_twice(wire: Wire, server: SkyPilotServer) -> None:
    fault(server, Kind.LIST, how=How.DROP, times=2)
    with pytest.raises(Interrupted):
        await wire.submit("/status", BODY, opened)
    assert len(server.calls) == 1
    assert await wire.ask("/status", BODY, opened)
    assert len(server.calls) == 3


async def test_a_request_that_failed_is_told_with_its_error(wire: Wire) -> None:
    request_id = await wire.submit("/down", {"cluster_name": "absent"}, opened)
    with pytest.raises(Failed) as caught:
        await wire.result(request_id, opened)
    assert caught.value.failure.type == "ClusterDoesNotExist"


async def test_a_request_that_nobody_knows_is_refused(wire: Wire) -> None:
    with pytest.raises(Refused) as caught:
        await wire.result("0123456789ab", opened)
    assert caught.value.refusal.status == 404


async def test_a_server_that_is_sick_is_no_request_that_failed(wire: Wire, server: SkyPilotServer) -> None:
    fault(server, Kind.LIST_RESULT, answer=error(500, "Internal Server Error"))
    with pytest.raises(Refused):
        await wire.result(await wire.ask("/status", BODY, opened), opened)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'{"status": "CANCELLED", "return_value": "null"}',
        b'{"status": "RUNNING", "return_value": "null"}',
        b'{"status": "SUCCEEDED"}',
        b'{"status": "SUCCEEDED", "return_value": "["}',
        b'{"status": "SUCCEEDED", "return_value": 7}',
    ],
)
async def test_a_value_that_is_none_cannot_be_read(wire: Wire, server: SkyPilotServer, body: bytes) -> None:
    fault(server, Kind.LIST_RESULT, answer=Answer(200, body))
    request_id = await wire.ask("/status", BODY, opened)
    with pytest.raises(Unreadable):
        await wire.result(request_id, opened)


async def test_a_list_of_requests_names_the_fields_that_are_wanted(wire: Wire, server: SkyPilotServer) -> None:
    await wire.submit("/launch", {"cluster_name": "a", "task": "setup: echo s3cret"}, opened)
    (found,) = await wire.requests(opened, cluster_name="a", all_status="true")
    assert (found.name, found.cluster) == ("launch", "a")
    assert "request_body" not in server.calls[-1].fields
    fault(server, Kind.LOOK, answer=Answer(200, b"{}"))
    with pytest.raises(Blind):
        await wire.requests(opened, cluster_name="a", all_status="true")
