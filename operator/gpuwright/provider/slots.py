"""How much may be created at one provider: machines in all, and its share of what its credentials may ask for."""

from collections.abc import Callable

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import Limits
from gpuwright.model.provider_view import Room
from gpuwright.model.resources import Key
from gpuwright.provider.budget import Budget


class Slots:
    """Reservations of one provider; rate and creates in flight are those of its budget, which others may share.

    `holding` returns how many objects have an intent, a machine or residue here, the reserved ones left out.
    """

    def __init__(self, holding: Callable[[frozenset[Key]], int], now: float) -> None:
        self._holding = holding
        self._reserved: dict[Key, Budget] = {}
        self.budget = Budget(now)  # its own, until its credentials are known

    @property
    def in_flight(self) -> int:
        """Return how many creates hold a slot."""
        return len(self._reserved)

    def free(self, limits: Limits) -> int:
        """Return how many more creates could be in flight."""
        self.budget.limits[self] = limits
        return self.budget.max_in_flight - len(self.budget.askers)

    def room(self, asker: Key, limits: Limits, now: float) -> Room:
        """Return whether the asker could begin a create now."""
        if asker in self._reserved:
            return Room(free=True)
        if limits.max_instances is not None:
            total = self._holding(frozenset({*self._reserved, asker})) + len(self._reserved)
            if total >= limits.max_instances:
                words = f"the provider's limit of {limits.max_instances} machines (limits.maxInstances) is reached"
                return Room(free=False, reason=Reason.LIMIT_REACHED, message=words)
        self.budget.limits[self] = limits
        return self.budget.room(now)

    def reserve(self, asker: Key, limits: Limits, now: float) -> bool:
        """Take a slot and a token; False where there is none."""
        if not self.room(asker, limits, now).free:
            return False
        # Where it was taken it is given back, whatever the credentials are by then.
        self._reserved.setdefault(asker, self.budget).take(asker)
        return True

    def release(self, asker: Key) -> bool:
        """Give a slot back; return whether the asker held one."""
        budget = self._reserved.pop(asker, None)
        if budget is None:
            return False
        budget.askers.discard(asker)
        return True
