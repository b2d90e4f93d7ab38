"""PURE: which machines have no owner any more, and which of them may be ended (docs/protocol.md, "Sweep").

The provider is listed first and the owners are asked for afterwards, so a machine that is younger than what is known of
the owners cannot be taken for one without an owner.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from gpuwright.model.conditions import Condition, ConditionType, Reason, Status, cut
from gpuwright.model.machine import Machine
from gpuwright.model.names import ANNOTATION_ADOPT, Owner
from gpuwright.model.resources import Key
from gpuwright.model.sweep_spec import Sweep, SweepMode
from gpuwright.provider.absence import LEAST, SHARE
from gpuwright.provider.departure import Watch
from gpuwright.provider.index import provider_keys, wanted_refs

MAX_ORPHANS = 20
SWEEPS_IN_A_ROW = 2
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

UNDECIDED_WORDS = "its ComputeInstance was made again under another uid and has no machine yet: a person decides"
ADOPTING_WORDS = "a ComputeInstance names it in gpuwright.dev/adopt: a person decides"


class Standing(StrEnum):
    """What a live read has said of the owner that a machine's tag names."""

    GONE = "Gone"
    REPLACED = "Replaced"  # another object has its name, and a machine or a create of its own
    UNDECIDED = "Undecided"  # another object has its name, and nothing on record: most likely a restored one
    LIVES = "Lives"
    NOT_KNOWN = "NotKnown"


@dataclass(frozen=True, slots=True)
class Named:
    """Ids that somebody speaks for: a record or a list of what is retained, and an object that wants to adopt it."""

    kept: frozenset[str] = frozenset()
    adopting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Orphan:
    """A machine with our tag and no owner. `since` is on our monotonic clock: when the first list began that had it.

    `kept` says why it is not ended whatever the spec says; `ending` when its end was announced.
    """

    machine: Machine
    since: float
    first_seen: str
    sweeps: int = 1  # in a row that said so
    kept: str = ""
    ending: str = ""

    def body(self) -> dict[str, Any]:
        """Return the orphan as it stands in status; what is not known is left out."""
        owner = self.machine.owner
        body = {
            "id": cut(self.machine.id),
            "name": cut(self.machine.name),
            "owner": cut(f"{owner.namespace}/{owner.name}" if owner else ""),
            "ownerUID": cut(self.machine.owner_uid),
            "firstSeenTime": self.first_seen,
            "pricePerHour": cut(self.machine.price_per_hour),
            "keptBecause": self.kept,
            "endingTime": self.ending,
        }
        return {name: value for name, value in body.items() if value}


@dataclass(slots=True)
class Sweeping:
    """What one process knows of the sweep of one provider. Losing it only makes it wait longer."""

    judged_at: float | None = None  # when the last sweep was made; the first pass counts as one
    done: bool = False  # at least one sweep was made, so that status says what this process has seen
    orphans: dict[str, Orphan] = field(default_factory=dict)
    too_many: bool = False
    doomed: tuple[Orphan, ...] = ()  # to be ended once that is announced
    ended: set[str] = field(default_factory=set)  # ids whose end was accepted, so that each counts once
    watches: dict[tuple[str, ...], Watch] = field(default_factory=dict)
    sure_value: str = field(default="", repr=False)  # the credentials that have shown a machine that is known here
    handled: str = ""  # the annotation reconcile-requested-at that was acted on last


def own_machines(machines: Iterable[Machine], cluster: str, namespace: str) -> tuple[Machine, ...]:
    """Return the machines that bill and that this provider may judge: its own cluster's, and its own namespace's if it
    has one, because another namespace may have a provider object of its own for the same place.
    """
    found = []
    for machine in machines:
        owner = machine.owner
        if owner is None or not machine.alive or owner.cluster != cluster:
            continue
        if namespace in {"", owner.namespace}:
            found.append(machine)
    return tuple(found)


def suspects(machines: Iterable[Machine], living: frozenset[str], named: Named) -> tuple[Machine, ...]:
    """Return the machines of which nobody here has heard: neither the owner's uid nor the id is known."""
    return tuple(machine for machine in machines if machine.owner_uid not in living and machine.id not in named.kept)


def may_be_asked_for(owner: Owner, watched: Sequence[str]) -> bool:
    """Return whether the owner can be read: its namespace is watched, and its names are such as objects can have.

    The names come from a tag at the provider, and would stand in the path of a request.
    """
    if watched and owner.namespace not in watched:
        return False
    return all(_OBJECT_NAME.fullmatch(word) and ".." not in word for word in (owner.namespace, owner.name))


def standing_of(owner: Owner, body: Mapping[str, Any]) -> Standing:
    """Return how the owner stands, by the object that has its name now."""
    if body["metadata"]["uid"] == owner.uid:
        return Standing.LIVES
    status = body.get("status") or {}
    launched = (status.get("launch") or {}).get("send") or (status.get("machine") or {}).get("id")
    return Standing.REPLACED if launched else Standing.UNDECIDED


def named_in(instances: Iterable[Mapping[str, Any]], providers: Mapping[Key, Mapping[str, Any]], place: str) -> Named:
    """Return the ids at this place that objects speak for; where an object's place is not known it counts as here."""

    def is_here(provider: Key) -> bool:
        known = ((providers.get(provider) or {}).get("status") or {}).get("place")
        return known is None or str(known) == place

    kept: set[str] = set()
    adopting: set[str] = set()
    for body in instances:
        metadata, status = body["metadata"], body.get("status") or {}
        adopting.add((metadata.get("annotations") or {}).get(ANNOTATION_ADOPT, ""))
        refs = [(status.get("launch") or {}).get("providerRef"), *wanted_refs(body)]
        known = provider_keys(refs, metadata.get("namespace") or "")
        if not known or any(is_here(provider) for provider in known):
            kept.add(str((status.get("machine") or {}).get("id") or ""))
    for key, body in providers.items():
        if is_here(key):
            kept |= {str(entry.get("id")) for entry in (body.get("status") or {}).get("retained") or ()}
    return Named(frozenset(kept - {""}), frozenset(adopting - {""}))


@dataclass(frozen=True, slots=True)
class Times:
    """When a sweep's list began (monotonic seconds), the moment for people, and since when what is shown already is."""

    began: float
    moment: str
    shown: Mapping[str, str] = field(default_factory=dict)


def after_sweep(
    before: Mapping[str, Orphan], findings: Iterable[tuple[Machine, Standing]], named: Named, times: Times
) -> dict[str, Orphan]:
    """Return the orphans after a sweep.

    What could not be judged stays as it is, but breaks the row; what has an owner, or is gone, is an orphan no more.
    """
    found = {}
    for machine, standing in findings:
        known = before.get(machine.id)
        if standing is Standing.LIVES or (standing is Standing.NOT_KNOWN and known is None):
            continue
        first_seen = times.shown.get(machine.id, times.moment)
        orphan = known or Orphan(machine, times.began, first_seen, sweeps=0)
        sweeps = 0 if standing is Standing.NOT_KNOWN else orphan.sweeps + 1
        kept = ADOPTING_WORDS if machine.id in named.adopting else ""
        if standing is Standing.UNDECIDED or (standing is Standing.NOT_KNOWN and orphan.kept == UNDECIDED_WORDS):
            kept = UNDECIDED_WORDS
        found[machine.id] = replace(orphan, machine=machine, sweeps=sweeps, kept=kept)
    return found


def are_too_many(orphans: int, machines: int) -> bool:
    """Return whether so many look orphaned that a mistake is likelier than as many losses."""
    return orphans > max(LEAST, SHARE * machines)


def to_be_ended(orphans: Mapping[str, Orphan], policy: Sweep, machines: int, began: float) -> tuple[Orphan, ...]:
    """Return the orphans that this sweep may end, those first that have waited longest."""
    if policy.mode is not SweepMode.DELETE or are_too_many(len(orphans), machines):
        return ()
    ripe = [
        orphan
        for orphan in orphans.values()
        if orphan.sweeps >= SWEEPS_IN_A_ROW and began - orphan.since >= policy.min_age_seconds and not orphan.kept
    ]
    # What is not shown is not announced, and what is not announced is not ended.
    return tuple(sorted(ripe, key=lambda orphan: orphan.since)[: min(policy.max_per_pass, MAX_ORPHANS)])


def with_endings(orphans: Mapping[str, Orphan], doomed: Sequence[Orphan], moment: str) -> dict[str, Orphan]:
    """Return the orphans with the ends announced that are to come, and no others."""
    ids = {orphan.machine.id for orphan in doomed}
    return {
        key: replace(orphan, ending=(orphan.ending or moment) if key in ids else "") for key, orphan in orphans.items()
    }


def orphan_status(sweeping: Sweeping, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what status says of orphans; until this process has swept, what an earlier one has written."""
    if not sweeping.done:
        return {name: before[name] for name in ("orphans", "orphanCount") if name in before}
    if not sweeping.orphans:
        return {}
    shown = sorted(sweeping.orphans.values(), key=lambda orphan: (not orphan.ending, orphan.since, orphan.machine.id))
    return {"orphans": [orphan.body() for orphan in shown[:MAX_ORPHANS]], "orphanCount": len(shown)}


def orphaned(sweeping: Sweeping, policy: Sweep | None, before: Mapping[str, Any]) -> list[Condition]:
    """Return the condition Orphaned, which is there only once it has occurred."""
    kind = ConditionType.ORPHANED
    known = [entry for entry in before.get("conditions") or () if entry.get("type") == kind]
    if not sweeping.done or policy is None:
        return [_as_it_was(entry) for entry in known if entry.get("reason") in list(Reason)]
    count = len(sweeping.orphans)
    if not count:
        words = "no machine without an owner is known"
        return [Condition(kind, Status.FALSE, Reason.SETTLED, words)] if known else []
    begin = f"machines that carry our tag and whose ComputeInstance is gone: {count}. "
    if policy.mode is not SweepMode.DELETE:
        words = "They are reported only (spec.sweep.mode is Report): take them over, or end them at the provider"
        return [Condition(kind, Status.TRUE, Reason.ORPHANS_FOUND, begin + words)]
    if sweeping.too_many:
        words = "None is terminated, because so many at once are likelier a mistake: end them at the provider"
        return [Condition(kind, Status.TRUE, Reason.TOO_MANY_ORPHANS, begin + words)]
    words = "Each is terminated once it has been seen so for minAgeSeconds, unless keptBecause says why not"
    return [Condition(kind, Status.TRUE, Reason.ORPHANS_FOUND, begin + words)]


def _as_it_was(entry: Mapping[str, Any]) -> Condition:
    status, reason = Status(entry["status"]), Reason(entry["reason"])
    return Condition(ConditionType.ORPHANED, status, reason, str(entry.get("message", "")))
