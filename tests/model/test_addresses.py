"""Which addresses may be connected to: the ways around a filter, one by one."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from tests.model import attacks
from tests.model.attacks import ATTACKS, table, verdicts

from gpuwright.model.addresses import METADATA, AddressPolicy, refusal

PUBLIC = AddressPolicy()
PRIVATE = AddressPolicy(private=True)
EVERYTHING = AddressPolicy(allowed=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")), private=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed_over_tls(address: str) -> None:
    assert refusal(address, encrypted=True, policy=PUBLIC) is None


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.7", "2606:4700::1111"])
def test_plain_http_is_refused(address: str) -> None:
    assert "use https" in (refusal(address, encrypted=False, policy=PRIVATE) or "")


@pytest.mark.parametrize("address", sorted(str(found) for found in METADATA))
@pytest.mark.parametrize("encrypted", [True, False])
def test_metadata_is_refused_whatever_is_allowed(address: str, encrypted: bool) -> None:
    assert "credentials" in (refusal(address, encrypted=encrypted, policy=EVERYTHING) or "")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("::ffff:169.254.169.254", id="mapped"),
        pytest.param("::ffff:a9fe:a9fe", id="mapped, in hex"),
        pytest.param("2002:a9fe:a9fe::1", id="6to4"),
        pytest.param("64:ff9b::a9fe:a9fe", id="NAT64"),
        pytest.param("2001:0:4136:e378:8000:63bf:5601:5601", id="teredo"),
        pytest.param("fd00:ec2::254%eth0", id="with a zone"),
        pytest.param("FD00:0EC2:0:0:0:0:0:0254", id="spelt out"),
    ],
)
def test_metadata_in_disguise_is_refused(address: str) -> None:
    assert "credentials" in (refusal(address, encrypted=True, policy=EVERYTHING) or "")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("::1", id="loopback of IPv6"),
        pytest.param("::ffff:127.0.0.1", id="loopback, mapped"),
        pytest.param("64:ff9b::7f00:1", id="loopback by NAT64"),
        pytest.param("2002:7f00:1::", id="loopback by 6to4"),
        pytest.param("0.0.0.0", id="this host"),
        pytest.param("::", id="this host of IPv6"),
        pytest.param("169.254.1.1", id="link-local"),
        pytest.param("fe80::1", id="link-local of IPv6"),
        pytest.param("fe80::1%eth0", id="link-local with a zone"),
        pytest.param("100.64.0.1", id="carrier-grade NAT"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("ff02::1", id="multicast of IPv6"),
        pytest.param("::127.0.0.1", id="IPv4-compatible"),
    ],
)
@pytest.mark.parametrize("policy", [pytest.param(PUBLIC, id="tenant"), pytest.param(PRIVATE, id="cluster provider")])
def test_what_is_neither_public_nor_private_is_refused(address: str, policy: AddressPolicy) -> None:
    assert "not a public address" in (refusal(address, encrypted=True, policy=policy) or "")


@pytest.mark.parametrize("address", ["255.255.255.255", "240.0.0.1"])
def test_reserved_addresses_are_refused_for_tenants(address: str) -> None:
    assert "not a public address" in (refusal(address, encrypted=True, policy=PUBLIC) or "")


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.7", "64:ff9b::a00:7"]
)
def test_private_addresses_are_for_cluster_providers(address: str) -> None:
    assert refusal(address, encrypted=True, policy=PUBLIC) is not None
    assert refusal(address, encrypted=True, policy=PRIVATE) is None


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        pytest.param("10.0.0.255", False, id="just before"),
        pytest.param("10.0.1.0", True, id="the first"),
        pytest.param("10.0.1.255", True, id="the last"),
        pytest.param("10.0.2.0", False, id="just after"),
        pytest.param("::ffff:10.0.1.1", True, id="mapped"),
        pytest.param("fd00::1", False, id="of the other version"),
    ],
)
@pytest.mark.parametrize("encrypted", [True, False])
def test_an_administrator_allows_a_network(address: str, allowed: bool, encrypted: bool) -> None:
    network = ip_network("10.0.1.0/24")
    policy = AddressPolicy(allowed=(network,))
    assert (refusal(address, encrypted=encrypted, policy=policy) is None) is allowed


@pytest.mark.parametrize("address", ["", "gateway.example", "0x7f000001", "2130706433", "127.1", "010.0.0.1", "[::1]"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert refusal(address, encrypted=True, policy=EVERYTHING) == f"{address} is no address"


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_refused_to_whom_it_should_be(attack: str) -> None:
    found = verdicts(ATTACKS[attack])
    assert found == (
        "refused",
        "connects" if attack in attacks.PRIVATE else "refused",
        "refused" if attack in attacks.METADATA else "connects",
    )


def test_the_table_of_attacks_has_a_row_for_each() -> None:
    assert len(table().splitlines()) == len(ATTACKS) + 1
