"""What this process knows of one provider: its adapter, its newest list, its health. Mutable, one per provider
object.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from gpuwright.adapters.contract import Adapter, NotAsked, NotLooked
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import timestamp
from gpuwright.model.errors import Blind, NotCommitted, NotExecuted, ProviderError, Throttled, Unknown
from gpuwright.model.machine import Snapshot
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.resources import Key
from gpuwright.provider.absence import MassAbsence
from gpuwright.provider.breaker import Breaker
from gpuwright.provider.capacity import CapacityMemory
from gpuwright.provider.slots import Slots
from gpuwright.provider.sweep import Sweeping
from gpuwright.telemetry import Metrics

T = TypeVar("T")


@dataclass(slots=True)
class Credentials:
    """The Secret's value in use, and how sure we are of it. `problem` says why there is none."""

    value: str = field(default="", repr=False)
    version: str = ""  # of the Secret's value: its uid, and when its data was written
    ambiguous: str = ""  # a version that has stood for two values
    problem: str = ""
    rejected: str = ""  # the provider's words when it refused them
    rejected_at: float = -1e9
    checked: bool = False  # the provider has taken them at least once
    read_at: float = -1e9  # when the Secret was read last
    protected: bool = False
    deleting: bool = False
    place: tuple[str, str] | None = None  # namespace and name of the Secret that was read last
    former: set[tuple[str, str]] = field(default_factory=set)  # those before it, to be let go


@dataclass(slots=True)
class Account:
    """Everything about one provider object that is not in its body."""

    key: Key
    slots: Slots
    spec: ProviderSpec | None = None
    spec_error: str = ""
    generation: int = -1
    place: str = ""
    adapter: Adapter | None = None
    credentials: Credentials = field(default_factory=Credentials)
    refused: str = ""  # why the endpoint's address is not allowed
    breaker: Breaker = field(default_factory=Breaker)
    online: bool = False
    ever_reached: bool = False
    trouble: str = ""
    snapshot: Snapshot | None = None
    list_began: float = -1e9
    probed_at: float = -1e9
    waiters: dict[Key, None] = field(default_factory=dict)
    queue: dict[Key, int] = field(default_factory=dict)  # instances that wait for a slot, and their turn
    turns: int = 0
    absence: MassAbsence = field(default_factory=MassAbsence)
    sweep: Sweeping = field(default_factory=Sweeping)
    no_room: CapacityMemory = field(default_factory=CapacityMemory)
    confirmed_version: str = ""  # the credentials with which a recorded machine was seen
    promises: bool = True
    protected: bool = False
    namespaces: dict[str, bool] = field(default_factory=dict)
    wanted_namespaces: set[str] = field(default_factory=set)
    visible_seconds: float = 0.0
    last_success: float | None = None
    counted_at: float = -1e9
    unreferenced_since: float | None = None
    told: tuple[object, ...] = ()  # what the instances were told last
    resumed: bool = False  # the status of an earlier process was taken over
    handled: str = ""  # the annotation reconcile-requested-at that was acted on last

    @property
    def reachable(self) -> bool:
        """Return whether the provider answers, as far as its last calls tell."""
        return self.online and self.breaker.closed and self.adapter is not None


class Caller:
    """Makes calls to a provider and keeps its health: one place, so that each call counts once."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics

    async def call(self, account: Account, verb: str, call: Awaitable[T]) -> T:
        """Return what the call returns, and note what it says about the provider's health. Raises what the call
        raises.
        """
        began = self._clock.monotonic()
        name = str(account.key)
        result = "error"  # until it has ended otherwise: it may be cancelled
        try:
            answer = await call
        except (NotAsked, NotLooked) as error:
            result = _word(error)
            raise
        except (Blind, ProviderError) as error:
            result = _word(error)
            self._note(account, unhealthy=error.unhealthy, message=error.message)
            if isinstance(error, Throttled | Blind) and error.retry_after is not None:
                account.slots.budget.pause(self._clock.monotonic(), error.retry_after)
            raise
        else:
            result = "ok"
            self._note(account, unhealthy=False, message="")
            return answer
        finally:
            self._metrics.provider_calls.labels(name, verb, result).inc()
            self._metrics.provider_seconds.labels(name, verb).observe(self._clock.monotonic() - began)

    def _note(self, account: Account, *, unhealthy: bool, message: str) -> None:
        now = self._clock.monotonic()
        if unhealthy:
            self._failed(account, now, message)
            return
        if account.last_success is not None:
            account.visible_seconds += now - account.last_success
        account.last_success = now
        if not account.breaker.closed:
            account.slots.budget.empty(now)
        account.breaker = account.breaker.after_success()
        account.online = account.ever_reached = True
        account.trouble = ""

    def _failed(self, account: Account, now: float, message: str) -> None:
        account.last_success = None
        account.trouble = message
        probe = account.spec.probe if account.spec else None
        account.breaker = account.breaker.after_failure(
            threshold=probe.failure_threshold if probe else 3,
            period=float(probe.period_seconds) if probe else 30.0,
            now=now,
            moment=timestamp(self._clock.wall()),
        )
        if not account.breaker.closed:
            account.online = False


def _word(error: Blind | ProviderError) -> str:
    match error:
        case Blind():
            return "blind"
        case NotCommitted():
            return "not_committed"
        case NotExecuted():
            return "not_executed"
        case Unknown():
            return "unknown"
        case _:
            return "error"
