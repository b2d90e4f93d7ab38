"""The closed set of effects: a decision is exactly one of these."""

from dataclasses import dataclass
from enum import StrEnum

from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.memory import Memory, ProviderRef
from gpuwright.model.request import MachineRequest


class Arms(StrEnum):
    """What a write announces; the effect must leave within the send window after it."""

    NOTHING = "Nothing"
    SEND = "Send"
    DESTRUCTION = "Destruction"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now. Look again after `seconds`, or when something changes (None).

    `brief`: it is over soon, so nobody needs to be told unless it drags on. `ready`: the machine is as the spec asks.
    """

    reason: Reason
    message: str
    seconds: float | None = None
    stalled: bool = False
    ready: bool = False
    brief: bool = False


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Put our finalizer on the instance, before anything can exist that it must protect."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the object go; `proof` says when and how it was proven that nothing is left."""

    proof: str
    event: EventReason = EventReason.RELEASED


@dataclass(frozen=True, slots=True)
class Record:
    """Write this memory, guarded, before anything else happens; `event` tells people, where it is worth telling."""

    memory: Memory
    why: str
    arms: Arms = Arms.NOTHING
    event: EventReason | None = None
    note: str = ""
    fresh_burst: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Send the create whose intent this process has just written."""

    provider: ProviderRef
    request: MachineRequest


@dataclass(frozen=True, slots=True)
class LookAt:
    """Ask the provider for one name, directly."""

    provider: ProviderRef
    name: str


@dataclass(frozen=True, slots=True)
class AskList:
    """Wait for a list of the provider's machines that begins now or later; one list serves all who wait."""

    provider: ProviderRef
    message: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask for the end of the machine under this name. Its ending is on record."""

    provider: ProviderRef
    name: str


@dataclass(frozen=True, slots=True)
class Power:
    """Switch the machine under this name on or off."""

    provider: ProviderRef
    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class EnterLedger:
    """Write into the provider's status what is let go: kept on purpose (`retained`), or without proof (leaks)."""

    provider: ProviderRef
    names: tuple[str, ...]
    machine_id: str
    retained: bool


@dataclass(frozen=True, slots=True)
class ReadLive:
    """Read the object live before something destructive that an earlier process announced."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The object is none of our business any more."""


Action = (
    Wait
    | AddFinalizer
    | RemoveFinalizer
    | Record
    | Send
    | LookAt
    | AskList
    | Terminate
    | Power
    | EnterLedger
    | ReadLive
    | Nothing
)
