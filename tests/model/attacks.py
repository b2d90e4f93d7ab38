"""The ways in which a tenant could make the operator connect to what is not a provider, one by one.

`python -m tests.model.attacks` prints what is made of each. tests/model/test_addresses.py holds the table to it, and
tests/test_http_client.py tries each at the moment of connecting, behind a name that resolves to it.
"""

import sys
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network

from gpuwright.model.addresses import AddressPolicy, refusal

METADATA: Mapping[str, str] = {
    "EC2's metadata": "169.254.169.254",
    "ECS' credentials": "169.254.170.2",
    "EKS' credentials": "169.254.170.23",
    "EC2's metadata over IPv6": "fd00:ec2::254",
    "EKS' credentials over IPv6": "fd00:ec2::23",
    "Alibaba's metadata": "100.100.100.200",
    "Azure's host agent": "168.63.129.16",
    "Oracle's metadata": "192.0.0.192",
    "metadata, IPv4-mapped": "::ffff:169.254.169.254",
    "metadata through NAT64": "64:ff9b::a9fe:a9fe",
    "metadata through 6to4": "2002:a9fe:a9fe::1",
    "metadata through Teredo": "2001:0:4136:e378:8000:63bf:5601:5601",
}
"""Refused whatever is allowed."""

PRIVATE: Mapping[str, str] = {
    "private, 10/8": "10.0.0.1",
    "private, 172.16/12": "172.31.255.255",
    "private, 192.168/16": "192.168.1.1",
    "private over IPv6": "fc00::1",
    "private, IPv4-mapped": "::ffff:10.0.0.1",
    "private through NAT64": "64:ff9b::a00:1",
}
"""For cluster providers, over https."""

ELSEWHERE: Mapping[str, str] = {
    "metadata, IPv4-compatible": "::169.254.169.254",
    "loopback": "127.0.0.1",
    "loopback, another one": "127.8.8.8",
    "loopback over IPv6": "::1",
    "loopback, IPv4-mapped": "::ffff:127.0.0.1",
    "loopback through NAT64": "64:ff9b::7f00:1",
    "loopback through 6to4": "2002:7f00:1::",
    "link-local": "169.254.1.1",
    "link-local over IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "carrier-grade NAT": "100.64.0.1",
    "unspecified": "0.0.0.0",
    "unspecified over IPv6": "::",
    "broadcast": "255.255.255.255",
    "multicast": "224.0.0.1",
    "multicast over IPv6": "ff02::1",
    "reserved": "240.0.0.1",
    "reserved over IPv6": "4000::1",
    "documentation": "192.0.2.1",
}
"""For nobody, unless an administrator allows the network."""

ATTACKS: Mapping[str, str] = {**METADATA, **PRIVATE, **ELSEWHERE}

TENANT = AddressPolicy()
CLUSTER = AddressPolicy(private=True)
EVERYTHING = AddressPolicy((IPv4Network("0.0.0.0/0"), IPv6Network("::/0")), private=True)
POLICIES = {"tenant": TENANT, "cluster provider": CLUSTER, "all networks allowed": EVERYTHING}


def verdicts(address: str) -> tuple[str, ...]:
    """Return what is made of an address over https, for each policy."""
    return tuple(
        "refused" if refusal(address, encrypted=True, policy=policy) else "connects" for policy in POLICIES.values()
    )


def table() -> str:
    """Return the table as people read it."""
    rows = [
        ("attack", "address", *POLICIES),
        *((name, address, *verdicts(address)) for name, address in ATTACKS.items()),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
