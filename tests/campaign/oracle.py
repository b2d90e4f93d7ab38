"""I16 and I17: a disturbed run ends as the undisturbed one, and two ways to the same spec end the same.

What two clean runs differ in (times, versions, ids that are drawn) is no difference: the mask is learnt from them. What
tells of the way and not of where it led is named in `OF_THE_WAY`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.campaign.story import Scene, name_of, uid_of
from tests.campaign.trace import Billing, Trace, Written

from gpuwright.model.resources import BY_KIND, INSTANCES, SECRETS

State = Mapping[str, Any]

_COUNTS = "counts."
_LAUNCH = "attempt|name|token|requestHash|send|sentBy|intendedTime|waitedSeconds|resent|reason|message|conflict|settled"
OF_THE_WAY = re.compile(
    rf"\.status\.launch\.({_LAUNCH}|ending\.time|ending\.names.*|capacityWaitedSeconds)$"
    r"|\.status\.(attempts|residue|nextLookTime|lastSuccessfulTime)\b"
    r"|\.status\.cost\.accumulated(Time)?$"  # a machine that was there for longer has cost more
    r"|\.status\.machine\.(id|name|providerID|createdTime|providerState|addresses.*)$"
    r"|\.conditions\.\w+\.(message|lastTransitionTime)$"
    r"|\.conditions\.(PromiseBroken|Orphaned)\."  # remembered for long; what is orphaned now stands in status.orphans
    r"|\.conditions\.Orphaned\."  # there once it has occurred; machines without an object are counted beside it
    r"|\.conditions\.Launched\.reason$"  # Created or Adopted: who told of the machine
    r"|\.metadata\.(resourceVersion|uid|generation)$|\.observedGeneration$"
)


class Counts(StrEnum):
    """How many machines a disturbed run may make of each object, against the undisturbed one."""

    EQUAL = "Equal"
    AT_MOST = "AtMost"
    FREE = "Free"


@dataclass(frozen=True, slots=True)
class Reference:
    """How the undisturbed run ends, and what of it may differ."""

    end: State
    mask: frozenset[str]

    def differences(self, trace: Trace, counts: Counts = Counts.EQUAL) -> list[str]:
        """Return what a run has led to instead; I16."""
        end = end_state(trace)
        return [
            words
            for path, words in _compared(self.end, end)
            if path not in self.mask and not (path.startswith(_COUNTS) and self._may_differ(path, end, counts))
        ]

    def _may_differ(self, path: str, end: State, counts: Counts) -> bool:
        fewer = int(end.get(path) or 0) <= int(self.end.get(path) or 0)
        return counts is Counts.FREE or (counts is Counts.AT_MOST and fewer)

    def is_reached(self, scene: Scene) -> bool:
        """Return whether the objects of a run that goes on are as they are at the end of the undisturbed one."""
        here = _objects(scene)
        there = {path: value for path, value in self.end.items() if not path.startswith(_COUNTS)}
        return not any(path not in self.mask for path, _words in _compared(there, here))


def learnt(one: Trace, other: Trace) -> Reference:
    """Return the reference from two clean runs."""
    end = end_state(one)
    return Reference(end, frozenset(path for path, _words in _compared(end, end_state(other))))


def confluence(one: Trace, other: Trace) -> list[str]:
    """Return in what two ways to the same spec have ended differently; I17. How often machines were made may differ."""
    return [words for path, words in _compared(end_state(one), end_state(other)) if not path.startswith(_COUNTS)]


def end_state(trace: Trace) -> State:
    """Return what is there at the end, as paths and values, with how many machines each object has had."""
    scene = Scene()
    for event in trace.events:
        scene.take(event)
    return {**_objects(scene), **_counts(trace)}


def _objects(scene: Scene) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for uid, body in scene.objects.items():
        kind = scene.kinds[uid]
        if kind not in BY_KIND and kind != SECRETS.kind:
            continue
        root = f"{kind} {name_of(body)}"
        state |= {path: value for path, value in _flat(root, body) if not OF_THE_WAY.search(path)}
        if kind == INSTANCES.kind:
            state[f"{root} bills"] = sorted(machine.state for machine in scene.owned(uid))
    state["bills without an object"] = sum(1 for m in scene.machines if m.uid and m.uid not in scene.objects)
    return state


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            key = inner["type"] if isinstance(inner, Mapping) and "status" in inner else number
            yield from _flat(f"{path}.{key}", inner)
    else:
        yield path, value


def _counts(trace: Trace) -> dict[str, int]:
    names: dict[str, str] = {}
    made: dict[str, set[str]] = {}
    for event in trace.events:
        if isinstance(event, Written) and event.kind == INSTANCES.kind and event.after is not None:
            names[uid_of(event.after)] = name_of(event.after)
        elif isinstance(event, Billing):
            for machine in event.machines:
                made.setdefault(machine.uid, set()).add(f"{machine.id} {machine.incarnation}")
    counts: dict[str, int] = {}
    for uid, name in names.items():
        counts[f"{_COUNTS}{name} made"] = counts.get(f"{_COUNTS}{name} made", 0) + len(made.get(uid, ()))
    return counts


def _compared(one: State, other: State) -> Iterator[tuple[str, str]]:
    """Yield each path at which the two differ, with words."""
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) != other.get(path):
            yield path, f"{path}: {one.get(path)!r} undisturbed, {other.get(path)!r} here"
