"""Who may call what, and how a refusal looks, over HTTP."""

import pytest
from tests.sandbox.gateway.asking import Client, names

from gpuwright_sandbox.gateway import SandboxGateway
from gpuwright_sandbox.gateway.shapes import Json

EVERY_CALL = [
    ("POST", "/api/instances"),
    ("GET", "/api/instances"),
    ("GET", "/api/instances/a"),
    ("DELETE", "/api/instances/a"),
    ("POST", "/api/instances/a/stop"),
    ("POST", "/api/instances/a/start"),
    ("POST", "/api/instances/a/snapshot"),
    ("POST", "/api/snapshots/s/restore"),
    ("POST", "/api/templates"),
]


async def test_the_gateway_says_that_it_is_well(client: Client) -> None:
    reply = await client.ask("GET", "/healthz")
    assert (reply.status, reply.body) == (200, {"status": "ok"})


@pytest.mark.parametrize("token", ["", "wrong"])
@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
async def test_every_call_needs_a_token(gateway: SandboxGateway, method: str, path: str, token: str) -> None:
    async with Client(gateway.url, token) as stranger:
        reply = await stranger.ask(method, path)
    assert (reply.status, reply.at("error", "code")) == (401, "unauthorized")
    assert gateway.fleet.machines() == ()


@pytest.mark.parametrize(("token", "status"), [("", 200), ("sandbox", 200), ("wrong", 401)])
async def test_the_health_check_refuses_only_a_wrong_token(gateway: SandboxGateway, token: str, status: int) -> None:
    async with Client(gateway.url, token) as anybody:
        assert (await anybody.ask("GET", "/healthz")).status == status


async def test_a_rotated_token_is_refused_from_then_on(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.change_settings(tokens=["new"])
    assert (await client.get("a")).status == 401
    async with Client(gateway.url, "new") as renewed:
        assert (await renewed.get("a")).status == 200


async def test_accounts_do_not_see_each_other(gateway: SandboxGateway) -> None:
    gateway.change_settings(tokens={"t1": "one", "t2": "two", "t3": "one"})
    async with Client(gateway.url, "t1") as one, Client(gateway.url, "t2") as two, Client(gateway.url, "t3") as again:
        await one.create("a")
        assert (await two.get("a")).status == 404
        assert (await two.delete("a")).status == 404
        assert names((await two.list()).body) == []
        assert (await two.create("a")).status == 201
        assert (await again.get("a")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/api"), ("PUT", "/api/instances/a"), ("POST", "/api/instances/a/reboot")],
)
async def test_an_unknown_path_answers_a_page(client: Client, method: str, path: str) -> None:
    reply = await client.ask(method, path)
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert isinstance(reply.body, str)


async def test_a_gateway_that_only_creates_has_no_reads(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(dialect="CreateOnly")
    assert (await client.create("a")).status == 201
    for method, path in EVERY_CALL[1:3] + EVERY_CALL[4:6]:
        reply = await client.ask(method, path)
        assert (reply.status, isinstance(reply.body, str)) == (404, True)
    conflict = await client.create("a")
    assert isinstance(conflict.body, dict)
    assert (conflict.status, list(conflict.body)) == (409, ["error"])
    assert (await client.delete("a")).status == 202
    assert (await client.ask("GET", "/healthz")).status == 200


async def test_the_health_check_can_be_missing(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(healthz=False)
    reply = await client.ask("GET", "/healthz")
    assert (reply.status, isinstance(reply.body, str)) == (404, True)


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        pytest.param({"name": "a", "cpu": 1, "memory_gb": 1}, 400, "image", id="missing"),
        pytest.param({"name": "a", "image": "i", "cpu": "1", "memory_gb": 1}, 400, "cpu", id="wrong type"),
        pytest.param({"name": "a", "image": "i", "cpu": 0, "memory_gb": 1}, 422, "cpu", id="out of range"),
        pytest.param({"name": "a", "image": "i", "cpu": 1, "memory_gb": 1, "gpu": []}, 400, "gpu", id="no object"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field(
    gateway: SandboxGateway, client: Client, body: Json, status: int, named: str
) -> None:
    reply = await client.ask("POST", "/api/instances", body)
    assert (reply.status, reply.at("error", "code")) == (status, "invalid_spec")
    assert reply.at("error", "field") == named
    assert gateway.fleet.machines() == ()


async def test_a_wrong_parameter_is_refused_by_its_name(client: Client) -> None:
    reply = await client.list("limit=-1")
    assert (reply.status, reply.at("error", "field")) == (400, "limit")


async def test_a_skewed_clock_is_told_to_clients_only(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(skew_seconds=3600)
    reply = await client.create("a")
    assert reply.at("created_at") == "2026-01-01T01:00:00.000Z"
    assert gateway.fleet.machines()[0].created_at == gateway.clock.now()
