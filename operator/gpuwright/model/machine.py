"""What exists at a provider, and what one look at it showed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.names import LABEL_INCARNATION, Owner, owner_of

_COUNT = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class MachineState(StrEnum):
    """The states that status.machine.state can have; adapters translate the provider's words into them."""

    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DELETING = "Deleting"
    GONE = "Gone"
    FAILED = "Failed"
    PREEMPTED = "Preempted"
    UNKNOWN = "Unknown"


DEAD = frozenset({MachineState.GONE, MachineState.PREEMPTED})
"""States in which nothing bills any more. Every other one is alive, an unknown word too: it is never taken for gone."""

COMING_UP = frozenset({MachineState.PENDING, MachineState.PROVISIONING})

HAS_STARTED = frozenset({MachineState.RUNNING, MachineState.STOPPING, MachineState.STOPPED})
"""States that only a machine reaches that was up before."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as its provider describes it; `word` is the provider's own word for its state."""

    id: str
    name: str
    state: MachineState
    word: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[Mapping[str, str], ...] = ()
    endpoints: tuple[MachineEndpoint, ...] = ()
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    purchase: str = ""
    created: str = ""
    price_per_hour: str = ""
    currency: str = ""

    @property
    def alive(self) -> bool:
        """Return whether it may bill."""
        return self.state not in DEAD

    @property
    def stays(self) -> bool:
        """Return whether it may bill and is not on its way out."""
        return self.alive and self.state is not MachineState.DELETING

    @property
    def owner(self) -> Owner | None:
        """Return whose it says it is, or None where it carries no full owner tag."""
        return owner_of(self.labels)

    @property
    def owner_uid(self) -> str:
        """Return the uid of the object that it belongs to, or an empty string."""
        owner = self.owner
        return owner.uid if owner else ""

    @property
    def incarnation(self) -> int:
        """Return the incarnation on its tag; 1 where it carries none that can be read."""
        word = self.labels.get(LABEL_INCARNATION, "")
        return int(word) if _COUNT.fullmatch(word) else 1

    def recorded(self) -> dict[str, Any]:
        """Return what status.machine says of it."""
        return {
            "id": self.id,
            "name": self.name,
            "state": str(self.state),
            "providerState": self.word,
            "addresses": [dict(address) for address in self.addresses],
            "endpoints": [endpoint.recorded() for endpoint in self.endpoints if self.alive],
            "region": self.region,
            "zone": self.zone,
            "instanceType": self.instance_type,
            "purchase": self.purchase,
            "createdTime": self.created,
        }


def gone(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return what status.machine says of a machine once it is gone: it is reached no more."""
    return {**recorded, "state": str(MachineState.GONE), "endpoints": []}


@dataclass(frozen=True, slots=True)
class Present:
    """A direct look found this machine under the name."""

    machine: Machine


@dataclass(frozen=True, slots=True)
class Absent:
    """A direct look was answered in full, and the provider has never heard of the name."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The provider says that the machine with this id, once under the name, is gone for good."""

    id: str


Sighting = Present | Absent | Tombstone


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One list of a provider's machines, answered in full; `began` is on our monotonic clock, in seconds.

    `by_name` has the living one of namesakes; `by_owner` has the owner's uid as its key, `by_label` the label
    `<namespace>.<name>`, which namesakes share.
    """

    began: float
    machines: tuple[Machine, ...]
    by_id: Mapping[str, Machine]
    by_name: Mapping[str, Machine]
    by_owner: Mapping[str, tuple[Machine, ...]]
    by_label: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, began: float, machines: tuple[Machine, ...]) -> "Snapshot":
        """Return the snapshot with its indexes; a machine listed twice counts once, as it was listed last."""
        by_id = {machine.id: machine for machine in machines}
        owners: dict[str, list[Machine]] = {}
        labels: dict[str, list[Machine]] = {}
        for machine in by_id.values():
            owner = machine.owner
            owners.setdefault(owner.uid if owner else "", []).append(machine)
            if owner is not None:
                labels.setdefault(owner.label, []).append(machine)
        return cls(
            began=began,
            machines=tuple(by_id.values()),
            by_id=by_id,
            by_name={machine.name: machine for machine in sorted(by_id.values(), key=lambda m: m.alive)},
            by_owner={uid: tuple(sorted(group, key=lambda m: (m.created, m.id))) for uid, group in owners.items()},
            by_label={label: tuple(group) for label, group in labels.items()},
        )
