"""The calls about snapshots and templates, over HTTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.sandbox.gateway.asking import Client, machine_body

from gpuwright_sandbox.gateway import ManualClock, SandboxGateway
from gpuwright_sandbox.gateway.shapes import Json, parse

SNAPSHOT = "/api/instances/a/snapshot"


class Listener:
    """Whoever is called back."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Json] = asyncio.Queue()

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.put_nowait(parse(await request.read()))
        return web.Response()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def callback_url(listener: Listener) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/done", listener.hear)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/done"))


@pytest.fixture
async def running(client: Client, gateway: SandboxGateway, clock: ManualClock) -> Json:
    gateway.change_settings(snapshot_seconds=0)
    made = await client.create("a", labels={"l": "1"})
    clock.advance(60)
    return made.at("id")


async def test_a_snapshot_is_restored_under_another_name_without_its_labels(client: Client, running: Json) -> None:
    del running
    reply = await client.ask("POST", SNAPSHOT)
    assert reply.status == 202
    body: Json = {"name": "b", "cpu": 1, "memory_gb": 2}
    restored = await client.ask("POST", f"/api/snapshots/{reply.at('snapshot_id')}/restore", body)
    assert (restored.status, restored.at("name"), restored.at("image")) == (201, "b", "example/train:1")
    assert restored.at("labels") == {}


async def test_the_callback_hears_of_the_snapshot(
    client: Client, running: Json, callback_url: str, listener: Listener
) -> None:
    reply = await client.ask("POST", SNAPSHOT, {"callback": {"url": callback_url, "metadata": {"m": "1"}}})
    assert await listener.heard.get() == {
        "status": "completed",
        "snapshot_id": reply.at("snapshot_id"),
        "instance_id": running,
        "metadata": {"m": "1"},
    }


async def test_a_machine_that_boots_cannot_be_stored(client: Client) -> None:
    await client.create("a")
    reply = await client.ask("POST", SNAPSHOT)
    assert (reply.status, reply.at("error", "code")) == (409, "invalid_state")


async def test_there_is_nothing_to_store_or_restore(client: Client) -> None:
    assert (await client.ask("POST", SNAPSHOT)).status == 404
    assert (await client.ask("POST", "/api/snapshots/x/restore", machine_body("b"))).status == 404


async def test_a_restore_under_a_taken_name_conflicts(client: Client, running: Json) -> None:
    del running
    snapshot = (await client.ask("POST", SNAPSHOT)).at("snapshot_id")
    body: Json = {"name": "a", "cpu": 1, "memory_gb": 2}
    assert (await client.ask("POST", f"/api/snapshots/{snapshot}/restore", body)).status == 409


async def test_a_template_is_built_for_each_size(client: Client) -> None:
    body: Json = {"image": "i", "machine_configs": [{"cpu": 1, "memory_gb": 2}, {"cpu": 2, "memory_gb": 4}]}
    reply = await client.ask("POST", "/api/templates", body)
    assert (reply.status, reply.body) == (
        200,
        {
            "results": [
                {"machine_config": {"cpu": 1, "memory_gb": 2}},
                {"machine_config": {"cpu": 2, "memory_gb": 4}},
            ]
        },
    )


async def test_a_template_in_the_background_is_called_back(
    gateway: SandboxGateway, client: Client, callback_url: str, listener: Listener
) -> None:
    gateway.change_settings(snapshot_seconds=0)
    body: Json = {
        "image": "i",
        "machine_configs": [{"cpu": 1, "memory_gb": 2}],
        "background": True,
        "callback": {"url": callback_url},
    }
    reply = await client.ask("POST", "/api/templates", body)
    assert (reply.status, reply.content) == (202, b"")
    assert await listener.heard.get() == {
        "status": "completed",
        "results": [{"machine_config": {"cpu": 1, "memory_gb": 2}}],
        "metadata": {},
    }
    assert (await client.ask("GET", "/_sandbox/snapshots")).at("templates", 0, "image") == "i"
