"""What can be done behind the clients' backs."""

from pathlib import Path

import pytest
from tests.sandbox.gateway.asking import create_call, owned

from gpuwright_sandbox.gateway.backstage import Backstage
from gpuwright_sandbox.gateway.clock import ManualClock
from gpuwright_sandbox.gateway.machines import Ending, MachineState
from gpuwright_sandbox.gateway.settings import Settings
from gpuwright_sandbox.gateway.shapes import FieldError, Json


@pytest.fixture
def backstage(clock: ManualClock) -> Backstage:
    backstage = Backstage(Settings(), clock, None)
    backstage.api.answer(create_call("a", labels=owned("u")))
    return backstage


@pytest.mark.parametrize(
    ("verb", "body", "state", "reason"),
    [
        pytest.param("preempt", {}, MachineState.PREEMPTED, "spot capacity was taken back", id="preempt"),
        pytest.param("preempt", {"reason": "x"}, MachineState.PREEMPTED, "x", id="preempt for a reason"),
        pytest.param("vanish", {}, MachineState.GONE, "", id="vanish"),
        pytest.param("fail", {"reason": "x"}, MachineState.FAILED, "x", id="fail"),
        pytest.param("stop", {}, MachineState.STOPPING, "", id="stop"),
    ],
)
def test_a_machine_suffers(backstage: Backstage, verb: str, body: Json, state: MachineState, reason: str) -> None:
    machine = backstage.act_on(backstage.fleet.machines()[0], verb, body)
    assert (machine.state, machine.reason) == (state, reason)


def test_a_machine_gets_another_owner(backstage: Backstage) -> None:
    machine = backstage.act_on(backstage.fleet.machines()[0], "rename-owner", {"owner_uid": "v", "owner": "team.other"})
    assert machine.request.labels == {"gpuwright.dev/owner-uid": "v", "gpuwright.dev/owner": "team.other"}
    assert {uid: count.live for uid, count in backstage.fleet.owners().items()} == {"u": 0, "v": 1}


@pytest.mark.parametrize(
    ("verb", "body", "named"),
    [
        pytest.param("explode", {}, "action", id="unknown deed"),
        pytest.param("fail", {"raeson": "x"}, "raeson", id="unknown field"),
        pytest.param("rename-owner", {"name": "x"}, "name", id="field of no label"),
        pytest.param("fail", [], "", id="no object"),
    ],
)
def test_a_deed_that_is_none_changes_nothing(backstage: Backstage, verb: str, body: Json, named: str) -> None:
    before = backstage.fleet.machines()
    with pytest.raises(FieldError) as caught:
        backstage.act_on(before[0], verb, body)
    assert caught.value.field == named
    assert backstage.fleet.machines() == before


def test_settings_hold_from_now_on(backstage: Backstage) -> None:
    backstage.change_settings({"delete_seconds": 0, "requests_kept": 1})
    gone = backstage.fleet.delete(backstage.fleet.machines()[0])
    assert gone.ending is Ending.DELETED


def test_a_wrong_setting_changes_nothing(backstage: Backstage) -> None:
    with pytest.raises(FieldError):
        backstage.change_settings({"page_size": 3, "pagesize": 4})
    assert backstage.settings == Settings()


def test_a_reset_goes_back_to_the_start(backstage: Backstage) -> None:
    backstage.change_settings({"page_size": 3})
    backstage.faults.add({"action": "drop"}, backstage.fleet.now)
    backstage.requests.enter(create_call("a"), {}, b"", backstage.fleet.now)
    backstage.reset()
    assert backstage.settings == Settings()
    assert (backstage.fleet.machines(), backstage.faults.describe(), len(backstage.requests)) == ((), [], 0)


def test_opening_reads_the_store_and_keeps_faults_and_settings(tmp_path: Path, clock: ManualClock) -> None:
    backstage = Backstage(Settings(), clock, tmp_path / "store")
    backstage.open()
    backstage.api.answer(create_call("a"))
    backstage.change_settings({"page_size": 3})
    backstage.faults.add({"action": "drop"}, backstage.fleet.now)
    backstage.open()
    assert [machine.name for machine in backstage.fleet.machines()] == ["a"]
    assert (backstage.settings.page_size, len(backstage.faults.describe())) == (3, 1)
    backstage.close()
