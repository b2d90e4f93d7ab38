"""What the form of a state is made of: times as ages, and parts whose hash is made once.

Ages are seconds since, up to a horizon; older ones only keep their order, because no rule compares longer waits than
that. Nothing here is None: its hash is another one in each process.
"""

from collections.abc import Callable

from tests.campaign.l0_node import HORIZON

NOT_IN_THIS_RUN = 1e4
GRAIN = 256  # ages are whole numbers of 1/256 s: the effects' ticks are, and sums of floats are not always
OLD = 1 << 40
NONE = 1 << 41
Form = tuple[object, ...]

_MOST_PARTS = 256
_PARTS: dict[Form, tuple[Form, int]] = {}
_MOST_FIXED = 10_000
_FIXED: dict[int, tuple[object, int]] = {}


def part(key: Form, held: Form, make: Callable[[], Form]) -> int:
    """Return the hash of a part of the form; a part that the last states had, too, is not made again.

    `key`: what the part depends on, by identity; `held`: whose identities these are.
    """
    known = _PARTS.get(key)
    if known is None:
        if len(_PARTS) >= _MOST_PARTS:
            _PARTS.clear()
        known = _PARTS[key] = held, hash(make())
    return known[1]


def fixed(thing: object, make: Callable[[], object]) -> int:
    """Return the hash of what never changes of a thing that many states share."""
    known = _FIXED.get(id(thing))
    if known is None:
        if len(_FIXED) >= _MOST_FIXED:
            _FIXED.clear()
        known = _FIXED[id(thing)] = thing, hash(make())
    return known[1]


class Ages:
    """Turns moments into ages, and remembers the order of those that are older than the horizon."""

    def __init__(self, now: float, horizon: float) -> None:
        self.now = now
        self.horizon = horizon
        self.old: list[float] = []

    def of(self, moment: float | None, times: int = 1) -> int:
        """Return how long ago it was; negative for what is to come.

        `times`: how many horizons it is told from others; two for what a wait and then a proof are counted from.
        """
        if moment is None:
            return NONE
        age = self.now - moment
        if age <= times * self.horizon:
            return round(age * GRAIN)
        self.old.append(moment)
        return OLD

    def order(self) -> Form:
        """Return the order of the old moments, in the order in which they were asked for."""
        ranks = {moment: rank for rank, moment in enumerate(sorted(set(self.old)))}
        return tuple(ranks[moment] for moment in self.old)


def span(seconds: float) -> int:
    """Return the seconds from 0 to the horizon in grains."""
    return round(min(HORIZON, max(0.0, seconds)) * GRAIN)


def ahead(seconds: float) -> int:
    """Return the seconds until something that is still to come in grains; 0 for what is past."""
    return round(min(NOT_IN_THIS_RUN, max(0.0, seconds)) * GRAIN)


def after(seconds: float | None) -> int:
    """Return seconds that may not be known in grains."""
    return NONE if seconds is None else round(seconds * GRAIN)
