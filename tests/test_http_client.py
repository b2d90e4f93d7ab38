"""The HTTP client against real sockets of the loopback address; what depends on the event loop runs on uvloop, too."""

import asyncio
import base64
import gzip
import inspect
import logging
import socket
import ssl
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpcore
import pytest
import uvloop
from tests.adapters.certificates import Authority
from tests.adapters.raw_server import RawServer, answer_bytes, closed_port
from tests.model.attacks import ATTACKS, METADATA

from gpuwright import http_client, http_guard
from gpuwright.http_client import Answer, BadEndpoint, CallFailed, Endpoint, HttpClient, Interrupted, NotSent, Unasked
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.errors import EndpointRefused

LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"), ip_network("::1/128")))
EVERYTHING_ALLOWED = AddressPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")))
CANARY = "canary-4f1d/t0ken+&=?"
PEM = Authority.made().pem
SHORT = 0.15  # seconds: the time-outs that tests wait for

Lookup = Callable[[str], list[str]]


def client_for(
    url: str,
    *,
    connect: float = 5.0,
    request: float = 5.0,
    policy: AddressPolicy = LOOPBACK_ALLOWED,
    ca_bundle: str | None = None,
) -> HttpClient:
    return HttpClient(Endpoint(url, connect, request, policy, ca_bundle))


def get(client: HttpClient, path: str = "/", **headers: str) -> Awaitable[Answer]:
    return client.call("GET", path, headers=headers)


def create(client: HttpClient, gate: Callable[[], bool] = lambda: True, **headers: str) -> Awaitable[Answer]:
    return client.call_once("POST", "/", headers=headers, body={"name": "a"}, gate=gate)


@pytest.fixture(autouse=True)
def _name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the real one back after each test."""
    monkeypatch.setattr(http_guard, "getaddrinfo", socket.getaddrinfo)


def names_resolve_to(lookup: Lookup) -> None:
    """Replace the name service."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in lookup(host)]

    vars(http_guard)["getaddrinfo"] = getaddrinfo


def gate_that_closes_after(checks: int) -> Callable[[], bool]:
    """Return a gate that is open so many times."""
    answers = iter([True] * checks)
    return lambda: next(answers, False)


class TestAnswers:
    async def test_are_returned_with_status_headers_and_body(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(get(client, "/api/instances?a=b%3Dc", x_test="1"))
            peer = await server.accept()
            request = await peer.read_request()
            await peer.answer(418, {"a": 1}, retry_after="2")
            answer = await asked
            await client.close()
        assert request.startswith(b"GET /api/instances?a=b%3Dc HTTP/1.1\r\n")
        assert (answer.status, answer.headers["retry-after"], answer.json) == (418, "2", {"a": 1})

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<html>", id="a page"),
            pytest.param(b"", id="nothing"),
            pytest.param(b'{"a": 1', id="half of an object"),
            pytest.param(b"\xff\xfe", id="no text"),
            pytest.param(b"[" * 100_000, id="too deep"),
            pytest.param(b'{"a": NaN}', id="a number that is none"),
        ],
    )
    async def test_that_are_no_json_have_none(self, body: bytes) -> None:
        assert (await self._answered(answer_bytes(200, body))).json is None

    @pytest.mark.parametrize(("size", "read"), [(99, True), (100, True), (101, False)])
    async def test_are_read_up_to_a_limit(self, monkeypatch: pytest.MonkeyPatch, size: int, read: bool) -> None:
        monkeypatch.setattr(http_client, "MAX_BODY", 100)
        body = b'"' + b"x" * (size - 2) + b'"'
        assert ((await self._answered(answer_bytes(201, body))).json is not None) is read

    async def test_are_counted_as_they_unpack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_client, "MAX_BODY", 1000)
        bomb = gzip.compress(b'"' + b"x" * 100_000 + b'"')
        answer = await self._answered(answer_bytes(200, bomb, content_encoding="gzip"))
        assert (answer.status, answer.json) == (200, None)

    async def test_that_send_elsewhere_are_not_followed(self) -> None:
        async with RawServer() as server, RawServer() as elsewhere:
            answer = await self._answered(answer_bytes(307, {}, location=elsewhere.url), server)
            assert (answer.status, answer.headers["location"]) == (307, elsewhere.url)
            assert elsewhere.is_untouched()

    async def test_come_from_below_the_path_of_the_endpoint(self) -> None:
        async with RawServer() as server:
            client = client_for(f"{server.url}/prefix/")
            asked = asyncio.ensure_future(get(client, "/api/instances/a%2Fb"))
            peer = await server.accept()
            request = await peer.read_request()
            await peer.answer()
            await asked
            await client.close()
        assert request.startswith(b"GET /prefix/api/instances/a%2Fb HTTP/1.1\r\n")

    @staticmethod
    async def _answered(answer: bytes, server: RawServer | None = None) -> Answer:
        async with server or RawServer() as open_server:
            client = client_for(open_server.url)
            asked = asyncio.ensure_future(get(client))
            peer = await open_server.accept()
            await peer.read_request()
            await peer.send(answer)
            answered = await asked
            await client.close()
            return answered


class TestNotSent:
    """Whatever fails before the first byte leaves says so."""

    async def test_when_the_connection_is_refused(self) -> None:
        await self._not_sent(client_for(f"http://127.0.0.1:{closed_port()}"))

    async def test_when_the_name_is_unknown(self) -> None:
        names_resolve_to(_nobody)
        await self._not_sent(client_for("http://gateway.example", policy=EVERYTHING_ALLOWED))

    async def test_when_the_name_has_no_address(self) -> None:
        names_resolve_to(lambda _host: [])
        await self._not_sent(client_for("http://gateway.example", policy=EVERYTHING_ALLOWED))

    @pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"], ids=["an empty label", "a long label"])
    async def test_when_the_name_can_be_none(self, host: str) -> None:
        await self._not_sent(client_for(f"http://{host}"))

    async def test_when_the_server_speaks_no_tls(self) -> None:
        async with RawServer() as server:
            asked = asyncio.ensure_future(
                self._not_sent(client_for(server.url.replace("http:", "https:"), ca_bundle=PEM))
            )
            for _verb in range(2):
                peer = await server.accept()
                await peer.send(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
            await asked

    async def test_when_the_connection_breaks_during_the_handshake(self) -> None:
        async with RawServer() as server:
            asked = asyncio.ensure_future(
                self._not_sent(client_for(server.url.replace("http:", "https:"), ca_bundle=PEM))
            )
            for _verb in range(2):
                (await server.accept()).reset()
            await asked

    async def test_when_the_handshake_takes_too_long(self) -> None:
        async with RawServer() as server:
            url = server.url.replace("http:", "https:")
            await self._not_sent(client_for(url, connect=SHORT, ca_bundle=PEM))

    async def test_when_nobody_accepts_the_connection(self) -> None:
        async with RawServer(backlog=0) as server:
            fillers = _fill(server.port)
            await self._not_sent(client_for(server.url, connect=SHORT))
            for filler in fillers:
                filler.close()

    async def test_when_a_header_would_need_a_line_break(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            with pytest.raises(NotSent, match="the header authorization") as caught:
                await get(client, authorization=f"Bearer {CANARY}\nx-admin: true")
            assert server.is_untouched()
            await client.close()
        assert_clean("".join(traceback.format_exception(caught.value)) + repr(caught.value))

    @pytest.mark.parametrize("value", ["", "tökén", "a\x00b", "a\rb", " a", "a "])
    async def test_when_a_header_cannot_hold_its_value(self, value: str) -> None:
        client = client_for("http://127.0.0.1:1")
        for verb in (get, create):
            with pytest.raises(NotSent, match="the header x"):
                await verb(client, x=value)
        await client.close()

    @staticmethod
    async def _not_sent(client: HttpClient) -> None:
        for verb in (get, create):
            with pytest.raises(NotSent) as caught:
                await verb(client)
            assert not isinstance(caught.value, Unasked)
        await client.close()


@pytest.mark.parametrize("host", ["999.1.1.1", "0177.0.0.1", "[:::]", "[1.2.3.4]", "xn--a"])
def test_an_endpoint_without_a_host_that_could_be_one_is_refused_at_once(host: str) -> None:
    with pytest.raises(BadEndpoint, match="names no host"):
        client_for(f"https://{host}")


class TestInterrupted:
    """Whatever fails from the first byte on may have had an effect."""

    @pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"HTTP/1.1 201 Cre", id="half of the status line"),
            pytest.param(b"HTTP/1.1 201 Created\r\ncontent-le", id="half of the head"),
            pytest.param(b'HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{"id":', id="half of the body"),
            pytest.param(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{", id="half of a chunk"),
            pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
            pytest.param(b"HTTP/1.1 201 Created\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", id="a huge head"),
            pytest.param(answer_bytes(201, b"no gzip", content_encoding="gzip"), id="a body that cannot be unpacked"),
        ],
    )
    @pytest.mark.parametrize("hang_up", ["close", "reset"])
    async def test_by_the_end_of_the_connection(
        self, verb: Callable[[HttpClient], Awaitable[Answer]], said: bytes, hang_up: str
    ) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(verb(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.send(said)
            getattr(peer, hang_up)()
            with pytest.raises(Interrupted) as caught:
                await asked
            assert not caught.value.timed_out
            assert server.is_untouched(), "nothing is repeated"
            await client.close()

    @pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
    async def test_by_silence(self, verb: Callable[[HttpClient], Awaitable[Answer]]) -> None:
        async with RawServer() as server:
            client = client_for(server.url, request=SHORT)
            asked = asyncio.ensure_future(verb(client))
            await (await server.accept()).read_request()
            with pytest.raises(Interrupted) as caught:
                await asked
            assert caught.value.timed_out
            await client.close()

    @pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
    async def test_by_a_body_that_does_not_come_to_its_end(
        self, verb: Callable[[HttpClient], Awaitable[Answer]]
    ) -> None:
        async with RawServer() as server:
            client = client_for(server.url, connect=SHORT, request=SHORT)
            asked = asyncio.ensure_future(verb(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.send(b"HTTP/1.1 201 Created\r\ncontent-length: 1000000\r\n\r\n")
            trickle = asyncio.ensure_future(_trickle(peer.send))
            with pytest.raises(Interrupted, match=r"no answer within 0\.3 s") as caught:
                await asked
            assert caught.value.timed_out
            trickle.cancel()
            await asyncio.gather(trickle, return_exceptions=True)
            await client.close()


class TestACreate:
    async def test_has_a_connection_of_its_own(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            for verb in (get, create, create):
                asked = asyncio.ensure_future(verb(client))
                peer = await server.accept()
                await peer.read_request()
                await peer.answer(201)
                await asked
            assert len(server.peers) == 3
            asked = asyncio.ensure_future(get(client))
            assert await server.peers[0].read_request(), "reads share a connection that is kept"
            await server.peers[0].answer()
            await asked
            assert [await peer.ending() for peer in server.peers[1:]] == ["closed", "closed"]
            await client.close()

    async def test_that_is_given_up_resets_its_connection(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url, request=SHORT)
            asked = asyncio.ensure_future(create(client))
            peer = await server.accept()
            assert await peer.read_request()
            with pytest.raises(Interrupted):
                await asked
            assert await peer.ending() == "reset"
            await client.close()

    async def test_that_is_cancelled_resets_its_connection_and_stays_cancelled(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(create(client))
            peer = await server.accept()
            assert await peer.read_request()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert await peer.ending() == "reset"
            await client.close()

    async def test_that_is_given_up_over_tls_resets_its_connection(self, tmp_path: Path) -> None:
        authority = Authority.made()
        async with RawServer() as server:
            url = server.url.replace("http:", "https:")
            client = client_for(url, request=SHORT, ca_bundle=authority.pem)
            asked = asyncio.ensure_future(create(client))
            peer = await server.accept()
            ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Deaf(ended), peer.detach(), ssl=authority.server(tmp_path)
            )
            with pytest.raises(Interrupted):
                await asked
            assert isinstance(await ended, ConnectionResetError)
            await client.close()

    async def test_that_was_not_delivered_when_it_was_given_up_is_never_delivered(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url, request=SHORT)
            body = {"user_data": "x" * 8_000_000}  # more than the kernel's buffers hold
            asked = asyncio.ensure_future(client.call_once("POST", "/", headers={}, body=body, gate=lambda: True))
            peer = await server.accept()
            with pytest.raises(Interrupted):
                await asked
            assert await peer.ending() == "reset"
            assert len(peer.received) < 8_000_000
            await client.close()

    async def test_that_is_answered_ends_in_good_order(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(create(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer(201, {"id": "i-1"})
            assert (await asked).json == {"id": "i-1"}
            assert await peer.ending() == "closed"
            await client.close()


async def test_a_read_that_is_cancelled_stays_cancelled() -> None:
    async with RawServer() as server:
        client = client_for(server.url)
        asked = asyncio.ensure_future(get(client))
        await (await server.accept()).read_request()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await client.close()


class TestTheGate:
    @pytest.mark.parametrize("once", [True, False], ids=["own connection", "shared connection"])
    async def test_that_is_closed_at_first_keeps_everything_in(self, once: bool) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            with pytest.raises(Unasked):
                await _gated(client, lambda: False, once=once)
            assert server.is_untouched()
            await client.close()

    @pytest.mark.parametrize("once", [True, False], ids=["own connection", "shared connection"])
    async def test_of_the_whole_client_is_asked_beside_the_one_of_the_call(self, once: bool) -> None:
        async with RawServer() as server:
            client = HttpClient(Endpoint(server.url, 5.0, 5.0, LOOPBACK_ALLOWED), gate_that_closes_after(1))
            with pytest.raises(NotSent):
                await _gated(client, lambda: True, once=once)
            peer = await server.accept()
            with pytest.raises(Unasked):
                await _gated(client, lambda: True, once=once)
            await client.close()
            await peer.ending()
            assert peer.received == b""
            assert server.is_untouched()

    @pytest.mark.parametrize("once", [True, False], ids=["own connection", "shared connection"])
    async def test_that_closes_while_the_connection_is_made_lets_no_byte_out(self, once: bool) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            with pytest.raises(NotSent) as caught:
                await _gated(client, gate_that_closes_after(1), once=once)
            assert not isinstance(caught.value, Unasked), "a slow connection is the endpoint's own doing"
            peer = await server.accept()
            await peer.ending()
            assert peer.received == b""
            await client.close()

    async def test_that_closes_during_a_slow_handshake_lets_no_byte_out(self, tmp_path: Path) -> None:
        authority = Authority.made()
        is_open = True
        async with RawServer() as server:
            client = client_for(server.url.replace("http:", "https:"), ca_bundle=authority.pem)
            asked = asyncio.ensure_future(create(client, lambda: is_open))
            peer = await server.accept()
            is_open = False
            ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            deaf = _Deaf(ended)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: deaf, peer.detach(), ssl=authority.server(tmp_path)
            )
            with pytest.raises(NotSent):
                await asked
            await ended
            assert deaf.received == b""
            await client.close()

    async def test_is_asked_again_for_a_connection_that_is_kept(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(get(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer()
            await asked
            with pytest.raises(NotSent):
                await _gated(client, gate_that_closes_after(1), once=False)
            await client.close()
            await peer.ending()
            assert peer.received == b""


class TestAddresses:
    """What a tenant could make the operator connect to (facts/reliability.md, section 9)."""

    @pytest.fixture(autouse=True)
    def _no_authorities(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Reading the well-known authorities takes longer than everything else here, and no handshake is ever begun.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        monkeypatch.setattr(ssl, "create_default_context", lambda cadata=None: context)

    @pytest.mark.parametrize("address", ATTACKS.values(), ids=list(ATTACKS))
    async def test_that_are_not_public_are_refused(self, address: str) -> None:
        await self._refused("https://gateway.example", lambda _host: [address], AddressPolicy())

    @pytest.mark.parametrize("address", METADATA.values(), ids=list(METADATA))
    async def test_of_metadata_are_refused_even_when_they_are_allowed(self, address: str) -> None:
        await self._refused("https://gateway.example", lambda _host: [address], EVERYTHING_ALLOWED)

    @pytest.mark.parametrize("address", ATTACKS.values(), ids=list(ATTACKS))
    async def test_that_are_not_public_are_not_hidden_behind_one_that_is(self, address: str) -> None:
        await self._refused("https://gateway.example", lambda _host: ["198.41.0.4", address], AddressPolicy())

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "::1",
            "169.254.1.1",
            "fe80::1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "fd00:ec2::254",
            "100.64.0.1",
        ],
    )
    async def test_of_this_machine_are_refused_to_a_cluster_provider_too(self, address: str) -> None:
        await self._refused("https://gateway.example", lambda _host: [address], AddressPolicy(private=True))

    @pytest.mark.parametrize(
        "host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.1", "[::ffff:127.0.0.1]", "[::1]", "0"]
    )
    async def test_in_odd_spellings_are_refused(self, host: str) -> None:
        client = client_for(f"https://{host}", policy=AddressPolicy())
        with pytest.raises(EndpointRefused):
            await get(client)
        await client.close()

    async def test_that_change_between_two_calls_are_judged_anew(self) -> None:
        async with RawServer() as server:
            answers = iter([["127.0.0.1"], ["169.254.169.254"]])
            names_resolve_to(lambda _host: next(answers))
            client = client_for(f"http://rebinding.example:{server.port}")
            asked = asyncio.ensure_future(create(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer(201)
            await asked
            with pytest.raises(EndpointRefused, match=r"169\.254\.169\.254 hands out credentials"):
                await create(client)
            await client.close()

    async def test_are_not_resolved_a_second_time_after_they_were_judged(self) -> None:
        async with RawServer() as server:
            lookups: list[str] = []

            def once(host: str) -> list[str]:
                lookups.append(host)
                return ["127.0.0.1"] if len(lookups) == 1 else ["169.254.169.254"]

            names_resolve_to(once)
            client = client_for(f"http://rebinding.example:{server.port}")
            asked = asyncio.ensure_future(get(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer()
            await asked
            assert lookups == ["rebinding.example"]
            await client.close()

    async def test_that_do_not_answer_make_way_for_the_next(self) -> None:
        async with RawServer() as server:
            names_resolve_to(lambda _host: ["127.0.0.2", "127.0.0.1"])
            client = client_for(f"http://gateway.example:{server.port}")
            asked = asyncio.ensure_future(get(client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer()
            assert (await asked).status == 200
            await client.close()

    @pytest.mark.parametrize("policy", [AddressPolicy(), AddressPolicy(private=True)], ids=["tenant", "cluster"])
    async def test_of_plain_http_need_an_allowance(self, policy: AddressPolicy) -> None:
        words = r"plain http to 198\.41\.0\.4 .*--allow-endpoint-cidr"
        await self._refused("http://gateway.example", lambda _host: ["198.41.0.4"], policy, words)

    @staticmethod
    async def _refused(url: str, lookup: Lookup, policy: AddressPolicy, words: str | None = None) -> None:
        names_resolve_to(lookup)
        client = client_for(url, policy=policy)
        client._backend._inner = _Nowhere()
        for verb in (get, create):
            with pytest.raises(EndpointRefused, match=words):
                await verb(client)
        await client.close()


class TestTheEnvironment:
    async def test_has_no_proxy_for_us(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with RawServer() as server, RawServer() as proxy:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            client = client_for(server.url)
            for verb in (get, create):
                asked = asyncio.ensure_future(verb(client))
                peer = await server.accept()
                await peer.read_request()
                await peer.answer()
                await asked
            assert proxy.is_untouched()
            await client.close()

    async def test_has_no_password_for_us(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login them password theirs\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(get(client))
            peer = await server.accept()
            assert b"authorization" not in (await peer.read_request()).lower()
            await peer.answer()
            await asked
            await client.close()


class TestTls:
    @pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
    async def test_takes_the_authority_of_the_ca_bundle(
        self, tmp_path: Path, verb: Callable[[HttpClient], Awaitable[Answer]]
    ) -> None:
        authority = Authority.made()
        server = await _tls_server(authority, tmp_path)
        client = client_for(_url_of(server), ca_bundle=authority.pem)
        assert (await verb(client)).json == {"id": "i-1"}
        await client.close()
        await _stop(server)

    async def test_takes_one_of_several_authorities(self, tmp_path: Path) -> None:
        authority = Authority.made()
        server = await _tls_server(authority, tmp_path)
        client = client_for(_url_of(server), ca_bundle=Authority.made("other").pem + authority.pem)
        assert (await get(client)).status == 200
        await client.close()
        await _stop(server)

    @pytest.mark.parametrize(
        ("bundle", "host", "expired"),
        [
            pytest.param("other", "127.0.0.1", False, id="another authority"),
            pytest.param("none", "127.0.0.1", False, id="no bundle"),
            pytest.param("same", "gateway.example", False, id="another host"),
            pytest.param("same", "127.0.0.1", True, id="expired"),
        ],
    )
    async def test_refuses(self, tmp_path: Path, bundle: str, host: str, expired: bool) -> None:
        authority = Authority.made()
        server = await _tls_server(authority, tmp_path, host, expired=expired)
        pem = {"other": Authority.made("tests").pem, "none": None, "same": authority.pem}[bundle]
        client = client_for(_url_of(server), ca_bundle=pem)
        for verb in (get, create):
            with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
                await verb(client)
        await client.close()
        await _stop(server)

    @pytest.mark.parametrize("scheme", ["https", "http"])
    @pytest.mark.parametrize("inside", ["AAAA", "", "é", "MIIB"])
    def test_needs_a_bundle_that_is_one(self, scheme: str, inside: str) -> None:
        with pytest.raises(BadEndpoint, match="caBundle holds no certificate"):
            client_for(
                f"{scheme}://gateway.example",
                ca_bundle=f"-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----",
            )


class TestClosing:
    async def test_waits_for_the_answer_that_is_on_its_way(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            asked = asyncio.ensure_future(get(client))
            peer = await server.accept()
            await peer.read_request()
            await client.close()
            await peer.answer(200, {"a": 1})
            assert (await asked).json == {"a": 1}
            assert await peer.ending() == "closed"

    async def test_lets_nothing_more_out(self) -> None:
        async with RawServer() as server:
            client = client_for(server.url)
            await client.close()
            with pytest.raises(Unasked):
                await get(client)
            assert server.is_untouched()

    async def test_can_be_repeated(self) -> None:
        client = client_for("http://127.0.0.1:1")
        await client.close()
        await client.close()


class TestTheToken:
    """Whatever happens, it stands in no log line and in no exception."""

    @pytest.fixture
    def everything_logged(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        caplog.set_level(logging.DEBUG)
        return caplog

    @pytest.mark.parametrize("verb", [get, create], ids=["shared connection", "own connection"])
    @pytest.mark.parametrize("end", ["answer", "page", "close", "reset", "silence", "refuse", "cancel"])
    async def test_is_kept(
        self, everything_logged: pytest.LogCaptureFixture, verb: Callable[..., Awaitable[Answer]], end: str
    ) -> None:
        asyncio.get_running_loop().set_debug(True)
        async with RawServer() as server:
            url = f"http://127.0.0.1:{closed_port()}" if end == "refuse" else server.url
            client = client_for(url, request=SHORT)
            asked = asyncio.ensure_future(verb(client, authorization=f"Bearer {CANARY}"))
            if end != "refuse":
                peer = await server.accept()
                assert CANARY.encode() in await peer.read_request()
                if end == "answer":
                    await peer.answer(201)
                elif end == "page":
                    await peer.answer(403, b"<html>")
                elif end == "cancel":
                    asked.cancel()
                elif end != "silence":
                    getattr(peer, end)()
            said = ""
            try:
                said = repr(await asked)
            except (CallFailed, asyncio.CancelledError) as error:
                said = repr(error) + str(error) + "".join(traceback.format_exception(error)) + _chain(error)
            await client.close()
        assert_clean(said + repr(client) + everything_logged.text)


def assert_clean(said: str) -> None:
    raw = CANARY.encode()
    forms = {
        CANARY,
        CANARY[:8],
        repr(CANARY),
        quote(CANARY),
        quote(CANARY, safe=""),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        base64.b64encode(b"Bearer " + raw).decode(),
    }
    assert not [form for form in forms if form in said]


def _chain(error: BaseException) -> str:
    """Return every exception of the chain, with what it carries."""
    said = ""
    found: BaseException | None = error
    while found is not None:
        said += repr(found) + str(found) + repr(found.args) + repr(vars(found))
        found = found.__cause__ or found.__context__
    return said


def _nobody(host: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")


class _Nowhere(httpcore.AnyIOBackend):
    """Connects to nothing, so that a guard that fails costs a test and no packet to a stranger."""

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        pytest.fail(f"a connection to {host} would have been made")


def _fill(port: int) -> list[socket.socket]:
    """Fill the queue of a listener that accepts nobody; on Linux further connections then wait for their time-out."""
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
    return fillers


async def _trickle(send: Callable[[bytes], Awaitable[None]]) -> None:
    """Send a byte whenever nothing else is to be done."""
    while True:
        await send(b"x")
        await asyncio.sleep(0.01)


def _gated(client: HttpClient, gate: Callable[[], bool], *, once: bool) -> Awaitable[Answer]:
    if once:
        return create(client, gate)
    return client.call("DELETE", "/", headers={}, gate=gate)


class _Deaf(asyncio.Protocol):
    """Keeps what it hears, and says nothing."""

    def __init__(self, ended: "asyncio.Future[Exception | None]") -> None:
        self.received = b""
        self._ended = ended

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set_result(exc)


async def _tls_server(
    authority: Authority, folder: Path, host: str = "127.0.0.1", *, expired: bool = False
) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer_bytes(200, {"id": "i-1"}))
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server(folder, host, expired=expired))


def _url_of(server: asyncio.Server) -> str:
    return f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _stop(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()


def _scenarios() -> dict[str, Callable[..., Coroutine[Any, Any, None]]]:
    """Return the tests above that take nothing but a folder, by their names: those of sockets, gates and closing."""
    return {
        f"{group.__name__}-{name}": getattr(group(), name)
        for group in (TestNotSent, TestACreate, TestTheGate, TestClosing)
        for name, member in vars(group).items()
        if inspect.iscoroutinefunction(member) and set(inspect.signature(member).parameters) <= {"self", "tmp_path"}
    }


@pytest.mark.parametrize("scenario", _scenarios().values(), ids=list(_scenarios()))
def test_holds_on_uvloop_too(scenario: Callable[..., Coroutine[Any, Any, None]], tmp_path: Path) -> None:
    takes_folder = "tmp_path" in inspect.signature(scenario).parameters
    uvloop.run(scenario(tmp_path) if takes_folder else scenario())
