"""The gateway as a child process: it starts, dies, and comes back on the same port."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.gateway.asking import machine_body, owned

from gpuwright_sandbox.gateway import GatewayProcess, GatewayProcessError
from gpuwright_sandbox.gateway.shapes import Json


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    store = tmp_path_factory.mktemp("gateway") / "store"
    with GatewayProcess({"boot_seconds": 0}, store=store, token="t0ken", verbose=True) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def fresh(gateway: GatewayProcess) -> None:
    gateway.reset()


def made(gateway: GatewayProcess, name: str, owner: str = "u") -> Json:
    return gateway.ask("POST", "/api/instances", machine_body(name, labels=owned(owner)))


def test_machines_survive_a_kill_on_the_same_port(gateway: GatewayProcess) -> None:
    made(gateway, "a")
    url, pid = gateway.url, gateway.pid
    for _ in range(2):
        gateway.kill()
    assert gateway.pid is None
    with pytest.raises(ConnectionRefusedError):
        gateway.machines()
    gateway.start()
    assert (gateway.url, gateway.pid != pid) == (url, True)
    assert [machine["name"] for machine in gateway.live_machines()] == ["a"]
    assert gateway.owners() == {"u": {"live": 1, "peak": 1, "created": 1}}
    assert gateway.settings()["boot_seconds"] == 0
    assert gateway.output().count(f"gateway: {url}\n") == 2


def test_a_restart_ends_it_in_good_order(gateway: GatewayProcess) -> None:
    made(gateway, "a")
    pid = gateway.pid
    gateway.restart()
    assert gateway.pid != pid
    assert [machine["name"] for machine in gateway.machines()] == ["a"]


def test_the_oracle_is_asked_over_http(gateway: GatewayProcess) -> None:
    made(gateway, "a")
    made(gateway, "b", "v")
    assert gateway.doubled() == []
    made(gateway, "a-r2")
    assert gateway.doubled() == ["u"]


def test_faults_requests_and_machines_are_reached(gateway: GatewayProcess) -> None:
    gateway.add_fault(call="create", action="answer", status=500, commit="first")
    with pytest.raises(GatewayProcessError, match="500"):
        made(gateway, "a")
    assert [fault["done"] for fault in gateway.faults()] == [1]
    gateway.clear_faults()
    assert gateway.faults() == []
    assert [record["status"] for record in gateway.requests(call="create", name="a")] == [500]
    assert "POST /api/instances a -> 500 [answer, commit first]\n" in gateway.output()
    assert gateway.act("a", "preempt", reason="x")["state"] == "preempted"
    assert gateway.live_machines() == []


def test_settings_and_clock_are_changed(gateway: GatewayProcess) -> None:
    assert gateway.change_settings(delete_seconds=1000)["delete_seconds"] == 1000
    made(gateway, "a")
    gateway.ask("DELETE", "/api/instances/a")
    gateway.change_clock(speed=1, advance_seconds=1000)
    assert gateway.live_machines() == []
    gateway.reset()
    assert gateway.settings()["delete_seconds"] == 0.5


def test_a_frozen_gateway_accepts_and_says_nothing(gateway: GatewayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuwright_sandbox.gateway.process.TIMEOUT_SECONDS", 0.05)
    gateway.pause()
    with pytest.raises(TimeoutError):
        gateway.machines()
    gateway.resume()
    monkeypatch.undo()
    assert gateway.machines() == []


def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    gateway = GatewayProcess(store=tmp_path)
    with pytest.raises(GatewayProcessError, match="did not start"), gateway:
        pass


def test_a_stop_returns_the_exit_code() -> None:
    with GatewayProcess() as gateway:
        assert gateway.stop() == 0
        assert gateway.stop() is None


def test_a_gateway_does_not_outlive_whoever_started_it() -> None:
    with GatewayProcess() as gateway:
        child = gateway._child
        assert child is not None
        assert child.stdin is not None
        # As the kernel does when the process at the other end dies, however it dies.
        child.stdin.close()
        assert child.wait(60) == 0
