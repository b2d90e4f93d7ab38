"""I14 at the HTTP client: what a create carries goes to the host that its provider names, and to no other."""

import asyncio
from contextlib import suppress
from ipaddress import ip_network

from tests.adapters.raw_server import RawServer

from gpuwright.http_client import CallFailed, Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy

SHORT_SECONDS = 1.0
SECRET = "canary-of-a-tenant"


async def test_i14_a_create_with_its_secrets_goes_to_no_other_host() -> None:
    async with RawServer() as server, RawServer() as elsewhere:
        policy = AddressPolicy((ip_network("127.0.0.0/8"),))
        client = HttpClient(Endpoint(server.url, SHORT_SECONDS, SHORT_SECONDS, policy))
        body = {"env": {"API_KEY": SECRET}}
        asked = asyncio.ensure_future(client.call_once("POST", "/api/instances", headers={}, body=body, gate=_open))
        peer = await server.accept()
        assert SECRET.encode() in await peer.read_request()
        await peer.answer(307, {}, location=f"{elsewhere.url}/api/instances")
        with suppress(CallFailed):
            await asked
        assert elsewhere.is_untouched(), "I14: another host was asked, with what the create carries"
        await client.close()


def _open() -> bool:
    return True
