"""Every fault, as the client sees it and as the truth has it."""

import asyncio
import errno
import time

import aiohttp
import pytest
import uvloop
from tests.sandbox.gateway.asking import Client, names, owned

from gpuwright_sandbox.gateway import ManualClock, SandboxGateway
from gpuwright_sandbox.gateway.request_log import RequestRecord
from gpuwright_sandbox.gateway.shapes import Json

COMMITS = [pytest.param("first", 1, id="committed"), pytest.param("never", 0, id="not committed")]


def last(gateway: SandboxGateway) -> RequestRecord:
    return list(gateway.requests)[-1]


@pytest.mark.parametrize(("commit", "machines"), COMMITS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_is_answered_and_the_truth_is_as_asked(
    gateway: SandboxGateway, client: Client, status: int, commit: str, machines: int
) -> None:
    gateway.add_fault(call="create", action="answer", status=status, commit=commit, headers={"Retry-After": "3"})
    reply = await client.create("a")
    assert (reply.status, reply.headers["Retry-After"]) == (status, "3")
    assert len(gateway.fleet.machines()) == machines
    record = last(gateway)
    assert (record.status, record.fault, record.action, record.commit) == (status, 1, "answer", commit)


async def test_a_committed_error_can_say_so(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="answer", status=500, commit="first", committed="yes")
    reply = await client.create("a")
    assert (reply.at("error", "code"), reply.at("error", "committed")) == ("internal", "yes")


async def test_an_accepted_create_can_have_no_machine_in_its_answer(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="answer", status=202, commit="first")
    reply = await client.create("a")
    assert (reply.status, reply.body, len(gateway.fleet.machines())) == (202, {}, 1)


@pytest.mark.parametrize(("commit", "machines"), COMMITS)
async def test_a_dropped_connection_is_reset(
    gateway: SandboxGateway, client: Client, commit: str, machines: int
) -> None:
    gateway.add_fault(call="create", action="drop", commit=commit)
    with pytest.raises(aiohttp.ClientOSError) as caught:
        await client.create("a")
    assert caught.value.errno == errno.ECONNRESET
    assert len(gateway.fleet.machines()) == machines
    assert (last(gateway).status, last(gateway).commit) == (None, commit)


@pytest.mark.parametrize(("commit", "machines"), COMMITS)
async def test_a_dropped_connection_can_be_closed_instead(
    gateway: SandboxGateway, client: Client, commit: str, machines: int
) -> None:
    gateway.add_fault(call="create", action="drop", how="close", commit=commit)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.create("a")
    assert len(gateway.fleet.machines()) == machines


async def test_a_create_is_committed_when_the_client_has_long_gone(
    gateway: SandboxGateway, client: Client, clock: ManualClock
) -> None:
    asked_at = clock.now()
    gateway.add_fault(call="create", action="drop", commit="later", commit_after_seconds=5)
    with pytest.raises(aiohttp.ClientOSError):
        await client.create("a", labels=owned("u"))
    clock.advance(4.999)
    assert (await client.get("a")).status == 404
    clock.advance(60)
    assert (await client.get("a")).status == 200
    assert (gateway.fleet.machines()[0].created_at - asked_at).total_seconds() == 5


async def test_a_late_create_finds_its_name_taken_like_any_other(
    gateway: SandboxGateway, client: Client, clock: ManualClock
) -> None:
    gateway.add_fault(call="create", action="drop", commit="later", commit_after_seconds=5)
    with pytest.raises(aiohttp.ClientOSError):
        await client.create("a", labels=owned("u"))
    assert (await client.create("a", labels=owned("u"))).status == 201
    clock.advance(5)
    assert len(gateway.fleet.machines()) == 1
    assert gateway.fleet.doubled() == ()


async def test_a_late_delete_is_carried_out_too(gateway: SandboxGateway, client: Client, clock: ManualClock) -> None:
    await client.create("a")
    gateway.add_fault(call="delete", action="drop", commit="later", commit_after_seconds=2)
    with pytest.raises(aiohttp.ClientOSError):
        await client.delete("a")
    assert gateway.fleet.machines()[0].deleting_at is None
    clock.advance(2)
    assert gateway.fleet.machines()[0].deleting_at == clock.now()


async def test_a_hanging_answer_comes_in_the_end(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="hang", seconds=0.1)
    began = time.monotonic()
    reply = await client.create("a")
    assert (reply.status, time.monotonic() - began >= 0.1) == (201, True)


@pytest.mark.parametrize(("commit", "machines"), COMMITS)
async def test_a_client_that_gives_up_learns_nothing(
    gateway: SandboxGateway, client: Client, commit: str, machines: int
) -> None:
    gateway.add_fault(call="create", action="hang", seconds=60, commit=commit)
    with pytest.raises(TimeoutError):
        await client.ask(
            "POST", "/api/instances", {"name": "a", "image": "i", "cpu": 1, "memory_gb": 1}, timeout_seconds=0.05
        )
    assert len(gateway.fleet.machines()) == machines
    assert last(gateway).status is None


async def test_a_hanging_call_without_a_commit_ends_in_a_reset(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="hang", seconds=0.02, commit="never")
    with pytest.raises(aiohttp.ClientOSError):
        await client.create("a")
    assert gateway.fleet.machines() == ()


async def test_a_create_can_be_committed_after_the_client_gave_up(
    gateway: SandboxGateway, client: Client, clock: ManualClock
) -> None:
    gateway.add_fault(call="create", action="hang", seconds=60, commit="later", commit_after_seconds=1)
    with pytest.raises(TimeoutError):
        await client.ask(
            "POST", "/api/instances", {"name": "a", "image": "i", "cpu": 1, "memory_gb": 1}, timeout_seconds=0.05
        )
    clock.advance(600)
    assert gateway.fleet.machines() == ()
    # The gateway sees within a glance that the client has gone; only then the second begins.
    await asyncio.sleep(0.05)
    clock.advance(1)
    assert len(gateway.fleet.machines()) == 1


async def test_a_slow_body_comes_whole(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="slow", bytes_per_second=4000)
    began = time.monotonic()
    reply = await client.create("a")
    assert (reply.status, reply.at("name")) == (201, "a")
    assert time.monotonic() - began > 0.03


async def test_a_client_may_lose_patience_with_a_slow_body(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="slow", bytes_per_second=1)
    with pytest.raises(TimeoutError):
        await client.ask(
            "POST", "/api/instances", {"name": "a", "image": "i", "cpu": 1, "memory_gb": 1}, timeout_seconds=0.05
        )
    assert len(gateway.fleet.machines()) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_truncated_body_is_truncated(gateway: SandboxGateway, client: Client, how: str) -> None:
    gateway.add_fault(call="create", action="truncate", bytes=10, how=how)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
        await client.create("a")
    assert len(gateway.fleet.machines()) == 1


async def test_a_truncated_body_announces_more_than_it_sends(gateway: SandboxGateway) -> None:
    gateway.add_fault(call="create", action="truncate", bytes=10)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = b'{"name": "a", "image": "i", "cpu": 1, "memory_gb": 1}'
    writer.write(
        b"POST /api/instances HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    head, _, sent = (await reader.read()).partition(b"\r\n\r\n")
    announced = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    assert (len(sent), int(announced.split(b":")[1]) > 10) == (10, True)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("malformed", 201),
        ("html", 200),
        ("empty", 201),
        ("list", 201),
        ("huge", 201),
        ("without_id", 201),
        ("wrong_types", 201),
        ("unknown_state", 201),
    ],
)
async def test_a_success_arrives_garbled(gateway: SandboxGateway, client: Client, how: str, status: int) -> None:
    gateway.add_fault(call="create", action="garble", how=how, size_bytes=100_000)
    reply = await client.create("a")
    assert (reply.status, len(gateway.fleet.machines())) == (status, 1)
    honest = await client.get("a")
    assert reply.body != honest.body


@pytest.mark.parametrize(
    ("how", "content"),
    [
        pytest.param("html", b"<!DOCTYPE html>", id="html"),
        pytest.param("empty", b"", id="empty"),
        pytest.param("list", b"[", id="list"),
    ],
)
async def test_a_garbled_success_can_be_a_lie_altogether(
    gateway: SandboxGateway, client: Client, how: str, content: bytes
) -> None:
    gateway.add_fault(call="create", action="garble", how=how, commit="never")
    reply = await client.create("a")
    assert (reply.status, reply.content.startswith(content)) == (200, True)
    assert gateway.fleet.machines() == ()


async def test_an_unknown_state_shows_in_reads(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.add_fault(call=["get", "list"], nth="every", action="garble", how="unknown_state", state="hibernating")
    assert (await client.get("a")).at("state") == "hibernating"
    assert (await client.list()).at("items", 0, "state") == "hibernating"


async def test_a_redirect_leads_elsewhere(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="redirect", location="http://127.0.0.1:1/elsewhere", status=308)
    reply = await client.create("a")
    assert (reply.status, reply.headers["Location"]) == (308, "http://127.0.0.1:1/elsewhere")
    assert gateway.fleet.machines() == ()


@pytest.mark.parametrize(
    ("retry_after", "header"),
    [
        pytest.param("seconds", "2", id="seconds"),
        pytest.param("date", "Thu, 01 Jan 2026 00:00:02 GMT", id="date"),
        pytest.param("absurd", "1000000000", id="absurd"),
        pytest.param("missing", None, id="missing"),
    ],
)
async def test_a_throttled_call_may_hear_when_to_come_again(
    gateway: SandboxGateway, client: Client, retry_after: str, header: str | None
) -> None:
    gateway.add_fault(call="create", action="throttle", seconds=2, retry_after=retry_after)
    reply = await client.create("a")
    assert (reply.status, reply.at("error", "code")) == (429, "rate_limited")
    assert reply.headers.get("Retry-After") == header
    assert (gateway.fleet.machines(), last(gateway).commit) == ((), "never")


async def test_there_is_no_room(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="capacity", count=2)
    codes = [
        (reply.status, reply.at("error", "code")) for reply in [await client.create("a"), await client.create("a")]
    ]
    assert codes == [(503, "no_placement")] * 2
    assert (await client.create("a")).status == 201


async def test_a_failed_create_leaves_its_name_behind(
    gateway: SandboxGateway, client: Client, clock: ManualClock
) -> None:
    gateway.add_fault(call="create", action="residue", seconds=10)
    assert (await client.create("a")).status == 500
    conflict = await client.create("a")
    assert isinstance(conflict.body, dict)
    assert (conflict.status, list(conflict.body)) == (409, ["error"])
    assert (await client.get("a")).status == 404
    assert names((await client.list()).body) == []
    clock.advance(10)
    assert (await client.create("a")).status == 201


async def test_a_list_lags_behind(gateway: SandboxGateway, client: Client, clock: ManualClock) -> None:
    gateway.add_fault(call="list", nth="every", action="lag", seconds=5)
    await client.create("a")
    clock.advance(4.999)
    assert names((await client.list()).body) == []
    assert (await client.get("a")).status == 200
    clock.advance(0.001)
    assert names((await client.list()).body) == ["a"]


async def test_a_get_can_lag_too(gateway: SandboxGateway, client: Client, clock: ManualClock) -> None:
    gateway.add_fault(call=["get", "list"], nth="every", action="lag", seconds=5)
    await client.create("a")
    reply = await client.get("a")
    assert (reply.status, reply.at("error", "code")) == (404, "not_found")
    clock.advance(5)
    assert (await client.get("a")).status == 200


async def pages(client: Client) -> list[list[Json]]:
    """Return the names on each page, following the cursors."""
    found: list[list[Json]] = []
    cursor = ""
    while not found or cursor:
        reply = await client.list(f"limit=2&cursor={cursor}")
        found.append(names(reply.body))
        cursor = str(reply.at("next_cursor"))
    return found


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param({"action": "lose", "machine": "c"}, [["a", "b"], ["d", "e"]], id="a machine is lost"),
        pytest.param({"action": "lose", "lost_page": 2}, [["a", "b"], ["e"]], id="a page is lost"),
        pytest.param({"action": "empty"}, [[]], id="the list is empty"),
        pytest.param(
            {"action": "duplicate"}, [["a", "a", "b", "b"], ["c", "c", "d", "d"], ["e", "e"]], id="entries repeat"
        ),
    ],
)
async def test_a_list_lies(
    gateway: SandboxGateway, client: Client, fault: dict[str, Json], expected: list[list[str]]
) -> None:
    for name in "abcde":
        await client.create(name)
    gateway.add_fault(call="list", nth="every", **fault)
    assert await pages(client) == expected


async def test_the_second_page_of_every_list_can_fail(gateway: SandboxGateway, client: Client) -> None:
    for name in "abc":
        await client.create(name)
    gateway.add_fault(call="list", page=2, nth="every", action="answer", status=500)
    cursor = (await client.list("limit=2")).at("next_cursor")
    assert (await client.list(f"limit=2&cursor={cursor}")).status == 500
    assert (await client.list("limit=2")).status == 200


async def test_a_maintenance_is_over_when_its_time_is(
    gateway: SandboxGateway, client: Client, clock: ManualClock
) -> None:
    await client.create("a")
    gateway.add_fault(call="list", action="empty", for_seconds=5)
    assert names((await client.list()).body) == []
    clock.advance(4.999)
    assert names((await client.list()).body) == []
    clock.advance(0.001)
    assert names((await client.list()).body) == ["a"]


async def test_connections_are_refused_at_once(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.add_fault(action="refuse", seconds=0.05)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.create("b")
    await asyncio.sleep(0.06)
    assert (await client.get("a")).status == 200
    assert len(gateway.fleet.machines()) == 1


@pytest.mark.parametrize(("commit", "machines"), COMMITS)
async def test_connections_are_refused_after_a_call(
    gateway: SandboxGateway, client: Client, commit: str, machines: int
) -> None:
    gateway.add_fault(call="create", action="refuse", seconds=0.05, commit=commit)
    with pytest.raises(aiohttp.ClientOSError) as caught:
        await client.create("a")
    assert not isinstance(caught.value, aiohttp.ClientConnectorError)
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get("a")
    assert len(gateway.fleet.machines()) == machines
    await asyncio.sleep(0.06)
    assert (await client.ask("GET", "/healthz")).status == 200


async def test_an_id_is_given_a_second_time(gateway: SandboxGateway, client: Client) -> None:
    first = await client.create("a")
    gateway.add_fault(call="create", action="reuse_id")
    second = await client.create("b")
    gateway.add_fault(call="create", action="reuse_id", id="i-old")
    third = await client.create("c")
    assert (second.at("id"), third.at("id")) == (first.at("id"), "i-old")


async def test_a_machine_is_made_and_its_name_lost(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="create", action="answer", status=502, commit="first", indexed=False)
    await client.create("a", labels=owned("u"))
    assert [(await client.get("a")).status, (await client.delete("a")).status] == [404, 404]
    assert names((await client.list()).body) == ["a"]
    assert (await client.create("a", labels=owned("u"))).status == 201
    assert gateway.fleet.doubled() == ("u",)


async def test_the_health_check_can_fail(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="healthz", action="answer", status=503)
    assert [(await client.ask("GET", "/healthz")).status for _ in range(2)] == [503, 200]


async def test_the_control_api_never_misbehaves(gateway: SandboxGateway, client: Client) -> None:
    gateway.add_fault(call="any", nth="every", action="drop")
    assert (await client.ask("GET", "/_sandbox/machines")).status == 200
    assert len(gateway.requests) == 0


def test_connections_end_the_same_way_on_another_event_loop() -> None:
    async def ended(**fault: Json) -> str:
        async with SandboxGateway() as gateway, Client(gateway.url) as client:
            gateway.add_fault(call="create", **fault)
            try:
                await client.create("a")
            except aiohttp.ClientError as error:
                return type(error).__name__
        return "answered"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ends = [
            runner.run(ended(action="drop")),
            runner.run(ended(action="drop", how="close")),
            runner.run(ended(action="truncate")),
            runner.run(ended(action="refuse", seconds=60)),
        ]
    assert ends == ["ClientOSError", "ServerDisconnectedError", "ClientPayloadError", "ClientOSError"]
