"""What a provider can do, declared by its adapter and shown in the provider object's status."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class CreateKey(StrEnum):
    """What makes a repeated create harmless; no wait is shortened by any of them."""

    TOKEN = "Token"  # noqa: S105 - a repeated create with the same token is answered with the same machine
    UNIQUE_NAME = "UniqueName"
    NONE = "None"


class PriceCeiling(StrEnum):
    """For which machines a provider, or its adapter, keeps machine.maxPricePerHour by itself."""

    NONE = "None"
    SPOT = "Spot"
    EVERY = "Every"

    def keeps(self, *, spot: bool) -> bool:
        """Return whether it is kept for such a machine."""
        return self is PriceCeiling.EVERY or (spot and self is PriceCeiling.SPOT)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Facts about a provider that people and decisions may rely on."""

    create_key: CreateKey
    reads: bool
    power: bool
    spot: bool
    node_join: bool
    user_data: str
    limits: str = ""  # how far the promise "one machine, and nothing left" goes here, in words; empty = all the way
    ports: bool = False  # whether ports that a machine asks for are opened; else security groups or their kin decide
    price_ceiling: PriceCeiling = PriceCeiling.NONE
    ends_by_id: bool = False  # whether look and delete take a machine's id for its name; decisions only, not in status

    def body(self) -> dict[str, Any]:
        """Return the capabilities as they stand in status."""
        return {
            "createKey": str(self.create_key),
            "reads": self.reads,
            "power": self.power,
            "spot": self.spot,
            "nodeJoin": self.node_join,
            "userData": self.user_data,
            "ports": self.ports,
            "priceCeiling": str(self.price_ceiling),
        }
