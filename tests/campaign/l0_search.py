"""The search: every state that a small world can come to, each once, the least disturbed first.

A disturbance that comes only once a path is no part of a state, but of the visit to it. A visit is left out where the
same state was visited before with at least as many disturbances to come, and none of them spent that is not spent now:
whatever may follow from the later visit has been followed, or will be, from the earlier one. With no disturbance to
come all visits to a state go on in the same way, so one is enough.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from tests.campaign.l0_checks import Broken, broken, remember
from tests.campaign.l0_key import canonical, constants
from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Disturbance, Node, Small
from tests.campaign.l0_rest import trouble

ORDINARY = ""
FIRST = 0  # the visit before the first one


@dataclass(frozen=True, slots=True)
class Found:
    """A broken invariant, and the path that leads to it."""

    invariant: str
    message: str
    path: tuple[str, ...]


class Arrival(NamedTuple):
    """A state that is come to: after so many steps, from which visit, and by what."""

    node: Node
    state: int
    depth: int
    before: int
    by: str


class Visit(NamedTuple):
    """A state that was visited, and that is still to be disturbed."""

    node: Node
    depth: int
    key: int


@dataclass(slots=True)
class Search:
    """One small world, searched."""

    small: Small
    sample: float = 1.0
    seed: int = 0
    enough: int = 1  # violations after which it ends
    most: int = 2_000_000  # states after which it ends, and has then not seen everything
    came: dict[int, int] = field(default_factory=dict)  # visit -> the visit before
    by: dict[int, str] = field(default_factory=dict)  # visit -> the disturbance that has led to it, if it was one
    spent: dict[int, tuple[frozenset[str], ...]] = field(default_factory=dict)  # state -> what was spent at its visits
    states: int = 0
    transitions: int = 0
    depth: int = 0
    found: list[Found] = field(default_factory=list)
    exhausted: bool = False
    circles: int = 0  # in which the ordinary course ends
    _chance: Random = field(default_factory=Random)

    def run(self) -> "Search":
        """Search until every state was seen, or enough was found."""
        self._chance.seed(f"{self.seed}/{self.small.name}")
        start = replace(self.small.start(), left=self.small.budget)
        layer = [Arrival(start, canonical(start), 0, FIRST, ORDINARY)]
        while layer and not self._is_over():
            layer = self._layer(layer)
        self.exhausted, self.states = not self._is_over(), len(self.spent)
        return self

    def keys(self) -> "array[int]":
        """Return the states, such that the same state of another world with the same constants is the same number."""
        fixed = constants(self.small.start())
        return array("q", sorted(hash((fixed, state)) for state in self.spent))

    def forget(self) -> "Search":
        """Let the states go: what is left are the figures, and what was found."""
        for kept in (self.came, self.by, self.spent):
            kept.clear()
        return self

    def path(self, key: int) -> tuple[str, ...]:
        """Return the steps that have led to a visit; an empty word is a step of the ordinary course."""
        steps = []
        while self.came[key] != FIRST:
            steps.append(self.by.get(key, ORDINARY))
            key = self.came[key]
        return tuple(reversed(steps))

    def _is_over(self) -> bool:
        return len(self.found) >= self.enough or len(self.spent) >= self.most

    def _layer(self, layer: list[Arrival]) -> list[Arrival]:
        """Walk on from these without a disturbance, then disturb all that was visited; return what that leads to.

        What can be disturbed no more is walked to its end at once, so that it need not be kept.
        """
        visits = [visit for arrival in layer for visit in self._walk(arrival)]
        following: list[Arrival] = []
        for visit in visits:
            for disturbance in self._may(visit.node):
                if self._is_over():
                    return []
                arrival = self._disturbed(visit, disturbance)
                if arrival is not None and arrival.node.left > 0:
                    following.append(arrival)
                elif arrival is not None:
                    self._walk(arrival)
        # Who has spent less comes first: its visit makes more others superfluous.
        return sorted(following, key=lambda arrival: len(arrival.node.spent))

    def _may(self, node: Node) -> Iterator[Disturbance]:
        for disturbance in self.small.disturbances:
            if disturbance.name in node.spent or not disturbance.may(node):
                continue
            if self.sample >= 1.0 or self._chance.random() < self.sample:
                yield disturbance

    def _walk(self, arrival: Arrival) -> list[Visit]:
        """Walk the ordinary course to what is known; return the visits that are still to be disturbed."""
        visits: list[Visit] = []
        fresh: dict[int, int] = {}  # states that nobody has come to before, and when this walk has
        at: Arrival | None = arrival
        while at is not None and not self._is_known(at.state, at.node) and not self._is_over():
            if at.state not in self.spent:
                fresh[at.state] = at.depth
            visit = self._enters(at)
            if at.node.left > 0:
                visits.append(visit)
            last, at = at, self._step(visit)
            if self._is_over():
                break
            if at is None and last.state in fresh:
                self._rests(visit, 0)
            elif at is not None and at.state in fresh:
                self._rests(visit, at.depth - fresh[at.state])
        return visits

    def _is_known(self, state: int, node: Node) -> bool:
        """Return whether all that can follow from this visit follows from an earlier one."""
        known = self.spent.get(state)
        if known is None:
            return False
        return node.left <= 0 or any(spent <= node.spent for spent in known)

    def _enters(self, at: Arrival) -> Visit:
        spent = at.node.spent
        key = hash((at.state, spent))
        self.spent[at.state] = (*self.spent.get(at.state, ()), spent)
        self.came[key] = at.before
        if at.by:
            self.by[key] = at.by
        self.depth = max(self.depth, at.depth)
        return Visit(at.node, at.depth, key)

    def _step(self, visit: Visit) -> Arrival | None:
        """Make the ordinary step; None where nothing will ever happen."""
        step = ordinary(visit.node)
        if step is None:
            return None
        who, moved = step
        after = remember(visit.node, moved, who)
        self.transitions += 1
        self._take(broken(visit.node, after, who), visit, ORDINARY)
        return Arrival(after, canonical(after), visit.depth + 1, visit.key, ORDINARY)

    def _disturbed(self, visit: Visit, disturbance: Disturbance) -> Arrival | None:
        """Return the state after a disturbance; None where it is known."""
        after = disturb(visit.node, disturbance)
        self.transitions += 1
        state = canonical(after)
        if self._is_known(state, after):
            return None
        self._take(broken(visit.node, after, ""), visit, disturbance.name)
        return Arrival(after, state, visit.depth + 1, visit.key, disturbance.name)

    def _take(self, wrong: Iterator[Broken], visit: Visit, by: str) -> None:
        self.found.extend(Found(name, message, (*self.path(visit.key), by)) for name, message in wrong)

    def _rests(self, visit: Visit, length: int) -> None:
        """Look at where the ordinary course ends: in a circle of so many states, which this visit is in, or still."""
        self.circles += 1
        words = trouble(self.small, visit.node, length)
        if words:
            self.found.append(Found("I12", words, self.path(visit.key)))


def disturb(node: Node, disturbance: Disturbance) -> Node:
    """Return the state after a disturbance."""
    after = disturbance.then(node)
    spent = after.spent | {disturbance.name} if disturbance.once else after.spent
    return replace(after, left=node.left - 1, spent=spent)
