"""What status.cost says: a price an hour, and the sum of what the machines of an instance have cost up to a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gpuwright.model.machine import DEAD, MachineState
from gpuwright.model.price import currency_of, price_of, spent, written
from gpuwright.model.times import age_since


class Source(StrEnum):
    """Who says what a machine costs."""

    PROVIDER = "Provider"
    SIZE = "Size"


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of it; empty where nothing is. `until` is when the sum was written down, as status has times."""

    currency: str = ""
    price_per_hour: str = ""
    source: str = ""
    accumulated: Decimal | None = None
    until: str = ""

    @property
    def price(self) -> Decimal | None:
        """Return the price of one hour; None where it is not known."""
        return price_of(self.price_per_hour)

    def summed_up(self, accumulated: Decimal | None, until: str) -> "Cost":
        """Return it with this sum."""
        return replace(self, accumulated=accumulated, until=until)

    def body(self) -> dict[str, Any]:
        """Return it as it stands in status: nothing at all where neither a price nor a sum is known."""
        if not self.price_per_hour and self.accumulated is None:
            return {}
        body = {
            "currency": self.currency,
            "pricePerHour": self.price_per_hour,
            "source": str(self.source),
            "accumulated": "" if self.accumulated is None else written(self.accumulated),
            "accumulatedTime": self.until,
        }
        return {name: value for name, value in body.items() if value}


def cost_in(status: Mapping[str, Any]) -> Cost:
    """Return what a status says of it; what cannot be read counts as not there."""
    found = status.get("cost")
    if not isinstance(found, Mapping):
        return Cost()
    price = str(found.get("pricePerHour") or "")
    known = price_of(price) is not None
    return Cost(
        currency=currency_of(str(found.get("currency") or "")),
        price_per_hour=price if known else "",
        source=str(found.get("source") or "") if known else "",
        accumulated=price_of(str(found.get("accumulated") or "")),
        until=str(found.get("accumulatedTime") or ""),
    )


def cost_by(status: Mapping[str, Any], now: float) -> Decimal:
    """Return what the machines of an object with this status have cost by now (seconds since 1970)."""
    cost = cost_in(status)
    state = str((status.get("machine") or {}).get("state") or "")
    off = state == MachineState.STOPPED and cost.source == Source.SIZE
    age = age_since(cost.until, now)
    if cost.price is None or age is None or off or state in DEAD:
        return cost.accumulated or Decimal(0)
    return (cost.accumulated or Decimal(0)) + spent(cost.price, age)
