"""What the instance side may ask of the provider side: one desk for all providers, so that limits and health are kept
in one place. Implemented in provider/; named here, below both, because siblings may not see each other."""

from dataclasses import dataclass
from typing import Protocol

from gpuwright.adapters.contract import Created, Deletion, Gate
from gpuwright.model.machine import Sighting
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import Owner
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import MachineRequest
from gpuwright.model.resources import Key


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is let go: one machine kept on purpose (`retained`), or the names of one instance without proof that they
    are gone.
    """

    names: tuple[str, ...]
    machine_id: str
    owner: Owner
    place: str
    reason: str
    retained: bool


class LedgerFull(Exception):
    """The list of what was retained on purpose has no room; the message says what to do."""


class ProviderDesk(Protocol):
    """Everything is addressed by the reference and the namespace of the instance that asks (`asker`)."""

    def view(self, ref: ProviderRef, asker: Key) -> ProviderView | Hindrance | None:
        """Return the provider as it is known now, why this asker may not use it, or None where it does not exist."""

    def reserve(self, ref: ProviderRef, asker: Key) -> bool:
        """Take a slot for one create; False where there is none. Give it back by `release`."""

    def release(self, ref: ProviderRef, asker: Key) -> None:
        """Give back the slot, if one is held."""

    def ask_list(self, ref: ProviderRef, asker: Key) -> None:
        """Have a list begun soon; the asker is marked when it is there. One list serves all who asked before it
        began.
        """

    async def create(self, ref: ProviderRef, asker: Key, request: MachineRequest, gate: Gate) -> Created:
        """As Adapter.create."""

    async def look(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> tuple[float, Sighting]:
        """Return when the look began (monotonic seconds), and what it showed. Raises Blind."""

    async def delete(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> Deletion:
        """As Adapter.delete."""

    async def power(self, ref: ProviderRef, asker: Key, name: str, gate: Gate, *, on: bool) -> None:
        """As Adapter.power."""

    async def enter(self, ref: ProviderRef, asker: Key, entry: LedgerEntry) -> None:
        """Write what is let go into the provider's status before it is let go. Raises ApiError, LedgerFull."""

    def promise_broken(self, ref: ProviderRef, asker: Key, note: str) -> None:
        """Remember that a machine exists although an answer promised that there is none: no such promise counts any
        more.
        """
