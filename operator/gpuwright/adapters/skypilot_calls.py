"""Calls to a SkyPilot API server, told as what they mean: outcomes for what changes something, Blind for reads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

from tenacity import AsyncRetrying, retry_if_result, stop_never, wait_random_exponential

from gpuwright.adapters.contract import Gate, NotAsked, NotLooked
from gpuwright.adapters.skypilot_answers import Refusal, blind_of
from gpuwright.adapters.skypilot_machines import RequestState, Row, rows_in
from gpuwright.adapters.skypilot_wire import Failed, Refused, Unreadable, Wire
from gpuwright.http_client import CallFailed, Interrupted, NotSent, Unasked
from gpuwright.model.errors import Blind, EndpointRefused, NeverSent, Unknown

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0  # between two looks at a request, in seconds


def opened() -> bool:
    """Return True: the gate of a read."""
    return True


class Calls:
    """One server with one token. `user`: who asks; `seconds`: the longest that one verb may take."""

    def __init__(self, wire: Wire, user: dict[str, str], seconds: float) -> None:
        self._wire = wire
        self._user = user
        self._seconds = seconds

    async def health(self) -> Any:
        """Return what the server says of itself."""
        return await self._wire.get("/api/health", opened)

    async def requests(self, gate: Gate = opened, **query: str) -> tuple[RequestState, ...]:
        """Return the active requests, or what the query names."""
        return await self._wire.requests(gate, **query)

    async def request(self, request_id: str) -> RequestState | None:
        """Return one request; None while the server does not know it."""
        found = await self.requests(request_ids=request_id, all_status="true")
        return next((state for state in found if state.id == request_id), None)

    async def history(self, name: str) -> tuple[RequestState, ...]:
        """Return the requests for one cluster, those that are over too, as long as the server keeps them."""
        return await self.requests(cluster_name=name, all_status="true")

    async def result(self, request_id: str) -> Any:
        """Return the value of a request. Raises Failed."""
        return await self._wire.result(request_id, opened)

    async def row(self, name: str, gate: Gate = opened) -> Row | None:
        """Return the cluster of this name, where there is one. Raises Blind."""
        rows = await self.rows([name], gate)
        if any(row.name != name for row in rows):
            raise Blind("SkyPilot answered a look with another cluster")
        return rows[-1] if rows else None

    async def rows(self, names: list[str] | None, gate: Gate = opened) -> tuple[Row, ...]:
        """Return the clusters of these names, or of all. Raises Blind."""
        body = {
            "cluster_names": names,
            "refresh": "NONE",
            "all_users": True,  # a new token may be another user's
            "include_credentials": False,
            "include_handle": False,
            "env_vars": self._user,
        }
        request_id = await self._wire.ask("/status", body, gate)
        return rows_in(await self._wire.result(request_id, gate))

    async def send(self, path: str, body: dict[str, Any], gate: Gate, refused: Callable[[Refusal], NoReturn]) -> str:
        """Send once and return the id of the request; what goes wrong is told as an outcome."""
        try:
            return await self._wire.submit(path, {**body, "env_vars": self._user}, gate)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (NotSent, EndpointRefused) as error:
            raise NeverSent(str(error)) from error
        except Interrupted as error:
            raise Unknown(f"no answer to {path}: {error}", unhealthy=True) from error
        except Unreadable as error:
            raise Unknown(str(error)) from error
        except Refused as error:
            refused(error.refusal)

    async def before(self, refused: Callable[[Refusal], NoReturn], read: Callable[[], Awaitable[T]]) -> T:
        """Read what has to be known before something is sent: whatever goes wrong here, nothing was."""
        try:
            async with asyncio.timeout(self._seconds):
                return await read()
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (CallFailed, EndpointRefused, Unreadable, Failed, TimeoutError) as error:
            raise NeverSent(f"a look before it was not answered: {error}") from error
        except Blind as error:
            raise NeverSent(error.message) from error
        except Refused as error:
            refused(error.refusal)

    async def followed(self, deadline: float, step: Callable[[], Awaitable[T | None]], words: str) -> T:
        """Follow a request that the server has taken until something of it shows. Raises Unknown when it does not."""
        try:
            async with asyncio.timeout_at(deadline), self.reading():
                return await self.repeated(step)
        except TimeoutError as error:
            raise Unknown(words) from error
        except Blind as error:
            raise Unknown(f"{words}: {error.message}", unhealthy=error.unhealthy) from error

    @staticmethod
    async def repeated(step: Callable[[], Awaitable[T | None]]) -> T:
        """Take a step until it returns something."""
        attempts = AsyncRetrying(
            stop=stop_never,
            wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
            retry=retry_if_result(lambda found: found is None),
        )

        async def taken() -> T | None:
            return await step()

        # tenacity awaits what it knows to be a coroutine function, and a lambda that returns one is none.
        found: T = await attempts(taken)
        return found

    @asynccontextmanager
    async def reading(self, *, failed: bool = False) -> AsyncIterator[None]:
        """Tell whatever goes wrong with a read as Blind; a request that has failed only if that is not asked for."""
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except Unasked as error:
            raise NotLooked(str(error)) from error
        except TimeoutError as error:
            raise Blind(f"no answer within {self._seconds:g} s", unhealthy=True) from error
        except (CallFailed, EndpointRefused) as error:
            raise Blind(str(error), forbidden=isinstance(error, EndpointRefused), unhealthy=True) from error
        except Unreadable as error:
            raise Blind(str(error)) from error
        except Refused as error:
            raise blind_of(error.refusal) from error
        except Failed as error:
            if failed:
                raise
            raise Blind(str(error), unhealthy=True) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()
