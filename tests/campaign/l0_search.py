"""The search: every state that a small world can come to, each once, the least disturbed first."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from tests.campaign.l0_checks import broken, remember
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
        layer = {canonical(start): (start, 0)}
        self.came[next(iter(layer))] = Came(0, ORDINARY)
        rest = Rest(self.small, self.came, self.follows)
        while layer and not self._is_over():
            arrived = list(layer)
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

    def _layer(self, layer: dict[int, tuple[Node, int]]) -> dict[int, tuple[Node, int]]:
        """Walk on from these states without a disturbance; return the states that one more disturbance leads to."""
        disturbed: dict[int, tuple[Node, int]] = {}
        for at, (node, depth) in layer.items():
            while True:
                self.depth = max(self.depth, depth)
                for disturbance in self._may(node):
                    self._try(at, node, depth, disturbance, disturbed)
                step = ordinary(node)
                if step is None:
                    break
                who, after = step
                key = self._arrive(at, node, remember(node, after, who), who, ORDINARY)
                if key is None:
                    break
                at, node, depth = key, remember(node, after, who), depth + 1
                if self._is_over():
                    return {}
        return disturbed

    def _may(self, node: Node) -> Iterator[Disturbance]:
        if node.left <= 0:
            return
        for disturbance in self.small.disturbances:
            if disturbance.name in node.spent or not disturbance.may(node):
                continue
            if self.sample >= 1.0 or self._chance.random() < self.sample:
                yield disturbance

    def _try(
        self, at: int, node: Node, depth: int, disturbance: Disturbance, disturbed: dict[int, tuple[Node, int]]
    ) -> None:
        after = disturb(node, disturbance)
        key = self._arrive(at, node, after, "", disturbance.name)
        if key is not None:
            disturbed[key] = (after, depth + 1)

    def _arrive(self, at: int, node: Node, after: Node, who: str, by: str) -> int | None:
        """Take note of a step; return the new state's key, or None where it leads nowhere new."""
        self.transitions += 1
        key = canonical(after)
        if by == ORDINARY:
            self.follows[at] = key
        if key in self.came:
            return None
        self.came[key] = Came(at, by)
        wrong = list(broken(node, after, who))
        if not wrong:
            return key
        path = path_to(self.came, key)
        self.found.extend(Found(invariant, message, path) for invariant, message in wrong)
        return None


def disturb(node: Node, disturbance: Disturbance) -> Node:
    """Return the state after a disturbance."""
    after = disturbance.then(node)
    spent = after.spent | {disturbance.name} if disturbance.once else after.spent
    return replace(after, left=node.left - 1, spent=spent)
