"""The metrics of cost: what machines have cost since this process acts, and what those that are there cost an hour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gpuwright.kube.cache import ObjectCache
from gpuwright.model.clock import Clock
from gpuwright.model.cost import cost_by, cost_in
from gpuwright.model.memory import ProviderRef
from gpuwright.model.price import price_of
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.telemetry import Metrics

Labels = tuple[str, str, str]
"""Namespace, provider, currency."""


@dataclass(slots=True)
class _Bill:
    """One object's: how much of it is counted, and its newest status."""

    labels: Labels
    counted: Decimal
    status: Mapping[str, Any]


class Spending:
    """Follows the objects in the cache; one that is told again costs no more than it has.

    What an object had cost when this process saw it first was counted by the one before it. Between two writes of its
    status the sum goes on by the price, so that the counter is true at every scrape, and nobody writes for it.
    """

    def __init__(self, cache: ObjectCache, clock: Clock, metrics: Metrics, *, acting: Callable[[], bool]) -> None:
        """`acting`: one that stands by counts nothing, or what two replicas say would be twice the truth."""
        self._cache = cache
        self._clock = clock
        self._metrics = metrics
        self._acting = acting
        self._begun = False
        self._bills: dict[str, _Bill] = {}
        self._uids: dict[Key, str] = {}
        cache.listen(self._changed)

    def _changed(self, key: Key) -> None:
        if key.kind == INSTANCES.kind and not self._began_now():
            self._take_in(key, self._cache.get(key))

    def _began_now(self) -> bool:
        """Return whether there is no more to do: nothing is counted, or all is known as it stands now."""
        if self._begun:
            return False
        if self._acting():
            self._begun = True
            for key, body in self._cache.of_kind(INSTANCES.kind):
                self._take_in(key, body)
        return True

    def _take_in(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take note of an object's newest body, or of its end."""
        uid = str(body["metadata"]["uid"]) if body is not None else ""
        before = self._uids.get(key, "")
        if before and before != uid:
            self._count(self._bills.pop(before))
            del self._uids[key]
        if body is None:
            return
        status = body.get("status") or {}
        labels = _labels(key, body, status)
        self._uids[key] = uid
        bill = self._bills.get(uid)
        if bill is None:
            self._bills[uid] = _Bill(labels, cost_by(status, self._now()), status)
            return
        if bill.labels[2] not in {"", labels[2]}:
            self._count(bill)
            bill.counted = Decimal(0)  # its sum begins anew in another currency
        bill.labels, bill.status = labels, status
        self._count(bill)

    def refresh(self) -> None:
        """Bring the counter up to date, and sum the prices up anew; asked for by each scrape."""
        self._began_now()
        hourly: dict[Labels, Decimal] = {}
        for bill in self._bills.values():
            self._count(bill)
            price = price_of(str((bill.status.get("cost") or {}).get("pricePerHour") or ""))
            if price is not None:
                hourly[bill.labels] = hourly.get(bill.labels, Decimal(0)) + price
        self._metrics.price_per_hour.clear()
        for labels, price in hourly.items():
            self._metrics.price_per_hour.labels(*labels).set(float(price))

    def _count(self, bill: _Bill) -> None:
        cost = cost_by(bill.status, self._now())
        if cost > bill.counted:
            self._metrics.cost.labels(*bill.labels).inc(float(cost - bill.counted))
            bill.counted = cost

    def _now(self) -> float:
        return self._clock.wall().timestamp()


def _labels(key: Key, body: Mapping[str, Any], status: Mapping[str, Any]) -> Labels:
    ref = (status.get("launch") or {}).get("providerRef") or (body.get("spec") or {}).get("providerRef") or {}
    named = isinstance(ref, Mapping) and ref.get("name")
    provider = str(ProviderRef(str(ref.get("kind") or ""), str(ref["name"])).key(key.namespace)) if named else ""
    return key.namespace, provider, cost_in(status).currency
