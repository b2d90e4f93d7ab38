"""PURE: what a machine costs an hour, and what the machines of an instance have cost so far.

What is not known is left out and counts nothing; nothing is guessed. Time alone writes nothing: the sum is brought up
to date only where something else is written anyway, and says up to when it counts. Whoever wants it for now adds
`pricePerHour` for the time since; the metric gpuwright_cost_total does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gpuwright.instance.observation import Observation
from gpuwright.model.conditions import timestamp
from gpuwright.model.cost import Cost, Source, cost_in
from gpuwright.model.machine import COMING_UP, DEAD, MachineState
from gpuwright.model.machine_spec import Purchase
from gpuwright.model.memory import EndingReason
from gpuwright.model.price import USD, currency_of, price_of, spent
from gpuwright.model.size_spec import size_of
from gpuwright.model.times import seconds_of

_GONE = frozenset({EndingReason.LOST, EndingReason.PREEMPTED})


def with_cost(seen: Observation, before: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status with what the machine costs; `before` is the status as it stands there now."""
    known = cost_in(before)
    told = _told(seen, known, before)
    if told.currency and known.currency and told.currency != known.currency:
        known = Cost(until=known.until)  # two currencies have no sum: it begins anew
    unchanged = _with(status, told.summed_up(known.accumulated, known.until))
    if unchanged == before:
        return unchanged
    return _with(status, _summed_up(seen, before, known, told))


def _with(status: Mapping[str, Any], cost: Cost) -> dict[str, Any]:
    body = cost.body()
    return {**status, **({"cost": body} if body else {})}


def _told(seen: Observation, known: Cost, before: Mapping[str, Any]) -> Cost:
    """Return the price that holds now; the currency alone where there is none."""
    none = Cost(currency=known.currency)
    recorded = seen.memory.machine
    if not recorded or _is_gone(seen):
        return none
    kept = known if (before.get("machine") or {}).get("id") == seen.memory.machine_id else none
    if recorded.get("state") in COMING_UP:
        return kept  # on the way up a price is not worth a write of its own: it comes with the next
    machine = seen.trail(seen.launch.name).machine if seen.launch else None
    if machine is not None and machine.id == seen.memory.machine_id and price_of(machine.price_per_hour) is not None:
        return Cost(currency_of(machine.currency), machine.price_per_hour, Source.PROVIDER)
    if kept.source == Source.PROVIDER:
        return kept
    return _of_its_size(seen) or kept


def _of_its_size(seen: Observation) -> Cost | None:
    """Return what the provider's owner says that a machine of its size costs; of a spot machine nobody says it."""
    recorded, provider = seen.memory.machine, seen.provider
    wanted = seen.machine_at(seen.placement)
    if provider is None or wanted is None or Purchase.SPOT in {wanted.purchase, recorded.get("purchase")}:
        return None
    size = size_of(wanted, str(recorded.get("instanceType") or ""), provider.spec.sizes)
    if size is None or size.price_per_hour is None:
        return None
    return Cost(USD, size.price_per_hour, Source.SIZE)


def _summed_up(seen: Observation, before: Mapping[str, Any], known: Cost, told: Cost) -> Cost:
    """Return what is told, with the sum up to now, or up to when a look last showed a machine that is gone."""
    price = known.price if known.price is not None else told.price
    since = _since(seen, known)
    if price is None or since is None:
        return told.summed_up(known.accumulated, known.until)
    until = max(since, _until(seen, since))
    off = (before.get("machine") or {}).get("state") == MachineState.STOPPED
    more = Decimal(0) if off and known.source == Source.SIZE else spent(price, until - since)
    return told.summed_up((known.accumulated or Decimal(0)) + more, timestamp(datetime.fromtimestamp(until, UTC)))


def _since(seen: Observation, known: Cost) -> float | None:
    """Return from when on it is still to be counted (wall-clock seconds): where the sum ends, or from birth."""
    counted = seconds_of(known.until)
    if known.price is not None and counted is not None:
        return counted
    born = seconds_of(str(seen.memory.machine.get("createdTime") or ""))
    # By our own clock it cannot be older than its intent; what was adopted counts from then on.
    intended = seconds_of(seen.launch.intended) if seen.launch else None
    moments = [moment for moment in (born, intended, counted) if moment is not None]
    return float(int(min(max(moments), seen.wall))) if moments else None


def _until(seen: Observation, since: float) -> float:
    recorded = bool(seen.memory.machine)
    if recorded and not _is_gone(seen):
        return float(int(seen.wall))
    shown = [trail.shown for trail in seen.witness.trails.values() if trail.shown is not None]
    return float(int(seen.wall - (seen.now - max(shown)))) if shown else since


def _is_gone(seen: Observation) -> bool:
    ended = seen.launch.ends if seen.launch is not None else None
    return ended in _GONE or seen.memory.machine.get("state") in DEAD
