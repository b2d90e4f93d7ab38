"""Objects that are gone: let go by us, or torn away by somebody who removed our finalizer."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from gpuwright.adapters.desk import LedgerEntry, ProviderDesk
from gpuwright.kube.client import ApiError
from gpuwright.kube.events import Recorder
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Memory, Outcome, ProviderRef, parse_memory
from gpuwright.model.names import Owner
from gpuwright.model.resources import INSTANCES, key_of
from gpuwright.telemetry import Metrics

FIRST_WAIT_SECONDS = 1.0  # until a leak that could not be written down is tried again; doubled each time
LONGEST_WAIT_SECONDS = 60.0

log = logging.getLogger(__name__)


class Vanished:
    """Tells the two apart. What was torn away is a forced forget: written down, counted, and nothing is terminated."""

    def __init__(
        self,
        desk: ProviderDesk,
        recorder: Recorder,
        metrics: Metrics,
        *,
        cluster: str,
        forget: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._desk = desk
        self._recorder = recorder
        self._metrics = metrics
        self._cluster = cluster
        self._forget = forget
        self._spawn = spawn
        self._released: set[str] = set()

    def released(self, uid: str) -> None:
        """Take note that we let this object go ourselves."""
        self._released.add(uid)

    def gone(self, body: Mapping[str, Any]) -> None:
        """Take note that an object is gone; `body` is the last that was known of it."""
        uid = body["metadata"]["uid"]
        self._forget(uid)
        if uid in self._released:
            self._released.discard(uid)
            return
        try:
            memory = parse_memory(body.get("status") or {})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            name = str(key_of(INSTANCES.kind, body))
            log.warning(
                "an object is gone whose record could not be read", extra={"instance": name, "error": str(error)}
            )
            self._metrics.forgotten.labels("").inc()
            return
        if memory.launch is None or not _may_have_left_something(memory):
            return
        lost = memory.machine_id or memory.launch.name
        note = f"{lost} lost its object, because somebody removed the finalizer: it may still bill"
        log.warning(note, extra={"instance": str(key_of(INSTANCES.kind, body)), "machine_id": memory.machine_id})
        self._recorder.emit(body, EventReason.FORGOTTEN, note, "Warning")
        provider = memory.launch.provider.key(body["metadata"]["namespace"])
        self._metrics.forgotten.labels(str(provider)).inc()
        for tried in dict.fromkeys((memory.launch.provider, *(entry.provider for entry in memory.residue))):
            self._spawn(self._enter(body, memory, tried))

    async def _enter(self, body: Mapping[str, Any], memory: Memory, provider: ProviderRef) -> None:
        key = key_of(INSTANCES.kind, body)
        is_home = memory.launch is not None and memory.launch.provider == provider
        entry = LedgerEntry(
            names=memory.names_at(provider),
            machine_id=memory.machine_id if is_home else "",
            owner=Owner(self._cluster, key.namespace, key.name, body["metadata"]["uid"]),
            place=memory.place_at(provider),
            reason="its finalizer was removed by hand",
            retained=False,
        )
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                await self._desk.enter(provider, key, entry)
            except ApiError as error:
                # Nobody else knows of it any more: the object is gone, and a sweep sees only what can be listed.
                words = "a possible leak could not be written down, and will be tried again"
                log.warning(words, extra={"instance": str(key), "error": str(error)})
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                return


def _may_have_left_something(memory: Memory) -> bool:
    """Return whether anything on record may still exist: a machine, an unanswered create, or a name once tried."""
    launch = memory.launch
    if memory.residue:
        return True
    if launch is None or memory.machine.get("state") == str(MachineState.GONE):
        return False
    return launch.resent or launch.outcome is not Outcome.NOT_EXECUTED
