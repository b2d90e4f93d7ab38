"""PURE: the lists in a provider's status of machines that were let go, on purpose or without proof."""

from collections.abc import Mapping
from typing import Any

from gpuwright.adapters.desk import LedgerEntry, LedgerFull

MAX_LEAKS = 20
MAX_RETAINED = 500


def with_entry(status: Mapping[str, Any], entry: LedgerEntry, moment: str) -> dict[str, Any]:
    """Return the part of the status that changes when this is let go.

    Raises:
        LedgerFull: no more can be retained; the oldest must be dealt with first, for a dropped one could be swept.
    """
    if entry.retained:
        kept = [dict(known) for known in status.get("retained") or () if known.get("id") != entry.machine_id]
        if len(kept) >= MAX_RETAINED:
            raise LedgerFull(
                f"{MAX_RETAINED} machines are retained at this provider: remove some from its status first"
            )
        new = {"id": entry.machine_id, "name": entry.names[0], "ownerUID": entry.owner.uid, "sinceTime": moment}
        return {"retained": [*kept, new]}
    names = [name for name in entry.names if name] or [""]
    before = status.get("leaks") or ()
    again = [known for known in before if known.get("ownerUID") == entry.owner.uid and known.get("name") in names]
    leaks = [dict(known) for known in before if known not in again]
    added = [_leak(entry, name, entry.machine_id if number == 0 else "", moment) for number, name in enumerate(names)]
    count = int(status.get("leakCount") or 0) + _uncounted(len(names), len(again), len(before))
    return {"leaks": [*leaks, *added][-MAX_LEAKS:], "leakCount": count}


def _uncounted(names: int, again: int, shown: int) -> int:
    """Return how many names of an entry are not in the count yet.

    An entry whose write was not answered is made again. Its names went in together, so where one of them is shown and
    the list is full, the others were counted, too, and have been pushed out since.
    """
    return 0 if again and shown >= MAX_LEAKS else names - again


def _leak(entry: LedgerEntry, name: str, machine_id: str, moment: str) -> dict[str, str]:
    return {
        "id": machine_id,
        "name": name,
        "owner": f"{entry.owner.namespace}/{entry.owner.name}",
        "ownerUID": entry.owner.uid,
        "place": entry.place,
        "reason": entry.reason,
        "sinceTime": moment,
    }
