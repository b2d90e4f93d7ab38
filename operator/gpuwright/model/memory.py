"""What nobody else remembers: the part of a ComputeInstance's status that decisions may read.

Everything here is written before it is acted on, so that a crash at any instruction leaves enough to go on from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from gpuwright.model.machine import HAS_STARTED, Machine
from gpuwright.model.resources import CLUSTER_PROVIDERS, Key


class Outcome(StrEnum):
    """What became of a create, as far as it is known."""

    INTENDED = "Intended"
    COMMITTED = "Committed"
    NOT_COMMITTED = "NotCommitted"
    NOT_EXECUTED = "NotExecuted"
    UNKNOWN = "Unknown"


class EndingReason(StrEnum):
    """Why something is destroyed or switched off; written before it is done."""

    DELETED = "Deleted"
    RETAINED = "Retained"
    LOST = "Lost"
    PREEMPTED = "Preempted"
    BROKEN = "Broken"
    EXPIRED = "Expired"
    LAUNCH_DEADLINE_EXCEEDED = "LaunchDeadlineExceeded"
    DUPLICATE = "Duplicate"
    POWER_OFF = "PowerOff"
    SETTLING = "Settling"


ENDS_MACHINE = frozenset(EndingReason) - {EndingReason.DUPLICATE, EndingReason.POWER_OFF, EndingReason.SETTLING}
"""Endings after which this incarnation's machine is never used again."""


@dataclass(frozen=True, slots=True)
class ProviderRef:
    """Which provider object; a cluster provider has no namespace, so the namespace is the instance's own or empty."""

    kind: str
    name: str

    def body(self) -> dict[str, str]:
        """Return the reference as it stands in status."""
        return {"kind": self.kind, "name": self.name}

    def key(self, namespace: str) -> Key:
        """Return whom an instance of this namespace means by it; as text it is the provider's label in metrics."""
        return Key(self.kind, "" if self.kind == CLUSTER_PROVIDERS.kind else namespace, self.name)


@dataclass(frozen=True, slots=True)
class Ending:
    """What is being destroyed under which names, and why."""

    reason: EndingReason
    names: tuple[str, ...]
    time: str = ""

    def body(self) -> dict[str, Any]:
        """Return the ending as it stands in status."""
        return {"reason": str(self.reason), "names": list(self.names), "time": self.time}


@dataclass(frozen=True, slots=True)
class Launch:
    """The write-ahead record of one send. An intent replaces it whole."""

    incarnation: int
    attempt: int
    name: str
    token: str
    request_hash: str
    provider: ProviderRef
    placement: int
    place: str
    send: int
    sent_by: str
    intended: str
    settle_seconds: int
    outcome: Outcome
    waited_seconds: int = 0
    capacity_waited_seconds: int = 0
    settled: bool = False
    started: bool = False
    resent: bool = False
    conflict: bool = False
    adopted: bool = False
    reason: str = ""
    message: str = ""
    ending: Ending | None = None

    @property
    def unsettled(self) -> bool:
        """Return whether nobody has told us what became of the send."""
        return self.outcome in {Outcome.INTENDED, Outcome.UNKNOWN}

    @property
    def ends(self) -> EndingReason | None:
        """Return why this incarnation's machine is to go or is gone; None while it is wanted."""
        if self.ending is None or self.ending.reason not in ENDS_MACHINE:
            return None
        return self.ending.reason

    def body(self) -> dict[str, Any]:
        """Return the record as it stands in status; what is at its zero is left out, so that a patch removes it."""
        body: dict[str, Any] = {
            "incarnation": self.incarnation,
            "attempt": self.attempt,
            "name": self.name,
            "token": self.token,
            "requestHash": self.request_hash,
            "providerRef": self.provider.body(),
            "placement": self.placement,
            "place": self.place,
            "send": self.send,
            "sentBy": self.sent_by,
            "intendedTime": self.intended,
            "settleSeconds": self.settle_seconds,
            "waitedSeconds": self.waited_seconds,
            "outcome": str(self.outcome),
        }
        optional = {
            "capacityWaitedSeconds": self.capacity_waited_seconds,
            "settled": self.settled,
            "started": self.started,
            "resent": self.resent,
            "conflict": self.conflict,
            "adopted": self.adopted,
            "reason": self.reason,
            "message": self.message,
            "ending": self.ending.body() if self.ending else None,
        }
        return body | {key: value for key, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class Residue:
    """A name once tried and not yet proven absent, and where."""

    name: str
    provider: ProviderRef
    place: str
    placement: int
    last_sent: str

    def body(self) -> dict[str, Any]:
        """Return the entry as it stands in status."""
        return {
            "name": self.name,
            "providerRef": self.provider.body(),
            "place": self.place,
            "placement": self.placement,
            "lastSentTime": self.last_sent,
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """All of an instance's status that a decision may read."""

    launch: Launch | None = None
    residue: tuple[Residue, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[Mapping[str, Any], ...] = ()
    replacements: int = 0
    handled_request: str = ""

    @property
    def machine_id(self) -> str:
        """Return the recorded machine's id, or an empty string."""
        return str(self.machine.get("id", ""))

    @property
    def started(self) -> bool:
        """Return whether the recorded machine has run once: its launch says so, or the state in which it is."""
        return self.launch is not None and (self.launch.started or self.machine.get("state") in HAS_STARTED)

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name under which something of ours may exist."""
        launched = (self.launch.name,) if self.launch and self.launch.name else ()
        return launched + tuple(entry.name for entry in self.residue if entry.name not in launched)

    def names_at(self, provider: ProviderRef) -> tuple[str, ...]:
        """Return the names that were tried at one provider."""
        launched = (self.launch.name,) if self.launch and self.launch.name and self.launch.provider == provider else ()
        tried = (entry.name for entry in self.residue if entry.provider == provider)
        return launched + tuple(name for name in tried if name not in launched)

    def place_at(self, provider: ProviderRef) -> str:
        """Return the place under which something is recorded at one provider; empty where nothing is."""
        if self.launch is not None and self.launch.provider == provider:
            return self.launch.place
        return next((entry.place for entry in self.residue if entry.provider == provider), "")

    def with_machine(self, machine: Machine) -> "Memory":
        """Return the memory with what a look or an answer says of the machine. Its birth stays as it was first told:
        some providers tell the newest start.
        """
        first = self.machine.get("createdTime") if self.machine_id == machine.id else None
        return replace(self, machine=machine.recorded() | ({"createdTime": first} if first else {}))

    def with_launch(self, **changes: Any) -> "Memory":
        """Return the memory with fields of its launch changed. Raises TypeError without a launch."""
        if self.launch is None:
            raise TypeError("there is no launch record to change")
        return replace(self, launch=replace(self.launch, **changes))


def parse_memory(status: Mapping[str, Any]) -> Memory:
    """Return the memory that a status holds. Raises KeyError or ValueError where our own record is damaged."""
    launch = status.get("launch")
    return Memory(
        launch=_launch(launch) if launch else None,
        residue=tuple(_residue(entry) for entry in status.get("residue") or ()),
        machine=status.get("machine") or {},
        attempts=tuple(status.get("attempts") or ()),
        replacements=int(status.get("replacements") or 0),
        handled_request=str(status.get("lastHandledReconcileAt") or ""),
    )


def _ref(body: Mapping[str, Any]) -> ProviderRef:
    return ProviderRef(str(body["kind"]), str(body["name"]))


def _launch(body: Mapping[str, Any]) -> Launch:
    ending = body.get("ending")
    return Launch(
        incarnation=int(body["incarnation"]),
        attempt=int(body["attempt"]),
        name=str(body["name"]),
        token=str(body["token"]),
        request_hash=str(body["requestHash"]),
        provider=_ref(body["providerRef"]),
        placement=int(body["placement"]),
        place=str(body["place"]),
        send=int(body["send"]),
        sent_by=str(body["sentBy"]),
        intended=str(body["intendedTime"]),
        settle_seconds=int(body["settleSeconds"]),
        outcome=Outcome(body["outcome"]),
        waited_seconds=int(body.get("waitedSeconds") or 0),
        capacity_waited_seconds=int(body.get("capacityWaitedSeconds") or 0),
        settled=bool(body.get("settled")),
        started=bool(body.get("started")),
        resent=bool(body.get("resent")),
        conflict=bool(body.get("conflict")),
        adopted=bool(body.get("adopted")),
        reason=str(body.get("reason") or ""),
        message=str(body.get("message") or ""),
        ending=_ending(ending) if ending else None,
    )


def _ending(body: Mapping[str, Any]) -> Ending:
    return Ending(EndingReason(body["reason"]), tuple(body.get("names") or ()), str(body.get("time") or ""))


def _residue(body: Mapping[str, Any]) -> Residue:
    return Residue(
        name=str(body["name"]),
        provider=_ref(body["providerRef"]),
        place=str(body["place"]),
        placement=int(body.get("placement") or 0),
        last_sent=str(body.get("lastSentTime") or ""),
    )
