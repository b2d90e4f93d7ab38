"""One state of the search: the small world, what is scheduled to end, and what the predicates must remember."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.builders import a_provider_spec
from tests.instance.far_side import FarSide
from tests.instance.world import Body, Operator, World, new_body

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import ProviderSpec

F = 20
POLL = 10
REQUEST = 4
CONNECT = 1
WINDOW = 2
SETTLE = WINDOW + CONNECT + REQUEST + F
LONGEST_LATE = CONNECT + REQUEST + F
"""What the protocol assumes: a create without an answer takes effect, and shows in lists, within this, or never."""


def a_quick_provider(settle: int = F) -> ProviderSpec:
    """Return a provider whose waits are short, so that the search has few steps to go through."""
    timeouts = {"connectSeconds": CONNECT, "requestSeconds": REQUEST}
    return a_provider_spec(settleSeconds=settle, timeouts=timeouts, poll={"periodSeconds": POLL})


HORIZON = 48.0
"""Seconds: more than any single wait of the quick provider, so that what is older is only old."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A disturbance that ends by itself: a blind provider sees again, a frozen process thaws."""

    at: float
    what: str
    who: str = ""
    begun: float = 0.0


@dataclass(frozen=True, slots=True)
class Ghosts:
    """What no process knows and the predicates ask about: who wrote which intent, what has no answer yet."""

    intents: tuple[tuple[str, str, str, float], ...] = ()  # process, name, request hash, when its write began to leave
    unanswered: tuple[tuple[str, str, float], ...] = ()  # uid, name, when it left
    bodies: tuple[tuple[str, str], ...] = ()  # name that was sent, request hash
    retained: tuple[str, ...] = ()  # ids in the ledger when their object went
    broken_promise: bool = False  # the provider made a machine after it had promised not to


@dataclass(frozen=True, slots=True)
class Node:
    """A state. `first`: the operator that moves first where both can."""

    world: World
    first: str = "A"
    endings: tuple[Ending, ...] = ()
    left: int = 0  # disturbances that may still come
    spent: frozenset[str] = frozenset()  # disturbances that come only once, and came
    ghosts: Ghosts = field(default_factory=Ghosts)
    horizon: float = HORIZON
    pace: float = 1.0  # share of its named length that a disturbance lasts: drawn by the seed

    @property
    def frozen(self) -> tuple[str, ...]:
        """Return the operators that stand still."""
        return tuple(ending.who for ending in self.endings if ending.what in {"thaws", "wakes"})

    def then(self, world: World, **changes: Any) -> "Node":
        """Return the state with another world."""
        return replace(self, world=world, **changes)

    def ends(self, seconds: float, what: str, who: str = "") -> "Node":
        """Return the state in which this is scheduled to end."""
        ending = Ending(self.world.now + seconds * self.pace, what, who, self.world.now)
        return replace(self, endings=tuple(sorted((*self.endings, ending), key=lambda e: (e.at, e.what, e.who))))


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that a run without trouble does not have. `once`: at most once a path."""

    name: str
    may: Callable[[Node], bool]
    then: Callable[[Node], Node]
    once: bool = True


@dataclass(frozen=True, slots=True)
class Small:
    """One small world to search: how it starts, what may disturb it, and how often."""

    name: str
    start: Callable[[], Node]
    disturbances: tuple[Disturbance, ...]
    budget: int
    stalls: frozenset[Reason] = frozenset()  # reasons with which it may come to rest without a machine
    powered: bool = False  # whether a user may switch it off


def begin(
    far: FarSide | None = None, operators: str = "A", settle: int = F, spec: dict[str, Any] | None = None, **world: Any
) -> Node:
    """Return the first state: an object that a user has just created, and operators that have just started."""
    body: Body = new_body(**(spec or {}))
    processes = {name: Operator(f"{name}1", body) for name in operators}
    provider = a_quick_provider(settle)
    start = World(stored=body, far=far or FarSide(), operators=processes, provider=provider, **world)
    return Node(start, horizon=max(HORIZON, 2.0 * settle))
