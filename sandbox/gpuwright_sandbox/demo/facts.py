"""PURE: what the API server and the gateway say, parsed once; nothing else in the demo reads a body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

Body: TypeAlias = Mapping[str, Any]

OWNER_UID_LABEL = "gpuwright.dev/owner-uid"
LOST = "lost"
ON_ITS_WAY = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A ComputeInstance as the API server shows it.

    Attributes:
        ready: status of the condition Ready: True, False or Unknown; `reason` is its reason, and `ready_since` when
            the status last changed, as it stands there.
        launched: reason of the condition Launched; empty while there is none.
        tried: the names that its status tells, oldest first; one for each create.
    """

    name: str
    uid: str
    created: datetime
    ready: str
    reason: str
    ready_since: str
    launched: str
    summary: str
    machine_id: str
    machine_name: str
    tried: tuple[str, ...]

    @classmethod
    def of(cls, body: Body) -> "Instance":
        """Return the instance that a body shows; what the status does not say yet is empty."""
        metadata, status = body["metadata"], body.get("status") or {}
        conditions: Mapping[str, Body] = {entry["type"]: entry for entry in status.get("conditions") or ()}
        ready = conditions.get("Ready", {})
        machine = status.get("machine") or {}
        launch = status.get("launch") or {}
        names = [attempt["name"] for attempt in status.get("attempts") or ()]
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            created=datetime.fromisoformat(metadata["creationTimestamp"]),
            ready=ready.get("status", "Unknown"),
            reason=ready.get("reason", ""),
            ready_since=ready.get("lastTransitionTime", ""),
            launched=conditions.get("Launched", {}).get("reason", ""),
            summary=status.get("summary", ""),
            machine_id=machine.get("id", ""),
            machine_name=machine.get("name", ""),
            tried=(*names, launch["name"]) if launch.get("name") else tuple(names),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine as it truly is; it is alive, and bills, until it has ended. `billed` in US dollars."""

    id: str
    name: str
    owner_uid: str
    state: str
    alive: bool
    created: datetime
    price_per_hour: float
    billed: float

    @classmethod
    def of(cls, body: Body) -> "Machine":
        """Return the machine of an entry of /_sandbox/machines."""
        return cls(
            id=body["id"],
            name=body["name"],
            owner_uid=body["owner_uid"],
            state=body["state"],
            alive=body["alive"],
            created=datetime.fromisoformat(body["created_at"]),
            price_per_hour=body["price_per_hour"],
            billed=body["billed"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCount:
    """How many machines an owner has, had at most at any moment, and was given in all."""

    live: int
    peak: int
    created: int

    @classmethod
    def of(cls, body: Body) -> "OwnerCount":
        """Return the count of an entry of /_sandbox/owners."""
        return cls(live=body["live"], peak=body["peak"], created=body["created"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that would change something, as the gateway heard it.

    Attributes:
        kind: create, delete, stop or start.
        owner_uid: of a create, the owner that it names; else empty.
        status: what was answered; None = nothing (yet).
        spoiled: whether a scripted fault met it.
    """

    number: int
    kind: str
    name: str
    owner_uid: str
    status: int | None
    spoiled: bool

    @classmethod
    def of(cls, body: Body) -> "Call":
        """Return the call of an entry of /_sandbox/requests."""
        sent = body["body"] if isinstance(body["body"], dict) else {}
        labels = sent.get("labels") or {}
        return cls(
            number=body["number"],
            kind=body["call"],
            name=body["name"],
            owner_uid=labels.get(OWNER_UID_LABEL, ""),
            status=body["status"],
            spoiled=bool(body["action"]),
        )

    @property
    def answer(self) -> str:
        """What came back, in a word: a status, LOST, or ON_ITS_WAY."""
        if self.status is not None:
            return str(self.status)
        return LOST if self.spoiled else ON_ITS_WAY


@dataclass(frozen=True, slots=True)
class Truth:
    """What the gateway knows to be true: machines of all times, counts by owner uid, calls in order of arrival."""

    machines: tuple[Machine, ...] = ()
    owners: Mapping[str, OwnerCount] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()

    @property
    def live(self) -> tuple[Machine, ...]:
        """The machines that bill."""
        return tuple(machine for machine in self.machines if machine.alive)

    @property
    def doubled(self) -> tuple[str, ...]:
        """The owners that had two machines at some moment."""
        return tuple(uid for uid, count in self.owners.items() if count.peak > 1)

    @property
    def billed(self) -> float:
        """US dollars, of all machines together."""
        return sum(machine.billed for machine in self.machines)

    @property
    def price_per_hour(self) -> float:
        """US dollars, of the machines that bill now."""
        return sum(machine.price_per_hour for machine in self.live)

    def of_kind(self, kind: str) -> tuple[Call, ...]:
        """Return the calls of one kind, in order of arrival."""
        return tuple(call for call in self.calls if call.kind == kind)

    def creates_of(self, owner_uid: str) -> tuple[Call, ...]:
        """Return the creates of one owner, in order of arrival."""
        return tuple(call for call in self.of_kind("create") if call.owner_uid == owner_uid)

    def live_of(self, owner_uid: str) -> tuple[Machine, ...]:
        """Return the machines of one owner that bill."""
        return tuple(machine for machine in self.live if machine.owner_uid == owner_uid)


@dataclass(frozen=True, slots=True)
class View:
    """One look at everything; `departed` were seen before and exist no more."""

    now: datetime
    instances: tuple[Instance, ...]
    departed: tuple[Instance, ...]
    truth: Truth

    def instance(self, name: str) -> Instance | None:
        """Return an instance that exists, by name."""
        return next((instance for instance in self.instances if instance.name == name), None)
