"""Events: few, folded where many say the same, and never in anybody's way."""

import asyncio
import logging
import re
from contextlib import suppress
from typing import Any

import pytest
from tests.engine.virtual_loop import LoopClock, in_virtual_time
from tests.kube.fake_api import FakeApi

from gpuwright.kube.client import NoAnswer
from gpuwright.kube.events import BURST, FOLD_SECONDS, REMEMBERED, SERIES_PATCH_SECONDS, SERIES_SECONDS, Recorder
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.resources import EVENTS
from gpuwright.telemetry import Metrics

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # an RFC 1123 subdomain


class Desk:
    """A recorder that runs, and what it has written."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.metrics = Metrics()
        self.recorder = Recorder(self.api, LoopClock(), self.metrics, "0123456789abcdef")
        self._task = asyncio.ensure_future(self.recorder.run())

    def emit(
        self,
        name: str = "trainer-0",
        note: str = "it runs",
        reason: EventReason = EventReason.ADOPTED,
        namespace: str = "team-a",
    ) -> None:
        self.recorder.emit(an_object(name, namespace), reason, note)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.api.all(EVENTS)

    @property
    def notes(self) -> list[str]:
        return [event["note"] for event in self.events]

    @property
    def dropped(self) -> float:
        return self.metrics.registry.get_sample_value("gpuwright_events_folded_total") or 0.0

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def an_object(name: str = "trainer-0", namespace: str = "team-a") -> dict[str, Any]:
    scope = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "7", **scope}
    return {"kind": "ComputeInstance", "metadata": metadata}


@in_virtual_time
async def test_an_event_says_what_happened_to_whom() -> None:
    desk = Desk()
    desk.recorder.emit(an_object(), EventReason.LOST, "the machine is gone", "Warning")
    await asyncio.sleep(1)
    (event,) = desk.events
    assert event["metadata"].pop("name").startswith("trainer-0.0123456789ab")
    assert event["metadata"]["namespace"] == "team-a"
    del event["metadata"]
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": "2026-11-22T00:00:00.000000Z",
        "reportingController": "gpuwright.dev/operator",
        "reportingInstance": "0123456789abcdef",
        "action": "Lost",
        "reason": "Lost",
        "note": "the machine is gone",
        "type": "Warning",
        "regarding": {
            "apiVersion": "gpuwright.dev/v1alpha1",
            "kind": "ComputeInstance",
            "namespace": "team-a",
            "name": "trainer-0",
            "uid": "uid-of-trainer-0",
            "resourceVersion": "7",
        },
    }
    await desk.stop()


@in_virtual_time
async def test_an_event_about_a_cluster_scoped_object_stands_in_default() -> None:
    desk = Desk()
    desk.emit("shared", namespace="")
    await asyncio.sleep(1)
    (event,) = desk.events
    assert (event["metadata"]["namespace"], event["regarding"]["namespace"]) == ("default", "")
    await desk.stop()


@pytest.mark.parametrize("name", ["a" * 253, "a" * 199 + "-b", "a" * 199 + ".b", "a" * 198 + ".-b".replace("-", "c")])
@in_virtual_time
async def test_an_event_has_a_name_that_the_server_takes_however_long_the_objects_is(name: str) -> None:
    desk = Desk()
    desk.emit(name)
    await asyncio.sleep(1)
    (event,) = desk.events
    assert NAME.fullmatch(event["metadata"]["name"])
    assert len(event["metadata"]["name"]) <= 253
    await desk.stop()


@in_virtual_time
async def test_no_two_events_have_one_name() -> None:
    desk = Desk()
    for number in range(BURST):
        desk.emit(note=f"note {number}")
    await asyncio.sleep(1)
    assert len({event["metadata"]["name"] for event in desk.events}) == BURST
    await desk.stop()


class TestASeries:
    @in_virtual_time
    async def test_is_one_event_however_often_it_happens(self) -> None:
        desk = Desk()
        for _ in range(100):
            desk.emit()
            await asyncio.sleep(1)
        assert len(desk.events) == 1
        assert desk.dropped == 99
        await desk.stop()

    @pytest.mark.parametrize(
        ("pause", "count"),
        [(SERIES_PATCH_SECONDS - 1, None), (SERIES_PATCH_SECONDS, 2), (SERIES_PATCH_SECONDS + 1, 2)],
    )
    @in_virtual_time
    async def test_is_told_at_most_once_a_minute(self, pause: float, count: int | None) -> None:
        desk = Desk()
        desk.emit()
        await asyncio.sleep(pause)
        desk.emit()
        await asyncio.sleep(0.1)
        (event,) = desk.events
        assert event.get("series", {}).get("count") == count
        await desk.stop()

    @in_virtual_time
    async def test_goes_on_counting_between_two_patches(self) -> None:
        desk = Desk()
        for _ in range(130):
            desk.emit()
            await asyncio.sleep(1)
        (event,) = desk.events
        assert event["series"] == {"count": 121, "lastObservedTime": "2026-11-22T00:02:00.000000Z"}
        assert [write.method for write in desk.api.writes] == ["POST", "PATCH", "PATCH"]
        await desk.stop()

    @pytest.mark.parametrize(
        ("pause", "events"), [(SERIES_SECONDS - 1, 1), (SERIES_SECONDS, 2), (SERIES_SECONDS + 1, 2)]
    )
    @in_virtual_time
    async def test_ends_after_ten_minutes(self, pause: float, events: int) -> None:
        desk = Desk()
        desk.emit()
        await asyncio.sleep(pause)
        desk.emit()
        await asyncio.sleep(0.1)
        assert len(desk.events) == events
        await desk.stop()

    @in_virtual_time
    async def test_is_of_one_object_one_reason_and_one_note(self) -> None:
        desk = Desk()
        desk.emit()
        desk.emit("trainer-1")
        desk.emit(reason=EventReason.LOST)
        desk.emit(note="it runs again")
        await asyncio.sleep(1)
        assert len(desk.events) == 4
        await desk.stop()

    @in_virtual_time
    async def test_whose_event_was_never_written_is_not_patched(self) -> None:
        desk = Desk()
        desk.api.fail(NoAnswer("503"), "POST")
        desk.emit()
        await asyncio.sleep(100)
        desk.emit()
        await asyncio.sleep(1)
        assert [write.method for write in desk.api.writes] == ["POST"]
        await desk.stop()

    @in_virtual_time
    async def test_is_forgotten_when_there_are_too_many(self) -> None:
        desk = Desk()
        desk.emit("first")
        for number in range(REMEMBERED):
            await asyncio.sleep(3)
            desk.emit(f"trainer-{number}")
        desk.emit("first")
        await asyncio.sleep(FOLD_SECONDS + 1)
        assert [event["regarding"]["name"] for event in desk.events].count("first") == 2
        await desk.stop()


class TestABurst:
    @pytest.mark.parametrize(("count", "folded"), [(BURST - 1, 0), (BURST, 0), (BURST + 1, 1)])
    @in_virtual_time
    async def test_is_let_through_up_to_a_limit(self, count: int, folded: int) -> None:
        desk = Desk()
        for number in range(count):
            desk.emit(f"trainer-{number}")
        await asyncio.sleep(1)
        assert len(desk.events) == count - folded
        assert desk.dropped == folded
        await desk.stop()

    @in_virtual_time
    async def test_of_a_thousand_is_told_by_twenty_one(self) -> None:
        desk = Desk()
        for number in range(1000):
            desk.emit(f"trainer-{number}")
        await asyncio.sleep(FOLD_SECONDS + 1)
        assert len(desk.events) == BURST + 1
        assert desk.notes[-1] == "it runs (and 979 more of this kind)"
        await desk.stop()

    @in_virtual_time
    async def test_with_one_too_many_says_it_as_it_is(self) -> None:
        desk = Desk()
        for number in range(BURST + 1):
            desk.emit(f"trainer-{number}")
        await asyncio.sleep(FOLD_SECONDS + 1)
        assert set(desk.notes) == {"it runs"}
        assert len(desk.events) == BURST + 1
        await desk.stop()

    @in_virtual_time
    async def test_is_folded_by_namespace_and_reason(self) -> None:
        desk = Desk()
        for number in range(BURST):
            desk.emit(f"first-{number}")
        for namespace in ("team-a", "team-b"):
            for reason in (EventReason.LOST, EventReason.REPLACING):
                for number in range(3):
                    desk.emit(f"trainer-{number}", reason=reason, namespace=namespace)
        await asyncio.sleep(FOLD_SECONDS + 1)
        folded = [event for event in desk.events if "more of this kind" in event["note"]]
        assert sorted((event["metadata"]["namespace"], event["reason"]) for event in folded) == [
            ("team-a", "Lost"),
            ("team-a", "Replacing"),
            ("team-b", "Lost"),
            ("team-b", "Replacing"),
        ]
        await desk.stop()

    @in_virtual_time
    async def test_may_begin_anew_as_time_passes(self) -> None:
        desk = Desk()
        for number in range(BURST):
            desk.emit(f"trainer-{number}")
        await asyncio.sleep(3.1)
        desk.emit("later")
        desk.emit("too soon")
        await asyncio.sleep(0.1)
        assert len(desk.events) == BURST + 1
        await asyncio.sleep(3600)
        for number in range(BURST + 5):
            desk.emit(f"much-later-{number}")
        await asyncio.sleep(0.1)
        assert sum(event["regarding"]["name"].startswith("much-later") for event in desk.events) == BURST
        await desk.stop()

    @pytest.mark.parametrize("length", [990, 1000, 1010, 5000])
    @in_virtual_time
    async def test_is_folded_into_a_note_that_the_server_takes(self, length: int) -> None:
        desk = Desk()
        for number in range(BURST + 1000):
            desk.emit(f"trainer-{number}", note="ü" * length)
        await asyncio.sleep(FOLD_SECONDS + 1)
        assert max(len(note.encode()) for note in desk.notes) <= 1024
        assert "(and 999 more of this kind)" in desk.notes[-1]
        await desk.stop()


@in_virtual_time
async def test_a_lost_event_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk()
    desk.api.fail(NoAnswer("503"), "POST")
    desk.emit("lost")
    desk.emit("written")
    await asyncio.sleep(1)
    assert [event["regarding"]["name"] for event in desk.events] == ["written"]
    assert [record.getMessage() for record in caplog.records] == ["event not written"]
    await desk.stop()


@in_virtual_time
async def test_a_namespace_that_is_being_terminated_takes_no_events_and_nobody_minds() -> None:
    desk = Desk()
    desk.api.terminating.add("team-a")
    desk.emit()
    desk.emit("trainer-1", namespace="team-b")
    await asyncio.sleep(1)
    assert [event["metadata"]["namespace"] for event in desk.events] == ["team-b"]
    await desk.stop()


@in_virtual_time
async def test_flushing_writes_what_is_queued_and_what_is_folded() -> None:
    desk = Desk()
    await desk.stop()
    for number in range(BURST + 5):
        desk.emit(f"trainer-{number}")
    assert desk.events == []
    await desk.recorder.flush()
    assert len(desk.events) == BURST + 1
    assert desk.notes[-1].endswith("(and 4 more of this kind)")
    await desk.recorder.flush()
    assert len(desk.events) == BURST + 1
