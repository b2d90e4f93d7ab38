"""The search: every state that a small world can come to, each once, the least disturbed first."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from tests.campaign.l0_checks import Broken, broken, remember
from tests.campaign.l0_key import canonical
from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Disturbance, Node, Small
from tests.campaign.l0_rest import Came, Rest, path_to

ORDINARY = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A broken invariant, and the path that leads to it."""

    invariant: str
    message: str
    path: tuple[str, ...]


class Waiting(NamedTuple):
    """A state that is still to be walked on from."""

    node: Node
    depth: int
    came: Came


@dataclass(slots=True)
class Search:
    """One small world, searched."""

    small: Small
    sample: float = 1.0
    seed: int = 0
    enough: int = 1  # violations after which it ends
    most: int = 2_000_000  # states after which it ends, and has then not seen everything
    came: dict[int, Came] = field(default_factory=dict)  # state -> from where, and by what
    follows: dict[int, int] = field(default_factory=dict)  # state -> the state after its ordinary step
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
        layer = {canonical(start): Waiting(start, 0, Came(0, ORDINARY))}
        rest = Rest(self.small, self.came, self.follows)
        while layer and not self._is_over():
            arrived = list(layer)
            self.came.update({key: waiting.came for key, waiting in layer.items()})
            layer = self._layer(layer)
            if not self._is_over():
                self.found.extend(Found(*trouble) for trouble in rest.troubles(arrived))
        self.exhausted, self.circles, self.states = not self._is_over(), rest.circles, len(self.came)
        return self

    def forget(self) -> "Search":
        """Let the states go: what is left are the figures, and what was found."""
        self.came.clear()
        self.follows.clear()
        return self

    def _is_over(self) -> bool:
        return len(self.found) >= self.enough or len(self.came) >= self.most

    def _layer(self, layer: dict[int, Waiting]) -> dict[int, Waiting]:
        """Walk on from these states without a disturbance; return the states that one more disturbance leads to.

        A state that both lead to belongs here: it has more disturbances left than there.
        """
        disturbed: dict[int, Waiting] = {}
        for key, (node, depth, _came) in layer.items():
            at: int | None = key
            while at is not None and not self._is_over():
                self.depth = max(self.depth, depth)
                for disturbance in self._may(node):
                    self._disturb(at, node, depth, disturbance, disturbed)
                at, node = self._step(at, node)
                depth += 1
        return {key: waiting for key, waiting in disturbed.items() if key not in self.came}

    def _may(self, node: Node) -> Iterator[Disturbance]:
        if node.left <= 0:
            return
        for disturbance in self.small.disturbances:
            if disturbance.name in node.spent or not disturbance.may(node):
                continue
            if self.sample >= 1.0 or self._chance.random() < self.sample:
                yield disturbance

    def _step(self, at: int, node: Node) -> tuple[int | None, Node]:
        """Make the ordinary step; return no key where it leads nowhere new."""
        step = ordinary(node)
        if step is None:
            return None, node
        who, after = step
        after = remember(node, after, who)
        self.transitions += 1
        key = canonical(after)
        self.follows[at] = key
        if key in self.came:
            return None, after
        self.came[key] = Came(at, ORDINARY)
        wrong = list(broken(node, after, who))
        self._take(wrong, path_to(self.came, key) if wrong else ())
        return (None if wrong else key), after

    def _disturb(
        self, at: int, node: Node, depth: int, disturbance: Disturbance, disturbed: dict[int, Waiting]
    ) -> None:
        after = disturb(node, disturbance)
        self.transitions += 1
        key = canonical(after)
        if key in self.came or key in disturbed:
            return
        wrong = list(broken(node, after, ""))
        if wrong:
            self._take(wrong, (*path_to(self.came, at), disturbance.name))
        else:
            disturbed[key] = Waiting(after, depth + 1, Came(at, disturbance.name))

    def _take(self, wrong: list[Broken], path: tuple[str, ...]) -> None:
        self.found.extend(Found(invariant, message, path) for invariant, message in wrong)


def disturb(node: Node, disturbance: Disturbance) -> Node:
    """Return the state after a disturbance."""
    after = disturbance.then(node)
    spent = after.spent | {disturbance.name} if disturbance.once else after.spent
    return replace(after, left=node.left - 1, spent=spent)
