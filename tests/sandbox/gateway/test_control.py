"""The control API, over HTTP: no token, no faults, the truth."""

import aiohttp
import pytest
from tests.sandbox.gateway.asking import Client, names, owned

from gpuwright_sandbox.gateway import ManualClock, SandboxGateway
from gpuwright_sandbox.gateway.shapes import Json


@pytest.fixture
async def control(gateway: SandboxGateway) -> Client:
    """Return a client without a token."""
    return Client(gateway.url, "")


@pytest.fixture(autouse=True)
async def closed(control: Client) -> object:
    """Close that client in the end."""
    async with control:
        yield control


async def test_the_machines_are_all_there_and_so_is_their_bill(
    control: Client, client: Client, clock: ManualClock
) -> None:
    await client.create("a", labels={**owned("u"), "gpuwright.dev/incarnation": "2"}, env={"A": "b"})
    await client.create("b")
    clock.advance(3600)
    await client.delete("a")
    clock.advance(3600)
    reply = await control.ask("GET", "/_sandbox/machines")
    assert names(reply.body) == ["a", "b"]
    shown = {key: reply.at("items", 0, key) for key in ("state", "alive", "ending", "owner_uid", "incarnation")}
    assert shown == {"state": "gone", "alive": False, "ending": "deleted", "owner_uid": "u", "incarnation": "2"}
    assert reply.at("items", 0, "request", "env") == {"A": "b"}
    assert reply.at("items", 0, "ended_at") == "2026-01-01T01:00:00.500000Z"
    price = reply.at("items", 0, "price_per_hour")
    billed = [reply.at("items", index, "billed") for index in (0, 1)]
    assert isinstance(price, float)
    assert billed == [pytest.approx(price * (1 + 0.5 / 3600), abs=1e-6), pytest.approx(price * 2, abs=1e-6)]


async def test_one_machine_is_picked_by_name_or_id(control: Client, client: Client) -> None:
    await client.create("a b")
    assert (await control.ask("GET", "/_sandbox/machines/a%20b")).at("id") == "i-000001"
    assert (await control.ask("GET", "/_sandbox/machines/i-000001")).at("name") == "a b"
    assert (await control.ask("GET", "/_sandbox/machines/c")).status == 404


@pytest.mark.parametrize(
    ("verb", "body", "state"),
    [
        ("preempt", {"reason": "x"}, "preempted"),
        ("vanish", None, "gone"),
        ("fail", None, "failed"),
        ("stop", None, "stopping"),
        ("rename-owner", {"owner_uid": "v"}, "pending"),
    ],
)
async def test_things_happen_to_machines(control: Client, client: Client, verb: str, body: Json, state: str) -> None:
    await client.create("a", labels=owned("u"))
    reply = await control.ask("POST", f"/_sandbox/machines/a/{verb}", body)
    assert (reply.status, reply.at("state")) == (200, state)


async def test_nothing_happens_to_a_machine_that_is_not_there_or_in_a_way_that_is_none(
    control: Client, client: Client
) -> None:
    await client.create("a")
    assert (await control.ask("POST", "/_sandbox/machines/b/vanish")).status == 404
    reply = await control.ask("POST", "/_sandbox/machines/a/explode")
    assert (reply.status, reply.at("error", "field")) == (400, "action")


async def test_the_owners_and_what_they_ever_had(control: Client, client: Client, clock: ManualClock) -> None:
    await client.create("a", labels=owned("u"))
    await client.create("a-r2", labels=owned("u"))
    await client.create("b", labels=owned("v"))
    await client.delete("a")
    clock.advance(1)
    assert (await control.ask("GET", "/_sandbox/owners")).body == {
        "u": {"live": 1, "peak": 2, "created": 2},
        "v": {"live": 1, "peak": 1, "created": 1},
    }
    history = (await control.ask("GET", "/_sandbox/owners/u")).body
    assert history == {
        "live": 1,
        "peak": 2,
        "created": 2,
        "history": [
            {"at": "2026-01-01T00:00:00Z", "live": 1},
            {"at": "2026-01-01T00:00:00Z", "live": 2},
            {"at": "2026-01-01T00:00:00.500000Z", "live": 1},
        ],
    }
    assert (await control.ask("GET", "/_sandbox/owners/w")).status == 404


async def test_what_was_asked_and_answered(control: Client, client: Client) -> None:
    await client.create("a")
    await client.get("a")
    await client.get("b")
    reply = await control.ask("GET", "/_sandbox/requests")
    assert [reply.at("items", index, "status") for index in range(3)] == [201, 200, 404]
    assert reply.at("items", 0, "headers", "authorization") == "redacted"
    assert reply.at("items", 0, "body", "name") == "a"
    assert len(names((await control.ask("GET", "/_sandbox/requests?name=a&call=get")).body)) == 1
    assert names((await control.ask("GET", "/_sandbox/requests?after=2")).body) == ["b"]
    assert (await control.ask("GET", "/_sandbox/requests?after=x")).status == 400


async def test_faults_are_set_told_and_cleared(control: Client, client: Client) -> None:
    added = await control.ask("POST", "/_sandbox/faults", {"call": "create", "action": "answer", "status": 500})
    assert (added.status, added.at("id"), added.at("done")) == (201, 1, 0)
    await client.create("a")
    told = await control.ask("GET", "/_sandbox/faults")
    assert (told.at("items", 0, "status"), told.at("items", 0, "done")) == (500, 1)
    both = await control.ask("POST", "/_sandbox/faults", [{"action": "drop"}, {"action": "empty", "call": "list"}])
    assert [both.at("items", index, "id") for index in (0, 1)] == [2, 3]
    assert (await control.ask("DELETE", "/_sandbox/faults/2")).status == 204
    assert (await control.ask("DELETE", "/_sandbox/faults/2")).status == 404
    assert (await control.ask("DELETE", "/_sandbox/faults")).status == 204
    assert (await control.ask("GET", "/_sandbox/faults")).body == {"items": []}


@pytest.mark.parametrize("body", [{"action": "explode"}, "drop", [1]])
async def test_a_fault_that_is_none_is_refused(control: Client, body: Json) -> None:
    assert (await control.ask("POST", "/_sandbox/faults", body)).status == 400


async def test_whoever_closes_the_door_hears_that_it_is_closed(control: Client, client: Client) -> None:
    await client.create("a")
    reply = await control.ask("POST", "/_sandbox/faults", {"action": "refuse", "seconds": 0.1})
    assert (reply.status, reply.at("action")) == (201, "refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get("a")


async def test_settings_are_told_and_changed(control: Client, client: Client) -> None:
    assert (await control.ask("GET", "/_sandbox/settings")).at("page_size") == 500
    reply = await control.ask("PATCH", "/_sandbox/settings", {"page_size": 1, "tokens": ["sandbox"]})
    assert (reply.status, reply.at("page_size"), reply.at("tokens")) == (200, 1, {"sandbox": "default"})
    await client.create("a")
    await client.create("b")
    assert names((await client.list()).body) == ["a"]
    assert (await control.ask("PATCH", "/_sandbox/settings", {"page_size": "1"})).status == 400


async def test_the_clock_jumps(control: Client, client: Client) -> None:
    await client.create("a")
    reply = await control.ask("POST", "/_sandbox/clock", {"advance_seconds": 1.5})
    assert reply.at("now") == "2026-01-01T00:00:01.500000+00:00"
    assert (await client.get("a")).at("state") == "running"
    assert (await control.ask("GET", "/_sandbox/clock")).body == reply.body
    assert (await control.ask("POST", "/_sandbox/clock", {"speed": "fast"})).status == 400


async def test_a_reset_forgets_everything(control: Client, client: Client) -> None:
    await client.create("a", labels=owned("u"))
    await control.ask("POST", "/_sandbox/faults", {"action": "drop"})
    await control.ask("PATCH", "/_sandbox/settings", {"page_size": 1})
    assert (await control.ask("POST", "/_sandbox/reset")).status == 204
    for path in ("machines", "faults", "requests"):
        assert (await control.ask("GET", f"/_sandbox/{path}")).body == {"items": []}
    assert (await control.ask("GET", "/_sandbox/owners")).body == {}
    assert (await control.ask("GET", "/_sandbox/settings")).at("page_size") == 500


async def test_a_body_that_is_no_json_is_refused(gateway: SandboxGateway) -> None:
    async with aiohttp.ClientSession() as session, session.post(gateway.url + "/_sandbox/faults", data=b"{") as reply:
        assert reply.status == 400
