"""What every provider must be able to do, and how it must say what happened. Nothing above sees an HTTP status."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gpuwright.model.capabilities import Capabilities
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NotExecuted
from gpuwright.model.machine import Machine, Sighting
from gpuwright.model.request import MachineRequest

Gate = Callable[[], bool]
"""Asked right before the first byte of a create or of anything destructive leaves; False means: send nothing."""


class Unbuildable(Exception):
    """No adapter can be made from this spec, although its schema accepts it; the message says what to mend."""


class NotAsked(NotExecuted):
    """Nothing was asked, for a reason of our own such as a closed gate: it says nothing about the provider's health."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.WAITING)


class NotLooked(Blind):
    """A look that was not even begun, for a reason of our own: it says nothing about the provider's health."""


class Deletion(StrEnum):
    """What a terminate was answered with."""

    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"  # a success, but no proof: a fresh machine may not be listed yet


@dataclass(frozen=True, slots=True)
class Created:
    """A create that the provider confirmed. `adopted`: it was there already, made by an earlier try of ours."""

    machine: Machine
    adopted: bool = False


class Adapter(Protocol):
    """One provider with one set of credentials.

    Each verb makes one attempt unless it is a read or an idempotent delete, and raises rather than guesses:
    `Unknown` is the default for whatever an adapter's tables do not list.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return what this provider can do."""

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """Return the machine that now exists under the request's name.

        Raises:
            NotCommitted, NotExecuted, Unknown: as their docstrings say.
        """

    async def list(self) -> tuple[Machine, ...]:
        """Return every machine of this cluster. Raises Blind unless every page was answered in full and well-formed."""

    async def look(self, name: str, gate: Gate) -> Sighting:
        """Return what is there under this name. Raises Blind.

        Where a provider has no reads this is a delete (capabilities.reads is False), so it has a gate too.
        """

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """Ask for the machine's end; asking twice is harmless. Raises NotExecuted, Unknown."""

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """Switch the machine on or off. Raises NotExecuted (CannotStart: this machine never starts again), Unknown."""

    async def probe(self) -> None:
        """Return when the provider answers and takes our credentials. Raises Blind; it never creates anything."""

    async def close(self) -> None:
        """Close connections."""
