"""What a machine is, and how it lives: each function returns the machine as it is afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gpuwright_sandbox.gateway.settings import Settings

OWNER_UID_LABEL = "gpuwright.dev/owner-uid"
OWNER_LABEL = "gpuwright.dev/owner"
INCARNATION_LABEL = "gpuwright.dev/incarnation"
BOOT_SECONDS_KEY = "sandboxBootSeconds"
DELETE_SECONDS_KEY = "sandboxDeleteSeconds"

# The part of a boot that is spent in pending, before anything is said to be under way.
PENDING_SHARE = 0.2
GPU_PRICES = {"L4": 0.5, "A10": 0.8, "A100": 1.6, "H100": 3.0, "H200": 3.8, "B200": 5.5}


class MachineState(StrEnum):
    """States of the truth; STARTING is told as provisioning, and GONE is never told."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    DELETING = "deleting"
    FAILED = "failed"
    PREEMPTED = "preempted"
    GONE = "gone"


class Ending(StrEnum):
    """How a machine ended; a vanished one leaves no tombstone."""

    DELETED = "deleted"
    PREEMPTED = "preempted"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Gpu:
    """GPUs of one machine."""

    type: str
    count: int = 1


class Protocol(StrEnum):
    """What is spoken at a port; HTTP ones get a URL."""

    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Port:
    """One port to be opened."""

    name: str
    port: int
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """Who pulls the image."""

    server: str
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRequest:
    """What was asked for; cpu in cores, memory and disk in GiB."""

    image: str
    cpu: float
    memory_gb: float
    env: Mapping[str, str] = field(default_factory=dict)
    gpu: Gpu | None = None
    disk_gb: float | None = None
    instance_type: str = ""
    region: str = ""
    zone: str = ""
    purchase: str = ""
    user_data: str = ""
    ssh_authorized_keys: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    registry_auth: RegistryAuth | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def price_per_hour(self) -> float:
        """US dollars; made up, but more for more, and less for a spot machine."""
        base = 0.03 * self.cpu + 0.004 * self.memory_gb
        if self.gpu is not None:
            base += GPU_PRICES.get(self.gpu.type.upper(), 1.0) * self.gpu.count
        return round(base * (0.4 if self.purchase.lower() == "spot" else 1.0), 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine of the truth; it is alive, and bills, from `created_at` until `ended_at`.

    Attributes:
        serial: order of creation, from 1; ids can be made to repeat, serials cannot.
        indexed: False when the gateway lost the name: only lists show the machine.
        next_state: what it turns into at `next_at` if nothing else happens; both None when it is at rest.
    """

    serial: int
    id: str
    name: str
    account: str
    state: MachineState
    request: MachineRequest
    price_per_hour: float
    created_at: datetime
    running_at: datetime | None = None
    deleting_at: datetime | None = None
    ended_at: datetime | None = None
    ending: Ending | None = None
    reason: str = ""
    indexed: bool = True
    next_state: MachineState | None = None
    next_at: datetime | None = None

    @property
    def alive(self) -> bool:
        """Whether it bills."""
        return self.ended_at is None

    @property
    def owner_uid(self) -> str:
        """The owner's uid, as its label says now; empty when it has none."""
        return self.request.labels.get(OWNER_UID_LABEL, "")

    @property
    def incarnation(self) -> str:
        """The incarnation label; empty when there is none."""
        return self.request.labels.get(INCARNATION_LABEL, "")

    def billed(self, now: datetime) -> float:
        """Return the US dollars that it has cost up to now."""
        hours = ((self.ended_at or now) - self.created_at) / timedelta(hours=1)
        return self.price_per_hour * hours


def boot(machine: Machine, settings: Settings) -> Machine:
    """A machine that was just committed is pending first."""
    wait = _seconds(machine.request, BOOT_SECONDS_KEY, settings.boot_seconds) * PENDING_SHARE
    return _turning(machine, MachineState.PENDING, MachineState.PROVISIONING, machine.created_at, wait)


def step(machine: Machine, settings: Settings) -> Machine:
    """Return the machine after its next state has come; a machine at rest comes back as it is."""
    if machine.next_state is None or machine.next_at is None:
        return machine
    state, at = machine.next_state, machine.next_at
    if state is MachineState.PROVISIONING:
        wait = _seconds(machine.request, BOOT_SECONDS_KEY, settings.boot_seconds) * (1 - PENDING_SHARE)
        return _turning(machine, state, MachineState.RUNNING, at, wait)
    if state is MachineState.GONE:
        return end(machine, Ending.DELETED, at)
    rested = _resting(machine, state)
    return replace(rested, running_at=at) if state is MachineState.RUNNING else rested


def delete(machine: Machine, settings: Settings, now: datetime) -> Machine:
    """A machine takes a while to go, and bills meanwhile; one that has ended goes at once."""
    if not machine.alive:
        return replace(_resting(machine, MachineState.GONE), deleting_at=machine.deleting_at or now)
    if machine.state is MachineState.DELETING:
        return machine
    wait = _seconds(machine.request, DELETE_SECONDS_KEY, settings.delete_seconds)
    going = replace(machine, deleting_at=now)
    if wait <= 0:
        return end(going, Ending.DELETED, now)
    return _turning(going, MachineState.DELETING, MachineState.GONE, now, wait)


def stop(machine: Machine, settings: Settings, now: datetime) -> Machine:
    """A running machine powers off."""
    return _turning(machine, MachineState.STOPPING, MachineState.STOPPED, now, settings.stop_seconds)


def start(machine: Machine, settings: Settings, now: datetime) -> Machine:
    """A stopped machine powers on."""
    return _turning(machine, MachineState.STARTING, MachineState.RUNNING, now, settings.start_seconds)


def fail(machine: Machine, reason: str) -> Machine:
    """A broken machine bills until somebody deletes it."""
    return replace(_resting(machine, MachineState.FAILED), reason=reason)


def end(machine: Machine, ending: Ending, now: datetime, reason: str = "") -> Machine:
    """A machine that has ended bills no more; only a preempted one is still shown."""
    state = MachineState.PREEMPTED if ending is Ending.PREEMPTED else MachineState.GONE
    return replace(_resting(machine, state), ended_at=now, ending=ending, reason=reason or machine.reason)


def relabel(machine: Machine, labels: Mapping[str, str]) -> Machine:
    """Somebody else changed the labels; the others stay."""
    return replace(machine, request=replace(machine.request, labels={**machine.request.labels, **labels}))


def _resting(machine: Machine, state: MachineState) -> Machine:
    return replace(machine, state=state, next_state=None, next_at=None)


def _turning(machine: Machine, state: MachineState, into: MachineState, since: datetime, seconds: float) -> Machine:
    return replace(machine, state=state, next_state=into, next_at=since + timedelta(seconds=seconds))


def _seconds(request: MachineRequest, key: str, default: float) -> float:
    asked = request.metadata.get(key)
    try:
        return default if asked is None else max(0.0, float(str(asked)))
    except ValueError:
        return default
