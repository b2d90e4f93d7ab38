"""Events of our own: events.k8s.io/v1, few, and folded where many say the same.

A repeated Event of one object becomes a count in its series. When many objects have the same to say at once, a few get
their own Event and the rest is told as one ("and 57 more"), so that a burst of a thousand machines is no burst of a
thousand writes.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gpuwright.kube.client import ApiError, KubeClient
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import cut
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.resources import EVENTS, GROUP, VERSION
from gpuwright.telemetry import Metrics

BURST = 20  # Events at once; then one in REFILL_SECONDS
REFILL_SECONDS = 3.0
SERIES_SECONDS = 600.0  # an Event that is repeated within this is a series
SERIES_PATCH_SECONDS = 60.0
FOLD_SECONDS = 15.0
REMEMBERED = 2000
MAX_NOTE = 1000  # bytes; the API server refuses more than 1024
CONTROLLER = "gpuwright.dev/operator"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Series:
    body: dict[str, Any]
    count: int
    first: float
    patched: float


@dataclass(slots=True)
class _Folded:
    event: dict[str, Any]
    count: int


class Recorder:
    """Takes Events without waiting and sends them in the background; a lost Event is logged, never retried for ever."""

    def __init__(self, client: KubeClient, clock: Clock, metrics: Metrics, instance: str) -> None:
        self._client = client
        self._clock = clock
        self._metrics = metrics
        self._instance = instance
        self._series: dict[tuple[str, str], _Series] = {}
        self._folded: dict[tuple[str, str], _Folded] = {}
        self._tokens = float(BURST)
        self._refilled = clock.monotonic()
        self._queue: asyncio.Queue[dict[str, Any] | _Series] = asyncio.Queue()
        self._serial = 0

    def emit(
        self,
        regarding: Mapping[str, Any],
        reason: EventReason,
        note: str,
        kind: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        """Send an Event about an object (its body as the API server shows it)."""
        now = self._clock.monotonic()
        key = (regarding["metadata"]["uid"], reason)
        series = self._series.get(key)
        if series and now - series.first < SERIES_SECONDS and series.body["note"] == cut(note, MAX_NOTE):
            self._repeat(series, now)
            return
        event = self._event(regarding, reason, note, kind)
        if not self._take_token(now):
            self._fold(event)
            return
        self._remember(key, _Series(event, 1, now, now))
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        flusher = asyncio.create_task(self._flush_folded(), name="events-fold")
        try:
            while True:
                await self._send(await self._queue.get())
        finally:
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher

    async def flush(self) -> None:
        """Send what is still queued or folded; for the end of the process."""
        self._unfold()
        while not self._queue.empty():
            await self._send(self._queue.get_nowait())

    async def _send(self, item: "dict[str, Any] | _Series") -> None:
        try:
            if isinstance(item, _Series):
                if "resourceVersion" in item.body["metadata"]:
                    change = {"series": self._series_body(item)}
                    item.body.update(await self._client.patch(EVENTS, item.body, change, status=False))
                return
            answer = await self._client.post(EVENTS, item["metadata"]["namespace"], item)
            item["metadata"] = answer["metadata"]
        except ApiError as error:
            # A terminating namespace takes no Events; the log line that goes with each Event has the facts too.
            log.debug("event not written", extra={"error": str(error)})

    def _repeat(self, series: _Series, now: float) -> None:
        series.count += 1
        self._metrics.events_dropped.inc()
        if now - series.patched >= SERIES_PATCH_SECONDS:
            series.patched = now
            self._queue.put_nowait(series)

    def _series_body(self, series: _Series) -> dict[str, Any]:
        return {"count": series.count, "lastObservedTime": _micro(self._clock.wall())}

    def _remember(self, key: tuple[str, str], series: _Series) -> None:
        if len(self._series) >= REMEMBERED:
            self._series.pop(next(iter(self._series)))
        self._series[key] = series

    def _take_token(self, now: float) -> bool:
        self._tokens = min(float(BURST), self._tokens + (now - self._refilled) / REFILL_SECONDS)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _fold(self, event: dict[str, Any]) -> None:
        self._metrics.events_dropped.inc()
        key = (event["metadata"]["namespace"], event["reason"])
        folded = self._folded.setdefault(key, _Folded(event, 0))
        folded.event = event
        folded.count += 1

    async def _flush_folded(self) -> None:
        while True:
            await asyncio.sleep(FOLD_SECONDS)
            self._unfold()

    def _unfold(self) -> None:
        for folded in self._folded.values():
            if folded.count > 1:
                more = f" (and {folded.count - 1} more of this kind)"
                folded.event["note"] = cut(folded.event["note"], MAX_NOTE - len(more)) + more
            self._queue.put_nowait(folded.event)
        self._folded.clear()

    def _event(
        self, regarding: Mapping[str, Any], reason: EventReason, note: str, kind: Literal["Normal", "Warning"]
    ) -> dict[str, Any]:
        metadata = regarding["metadata"]
        namespace = metadata.get("namespace") or "default"
        self._serial += 1
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "namespace": namespace,
                "name": f"{metadata['name'][:200].rstrip('-.')}.{self._instance[:12]}{self._serial:x}",
            },
            "eventTime": _micro(self._clock.wall()),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": str(reason),
            "reason": str(reason),
            "note": cut(note, MAX_NOTE),
            "type": kind,
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": regarding["kind"],
                "namespace": metadata.get("namespace", ""),
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
        }


def _micro(moment: datetime) -> str:
    """Return the moment as MicroTime wants it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
