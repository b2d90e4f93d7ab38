"""Machines, snapshots and keys survive together."""

from pathlib import Path

from gpuwright_sandbox.gateway.clock import ManualClock
from gpuwright_sandbox.gateway.fleet import Order
from gpuwright_sandbox.gateway.machines import MachineRequest
from gpuwright_sandbox.gateway.replays import Replay
from gpuwright_sandbox.gateway.settings import Settings
from gpuwright_sandbox.gateway.truth import Truth


def filled(truth: Truth) -> Truth:
    truth.fleet.create(Order(name="a", request=MachineRequest(image="i", cpu=1, memory_gb=1)))
    truth.images.take("default", "i-000001", "i")
    truth.replays.keep(Replay("default", "k", "f", 1))
    return truth


def sizes(truth: Truth) -> tuple[int, int, bool]:
    return (
        len(truth.fleet.machines()),
        len(truth.images.snapshots()),
        truth.replays.find("default", "k") is not None,
    )


def test_everything_is_read_back(tmp_path: Path, clock: ManualClock) -> None:
    store = tmp_path / "store"
    filled(Truth(clock, Settings(), store)).close()
    again = Truth(clock, Settings(), store)
    assert sizes(again) == (1, 1, True)
    again.close()


def test_without_a_store_everything_dies(clock: ManualClock) -> None:
    truth = filled(Truth(clock, Settings()))
    assert sizes(truth) == (1, 1, True)
    truth.close()
    assert sizes(Truth(clock, Settings())) == (0, 0, False)


def test_a_reset_forgets_everything_for_good(tmp_path: Path, clock: ManualClock) -> None:
    store = tmp_path / "store"
    truth = filled(Truth(clock, Settings(), store))
    truth.reset()
    assert sizes(truth) == (0, 0, False)
    truth.close()
    again = Truth(clock, Settings(), store)
    assert sizes(again) == (0, 0, False)
    again.close()
