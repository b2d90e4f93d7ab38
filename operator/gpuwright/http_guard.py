"""Where a connection may go: names looked up in threads of their own, each address judged, then connected to."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from threading import Thread
from typing import Any

import httpcore

from gpuwright.http_proxy import tunnel
from gpuwright.model.addresses import AddressPolicy, goes_direct, refusal
from gpuwright.model.errors import EndpointRefused


class Names:
    """Looks up names, each at most once at a time, whoever asks.

    Not by the loop's own getaddrinfo: its few threads are everybody's, and names whose servers are silent would keep
    them all for half a minute at a time. A thread that waits for one is left to its wait, and ends with the process.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return a host's addresses, each once, in the resolver's order. Raises httpcore.ConnectError."""
        key = (host, port)
        if key not in self._asked:
            self._asked[key] = _in_a_thread(host, port)
            self._asked[key].add_done_callback(lambda _future: self._asked.pop(key, None))
        try:
            # Shielded: one who gives up leaves the answer to the others, who would ask in a thread more each.
            return await asyncio.shield(self._asked[key])
        except (OSError, UnicodeError) as error:  # a name is encoded as IDNA, and that has limits of its own
            raise httpcore.ConnectError(f"{host}: {error}") from error


def _in_a_thread(host: str, port: int) -> "asyncio.Future[list[str]]":
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()
    # Where nobody waits for it any more, its failure is nobody's business.
    answer.add_done_callback(lambda future: future.cancelled() or future.exception())

    def settle(found: list[str] | OSError | UnicodeError) -> None:
        if isinstance(found, list):
            answer.set_result(found)
        else:
            answer.set_exception(found)

    def look_up() -> None:
        found: list[str] | OSError | UnicodeError
        try:
            entries = getaddrinfo(host, port, type=SOCK_STREAM)
            found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            found = error
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, found)

    Thread(target=look_up, name="name", daemon=True).start()
    return answer


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name itself, checks every address it got, and connects to one of those."""

    def __init__(self, policy: AddressPolicy, *, encrypted: bool) -> None:
        self._policy = policy
        self._encrypted = encrypted
        self._names = Names()
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first address that answers. Raises EndpointRefused where one may not be used."""
        proxy = self._policy.proxy if self._encrypted else None
        try:
            addresses = [host] if _is_address(host) else await self._names.addresses(host, port)
        except httpcore.ConnectError:
            if proxy is None:
                raise
            addresses = []  # a name of the world outside, which only the proxy can resolve
        for address in addresses:
            refused = refusal(address, encrypted=self._encrypted, policy=self._policy)
            if refused:
                raise EndpointRefused(refused)
        if proxy is not None and not any(goes_direct(address, self._policy) for address in addresses):
            return await tunnel(self._inner, proxy, host, port, timeout)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for it between its tries."""
        await asyncio.sleep(seconds)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
