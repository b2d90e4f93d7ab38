"""How a port of a machine is reached from outside, as its provider says."""

from dataclasses import dataclass
from typing import Any, TypeGuard

MOST = 32  # endpoints of one machine that are told; it can ask for 16


@dataclass(frozen=True, slots=True)
class MachineEndpoint:
    """One way in. What is empty or 0 the provider does not say; `port` is the one inside the machine."""

    name: str = ""
    port: int = 0
    address: str = ""
    external_port: int = 0
    url: str = ""

    def recorded(self) -> dict[str, Any]:
        """Return what status.machine.endpoints says of it."""
        words = {
            "name": self.name,
            "port": self.port,
            "address": self.address,
            "externalPort": self.external_port,
            "url": self.url,
        }
        return {field: word for field, word in words.items() if word}


def is_port(value: object) -> TypeGuard[int]:
    """Return whether a provider's word can be the number of a port."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
