"""The calls about machines, over HTTP."""

import pytest
from tests.sandbox.gateway.asking import Client, names, owned

from gpuwright_sandbox.gateway import ManualClock, SandboxGateway
from gpuwright_sandbox.gateway.shapes import Json


async def run_all(gateway: SandboxGateway, clock: ManualClock) -> None:
    """Let every machine finish what it is at."""
    clock.advance(60)
    gateway.fleet.advance()


async def test_a_create_answers_the_machine_and_the_truth_has_it(gateway: SandboxGateway, client: Client) -> None:
    reply = await client.create("a", gpu={"type": "H100", "count": 8}, labels=owned("u"))
    assert (reply.status, reply.at("state"), reply.at("gpu", "count")) == (201, "pending", 8)
    assert [machine.id for machine in gateway.fleet.machines()] == [reply.at("id")]
    assert gateway.fleet.owners()["u"].live == 1


async def test_a_machine_boots_and_is_read_meanwhile(client: Client, clock: ManualClock) -> None:
    await client.create("a")
    states = []
    for seconds in (0, 0.3, 1.2):
        clock.advance(seconds)
        states.append((await client.get("a")).at("state"))
    assert states == ["pending", "provisioning", "running"]


async def test_a_request_can_choose_how_long_it_boots(client: Client, clock: ManualClock) -> None:
    await client.create("a", metadata={"sandboxBootSeconds": "0.1"})
    clock.advance(0.1)
    assert (await client.get("a")).at("state") == "running"


async def test_a_taken_name_answers_its_holder(gateway: SandboxGateway, client: Client) -> None:
    first = await client.create("a", labels=owned("u"))
    second = await client.create("a")
    assert (second.status, second.at("error", "code")) == (409, "name_conflict")
    assert second.at("instance") == first.body
    assert len(gateway.fleet.machines()) == 1


async def test_the_holder_can_be_hidden(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(hide_holder=True)
    await client.create("a")
    reply = await client.create("a")
    assert isinstance(reply.body, dict)
    assert (reply.status, list(reply.body)) == (409, ["error"])


async def test_a_name_that_was_never_heard_of_is_not_found(client: Client) -> None:
    reply = await client.get("a")
    assert (reply.status, reply.at("error", "code")) == (404, "not_found")


async def test_a_deleted_machine_is_gone_with_its_id_and_name(client: Client, clock: ManualClock) -> None:
    made = await client.create("a")
    assert (await client.delete("a")).status == 202
    assert (await client.get("a")).at("state") == "deleting"
    clock.advance(0.5)
    reply = await client.get("a")
    assert (reply.status, reply.at("error", "code")) == (410, "gone")
    assert (reply.at("id"), reply.at("name")) == (made.at("id"), "a")


async def test_a_tombstone_can_be_forgotten(gateway: SandboxGateway, client: Client, clock: ManualClock) -> None:
    gateway.change_settings(tombstone_seconds=10, delete_seconds=0)
    await client.create("a")
    await client.delete("a")
    clock.advance(9.999)
    assert (await client.get("a")).status == 410
    clock.advance(0.001)
    assert (await client.get("a")).status == 404
    assert (await client.delete("a")).status == 404


async def test_the_answers_of_delete(client: Client, clock: ManualClock) -> None:
    await client.create("a")
    statuses = [(await client.delete(name)).status for name in ("a", "a", "b")]
    clock.advance(0.5)
    assert [*statuses, (await client.delete("a")).status] == [202, 202, 404, 204]


async def test_a_vanished_machine_is_not_found(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.fleet.vanish(gateway.fleet.machines()[0])
    assert [(await client.get("a")).status, (await client.delete("a")).status] == [404, 404]


async def test_a_preempted_machine_is_shown_until_it_is_deleted(gateway: SandboxGateway, client: Client) -> None:
    await client.create("a")
    gateway.fleet.preempt(gateway.fleet.machines()[0], "price")
    reply = await client.get("a")
    assert (reply.status, reply.at("state"), reply.at("reason")) == (200, "preempted", "price")
    assert names((await client.list()).body) == ["a"]
    assert [(await client.delete("a")).status, (await client.get("a")).status] == [204, 410]


async def test_names_are_decoded(client: Client) -> None:
    assert (await client.create("a/b cé")).status == 201
    assert (await client.get("a%2Fb%20c%C3%A9")).at("name") == "a/b cé"
    assert (await client.delete("a%2Fb%20c%C3%A9")).status == 202


async def test_labels_are_anded(client: Client) -> None:
    await client.create("a", labels={"x/y": "1", "z": "2"})
    await client.create("b", labels={"x/y": "1"})
    assert names((await client.list("label=x%2Fy%3D1")).body) == ["a", "b"]
    assert names((await client.list("label=x%2Fy%3D1&label=z%3D2")).body) == ["a"]
    assert names((await client.list("label=z%3D3")).body) == []


async def test_pages_are_followed_by_their_cursor(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(page_size=2)
    for name in "abcde":
        await client.create(name)
    pages: list[list[Json]] = []
    cursor = ""
    while not pages or cursor:
        reply = await client.list(f"limit=100&cursor={cursor}")
        pages.append(names(reply.body))
        cursor = str(reply.at("next_cursor"))
    assert pages == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_machine_made_between_two_pages_shows_on_the_last(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(page_size=2)
    for name in "abc":
        await client.create(name)
    cursor = (await client.list()).at("next_cursor")
    gateway.fleet.vanish(gateway.fleet.machines()[0])
    await client.create("d")
    assert names((await client.list(f"cursor={cursor}")).body) == ["c", "d"]


async def test_a_running_machine_stops_and_starts(client: Client, gateway: SandboxGateway, clock: ManualClock) -> None:
    await client.create("a")
    await run_all(gateway, clock)
    states = []
    for verb in ("stop", "start"):
        reply = await client.ask("POST", f"/api/instances/a/{verb}")
        assert reply.status == 202
        states.append(reply.at("state"))
        await run_all(gateway, clock)
        states.append((await client.get("a")).at("state"))
    assert states == ["stopping", "stopped", "provisioning", "running"]


async def test_stopping_and_starting_twice_is_the_same_as_once(
    client: Client, gateway: SandboxGateway, clock: ManualClock
) -> None:
    await client.create("a")
    await run_all(gateway, clock)
    for verb in ("start", "stop", "stop", "start"):
        assert (await client.ask("POST", f"/api/instances/a/{verb}")).status in (202, 409)
    await run_all(gateway, clock)
    assert (await client.ask("POST", "/api/instances/a/stop")).status == 202
    assert (await client.ask("POST", "/api/instances/a/stop")).status == 202


@pytest.mark.parametrize("verb", ["stop", "start"])
async def test_a_machine_that_boots_can_neither_stop_nor_start(client: Client, verb: str) -> None:
    await client.create("a")
    reply = await client.ask("POST", f"/api/instances/a/{verb}")
    assert (reply.status, reply.at("error", "code")) == (409, "invalid_state")


async def test_power_can_be_missing(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(power=False)
    await client.create("a")
    reply = await client.ask("POST", "/api/instances/a/stop")
    assert (reply.status, reply.at("error", "code")) == (501, "not_supported")


async def test_power_of_a_machine_that_is_not_there(client: Client) -> None:
    assert (await client.ask("POST", "/api/instances/a/stop")).status == 404


@pytest.mark.parametrize("status", [403, 429])
async def test_a_quota_counts_what_is_alive(
    gateway: SandboxGateway, client: Client, clock: ManualClock, status: int
) -> None:
    gateway.change_settings(max_machines=1, quota_status=status)
    await client.create("a")
    await client.delete("a")
    reply = await client.create("b")
    assert (reply.status, reply.at("error", "code")) == (status, "quota")
    clock.advance(0.5)
    assert (await client.create("b")).status == 201


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"gpu": {"type": "H100", "count": 1}}, id="by GPU type"),
        pytest.param({"instance_type": "H100"}, id="by instance type"),
    ],
)
async def test_capacity_runs_out_by_type(gateway: SandboxGateway, client: Client, asked: dict[str, Json]) -> None:
    gateway.change_settings(capacity={"H100": 1, "": 0})
    assert (await client.create("a", **asked)).status == 201
    reply = await client.create("b", **asked)
    assert (reply.status, reply.at("error", "code")) == (503, "no_placement")
    assert (await client.create("c", gpu={"type": "L4", "count": 1})).status == 201
    assert (await client.create("d")).status == 201


async def with_key(client: Client, name: str, key: str, cpu: int = 1) -> tuple[int, Json]:
    body: Json = {"name": name, "image": "i", "cpu": cpu, "memory_gb": 1}
    reply = await client.ask("POST", "/api/instances", body, headers={"Idempotency-Key": key})
    return reply.status, reply.body


async def test_keys_are_ignored_unless_they_are_switched_on(client: Client) -> None:
    assert [(await with_key(client, "a", "k"))[0] for _ in range(2)] == [201, 409]


async def test_the_same_key_and_body_is_the_same_machine(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(idempotency=True)
    assert await with_key(client, "a", "k") == await with_key(client, "a", "k")
    assert len(gateway.fleet.machines()) == 1


async def test_the_same_key_with_another_body_is_refused(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(idempotency=True)
    await with_key(client, "a", "k")
    status, body = await with_key(client, "a", "k", cpu=2)
    assert (status, body) == (
        422,
        {
            "error": {
                "code": "idempotency_mismatch",
                "message": "this Idempotency-Key came with another body before",
            }
        },
    )


async def test_a_key_whose_machine_is_gone_says_so(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(idempotency=True, delete_seconds=0)
    await with_key(client, "a", "k")
    await client.delete("a")
    assert (await with_key(client, "a", "k"))[0] == 410
    assert len(gateway.fleet.machines()) == 1


async def test_a_key_of_a_refused_create_is_free(gateway: SandboxGateway, client: Client) -> None:
    gateway.change_settings(idempotency=True, max_machines=0)
    assert (await with_key(client, "a", "k"))[0] == 403
    gateway.change_settings(max_machines=None)
    assert (await with_key(client, "a", "k", cpu=2))[0] == 201
