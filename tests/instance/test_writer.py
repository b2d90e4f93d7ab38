"""Status writes: compared with what came back, and smaller where the API server refuses them."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.instance.stage import KEY, Stage
from tests.kube.fake_api import Body, FakeApi

from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.writer import KEPT_ON_REFUSAL, RecordNotKept, same_send
from gpuwright.kube.client import Conflict, Invalid
from gpuwright.model.memory import Memory, parse_memory

REFUSED = "gpuwright_status_writes_refused_total"


class OlderCrd(FakeApi):
    """Drops a field of the launch record, as a CRD does that does not know it."""

    def __init__(self, field: str = "waitedSeconds") -> None:
        super().__init__()
        self._unknown = field

    def _apply(self, path: str, known: Body, change: Mapping[str, Any], *, status: bool) -> Body:
        if status and (change.get("status") or {}).get("launch"):
            launch = {name: value for name, value in change["status"]["launch"].items() if name != self._unknown}
            change = {**change, "status": {**change["status"], "launch": launch}}
        return super()._apply(path, known, change, status=status)


async def test_a_record_that_comes_back_without_a_field_is_outdated_and_nothing_is_sent() -> None:
    stage = Stage(OlderCrd())
    assert await stage.reconcile() == 60.0
    assert stage.desk.calls == []
    assert stage.condition("Accepted") == ("False", "CRDOutdated")
    message = next(c["message"] for c in stage.status["conditions"] if c["type"] == "Accepted")
    assert "status.launch.waitedSeconds" in message


async def test_a_record_that_comes_back_without_a_field_that_reading_needs_is_outdated_too() -> None:
    stage = Stage(OlderCrd("settleSeconds"))
    assert await stage.reconcile() == 60.0
    assert stage.condition("Accepted") == ("False", "CRDOutdated")


async def test_announcing_names_the_field_that_was_not_kept() -> None:
    stage = Stage(OlderCrd("settleSeconds"))
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    with pytest.raises(RecordNotKept, match="settleSeconds"):
        await stage.writer.announce(seen, {"launch": {"send": 1, "settleSeconds": 97}})


async def test_a_refused_status_is_written_as_the_smallest_patch_and_counted() -> None:
    stage = Stage()
    stage.api.fail(Invalid("422 conditions: too long"), "PATCH", "/status")
    await stage.reconcile()
    refused, smallest = [write.body["status"] for write in stage.api.writes if write.path.endswith("/status")][:2]
    assert "conditions" in refused
    assert set(smallest) <= set(KEPT_ON_REFUSAL)
    assert smallest["launch"] == refused["launch"]
    assert stage.count(REFUSED) == 1
    assert len(stage.desk.calls) == 1


async def test_a_refused_status_without_a_record_is_not_repeated() -> None:
    stage = Stage()
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    stage.api.fail(Invalid("422"), "PATCH", "/status", times=9)
    with pytest.raises(Invalid):
        await stage.writer.publish(seen, {"summary": "Running"})
    assert (len(stage.api.writes), stage.count(REFUSED)) == (1, 1)


async def test_nothing_is_written_where_nothing_differs() -> None:
    stage = Stage()
    await stage.reconcile()
    before = len(stage.api.writes)
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    await stage.writer.publish(seen, status_of(seen, decide(seen)))
    assert len(stage.api.writes) == before


async def test_every_write_is_guarded_by_the_version_it_was_decided_on() -> None:
    stage = Stage()
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    stage.change({"metadata": {"annotations": {"a": "b"}}})
    with pytest.raises(Conflict):
        await stage.writer.publish(seen, {"summary": "Running"})


async def test_a_write_that_was_answered_is_in_the_cache() -> None:
    stage = Stage()
    await stage.reconcile()
    cached = stage.cache.get(KEY)
    assert cached is not None
    assert stage.body is not None
    assert cached["metadata"]["resourceVersion"] == stage.body["metadata"]["resourceVersion"]


async def test_the_send_on_record_tells_whose_outcome_it_is() -> None:
    stage = Stage()
    await stage.reconcile()
    assert stage.body is not None
    memory = parse_memory(stage.status)
    assert same_send(stage.body, memory)
    assert not same_send(stage.body, memory.with_launch(send=2))
    assert not same_send(stage.body, Memory())
