"""What the stages of all adapters share: adapters that are patient or not, and a host elsewhere that nobody may ask."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_network
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from tests.adapters.raw_server import RawServer

from gpuwright.adapters.contract import Adapter
from gpuwright.http_client import Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy

LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"),))
PATIENCE = 60.0
LARGEST_BODY = 2**16


class Clock(Protocol):
    """What moves when a test lets time pass at the provider."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""


ServerT = TypeVar("ServerT", bound=AbstractAsyncContextManager[Any])
ClockT = TypeVar("ClockT", bound=Clock)
AdapterT = TypeVar("AdapterT", bound=Adapter)


class AdapterStage(ABC, Generic[ServerT, ClockT, AdapterT]):
    """The part of contract.Stage that holds for every provider.

    Attributes:
        IMPATIENCE: how many seconds an impatient adapter waits for an answer.
        server: the double, which knows the truth.
        adapter: see Stage.
    """

    IMPATIENCE: ClassVar[float]
    adapter: AdapterT

    def __init__(self, server: ServerT, clock: ClockT) -> None:
        self.server = server
        self.clock = clock
        self._made: list[AdapterT] = []

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        self._elsewhere = RawServer()
        self.adapter = self.adapter_for()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for adapter in self._made:
            await adapter.close()
        await self._elsewhere.__aexit__(kind, raised, traceback)
        await self.server.__aexit__(kind, raised, traceback)

    @abstractmethod
    def adapter_for(self, *, seconds: float = PATIENCE) -> AdapterT:
        """Return an adapter that waits so long for an answer; it is closed with the stage."""

    def kept(self, adapter: AdapterT) -> AdapterT:
        """Return an adapter that was made, and close it with the stage."""
        self._made.append(adapter)
        return adapter

    @property
    def impatient(self) -> AdapterT:
        """See Stage."""
        return self.adapter_for(seconds=self.IMPATIENCE)

    def advance(self, seconds: float) -> None:
        """See Stage."""
        self.clock.advance(seconds)

    def elsewhere(self) -> int:
        """See Stage."""
        return 0 if self._elsewhere.is_untouched() else 1


def connect_seconds(seconds: float) -> float:
    """Return how long an adapter tries to connect that waits so long for an answer."""
    # Connecting takes longer in a busy process than anything that a test waits for.
    return PATIENCE if seconds == PATIENCE else 0.5


def client_for(url: str, seconds: float = PATIENCE) -> HttpClient:
    """Return a client that may talk to loopback, and waits so long for an answer."""
    return HttpClient(Endpoint(url, connect_seconds(seconds), seconds, LOOPBACK_ALLOWED))
