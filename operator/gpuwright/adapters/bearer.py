"""A secret that goes with every call in the Authorization header (RFC 6750)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token or API key; kept out of repr."""

    value: str

    @property
    def header(self) -> Mapping[str, str]:
        """Return the header that carries it."""
        return {"authorization": f"Bearer {self.value}"}

    def __repr__(self) -> str:
        return "BearerToken(...)"
