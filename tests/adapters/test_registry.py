"""One line for each kind of provider, and nothing of one forgotten."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from tests.adapters.raw_server import RawServer

from gpuwright.adapters.contract import NotAsked, Unbuildable
from gpuwright.adapters.registry import KINDS, AdapterContext
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.errors import Blind
from gpuwright.model.provider_spec import ProviderSpec, ProviderType

BAD_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
CONTEXT = AdapterContext("s3cret", "cluster-1", AddressPolicy((ip_network("127.0.0.0/8"),)), promises=True)


def a_spec(**gateway: Any) -> ProviderSpec:
    block = {"endpoint": "http://127.0.0.1:1", "credentialsSecretRef": {"name": "gateway-token", "key": "token"}}
    return ProviderSpec.model_validate({"type": "Gateway", "gateway": {**block, **gateway}})


@pytest.mark.parametrize("kind", list(ProviderType))
def test_every_type_of_provider_has_a_line(kind: ProviderType) -> None:
    assert kind in KINDS


async def test_a_gateway_is_made_from_its_block() -> None:
    spec = a_spec(dialect="CreateOnly")
    kind = KINDS[ProviderType.GATEWAY]
    adapter = kind.make(spec, CONTEXT)
    assert not adapter.capabilities.reads
    assert kind.endpoint(spec) == "http://127.0.0.1:1"
    assert (kind.secret(spec).name, kind.secret(spec).key) == ("gateway-token", "token")
    await adapter.close()


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        pytest.param({"caBundle": BAD_PEM}, "caBundle holds no certificate", id="a bundle that is none"),
        pytest.param({"endpoint": "https://999.1.1.1"}, "names no host", id="an address that is none"),
        pytest.param({"endpoint": "https://[:::]"}, "names no host", id="an IPv6 address that is none"),
        pytest.param({"endpoint": "https://xn--a"}, "names no host", id="a name that is none"),
    ],
)
def test_a_spec_that_its_schema_accepts_but_nobody_can_use_says_what_to_mend(
    gateway: dict[str, str], words: str
) -> None:
    with pytest.raises(Unbuildable, match=f"spec.gateway: .*{words}"):
        KINDS[ProviderType.GATEWAY].make(a_spec(**gateway), CONTEXT)


async def test_an_adapter_of_a_replica_that_does_not_lead_calls_nobody() -> None:
    async with RawServer() as server:
        adapter = KINDS[ProviderType.GATEWAY].make(a_spec(endpoint=server.url), replace(CONTEXT, allowed=lambda: False))
        for call in (adapter.probe(), adapter.list(), adapter.look("a", lambda: True)):
            with pytest.raises(Blind):
                await call
        with pytest.raises(NotAsked):
            await adapter.delete("a", lambda: True)
        with pytest.raises(NotAsked):
            await adapter.power("a", on=True, gate=lambda: True)
        assert server.is_untouched()
        await adapter.close()


def test_the_secret_is_in_no_repr() -> None:
    assert "s3cret" not in repr(CONTEXT) + str(CONTEXT)
