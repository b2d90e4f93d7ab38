"""How many live machines every owner had at every moment: the oracle of the safety tests."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LiveCount:
    """From this time on the owner had so many live machines, until the next count."""

    at: datetime
    live: int


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """What one owner has and had: live machines now, most at any moment, and machines made in all."""

    live: int
    peak: int
    created: int


class OwnerTally:
    """The history of the number of live machines, by owner uid; machines without one count under ""."""

    def __init__(self) -> None:
        self._history: dict[str, list[LiveCount]] = {}
        self._created: dict[str, int] = {}
        self._peak: dict[str, int] = {}

    def change(self, owner_uid: str, by: int, at: datetime) -> LiveCount:
        """Return the count after that many machines more (or fewer, below zero) are live."""
        history = self._history.get(owner_uid, [])
        count = LiveCount(at, (history[-1].live if history else 0) + by)
        self.record(owner_uid, count)
        return count

    def record(self, owner_uid: str, count: LiveCount) -> None:
        """Enter a count as it is, such as one read back from a journal."""
        self._history.setdefault(owner_uid, []).append(count)
        self._peak[owner_uid] = max(self._peak.get(owner_uid, 0), count.live)

    def made(self, owner_uid: str) -> None:
        """One more machine was made for this owner."""
        self._created[owner_uid] = self._created.get(owner_uid, 0) + 1

    def history(self, owner_uid: str) -> tuple[LiveCount, ...]:
        """Return the counts of one owner, oldest first; empty for an owner that never had a machine."""
        return tuple(self._history.get(owner_uid, ()))

    def owners(self) -> dict[str, OwnerCount]:
        """Return every owner that ever had a machine."""
        return {
            uid: OwnerCount(history[-1].live, self._peak[uid], self._created.get(uid, 0))
            for uid, history in self._history.items()
        }

    def doubled(self) -> tuple[str, ...]:
        """Return the owners that had two live machines or more at some moment; owners without a uid apart."""
        return tuple(uid for uid, peak in self._peak.items() if peak > 1 and uid)
