"""All that the gateway knows to be true, and its way through a restart."""

from pathlib import Path

from gpuwright_sandbox.gateway.clock import Clock
from gpuwright_sandbox.gateway.fleet import Fleet
from gpuwright_sandbox.gateway.images import Images
from gpuwright_sandbox.gateway.replays import Replays
from gpuwright_sandbox.gateway.settings import Settings
from gpuwright_sandbox.gateway.store import Journal


class Truth:
    """Machines, snapshots and idempotency keys, on one clock.

    Args:
        store: the file that they survive in; None = they live and die with the process.
    """

    def __init__(self, clock: Clock, settings: Settings, store: Path | None = None) -> None:
        self._journal = None if store is None else Journal(store)
        self.fleet = Fleet(clock, settings, self._journal)
        self.images = Images(self._journal)
        self.replays = Replays(self._journal)
        if self._journal is not None:
            self._recall(self._journal)

    def _recall(self, journal: Journal) -> None:
        for kind, record in journal.open():
            self.fleet.restore(kind, record)
            self.images.restore(kind, record)
            self.replays.restore(kind, record)

    def reset(self) -> None:
        """Forget everything, also in the store."""
        if self._journal is not None:
            self._journal.clear()
        self.fleet.reset()
        self.images.reset()
        self.replays.reset()

    def close(self) -> None:
        """Write no more; what was written stays."""
        if self._journal is not None:
            self._journal.close()
