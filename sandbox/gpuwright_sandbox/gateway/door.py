"""The listening socket: opened, closed so that connections are refused, and opened again on the same port."""

import asyncio
import os
import socket
import struct
from types import TracebackType
from typing import Self

from aiohttp import web

from gpuwright_sandbox.gateway.actions import Cut

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
SHUTDOWN_SECONDS = 0.05
LAST_MOMENT_SECONDS = 0.02


class PortReservation:
    """A port that nobody else can take, also while nothing listens there: connections are refused meanwhile.

    Args:
        port: 0 = any free one.
    """

    def __init__(self, port: int = 0) -> None:
        self._socket = bound_socket(port)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def bound_socket(port: int) -> socket.socket:
    """Return a socket that is bound to the port, beside a reservation of it, and does not listen yet.

    Raises:
        OSError: somebody else has the port.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Only sockets that all say so can share a port, and only those that listen are connected to.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"port {port} cannot be had: {error.strerror}") from error
    return made


def answers(port: int) -> bool:
    """Whether something listens on that port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def cut(transport: asyncio.Transport | None, how: Cut) -> None:
    """End a connection at once; None is one that has ended already."""
    if transport is None or transport.is_closing():
        return
    if how is Cut.CLOSE:
        transport.close()
        return
    # By number, because not every event loop lets its own socket be set; the option holds for both of them.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
        # What lingers for 0 seconds says reset instead of goodbye.
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Door:
    """Lets connections in, or refuses them."""

    def __init__(self) -> None:
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None

    async def open(self, app: web.Application, port: int) -> None:
        """Listen on that port; `app` answers."""
        self._runner, self._port = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS), port
        await self._runner.setup()
        await self._listen()

    def close_for(self, seconds: float, spare: asyncio.Transport | None = None) -> None:
        """Drop all connections but one and refuse new ones for so many real seconds; a later call replaces this."""
        self._close(spare)
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.create_task(self._reopen(seconds))

    async def shut(self) -> None:
        """Drop all connections, refuse new ones from now on, and let go of what answered them."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
            self._reopening = None
        # What was let in at the last moment is still being made, and only what is made can be dropped.
        await asyncio.sleep(LAST_MOMENT_SECONDS)
        self._close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await asyncio.sleep(LAST_MOMENT_SECONDS)  # and what is dropped is closed some turns of the loop later

    def _served(self) -> web.Server | None:
        return None if self._runner is None else self._runner.server

    def _close(self, spare: asyncio.Transport | None = None) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        served = self._served()
        for connection in served.connections if served is not None else ():
            if connection.transport is not spare:
                cut(connection.transport, Cut.RESET)

    async def _listen(self) -> None:
        served = self._served()
        if served is None:
            raise RuntimeError("nothing answers behind this door: open it first")
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(served, sock=bound_socket(self._port), backlog=BACKLOG)

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()
