"""Carries out one action: at most one effect, a guarded write or a provider call, and notes what this process then
knows.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from gpuwright.adapters.desk import LedgerEntry, LedgerFull, ProviderDesk
from gpuwright.instance.actions import (
    Action,
    AddFinalizer,
    Arms,
    AskList,
    EnterLedger,
    LookAt,
    Nothing,
    Power,
    ReadLive,
    Record,
    RemoveFinalizer,
    Send,
    Terminate,
    Wait,
)
from gpuwright.instance.calls import ProviderCalls
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer, visible_seconds
from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.sending import Sending
from gpuwright.instance.vanished import Vanished
from gpuwright.instance.window import SendWindow
from gpuwright.instance.witness import Armed
from gpuwright.instance.writer import RecordNotKept, StatusWriter
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import KubeClient, NotFound
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import COMING_UP, MachineState
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import FINALIZER_MACHINE
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.model.times import age_since
from gpuwright.telemetry import Metrics

log = logging.getLogger(__name__)

LIST_PATIENCE_SECONDS = 30.0  # whoever waits for a list looks again after this, should its wake-up get lost
OUTDATED_CRD_SECONDS = 60.0
LEDGER_FULL_SECONDS = 60.0  # a person has to make room

_WARNINGS = frozenset(
    {
        EventReason.LOST,
        EventReason.FORGOTTEN,
        EventReason.PROMISE_BROKEN,
        EventReason.DUPLICATE_TERMINATED,
        EventReason.OUTCOME_UNKNOWN,
    }
)


class Effects:
    """The hands of the reconciler. Each returns None to look again at once, or the seconds until the next look."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        observer: Observer,
        writer: StatusWriter,
        desk: ProviderDesk,
        sending: Sending,
        calls: ProviderCalls,
        window: SendWindow,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        vanished: Vanished,
    ) -> None:
        self._client = client
        self._cache = cache
        self._observer = observer
        self._writer = writer
        self._desk = desk
        self._sending = sending
        self._calls = calls
        self._window = window
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._vanished = vanished
        self._reserved: dict[Key, ProviderRef] = {}

    async def act(self, seen: Observation, action: Action) -> float | None:
        """Carry out one action. Raises ApiError where a write was not made, as far as we know."""
        match action:
            case Record():
                return await self._record(seen, action)
            case Send():
                return await self._sending.send(seen, action, self._window.gate(seen))
            case LookAt(provider, name):
                return await self._calls.look(seen, provider, name)
            case AskList(provider):
                self._desk.ask_list(provider, seen.instance.key)
                return LIST_PATIENCE_SECONDS
            case Terminate(provider, name):
                return await self._calls.terminate(seen, provider, name)
            case Power(provider, name, on):
                return await self._calls.power(seen, provider, name, on=on)
            case EnterLedger():
                return await self._enter(seen, action)
            case _:
                return await self._metadata(seen, action)

    async def _metadata(self, seen: Observation, action: Action) -> float | None:
        match action:
            case AddFinalizer():
                await self._finalizers(seen, add=True)
            case RemoveFinalizer():
                await self._release(seen, action)
            case ReadLive():
                await self._calls.read_live(seen)
            case Wait() | Nothing() | _:
                raise AssertionError(f"{type(action).__name__} is no effect")
        return None

    def release(self, key: Key) -> None:
        """Give back what a pass still holds when it ends."""
        ref = self._reserved.pop(key, None)
        if ref is not None:
            self._desk.release(ref, key)

    async def _record(self, seen: Observation, action: Record) -> float | None:
        key, launch = seen.instance.key, action.memory.launch
        if action.arms is Arms.SEND and launch is not None and not self._hold_slot(launch.provider, key):
            return 1.0
        if action.arms is Arms.NOTHING:
            armed = None
            await self._writer.publish(seen, self._status_after(seen, action, armed))
        else:
            try:
                armed = await self._announce(seen, action)
            except RecordNotKept as error:
                return await self._refuse_outdated_crd(seen, str(error))
        witness = replace(self._observer.witness(seen.instance), armed=armed, tries=0, answer="")
        if action.fresh_burst:
            attempt = seen.launch.attempt if seen.launch else 0
            witness = replace(witness, burst_from=attempt, not_before=0.0, power_refused="", aside={})
        self._observer.remember(seen.instance, witness)
        self._tell(seen, action)
        return None

    async def _announce(self, seen: Observation, action: Record) -> Armed | None:
        async with self._window.turn:
            # The window is counted from before the write leaves: its answer may be late. Not from before our own queue,
            # or in a burst every window would be over before its write is made.
            armed = self._window.for_record(action)
            await self._writer.announce(seen, self._status_after(seen, action, armed))
        return armed

    def _hold_slot(self, provider: ProviderRef, key: Key) -> bool:
        if self._reserved.get(key) == provider:
            return True
        self.release(key)  # that of the placement which was asked before, in the same pass
        if not self._desk.reserve(provider, key):
            return False
        self._reserved[key] = provider
        return True

    def _status_after(self, seen: Observation, action: Record, armed: Armed | None) -> dict[str, Any]:
        """Return the status with the new memory, described as the next decision will see it."""
        visible = visible_seconds(seen.providers, action.memory.launch)
        witness = replace(seen.witness, armed=armed).sighted(action.memory, seen.now, visible)
        if action.fresh_burst:
            witness = replace(witness, not_before=0.0, power_refused="", aside={})
        after = replace(seen, instance=replace(seen.instance, memory=action.memory), witness=witness)
        return status_of(after, decide(after))

    async def _refuse_outdated_crd(self, seen: Observation, words: str) -> float:
        witness = self._observer.witness(seen.instance)
        later = self._clock.monotonic() + OUTDATED_CRD_SECONDS
        self._observer.remember(seen.instance, replace(witness, armed=None, not_before=later))
        body = await self._observer.read_live(seen.instance.key)
        if body is not None and body["metadata"]["uid"] == seen.instance.owner.uid:
            # Nothing is sent under the record that was cut, so what was on record before is true again.
            again = replace(seen, instance=replace(seen.instance, body=body))
            await self._writer.publish(again, status_of(again, Wait(Reason.CRD_OUTDATED, words)))
        return OUTDATED_CRD_SECONDS

    def _tell(self, seen: Observation, action: Record) -> None:
        self._measure_start(seen, action)
        if action.event is None:
            return
        self.event(seen, action.event, action.note or action.why)
        if action.event is EventReason.DUPLICATE_TERMINATED:
            self._metrics.duplicates.labels(_provider_label(seen, seen.ref)).inc()
        if action.event is EventReason.PROMISE_BROKEN and seen.launch is not None:
            self._desk.promise_broken(seen.ref, seen.instance.key, seen.launch.message)

    def _measure_start(self, seen: Observation, action: Record) -> None:
        """Measure how long a machine took from its intent until it was seen running."""
        launch, running = action.memory.launch, str(MachineState.RUNNING)
        came_up = seen.memory.machine.get("state") in COMING_UP and action.memory.machine.get("state") == running
        seconds = age_since(launch.intended, seen.wall) if launch is not None else None
        if came_up and not seen.memory.started and launch is not None and seconds is not None:
            self._metrics.time_to_ready.labels(_provider_label(seen, launch.provider)).observe(seconds)

    def event(self, seen: Observation, reason: EventReason, note: str) -> None:
        """Send an Event about the instance, and say the same in the log."""
        kind: Literal["Normal", "Warning"] = "Warning" if reason in _WARNINGS else "Normal"
        self._recorder.emit(seen.instance.body, reason, note, kind)
        names = ",".join(seen.memory.names)
        log.info(note, extra={"instance": str(seen.instance.key), "event": str(reason), "names": names})

    async def _enter(self, seen: Observation, action: EnterLedger) -> float | None:
        entry = LedgerEntry(
            names=action.names,
            machine_id=action.machine_id,
            owner=seen.instance.owner,
            place=seen.memory.place_at(action.provider),
            reason=seen.instance.forget,
            retained=action.retained,
        )
        try:
            await self._desk.enter(action.provider, seen.instance.key, entry)
        except LedgerFull as error:
            await self._writer.publish(seen, status_of(seen, Wait(Reason.LEDGER_FULL, str(error))))
            return LEDGER_FULL_SECONDS
        witness = self._observer.witness(seen.instance)
        self._observer.remember(seen.instance, replace(witness, ledgers=witness.ledgers | {action.provider}))
        return None

    async def _finalizers(self, seen: Observation, *, add: bool) -> Mapping[str, Any]:
        body = seen.instance.body
        others = [name for name in body["metadata"].get("finalizers") or () if name != FINALIZER_MACHINE]
        wanted = [*others, FINALIZER_MACHINE] if add else others
        answer = await self._client.patch(INSTANCES, body, {"metadata": {"finalizers": wanted}}, status=False)
        self._cache.put(INSTANCES.kind, answer)
        return answer

    async def _release(self, seen: Observation, action: RemoveFinalizer) -> None:
        self._vanished.released(seen.instance.owner.uid)
        with suppress(NotFound):
            await self._finalizers(seen, add=False)
        # The answer to the write that ends an object may carry its old version: do not wait for the watch to tell.
        known = self._cache.remove(INSTANCES.kind, seen.instance.body)
        if known is not None:
            self._vanished.gone(known)
        if action.event is EventReason.FORGOTTEN:
            # A spec that cannot be parsed names no provider.
            named = seen.launch is not None or seen.instance.spec is not None
            self._metrics.forgotten.labels(_provider_label(seen, seen.ref) if named else "").inc()
        self.event(seen, action.event, action.proof)


def _provider_label(seen: Observation, ref: ProviderRef) -> str:
    return str(ref.key(seen.instance.key.namespace))
