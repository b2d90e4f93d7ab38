"""PURE: when is what stands in a provider's ledgers (leaks, retained) proven gone, so that its entry may go.

The proof is that of any machine (docs/protocol.md, "Proofs"): absent from every list over at least F, after anything
that was sent has settled, and the last look a direct one. Only what this process has seen counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gpuwright.model.machine import Absent, Present, Sighting, Snapshot, Tombstone

LEDGERS = ("leaks", "retained")

Entry = tuple[str, ...]
"""One entry of a ledger: which ledger, id, name, owner's uid."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the looks have shown of one entry. Seconds are on our monotonic clock."""

    since: float  # when this process saw the entry first
    missing_since: float | None = None  # when the first list began that misses it, once it has settled
    gone: bool = False

    def is_due(self, settle: float, began: float) -> bool:
        """Return whether only a direct look is left to prove that it is gone.

        `settle` is F, which is never 0, so that this list is not the only one; `began` is when it did.
        """
        return not self.gone and self.missing_since is not None and began - self.missing_since >= settle

    def after_look(self, sighting: Sighting) -> "Watch":
        """Return the watch after a direct look at the entry's name."""
        match sighting:
            case Present(machine) if machine.alive:
                return Watch(self.since)
            case Present() | Absent() | Tombstone():
                return replace(self, gone=True)


def entries(status: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Return every entry of the ledgers."""
    return tuple(_entry(ledger, known) for ledger in LEDGERS for known in status.get(ledger) or ())


def after_list(
    before: Mapping[Entry, Watch],
    present: Iterable[Entry],
    snapshot: Snapshot,
    *,
    now: float,
    settled_after: float,
    counts: bool,
) -> dict[Entry, Watch]:
    """Return the watches after a list.

    Args:
        before: what was known.
        present: the entries that stand in the ledgers now.
        snapshot: the list.
        now: what the clock shows; an entry can be younger than the list.
        settled_after: seconds after the first sight of an entry in which its machine could still appear.
        counts: whether what the list misses means anything (right account, no mass of missing machines).
    """
    watches = {}
    for entry in present:
        watch = before.get(entry) or Watch(now)
        if _shows(snapshot, entry) or not counts:
            watch = Watch(watch.since)
        elif watch.missing_since is None and snapshot.began - watch.since >= settled_after:
            watch = replace(watch, missing_since=snapshot.began)
        watches[entry] = watch
    return watches


def without_what_is_gone(status: Mapping[str, Any], watches: Mapping[Entry, Watch]) -> dict[str, Any]:
    """Return the ledgers as they are to stand in status: without what is proven gone."""
    kept: dict[str, Any] = {}
    for ledger in LEDGERS:
        if ledger not in status:
            continue
        kept[ledger] = [known for known in status[ledger] if not _is_gone(watches, _entry(ledger, known))]
    if "leakCount" in status:
        removed = len(status.get("leaks") or ()) - len(kept.get("leaks") or ())
        kept["leakCount"] = max(0, int(status["leakCount"] or 0) - removed)
    return kept


def _entry(ledger: str, known: Mapping[str, Any]) -> Entry:
    return ledger, *(str(known.get(name) or "") for name in ("id", "name", "ownerUID"))


def _is_gone(watches: Mapping[Entry, Watch], entry: Entry) -> bool:
    return entry in watches and watches[entry].gone


def _shows(snapshot: Snapshot, entry: Entry) -> bool:
    _ledger, machine_id, name, _uid = entry
    found = (snapshot.by_id.get(machine_id), snapshot.by_name.get(name))
    return any(machine is not None and machine.alive for machine in found)
