"""Objects that are gone: let go by us, or torn away."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.builders import OWNER, N
from tests.engine.virtual_loop import in_virtual_time
from tests.instance.stage import Stage
from tests.kube.fake_api import Body

from gpuwright.adapters.desk import LedgerEntry
from gpuwright.kube.client import NoAnswer
from gpuwright.model.memory import ProviderRef
from gpuwright.model.resources import Key

LEAKS = "gpuwright_possible_leaks_total"


async def torn_away(stage: Stage, body: Mapping[str, Any]) -> None:
    stage.vanished.gone(body)
    for entering in stage.spawned:
        await entering


async def a_body_on_record(stage: Stage) -> Body:
    await stage.reconcile()
    stage.desk.calls.clear()
    assert stage.body is not None
    return stage.body


async def test_a_finalizer_removed_by_hand_is_entered_as_a_leak_and_terminates_nothing() -> None:
    stage = Stage()
    await torn_away(stage, await a_body_on_record(stage))
    (entry,) = stage.desk.ledger
    assert (entry.names, entry.machine_id, entry.owner, entry.retained) == ((N,), "i-1", OWNER, False)
    assert "by hand" in entry.reason
    assert (stage.desk.calls, list(stage.desk.machines), stage.count(LEAKS)) == ([], [N], 1)


def test_a_leak_is_written_down_as_soon_as_the_api_server_answers_again() -> None:
    tries: list[float] = []

    async def test() -> None:
        stage = Stage()
        body = await a_body_on_record(stage)
        enter = stage.desk.enter

        async def enter_at_the_fourth(ref: ProviderRef, asker: Key, entry: LedgerEntry) -> None:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) < 4:
                raise NoAnswer("away")
            await enter(ref, asker, entry)

        stage.desk.enter = enter_at_the_fourth  # type: ignore[method-assign]
        await torn_away(stage, body)
        assert len(stage.desk.ledger) == 1

    in_virtual_time(test)()
    assert tries == [0, 1, 3, 7]


async def test_what_we_let_go_ourselves_is_no_leak() -> None:
    stage = Stage()
    body = await a_body_on_record(stage)
    stage.vanished.released(OWNER.uid)
    await torn_away(stage, body)
    assert (stage.desk.ledger, stage.count(LEAKS)) == ([], 0)


async def test_an_object_that_never_had_anything_is_no_leak() -> None:
    stage = Stage()
    assert stage.body is not None
    await torn_away(stage, stage.body)
    assert (stage.desk.ledger, stage.count(LEAKS)) == ([], 0)


async def test_a_machine_that_is_gone_is_no_leak() -> None:
    stage = Stage()
    body = await a_body_on_record(stage)
    body["status"]["machine"]["state"] = "Gone"
    await torn_away(stage, body)
    assert (stage.desk.ledger, stage.count(LEAKS)) == ([], 0)


async def test_an_intent_without_an_answer_is_a_leak_under_its_name() -> None:
    stage = Stage()
    body = await a_body_on_record(stage)
    del body["status"]["machine"]
    body["status"]["launch"]["outcome"] = "Intended"
    await torn_away(stage, body)
    assert [(entry.names, entry.machine_id) for entry in stage.desk.ledger] == [((N,), "")]


async def test_an_object_whose_record_cannot_be_read_may_have_left_something() -> None:
    stage = Stage()
    body = await a_body_on_record(stage)
    del body["status"]["launch"]["token"]
    await torn_away(stage, body)
    assert (stage.desk.calls, stage.count(LEAKS)) == ([], 1)
