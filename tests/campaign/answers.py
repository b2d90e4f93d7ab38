"""The words of trace.Received.result, and what a row of calls proves about a name.

create: `created <id>`, `adopted <id>`, `not_committed`, `never_sent`, `throttled`, `rejected`, `unknown`,
`conflict` (the name is taken, and nobody can be seen under it).
look: `present <name>=<id>=<State>`, `absent`, `tombstone <id>`, `blind`.
list: `listed <name>=<id>=<State> ...`, `blind`.
delete, power, probe: `accepted`, `not_found`, `absent`, `ok`, `not_executed`, `unknown`, `blind`.
Every word may be followed by more; the first decides. A call whose process died has no Received.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.campaign.trace import Received, Restarted, Sent, Trace

from gpuwright.model.machine import DEAD, Machine

MADE = frozenset({"created", "adopted"})
NOT_MADE = frozenset({"not_committed", "never_sent", "throttled", "rejected", "not_asked"})
SILENT = frozenset({"blind", "unknown", "never_sent"})
_DEAD = frozenset(str(state) for state in DEAD)
_ABSENT = frozenset({"absent", "not_found"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request with what came back; `result` is empty where nothing did."""

    sent: Sent
    result: str = ""
    answered_at: float | None = None

    @property
    def word(self) -> str:
        """Return the first word of the answer."""
        return self.result.partition(" ")[0]

    @property
    def machines(self) -> dict[str, tuple[str, str]]:
        """Return id and state by name of what the answer showed."""
        if self.word not in {"present", "listed"}:
            return {}
        entries = [entry.split("=") for entry in self.result.split()[1:]]
        return {entry[0]: (entry[1], entry[2]) for entry in entries if len(entry) == 3}

    def shows(self, name: str) -> bool:
        """Return whether the answer showed something alive under the name."""
        return name in self.machines and self.machines[name][1] not in _DEAD

    def living(self, name: str) -> str:
        """Return the id of what the answer showed alive under the name, or says was made there; else nothing."""
        if self.shows(name):
            return self.machines[name][0]
        return self.result.split()[1] if self.sent.name == name and self.word in MADE else ""

    def buried(self, name: str) -> str:
        """Return the id of what the answer says is gone for good."""
        return self.machines[name][0] if name in self.machines else self.result.split()[1]

    def buries(self, name: str) -> bool:
        """Return whether the answer says that what was under the name is gone for good."""
        tombstone = self.sent.name == name and self.word == "tombstone"
        return tombstone or (name in self.machines and self.machines[name][1] in _DEAD)

    def misses(self, name: str) -> bool:
        """Return whether the answer was complete, and showed nothing alive under the name."""
        direct = self.sent.name == name and (self.word in _ABSENT or self.word == "tombstone")
        return direct or self.buries(name) or (self.word == "listed" and name not in self.machines)

    @property
    def is_list(self) -> bool:
        """Return whether it asked for everything."""
        return self.sent.verb == "list"


def calls_of(trace: Trace) -> Iterator[Call]:
    """Yield every call of the trace in the order in which they were sent."""
    answers = _answers(trace)
    for index, event in enumerate(trace.events):
        if isinstance(event, Sent):
            answer = answers.get(index)
            yield Call(event, answer.result, answer.at) if answer else Call(event)


def _answers(trace: Trace) -> dict[int, Received]:
    """Return the answer to each request, by the request's place in the trace."""
    open_calls: dict[tuple[str, str, str], list[int]] = {}
    answers: dict[int, Received] = {}
    for index, event in enumerate(trace.events):
        if isinstance(event, Sent):
            open_calls.setdefault((event.process, event.verb, event.name), []).append(index)
        elif isinstance(event, Received):
            waiting = open_calls.get((event.process, event.verb, event.name))
            if waiting:
                answers[waiting.pop(0)] = event
        elif isinstance(event, Restarted) and event.what == "killed":
            open_calls = {key: row for key, row in open_calls.items() if key[0] != event.process}
    return answers


def shown(machines: Iterable[Machine]) -> str:
    """Return machines as the words of an answer have them."""
    return " ".join(f"{machine.name}={machine.id}={machine.state}" for machine in machines)


def unproven(calls: Iterable[Call], name: str, until: float, apart: float) -> str:
    """Return what is missing in the proof that nothing is left under the name at this time; empty where it is proven.

    A proof is a tombstone, or complete looks that began at least `apart` from each other, one of them direct, all of
    them since the last that showed something. What has a tombstone is gone whatever a list that lags shows.
    """
    misses: list[Call] = []
    buried: set[str] = set()
    newest = ""
    for call in calls:
        if call.answered_at is None or call.answered_at > until:
            continue
        shown = call.living(name)
        if shown and shown not in buried:
            misses, newest = [], shown
        if call.buries(name):
            buried.add(call.buried(name))
        if call.misses(name):
            misses.append(call)
    if buried and (not newest or newest in buried):
        return ""
    if not any(not call.is_list for call in misses):
        return "no direct look missed it"
    began = [call.sent.at for call in misses]
    return "" if max(began) - min(began) >= apart else f"looks began only {max(began) - min(began):.3f} s apart"
