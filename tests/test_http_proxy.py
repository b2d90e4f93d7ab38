"""Through a proxy: what is asked of it, that anything but a yes is no connection, and which calls go that way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import httpcore
import pytest
from tests.adapters.certificates import Authority
from tests.adapters.raw_server import Peer, RawServer, answer_bytes

from gpuwright.http_client import Answer, Endpoint, HttpClient, NotSent
from gpuwright.http_proxy import MAX_HEAD, tunnel
from gpuwright.model.addresses import AddressPolicy, Proxy, goes_direct
from gpuwright.model.errors import EndpointRefused

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


class RealProxy:
    """Lets everybody through to one place, whatever is asked for, and keeps all that it could read."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.asked: list[bytes] = []
        self.seen = b""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Proxy("127.0.0.1", int(self._server.sockets[0].getsockname()[1]))

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(YES)
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, onward_writer]
        for one, other in ((reader, onward_writer), (onward_reader, writer)):
            task = asyncio.create_task(self._carry(one, other))
            self._tasks.add(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            self.seen += chunk
            writer.write(chunk)
        writer.close()


def client_for(url: str, proxy: Proxy, policy: AddressPolicy, ca_bundle: str | None = None) -> HttpClient:
    return HttpClient(Endpoint(url, 2.0, 2.0, replace(policy, proxy=proxy), ca_bundle))


async def get(client: HttpClient) -> Answer:
    return await client.call("GET", "/v1/instances", headers={"authorization": "Bearer canary-token"})


async def create(client: HttpClient) -> Answer:
    headers = {"authorization": "Bearer canary-token"}
    return await client.call_once("POST", "/v1/instances", headers=headers, body={"name": "a"}, gate=lambda: True)


VERBS = pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
Verb = Callable[[HttpClient], Awaitable[Answer]]


class TestACall:
    @VERBS
    @pytest.mark.parametrize("host", ["gpu.invalid", "198.41.0.4"], ids=["a name of the world", "a public address"])
    async def test_to_the_world_goes_through_it_and_shows_it_nothing(
        self, tmp_path: Path, verb: Verb, host: str
    ) -> None:
        authority = Authority.made()
        server = await _provider(authority, tmp_path, host)
        real = RealProxy(server.sockets[0].getsockname()[1])
        async with real as proxy:
            client = client_for(f"https://{host}", proxy, AddressPolicy(), authority.pem)
            assert (await verb(client)).json == {"id": "i-1"}
            await client.close()
        server.close()
        assert real.asked == [f"CONNECT {host}:443 HTTP/1.1".encode()]
        assert len(real.seen) > 100
        assert b"canary" not in real.seen
        assert b"i-1" not in real.seen

    @VERBS
    async def test_to_another_than_the_one_that_was_asked_for_is_not_made(self, tmp_path: Path, verb: Verb) -> None:
        authority = Authority.made()
        server = await _provider(authority, tmp_path, "somebody.else")
        async with RealProxy(server.sockets[0].getsockname()[1]) as proxy:
            client = client_for("https://gpu.invalid", proxy, AddressPolicy(), authority.pem)
            with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
                await verb(client)
            await client.close()
        server.close()

    @VERBS
    async def test_to_what_the_administrator_has_listed_needs_no_proxy(self, verb: Verb) -> None:
        async with RawServer() as server, RawServer() as proxy:
            policy = AddressPolicy((ip_network("127.0.0.0/8"),))
            client = client_for(server.url, Proxy("127.0.0.1", proxy.port), policy)
            asked = asyncio.ensure_future(verb(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer()
            assert (await asked).status == 200
            assert proxy.is_untouched()
            await client.close()

    @VERBS
    @pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.7", "127.0.0.1", "localhost"])
    async def test_to_where_nobody_may_go_does_not_go_there_by_the_proxy(self, verb: Verb, host: str) -> None:
        async with RawServer() as proxy:
            client = client_for(f"https://{host}", Proxy("127.0.0.1", proxy.port), AddressPolicy())
            with pytest.raises(EndpointRefused):
                await verb(client)
            assert proxy.is_untouched()
            await client.close()

    @VERBS
    async def test_without_encryption_does_not_go_through_it(self, verb: Verb) -> None:
        async with RawServer() as proxy:
            client = client_for("http://198.41.0.4", Proxy("127.0.0.1", proxy.port), AddressPolicy())
            with pytest.raises(EndpointRefused, match="plain http"):
                await verb(client)
            assert proxy.is_untouched()
            await client.close()

    @VERBS
    async def test_that_the_proxy_refuses_was_not_sent(self, verb: Verb) -> None:
        async with RawServer() as server:
            client = client_for("https://198.41.0.4", Proxy("127.0.0.1", server.port), AddressPolicy())
            asked = asyncio.ensure_future(verb(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.send(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            with pytest.raises(NotSent, match="does not let us through"):
                await asked
            await client.close()


@pytest.mark.parametrize(
    ("address", "policy", "direct"),
    [
        ("198.41.0.4", AddressPolicy(), True),
        ("198.41.0.4", AddressPolicy(proxy=Proxy("p", 1)), False),
        ("::ffff:198.41.0.4", AddressPolicy(proxy=Proxy("p", 1)), False),
        ("198.41.0.4", AddressPolicy((ip_network("198.41.0.0/24"),), proxy=Proxy("p", 1)), True),
        ("10.0.0.7", AddressPolicy(private=True, proxy=Proxy("p", 1)), True),
    ],
)
def test_public_addresses_are_the_proxys_unless_they_are_listed(
    address: str, policy: AddressPolicy, direct: bool
) -> None:
    assert goes_direct(address, policy) is direct


async def _provider(authority: Authority, folder: Path, host: str) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer_bytes(200, {"id": "i-1"}))
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server(folder, host))
