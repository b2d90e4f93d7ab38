"""The one place that sends a create, and writes down what became of it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gpuwright.adapters.contract import Created, Gate
from gpuwright.adapters.desk import LedgerEntry, ProviderDesk
from gpuwright.instance.actions import Send
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import Observer, visible_seconds
from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.launch import retry_delay
from gpuwright.instance.rules.placement import put_aside
from gpuwright.instance.rules.price import price_pause
from gpuwright.instance.writer import StatusWriter, has_the_name, knows_more, same_send
from gpuwright.kube.client import ApiError
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import Reason, cut
from gpuwright.model.errors import (
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    TooDear,
    Unknown,
)
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.memory import Memory, Outcome
from gpuwright.model.names import FINALIZER_MACHINE
from gpuwright.telemetry import Metrics

log = logging.getLogger(__name__)

REJECTED_AGAIN_SECONDS = 600.0  # refused credentials are tried again this seldom, unless the Secret changes


class Sending:
    """Sends an announced create and insists on recording its outcome."""

    def __init__(
        self,
        observer: Observer,
        writer: StatusWriter,
        desk: ProviderDesk,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._observer = observer
        self._writer = writer
        self._desk = desk
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics

    async def send(self, seen: Observation, action: Send, gate: Gate) -> float | None:
        """Send once and record the outcome; a machine whose record is no longer ours is terminated and written down."""
        launch = seen.launch
        if launch is None:
            raise AssertionError("only what is on record is sent")
        key = seen.instance.key
        # From here on the intent counts as sent, whatever happens: a crash or a cancellation leaves it Unknown.
        self._note(seen, left=launch.send, armed=seen.witness.armed)
        created: Created | None = None
        try:
            created = await self._desk.create(action.provider, key, action.request, gate)
            memory = _committed(seen, created)
        except ProviderError as error:
            memory = _outcome(seen, error)
            self._plan_retry(seen, memory, error)
        self._note(seen, armed=None)
        if created is not None:
            self._note(seen, aside={})
            self._note_machine(seen, created)
        self._count(seen, memory)
        if await self._is_left_over(seen, memory) and created is not None:
            await self._give_up(seen, action, created)
        return None

    def _note(self, seen: Observation, **changes: Any) -> None:
        self._observer.remember(seen.instance, replace(self._observer.witness(seen.instance), **changes))

    def _note_machine(self, seen: Observation, created: Created) -> None:
        now = self._clock.monotonic()
        witness = self._observer.witness(seen.instance)
        witness = replace(witness, answered_send=witness.left, answered_at=now)
        if created.adopted and created.machine.alive:
            # A conflict that shows the machine is a look at it: those that missed it before prove nothing any more.
            name = created.machine.name
            witness = witness.with_trail(name, witness.trail(name).present(now, created.machine, direct=True))
        self._observer.remember(seen.instance, witness)

    def _plan_retry(self, seen: Observation, memory: Memory, error: ProviderError) -> None:
        launch = memory.launch
        if launch is None:
            return
        now = self._clock.monotonic()
        put_off = put_aside(seen, launch, error, now)
        if put_off:
            # Another placement is asked at once: what is waited for here is none of its concern.
            self._note(seen, aside={**seen.witness.aside, **put_off}, burst_from=launch.attempt, not_before=now)
            return
        if launch.outcome is Outcome.NOT_COMMITTED:
            # By the record, not by the error: a name that was taken before we ever sent it waits like any other.
            self._note(seen, not_before=now + retry_delay(seen, launch))
            return
        match error:
            case Throttled():
                self._note(seen, not_before=now + error.retry_after)
            case TooDear():
                self._note(seen, not_before=now + price_pause(seen))
            case Rejected() if error.reason is Reason.CREDENTIALS_REJECTED:
                version = seen.provider.credentials_version if seen.provider else ""
                later = now + REJECTED_AGAIN_SECONDS * (0.9 + seen.jitter / 5)
                self._note(seen, not_before=later, refused_version=version)
            case NeverSent():
                self._note(seen, not_before=now + 1.0 + seen.jitter)
            case _:
                return

    async def _is_left_over(self, seen: Observation, memory: Memory) -> bool:
        """Record the outcome; return whether nobody has it on record instead: the object is gone, or has another name.

        Where another send of the same name is on record, its operator finds by looks what there is under it.
        """
        is_anothers = False

        def status_for(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
            nonlocal is_anothers
            is_ours = body["metadata"]["uid"] == seen.instance.owner.uid
            if not is_ours or not same_send(body, seen.memory):
                is_anothers = is_ours and has_the_name(body, seen.memory)
                return None
            if knows_more(body):
                return dict(body["status"])
            finalized = FINALIZER_MACHINE in (body["metadata"].get("finalizers") or ())
            instance = replace(
                seen.instance,
                body=body,
                memory=memory,
                deleting="deletionTimestamp" in body["metadata"],
                finalized=finalized,
            )
            now = self._clock.monotonic()
            visible = visible_seconds(seen.providers, memory.launch)
            witness = self._observer.witness(seen.instance).sighted(memory, now, visible)
            after = replace(seen, now=now, wall=self._clock.wall().timestamp(), instance=instance, witness=witness)
            return status_of(after, decide(after))

        return not await self._writer.insist(seen, status_for) and not is_anothers

    async def _give_up(self, seen: Observation, action: Send, created: Created) -> None:
        """The object is gone, or another name is on record: the machine just made has no owner that knows of it."""
        machine = created.machine
        note = f"machine {machine.id} was made for an object that is gone: terminating it"
        log.warning(note, extra={"instance": str(seen.instance.key), "machine_id": machine.id, "names": machine.name})
        entry = LedgerEntry(
            names=(machine.name,),
            machine_id=machine.id,
            owner=seen.instance.owner,
            place=seen.launch.place if seen.launch else "",
            reason="its object was gone when the machine was made",
            retained=False,
        )
        try:
            await self._desk.enter(action.provider, seen.instance.key, entry)
        except ApiError as error:
            log.warning("the leak could not be written down", extra={"machine_id": machine.id, "error": str(error)})
        try:
            await self._desk.delete(action.provider, seen.instance.key, machine.name, lambda: True)
        except ProviderError as error:
            log.warning("the terminate was not accepted", extra={"machine_id": machine.id, "error": error.message})
        self._metrics.forgotten.labels(str(action.provider.key(seen.instance.key.namespace))).inc()

    def _count(self, seen: Observation, memory: Memory) -> None:
        """One line and one count per create, with its names and outcome; an Event only where a person would want to
        know.
        """
        launch = memory.launch
        if launch is None:
            return
        outcome = str(launch.outcome)
        provider = str(launch.provider.key(seen.instance.key.namespace))
        self._metrics.creates.labels(provider, outcome).inc()
        log.info(
            "create answered",
            extra={
                "instance": str(seen.instance.key),
                "uid": seen.instance.owner.uid,
                "provider": provider,
                "names": launch.name,
                "attempts": launch.attempt,
                "outcome": outcome,
                "reason": launch.reason,
                "machine_id": memory.machine_id,
            },
        )
        if launch.outcome in {Outcome.UNKNOWN, Outcome.NOT_COMMITTED}:
            reason = EventReason.OUTCOME_UNKNOWN if launch.outcome is Outcome.UNKNOWN else EventReason.RETRYING
            note = f"attempt {launch.attempt} ({launch.name}): {launch.message or launch.reason}"
            self._recorder.emit(seen.instance.body, reason, note, "Warning")


def _committed(seen: Observation, created: Created) -> Memory:
    memory = seen.memory.with_machine(created.machine)
    return memory.with_launch(
        outcome=Outcome.COMMITTED,
        reason=str(Reason.ADOPTED if created.adopted else Reason.CREATED),
        message="",
        conflict=False,
        settled=created.adopted,
    )


def _outcome(seen: Observation, error: ProviderError) -> Memory:
    """Return the record of an answer that was no machine."""
    message = cut(error.message)
    conflict = isinstance(error, Unknown) and error.conflict
    resent = seen.launch is not None and seen.launch.resent
    if conflict and not resent:
        # Nobody of ours was there before under this name, so it is somebody else's, or what a failed create left
        # registered.
        reason = str(Reason.NAME_CONFLICT)
        return seen.memory.with_launch(outcome=Outcome.NOT_COMMITTED, reason=reason, message=message)
    match error:
        case NotCommitted():
            outcome = Outcome.NOT_COMMITTED
        case NotExecuted():
            outcome = Outcome.NOT_EXECUTED
        case _:
            outcome = Outcome.UNKNOWN
    return seen.memory.with_launch(outcome=outcome, conflict=conflict, reason=str(error.reason), message=message)
