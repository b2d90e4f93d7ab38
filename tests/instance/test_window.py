"""What was announced may leave for two seconds, by both clocks."""

from dataclasses import replace

import pytest
from tests.builders import PROCESS, a_launch, a_memory
from tests.instance.stage import KEY, Stage

from gpuwright.instance.actions import Arms, Record
from gpuwright.instance.window import SendWindow
from gpuwright.instance.witness import Armed
from gpuwright.model.memory import Memory


def a_record(arms: Arms, memory: Memory | None = None) -> Record:
    return Record(memory or a_memory(a_launch(send=7, sent_by=PROCESS)), "why", arms=arms)


@pytest.mark.parametrize(("arms", "destructive"), [(Arms.SEND, False), (Arms.DESTRUCTION, True)])
def test_a_write_that_announces_opens_a_window_for_what_it_announces(arms: Arms, destructive: bool) -> None:
    armed = SendWindow(Stage().observer, Stage().clock).for_record(a_record(arms))
    assert armed is not None
    assert (armed.send, armed.destructive) == (7, destructive)


@pytest.mark.parametrize(
    "record", [a_record(Arms.NOTHING), a_record(Arms.SEND, Memory())], ids=["nothing", "no launch"]
)
def test_what_announces_nothing_opens_none(record: Record) -> None:
    assert SendWindow(Stage().observer, Stage().clock).for_record(record) is None


@pytest.mark.parametrize(
    ("boottime", "wall", "is_open"),
    [
        pytest.param(0.0, 0.0, True, id="at once"),
        pytest.param(1.9, 1.9, True, id="just before"),
        pytest.param(2.0, 2.0, False, id="at its end"),
        pytest.param(2.5, 0.0, False, id="the wall clock was set back"),
        pytest.param(0.0, 2.5, False, id="the machine slept without counting it"),
    ],
)
async def test_a_window_closes_by_whichever_clock_is_first(boottime: float, wall: float, is_open: bool) -> None:
    stage = Stage()
    window = SendWindow(stage.observer, stage.clock)
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    opened = window.open(1, destructive=False)
    moved = Armed(opened.send, opened.boottime - boottime, opened.wall - wall, destructive=False)
    stage.observer.remember(seen.instance, replace(stage.observer.witness(seen.instance), armed=moved))
    assert window.gate(seen)() is is_open


async def test_a_window_for_a_create_opens_nothing_destructive() -> None:
    stage = Stage()
    window = SendWindow(stage.observer, stage.clock)
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    assert not window.gate(seen)()
    witness = replace(stage.observer.witness(seen.instance), armed=window.open(1, destructive=False))
    stage.observer.remember(seen.instance, witness)
    assert window.gate(seen)()
    assert not window.gate(seen, destructive=True)()
