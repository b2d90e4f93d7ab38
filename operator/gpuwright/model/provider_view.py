"""What a decision about one instance may know of a provider: a frozen picture, taken when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpuwright.model.capabilities import Capabilities
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import Snapshot
from gpuwright.model.memory import ProviderRef
from gpuwright.model.provider_spec import ProviderSpec


@dataclass(frozen=True, slots=True)
class Room:
    """Whether one more create may be begun now. `reason` says why not; LimitReached is the only one that people must
    act on.
    """

    free: bool
    reason: Reason = Reason.WAITING
    message: str = ""
    retry_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why nothing may be created at a provider at the moment, in words for the instance's conditions."""

    reason: Reason
    message: str
    stalls: bool = False


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as an instance's decision sees it. Seconds are on our monotonic clock.

    `visible_seconds` counts the time in which the provider answered us: deadlines of the spec run in it, not in the
    clock's.
    `absence_counts` is False while it is not sure that the credentials show the account in which our machines are.
    """

    ref: ProviderRef
    spec: ProviderSpec
    place: str
    capabilities: Capabilities
    hindrance: Hindrance | None
    reachable: bool
    ever_reached: bool
    credentials_rejected: bool
    room: Room
    snapshot: Snapshot | None
    visible_seconds: float
    absence_counts: bool = True
    mass_absent: frozenset[str] = frozenset()
    retained_ids: frozenset[str] = frozenset()
    leaked_names: frozenset[str] = frozenset()
    adoption_allowed: bool = True
    cluster_scoped: bool = False
    message: str = ""
    credentials_version: str = ""  # changes with the Secret
    recorded_elsewhere: Mapping[str, str] = field(default_factory=dict)
    no_room: Mapping[str, float] = field(default_factory=dict)  # what was asked for in vain, and until when that counts

    @property
    def settle_seconds(self) -> int:
        """Return how long a create may be unsettled: the send window, both time-outs and F (docs/protocol.md,
        "Words").
        """
        return longest_unsettled(self.spec)


def longest_unsettled(spec: ProviderSpec) -> int:
    """Return for how many seconds a create can be unsettled at this provider."""
    return SEND_WINDOW_SECONDS + spec.timeouts.connect_seconds + spec.timeouts.request_seconds + spec.settle_seconds


SEND_WINDOW_SECONDS = 2
"""How long after the beginning of the write that announces it a create or a destructive call may leave."""
