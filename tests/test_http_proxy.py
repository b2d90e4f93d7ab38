"""A tunnel through a proxy: what is asked of it, and that anything but a yes is a connection that was not made."""

import asyncio
from collections.abc import Awaitable, Callable

import httpcore
import pytest
from tests.adapters.raw_server import Peer, RawServer

from gpuwright.http_proxy import MAX_HEAD, tunnel
from gpuwright.model.addresses import Proxy

YES = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def through(
    server: RawServer, answer: Callable[[Peer], Awaitable[None]], host: str = "gpu.example", *, authorization: str = ""
) -> tuple[httpcore.AsyncNetworkStream, Peer, bytes]:
    """Return the tunnel, the proxy's end of it, and what the proxy was asked."""
    proxy = Proxy("127.0.0.1", int(server.url.rpartition(":")[2]), authorization)
    made = asyncio.ensure_future(tunnel(httpcore.AnyIOBackend(), proxy, host, 443, 2.0))
    peer = await server.accept()
    asked = await peer.read_request()
    await answer(peer)
    return await made, peer, asked


def says(*parts: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def answer(peer: Peer) -> None:
        for part in parts:
            await peer.send(part)
            await asyncio.sleep(0.01)

    return answer


@pytest.mark.parametrize(
    ("host", "authority"), [("gpu.example", "gpu.example:443"), ("2001:db8::1", "[2001:db8::1]:443")]
)
async def test_it_is_asked_for_host_and_port_and_then_steps_aside(host: str, authority: str) -> None:
    async with RawServer() as server:
        stream, peer, asked = await through(server, says(YES), host)
        assert asked == f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
        await peer.send(b"from the provider")
        assert await stream.read(100, 1.0) == b"from the provider"
        await stream.aclose()


async def test_it_gets_its_own_password() -> None:
    async with RawServer() as server:
        stream, _peer, asked = await through(server, says(YES), authorization="Basic YTpi")
        assert b"\r\nProxy-Authorization: Basic YTpi\r\n" in asked
        await stream.aclose()


async def test_an_answer_in_pieces_is_one_answer() -> None:
    async with RawServer() as server:
        stream, _peer, _asked = await through(server, says(YES[:10], YES[10:-2], YES[-2:]))
        await stream.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", id="a password is wanted"),
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\nno", id="forbidden"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="no proxy at all"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nearly", id="somebody speaks before us"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD, id="an endless head"),
    ],
)
async def test_anything_but_a_yes_is_no_connection(answer: bytes) -> None:
    async def answers(peer: Peer) -> None:
        await peer.send(answer)
        peer.close()

    async with RawServer() as server:
        with pytest.raises(httpcore.ConnectError, match=r"does not let us through to gpu\.example"):
            await through(server, answers)


async def test_one_that_hangs_up_is_no_connection() -> None:
    async def hangs_up(peer: Peer) -> None:
        peer.close()

    async with RawServer() as server:
        with pytest.raises(httpcore.ConnectError):
            await through(server, hangs_up)


async def test_one_that_says_nothing_is_waited_for_only_so_long() -> None:
    async with RawServer() as server:
        with pytest.raises(httpcore.ConnectTimeout, match="did not answer"):
            await through(server, says())
