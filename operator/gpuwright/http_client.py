"""HTTP to providers, over httpx: total time-outs, what was sent and what was not, the address guard.

Nothing here retries or follows a redirect. A create goes over a connection of its own, so that giving it up can reset
that connection: bytes still in the kernel's buffer are then thrown away, and not delivered a minute later.
"""

import asyncio
import logging
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx
import orjson

from gpuwright.http_guard import GuardedBackend
from gpuwright.model.addresses import AddressPolicy

MAX_BODY = 16 * 1024 * 1024  # bytes; a list page of 500 machines has under 1 MB

Gate = Callable[[], bool]
"""Asked right before the first byte of a request leaves; False means: send nothing."""

# What a header's value can hold (RFC 9110, 5.5), ASCII only. Checked here, because h11's complaint quotes the value.
_FIELD_VALUE = re.compile(r"[!-~]([\t -~]*[!-~])?")

# Both libraries log URLs and headers at DEBUG; a header holds the token.
for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)


class BadEndpoint(Exception):
    """No call can be made to this endpoint as it is written; the message says what is wrong with it."""


class CallFailed(Exception):
    """A call got no complete answer; the subclass says whether it may have had an effect."""


class NotSent(CallFailed):
    """No byte of the request left: refused, DNS, TLS, connect time-out, or the gate closed meanwhile."""


class Unasked(NotSent):
    """Nothing was asked of the endpoint, because the gate or the client was closed: this says nothing about it."""


class Interrupted(CallFailed):
    """The request left, in part at least, and no complete answer came. `timed_out`: the total time-out struck."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `json` is None where the body is no JSON, `content` where it is larger than MAX_BODY."""

    status: int
    headers: Mapping[str, str]
    json: Any
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to call, and how long to wait: seconds to connect, and seconds from then to the last byte."""

    url: str
    connect_seconds: float
    request_seconds: float
    policy: AddressPolicy
    ca_bundle: str | None = None

    @property
    def encrypted(self) -> bool:
        """Return whether calls go over TLS."""
        return self.url.startswith("https")

    @property
    def total_seconds(self) -> float:
        """Return the longest that a call can take, connect to last byte."""
        return self.connect_seconds + self.request_seconds


class HttpClient:
    """Calls one endpoint. Reads and deletes share kept-alive connections; a create has its own."""

    def __init__(self, endpoint: Endpoint, allowed: Gate = lambda: True) -> None:
        """`allowed` is asked for every call, beside the call's own gate.

        Raises BadEndpoint where the URL has no host that could be one, or `ca_bundle` is no PEM certificate.
        """
        self._endpoint = endpoint
        self._allowed = allowed
        self._context = _context(endpoint)
        self._backend = GuardedBackend(endpoint.policy, encrypted=endpoint.encrypted)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context, network_backend=self._backend, max_connections=32, max_keepalive_connections=32
        )
        try:
            self._shared = self._client(_Transport(pool))
            self._shared.build_request("GET", "/")  # some mistakes show only when the URL is put together
        except (httpx.InvalidURL, UnicodeError) as error:
            raise BadEndpoint(f"the endpoint {endpoint.url} names no host: {error}") from error
        self._in_flight = 0
        self._closing = False

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str], body: Any = None, gate: Gate = lambda: True
    ) -> Answer:
        """Return the complete answer; nothing is sent unless the gate is open when the first byte would leave.

        Raises NotSent, Interrupted or EndpointRefused.
        """
        if self._shared.is_closed:
            raise Unasked("the connections are closed, because credentials or settings have changed")
        gate = self._also_allowed(gate)
        _check(headers, gate)
        flight = _Flight(gate)
        self._in_flight += 1
        try:
            return await self._total(flight, self._send(self._shared, flight, method, path, headers, body))
        finally:
            self._in_flight -= 1
            await self._close_when_idle()

    async def call_once(self, method: str, path: str, *, headers: Mapping[str, str], body: Any, gate: Gate) -> Answer:
        """As `call`, over a connection of its own. Whatever ends it early, cancellation too, resets that connection."""
        gate = self._also_allowed(gate)
        _check(headers, gate)
        flight = _Flight(gate, own=True)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context, network_backend=self._backend, max_connections=1, max_keepalive_connections=0
        )
        client = self._client(_Transport(pool))
        try:
            return await self._total(flight, self._send(client, flight, method, path, headers, body))
        finally:
            await client.aclose()

    def _also_allowed(self, gate: Gate) -> Gate:
        return lambda: self._allowed() and gate()

    async def close(self) -> None:
        """Close the shared connections, once what is on its way over them is answered."""
        self._closing = True
        await self._close_when_idle()

    async def _close_when_idle(self) -> None:
        if self._closing and not self._in_flight:
            await self._shared.aclose()

    def _client(self, transport: "_Transport") -> httpx.AsyncClient:
        # trust_env off: a proxy or netrc of the operator's environment must not see a tenant's token.
        return httpx.AsyncClient(
            transport=transport, base_url=self._endpoint.url.rstrip("/"), trust_env=False, follow_redirects=False
        )

    async def _total(self, flight: "_Flight", call: Awaitable[Answer]) -> Answer:
        try:
            # httpx bounds each read alone: a body of one byte a second would never time out.
            async with asyncio.timeout(self._endpoint.total_seconds):
                return await call
        except TimeoutError as error:
            words = f"no answer within {self._endpoint.total_seconds:g} s"
            raise (Interrupted(words, timed_out=True) if flight.sent else NotSent(words)) from error

    async def _send(
        self,
        client: httpx.AsyncClient,
        flight: "_Flight",
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Any,
    ) -> Answer:
        # Bytes go as they are, under the content type of their caller.
        plain = body is None or isinstance(body, bytes)
        content = body if plain else orjson.dumps(body)
        kind = {} if plain else {"content-type": "application/json"}
        request = client.build_request(
            method,
            path,
            headers={**headers, **kind},
            content=content,
            timeout=httpx.Timeout(self._endpoint.request_seconds, connect=self._endpoint.connect_seconds),
            extensions={"trace": flight.trace},
        )
        try:
            response = await client.send(request, stream=True)
            try:
                received = await _body(response)
                return Answer(response.status_code, response.headers, _json(received), received)
            finally:
                await response.aclose()
        except (
            httpx.HTTPError,
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            raise _failure(error, flight) from error


def _context(endpoint: Endpoint) -> ssl.SSLContext | None:
    # Reading the well-known authorities takes some 50 ms of the one thread: not where nothing is encrypted.
    if not (endpoint.encrypted or endpoint.ca_bundle):
        return None
    try:
        return ssl.create_default_context(cadata=endpoint.ca_bundle or None)
    except (ssl.SSLError, TypeError) as error:
        raise BadEndpoint(f"caBundle holds no certificate that can be read: {error}") from error


def _failure(error: Exception, flight: "_Flight") -> CallFailed:
    """Return the failure as what it means: before or after the first byte."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if flight.sent:
        return Interrupted(words, timed_out=isinstance(error, httpcore.TimeoutException))
    return NotSent(words)


async def _body(response: httpx.Response) -> bytes | None:
    chunks = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _json(content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


class _Flight:
    """One request on its way: whether a byte left, and, for a connection of its own, the socket that it left by."""

    def __init__(self, gate: Gate, *, own: bool = False) -> None:
        self.sent = False
        self._gate = gate
        self._own = own
        self._socket: socket.socket | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow httpcore's trace extension (encode.io/httpcore/extensions, "trace"; httpcore 1.0)."""
        if event == "connection.connect_tcp.complete" and self._own:
            # Now and not when the call is given up: httpcore has closed the socket before anybody else hears of that.
            self._socket = _socket_of(info["return_value"])
            self._linger(reset=True)
        elif event == "http11.send_request_headers.started":
            # The last line before the first byte: a process that was frozen until now must not send.
            if not self._gate():
                raise httpcore.WriteTimeout("the send window or the Lease was over before the first byte")
            self.sent = True
        elif event == "http11.receive_response_body.complete":
            self._linger(reset=False)

    def _linger(self, *, reset: bool) -> None:
        """SO_LINGER 0: what the kernel has not delivered when the socket is closed, it drops."""
        if self._socket is None:
            return
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", int(reset), 0))
        except (OSError, ValueError):
            return  # the other side was faster; uvloop says so with a ValueError


def _socket_of(stream: httpcore.AsyncNetworkStream) -> socket.socket:
    try:
        found: socket.socket = stream.get_extra_info("socket")
    except (OSError, AttributeError) as error:
        # The other side has hung up already; anyio asks for its address, and on uvloop there is no socket any more.
        raise httpcore.ConnectError("the connection broke as soon as it was made") from error
    return found


def _check(headers: Mapping[str, str], gate: Gate) -> None:
    """Raise NotSent where this cannot be sent; a header's value stands in no message, because it may be the token."""
    if not gate():
        raise Unasked("the send window was over, or this replica does not lead")
    for name, value in headers.items():
        if not _FIELD_VALUE.fullmatch(value):
            raise NotSent(f"the header {name} would hold a character that HTTP does not carry, such as a line break")


class _Transport(httpx.AsyncBaseTransport):
    """httpx over an httpcore pool that we made, because httpx offers no way to give its pool a network backend."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
