"""PURE: what a provider had no room for lately, so that not everybody has to find out by asking.

It only ever orders placements: whoever has one provider to ask goes by its own back-off (instance/rules/launch.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gpuwright.model.conditions import cut, timestamp
from gpuwright.model.times import seconds_of

REMEMBERED_SECONDS = 180.0
MAX_SHOWN = 20
_MESSAGE_BYTES = 200


@dataclass(frozen=True, slots=True)
class NoRoom:
    """One answer that there is no room. `until` is on our monotonic clock, the times are for people."""

    until: float
    since: str
    until_time: str
    message: str


@dataclass(frozen=True, slots=True)
class CapacityMemory:
    """By what was asked for in vain, in words (model/placement_spec.py)."""

    offers: Mapping[str, NoRoom] = field(default_factory=dict)

    def refused(self, what: str, message: str, now: float, wall: datetime) -> "CapacityMemory":
        """Return the memory after a provider has said that it has no room.

        What is remembered for long enough stays as it is: it stands in status, and each change is a write.
        """
        known = self.offers.get(what)
        if known is not None and known.until - now > REMEMBERED_SECONDS / 2:
            return self
        since = known.since if known is not None and known.until > now else timestamp(wall)
        until_time = timestamp(wall + timedelta(seconds=REMEMBERED_SECONDS))
        entry = NoRoom(now + REMEMBERED_SECONDS, since, until_time, cut(message, _MESSAGE_BYTES))
        kept = {words: other for words, other in self.offers.items() if other.until > now and words != what}
        return replace(self, offers=dict([*kept.items(), (what, entry)][-MAX_SHOWN:]))

    def made(self, what: str) -> "CapacityMemory":
        """Return the memory after a machine of this kind was made: there is room."""
        if what not in self.offers:
            return self
        return replace(self, offers={words: other for words, other in self.offers.items() if words != what})

    @property
    def until(self) -> Mapping[str, float]:
        """Return until when each counts, in monotonic seconds."""
        return {what: entry.until for what, entry in self.offers.items()}

    def body(self) -> list[dict[str, str]]:
        """Return the memory as it stands in status. One that is over stays until another changes."""
        return [
            {"offer": what, "sinceTime": entry.since, "untilTime": entry.until_time, "message": entry.message}
            for what, entry in self.offers.items()
        ]


def resumed(entries: Iterable[Mapping[str, Any]], now: float, wall: datetime) -> CapacityMemory:
    """Return what an earlier process has remembered, as far as it still counts; what cannot be read is left out."""
    offers = {}
    for entry in entries:
        until_time = str(entry.get("untilTime") or "")
        end = seconds_of(until_time)
        left = end - wall.timestamp() if end is not None else 0.0
        if entry.get("offer") and 0 < left <= REMEMBERED_SECONDS:
            since, message = str(entry.get("sinceTime") or ""), str(entry.get("message") or "")
            offers[str(entry["offer"])] = NoRoom(now + left, since, until_time, message)
    return CapacityMemory(offers)
