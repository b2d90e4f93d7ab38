"""What clients are told about machines and errors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.sandbox.gateway.asking import at

from gpuwright_sandbox.gateway.answers import Answer, page_answer, refusal, represent, reveal
from gpuwright_sandbox.gateway.machines import Gpu, Machine, MachineRequest, MachineState, Port, Protocol

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Machine(
    serial=7,
    id="i-7",
    name="a",
    account="default",
    state=MachineState.RUNNING,
    request=MachineRequest(
        image="i", cpu=2, memory_gb=8, gpu=Gpu("H100", 2), env={"SECRET": "s"}, user_data="s", metadata={"n": [1]}
    ),
    price_per_hour=2.0,
    created_at=NOW,
)


def test_a_machine_has_all_the_fields_of_the_api_and_no_secret() -> None:
    assert represent(MACHINE) == {
        "id": "i-7",
        "name": "a",
        "state": "running",
        "image": "i",
        "cpu": 2,
        "memory_gb": 8,
        "gpu": {"type": "H100", "count": 2},
        "region": "local",
        "zone": "local-a",
        "instance_type": "",
        "purchase": "",
        "labels": {},
        "metadata": {"n": [1]},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.9"}],
        "endpoints": [],
        "price_per_hour": 2.0,
        "currency": "USD",
        "created_at": "2026-01-01T00:00:00.000Z",
    }


def test_a_reason_is_told_where_there_is_one() -> None:
    assert represent(replace(MACHINE, reason="no disk"))["reason"] == "no disk"


def test_only_a_running_machine_has_an_address() -> None:
    assert represent(replace(MACHINE, state=MachineState.STOPPED))["addresses"] == []


def test_a_running_machine_is_reached_at_its_ports() -> None:
    ports = (Port("ssh", 22), Port("web", 8888, Protocol.HTTP))
    machine = replace(MACHINE, request=replace(MACHINE.request, ports=ports))
    assert represent(machine)["endpoints"] == [
        {"name": "ssh", "port": 22, "address": "203.0.113.9", "external_port": 20112},
        {"name": "web", "port": 8888, "url": "https://i-7-8888.sandbox.test"},
    ]
    assert represent(replace(machine, state=MachineState.STOPPED))["endpoints"] == []


def test_addresses_do_not_repeat() -> None:
    addresses = {str(represent(replace(MACHINE, serial=serial))["addresses"]) for serial in range(1, 5000)}
    assert len(addresses) == 4999


def test_powering_on_is_told_as_provisioning() -> None:
    assert represent(replace(MACHINE, state=MachineState.STARTING))["state"] == "provisioning"


def test_a_skewed_clock_shows_in_what_clients_are_told() -> None:
    assert represent(MACHINE, skew_seconds=-60)["created_at"] == "2025-12-31T23:59:00.000Z"


def test_the_truth_says_more() -> None:
    truth = reveal(MACHINE, NOW + timedelta(hours=2))
    assert (truth["alive"], truth["billed"], at(truth, "request", "env", "SECRET")) == (True, 4.0, "s")


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid_spec"), (401, "unauthorized"), (404, "not_found"), (410, "gone"), (418, "internal")],
)
def test_an_error_has_the_code_of_its_status(status: int, code: str) -> None:
    assert refusal(status, "no").answer.body == {"error": {"code": code, "message": "no"}}


def test_more_can_stand_beside_an_error() -> None:
    assert refusal(410, "no", id="i-1").answer.body == {"error": {"code": "gone", "message": "no"}, "id": "i-1"}


def test_a_page_is_not_in_the_apis_shape() -> None:
    page = page_answer(502)
    assert b"502 Bad Gateway" in page.content
    assert page.content_type.startswith("text/html")
    assert b"599 Error" in page_answer(599).content


def test_no_body_is_no_bytes() -> None:
    assert Answer(204).content == b""
    assert Answer(200, {}).content == b"{}"
