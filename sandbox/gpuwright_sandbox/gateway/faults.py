"""Scripted faults: which one, if any, is due for a call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TypeAlias

from gpuwright_sandbox.gateway.actions import ACTIONS, Action, word_of
from gpuwright_sandbox.gateway.calls import Call, CallKind
from gpuwright_sandbox.gateway.shapes import FieldError, Json, as_json, read

ANY = "any"
EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which calls a fault is for.

    Attributes:
        call: one kind of call, several, or `any`.
        name: pattern (as in a shell) for the machine's name; empty = any call, also one without a name.
        page: only this page of a list, from 1; 0 = any.
        nth: which of the matching calls since the fault was set, from 1: one, several, or `every`. Left out it is
            `every` when `count` or `for_seconds` says where it ends, else the first.
        count: how often the fault happens at most; None = no limit.
        for_seconds: how long the fault stays, on the gateway's clock; None = until it is cleared.
        per_name: count for each name apart.
    """

    call: str | tuple[str, ...] = ANY
    name: str = ""
    page: int = 0
    nth: int | str | tuple[int, ...] | None = None
    count: int | None = None
    for_seconds: float | None = None
    per_name: bool = False

    @property
    def calls(self) -> tuple[str, ...]:
        """The kinds of call."""
        return (self.call,) if isinstance(self.call, str) else self.call

    @property
    def occurrences(self) -> frozenset[int] | None:
        """Which of the matching calls; None = every one."""
        if self.nth is None:
            return None if self.count is not None or self.for_seconds is not None else frozenset({1})
        if isinstance(self.nth, str):
            return None
        return frozenset({self.nth} if isinstance(self.nth, int) else self.nth)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is set; `since` is when, on the gateway's clock."""

    id: int
    match: Match
    action: Action
    since: datetime

    def concerns(self, call: Call, now: datetime) -> bool:
        """Whether the call is one of those that the fault counts."""
        match = self.match
        if match.for_seconds is not None and now - self.since >= timedelta(seconds=match.for_seconds):
            return False
        if match.page and (call.kind is not CallKind.LIST or call.page != match.page):
            return False
        return (ANY in match.calls or call.kind in match.calls) and (
            not match.name or (call.name != "" and fnmatchcase(call.name, match.name))
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How many calls a fault has seen, and how many it has spoiled."""

    seen: int = 0
    done: int = 0


CountKey: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """The fault that is due (None = the call goes well), and the counts that have changed."""

    fault: Fault | None
    counts: Mapping[CountKey, Count] = field(default_factory=dict)


def choose(faults: Iterable[Fault], counts: Mapping[CountKey, Count], call: Call, now: datetime) -> Choice:
    """Return the first fault that is due; every fault that the call concerns counts it, whichever is chosen."""
    chosen: Fault | None = None
    changed: dict[CountKey, Count] = {}
    for fault in faults:
        if not fault.concerns(call, now):
            continue
        key = (fault.id, call.name if fault.match.per_name else "")
        count = counts.get(key, Count())
        count = replace(count, seen=count.seen + 1)
        if chosen is None and _due(fault.match, count):
            chosen = fault
            count = replace(count, done=count.done + 1)
        changed[key] = count
    return Choice(chosen, changed)


def read_fault(spec: Json, fault_id: int, now: datetime) -> Fault:
    """Return a fault from its JSON: the fields of Match, `action` by its word, and the fields of that action.

    Raises:
        FieldError: a field is unknown, missing, or has a wrong value.
    """
    if not isinstance(spec, dict):
        raise FieldError("", "a fault must be an object")
    word = spec.get("action")
    if not isinstance(word, str) or word not in ACTIONS:
        raise FieldError("action", f"must be one of {', '.join(ACTIONS)}, not {word!r}")
    ours = {key: value for key, value in spec.items() if key in Match.__slots__}
    rest = {key: value for key, value in spec.items() if key not in ours and key != "action"}
    match, action = read(Match, ours), read(ACTIONS[word], rest)
    unknown = set(match.calls) - {ANY, *CallKind}
    if unknown:
        raise FieldError("call", f"must be any or of {', '.join(CallKind)}, not {', '.join(sorted(unknown))}")
    if isinstance(match.nth, str) and match.nth != EVERY:
        raise FieldError("nth", f"must be a number, a list of numbers, or {EVERY}, not {match.nth!r}")
    return Fault(fault_id, match, action, now)


class FaultBook:
    """The faults that are set, in the order in which they were."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._counts: dict[CountKey, Count] = {}
        self._last_id = 0

    def add(self, spec: Json, now: datetime) -> Fault:
        """Return the fault that is now set.

        Raises:
            FieldError: the JSON is no fault; nothing was set.
        """
        fault = read_fault(spec, self._last_id + 1, now)
        self._last_id = fault.id
        self._faults[fault.id] = fault
        return fault

    def take(self, call: Call, now: datetime) -> Fault | None:
        """Return the fault that is due for this call, and count it."""
        if not self._faults:
            return None
        choice = choose(self._faults.values(), self._counts, call, now)
        self._counts.update(choice.counts)
        return choice.fault

    def remove(self, fault_id: int) -> bool:
        """Clear one fault; False when there is none of that id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Clear all faults."""
        self._faults.clear()
        self._counts.clear()

    def count(self, fault_id: int) -> Count:
        """Return how many calls a fault has seen and spoiled, over all names."""
        counts = [count for (known, _), count in self._counts.items() if known == fault_id]
        return Count(sum(count.seen for count in counts), sum(count.done for count in counts))

    def describe(self) -> list[Json]:
        """Return all faults as JSON, each with its id and what it has `seen` and `done`."""
        return [describe(fault, self.count(fault.id)) for fault in self._faults.values()]


def describe(fault: Fault, count: Count) -> dict[str, Json]:
    """Return a fault as JSON, as it could be sent, with its id and counts beside it."""
    match, action = as_json(fault.match), as_json(fault.action)
    return {
        "id": fault.id,
        **(match if isinstance(match, dict) else {}),
        "action": word_of(fault.action),
        **(action if isinstance(action, dict) else {}),
        "seen": count.seen,
        "done": count.done,
    }


def _due(match: Match, count: Count) -> bool:
    if match.count is not None and count.done >= match.count:
        return False
    return match.occurrences is None or count.seen in match.occurrences
