"""A TCP server that does nothing by itself: each test says what it reads, what it answers, and how it hangs up."""

import asyncio
import json
import socket
import struct
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 30.0


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted
        self.received = b""

    async def read_request(self) -> bytes:
        """Return the next request, head and body; whatever has come if the client hangs up before."""
        while not _is_whole(self.received):
            chunk = await self._read()
            if not chunk:
                break
            self.received += chunk
        request, self.received = self.received, b""
        return request

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def answer(self, status: int = 200, body: Any = None, **headers: str) -> None:
        """Send a whole answer; a body of bytes goes as it is, anything else as JSON."""
        await self.send(answer_bytes(status, body, **headers))

    async def ending(self) -> str:
        """Return how the client ends the connection, `closed` or `reset`; `received` gets what comes before that."""
        try:
            while chunk := await self._read():
                self.received += chunk
        except OSError:
            return "reset"
        return "closed"

    def reset(self) -> None:
        """End the connection with a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """End the connection in good order."""
        self._socket.close()

    def detach(self) -> socket.socket:
        """Return the socket, for a server that speaks TLS over it."""
        return self._socket

    async def _read(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65536)


class RawServer:
    """Listens on a free port of the loopback address. `connections` counts what the test has accepted."""

    def __init__(self, backlog: int = 16) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(backlog)
        self._listener.setblocking(False)
        self.peers: list[Peer] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def accept(self) -> Peer:
        """Return the next connection, as soon as there is one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            accepted, _address = await asyncio.get_running_loop().sock_accept(self._listener)
        accepted.setblocking(False)
        peer = Peer(accepted)
        self.peers.append(peer)
        return peer

    def is_untouched(self) -> bool:
        """Return whether nobody waits to be accepted; what has connected on the loopback address is there at once."""
        try:
            accepted, _address = self._listener.accept()
        except BlockingIOError:
            return True
        accepted.close()
        return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for peer in self.peers:
            peer.close()
        self._listener.close()


def answer_bytes(status: int = 200, body: Any = None, **headers: str) -> bytes:
    """Return an answer as it goes over the wire."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        port: int = bound.getsockname()[1]
        return port


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return True
