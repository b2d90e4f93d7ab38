"""Which network addresses a provider's endpoint may have: a pure answer, asked at connect time for each address.

Asked there and not when the name is read from the spec, because a name can resolve to something else a moment later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = frozenset(
    {
        ip_address("169.254.169.254"),  # EC2, GCE, Azure, OpenStack
        ip_address("169.254.170.2"),  # ECS task credentials
        ip_address("169.254.170.23"),  # EKS pod identity
        ip_address("fd00:ec2::254"),  # EC2 over IPv6
        ip_address("fd00:ec2::23"),  # EKS pod identity over IPv6
        ip_address("100.100.100.200"),  # Alibaba Cloud
        ip_address("168.63.129.16"),  # Azure's host agent
        ip_address("192.0.0.192"),  # Oracle Cloud
    }
)
"""Addresses that hand out the node's own credentials: never a provider."""

PRIVATE: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
"""What a cluster provider may use beside public addresses: RFC 1918 and unique local addresses, nothing else."""

_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Proxy:
    """The administrator's HTTP proxy; `authorization` is what its Proxy-Authorization header holds, or empty."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the administrator allows: `allowed` from the command line, `private` for a cluster provider.

    With a proxy, https goes through it to public addresses, and to names that only the proxy can resolve.
    """

    allowed: tuple[Network, ...] = ()
    private: bool = False
    proxy: Proxy | None = None


def refusal(address: str, *, encrypted: bool, policy: AddressPolicy) -> str | None:
    """Return why this address may not be connected to, or None when it may."""
    try:
        found = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return f"{address} is no address"
    if found in METADATA:
        return f"{found} hands out credentials of the node it is asked from, and is never a provider"
    if _within(found, policy.allowed):
        return None
    if not encrypted:
        return f"plain http to {found} shows the token to the network: use https, or allow it by --allow-endpoint-cidr"
    # What nobody has been given yet is "global" to ipaddress, ::/8 with the IPv4-compatible addresses among it.
    if found.is_global and not (found.is_multicast or found.is_reserved):
        return None
    if policy.private and _within(found, PRIVATE):
        return None
    return f"{found} is not a public address: start the operator with --allow-endpoint-cidr to allow it"


def goes_direct(address: str, policy: AddressPolicy) -> bool:
    """Return whether an address that may be connected to is reached without the proxy: it is allowed, or private."""
    if policy.proxy is None:
        return True
    found = _unwrapped(ip_address(address.partition("%")[0]))
    return _within(found, policy.allowed) or not found.is_global


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one carries, where it does: it ends up there."""
    if isinstance(address, IPv4Address):
        return address
    carried = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if carried is None and address in _NAT64:
        carried = IPv4Address(address.packed[-4:])
    return carried or address
