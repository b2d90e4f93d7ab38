"""The gateway starts, stops, and comes back where it was."""

import asyncio
import errno
import socket
from pathlib import Path

import aiohttp
import pytest
from tests.sandbox.gateway.asking import Client, owned

from gpuwright_sandbox.gateway import ManualClock, RequestRecord, SandboxGateway, Settings


async def test_two_gateways_have_two_ports_and_two_truths() -> None:
    async with SandboxGateway() as one, SandboxGateway() as two, Client(one.url) as client:
        await client.create("a")
        assert one.port != two.port
        assert (len(one.fleet.machines()), len(two.fleet.machines())) == (1, 0)


async def test_a_gateway_runs_on_the_walls_clock_by_default() -> None:
    async with SandboxGateway(Settings(boot_seconds=0.02)) as gateway, Client(gateway.url) as client:
        await client.create("a")
        await asyncio.sleep(0.03)
        assert (await client.get("a")).at("state") == "running"


async def test_a_port_on_which_something_listens_is_not_shared(gateway: SandboxGateway) -> None:
    with pytest.raises(OSError, match="already") as caught:
        await SandboxGateway(port=gateway.port).start()
    assert caught.value.errno == errno.EADDRINUSE


async def test_nothing_listens_before_the_start_and_after_the_stop() -> None:
    gateway = SandboxGateway()
    assert gateway.port == 0
    await gateway.start()
    await gateway.stop()
    async with Client(gateway.url) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get("a")


async def test_stopping_ends_calls_that_hang() -> None:
    async with SandboxGateway() as gateway, Client(gateway.url) as client:
        gateway.add_fault(call="create", action="hang", seconds=60)
        asked = asyncio.create_task(client.create("a"))
        while not len(gateway.requests):  # noqa: ASYNC110 (the gateway has no event for it)
            await asyncio.sleep(0.001)
        await gateway.stop()
        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_a_restart_keeps_port_machines_and_faults(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.add_fault(call="get", action="answer", status=500)
    url = gateway.url
    await gateway.restart()
    assert gateway.url == url
    assert [(await client.get("a")).status for _ in range(2)] == [500, 200]


async def test_stopped_and_started_again_it_still_has_its_machines(tmp_path: Path, clock: ManualClock) -> None:
    gateway = SandboxGateway(clock=clock, store=tmp_path / "store")
    for name in ("a", "b"):
        async with gateway, Client(gateway.url) as client:
            await client.create(name)
    assert [machine.name for machine in gateway.fleet.machines()] == ["a", "b"]


async def test_a_restart_that_reloads_has_what_the_store_has(tmp_path: Path, clock: ManualClock) -> None:
    async with (
        SandboxGateway(Settings(idempotency=True), clock=clock, store=tmp_path / "store") as gateway,
        Client(gateway.url) as client,
    ):
        await client.create("a", labels=owned("u"))
        await client.create("b", labels=owned("u"))
        await client.delete("a")
        gateway.add_fault(call="create", action="drop", commit="later", commit_after_seconds=1)
        with pytest.raises(aiohttp.ClientOSError):
            await client.create("c")
        await gateway.restart(reload=True)
        clock.advance(10)
        assert [(await client.get(name)).status for name in "abc"] == [410, 200, 404]
        assert gateway.fleet.doubled() == ("u",)


async def test_another_process_would_find_the_same(tmp_path: Path, clock: ManualClock) -> None:
    store = tmp_path / "store"
    async with SandboxGateway(clock=clock, store=store) as gateway, Client(gateway.url) as client:
        made = await client.create("a")
    async with SandboxGateway(clock=clock, store=store) as gateway, Client(gateway.url) as client:
        assert (await client.get("a")).at("id") == made.at("id")
        assert (await client.create("b")).at("id") != made.at("id")


async def test_every_request_is_told_when_it_has_been_answered() -> None:
    told: list[RequestRecord] = []
    async with SandboxGateway(on_request=told.append) as gateway, Client(gateway.url) as client:
        await client.create("a")
        gateway.add_fault(call="create", action="drop")
        with pytest.raises(aiohttp.ClientOSError):
            await client.create("b")
    assert [(record.name, record.status) for record in told] == [("a", 201), ("b", None)]


async def test_a_thousand_machines_are_made_and_listed_without_much_ado(
    gateway: SandboxGateway, client: Client
) -> None:
    await asyncio.gather(*(client.create(f"m{number}", labels=owned(f"u{number}")) for number in range(1000)))
    reply = await client.list("limit=1000")
    items = reply.at("items")
    assert isinstance(items, list)
    assert (len(items), reply.at("next_cursor") != "") == (500, True)
    assert gateway.fleet.doubled() == ()


async def test_a_reset_forgets_and_the_gateway_goes_on(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.reset()
    assert (await client.get("a")).status == 404
    assert (await client.create("a")).at("id") == "i-000002"


async def test_a_client_that_leaves_in_the_middle_of_its_request_was_never_there(
    gateway: SandboxGateway, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /api/instances HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.transport.abort()
    async with Client(gateway.url) as client:
        assert (await client.create("a")).status == 201
    assert [record.name for record in gateway.requests] == ["a"]
    assert caplog.records == []


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="cannot be had"):
            await SandboxGateway(port=other.getsockname()[1], store=tmp_path / "store").start()
    with pytest.raises(IsADirectoryError):
        await SandboxGateway(store=tmp_path).start()
