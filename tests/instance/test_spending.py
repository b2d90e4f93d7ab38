"""The metrics of cost: true at every scrape, each dollar once, and nothing of what another process has counted."""

from typing import Any

from tests.engine.manual_clock import START, ManualClock

from gpuwright.instance.spending import Spending
from gpuwright.kube.cache import ObjectCache
from gpuwright.model.conditions import timestamp
from gpuwright.model.resources import INSTANCES, PROVIDERS
from gpuwright.telemetry import Metrics

HOUR = 3600
BEGAN = timestamp(START)
USD = {"namespace": "team-a", "provider": "team-a/gateway", "currency": "USD"}


class Ground:
    """A cache, and what is counted of it; the clock begins at `BEGAN`."""

    def __init__(self, *, acting: bool = True) -> None:
        self.clock = ManualClock()
        self.cache = ObjectCache()
        self.metrics = Metrics()
        self.acting = acting
        self.versions = 0
        self.spending = Spending(self.cache, self.clock, self.metrics, acting=lambda: self.acting)

    def shows(self, name: str = "trainer-0", uid: str = "uid-1", **cost: Any) -> dict[str, Any]:
        """Let the watch show an object with this in status.cost."""
        self.versions += 1
        metadata = {"namespace": "team-a", "name": name, "uid": uid, "resourceVersion": str(self.versions)}
        status = {
            "launch": {"providerRef": {"kind": PROVIDERS.kind, "name": "gateway"}},
            "machine": {"state": cost.pop("state", "Running")},
            **({"cost": cost} if cost else {}),
        }
        body = {"metadata": metadata, "spec": {}, "status": status}
        self.cache.put(INSTANCES.kind, body)
        return body

    def cost(self, **labels: str) -> float | None:
        """Return what a scrape says of what was spent."""
        self.spending.refresh()
        return self.metrics.registry.get_sample_value("gpuwright_cost_total", USD | labels)

    def price(self, **labels: str) -> float | None:
        """Return what a scrape says of the price of an hour."""
        self.spending.refresh()
        return self.metrics.registry.get_sample_value("gpuwright_price_per_hour", USD | labels)


def known(accumulated: str = "0.00", moment: str = BEGAN, **changes: Any) -> dict[str, Any]:
    return {
        "currency": "USD",
        "pricePerHour": "2.10",
        "accumulated": accumulated,
        "accumulatedTime": moment,
        "source": "Provider",
        **changes,
    }


def test_time_costs_without_a_write() -> None:
    ground = Ground()
    ground.shows(**known())
    assert ground.cost() is None
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10
    ground.clock.advance(HOUR)
    assert ground.cost() == 4.20


def test_what_was_spent_before_this_process_is_not_counted_again() -> None:
    ground = Ground()
    ground.shows(**known("100.00"))
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10


def test_the_way_up_is_counted_when_its_price_is_known() -> None:
    ground = Ground()
    ground.shows()
    ground.clock.advance(HOUR)
    assert ground.cost() is None
    ground.shows(**known("2.10", timestamp(ground.clock.wall())))
    assert ground.cost() == 2.10


def test_a_write_changes_nothing_that_was_counted() -> None:
    ground = Ground()
    ground.shows(**known())
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10
    ground.shows(**known("2.10", timestamp(ground.clock.wall())))
    assert ground.cost() == 2.10


def test_what_an_object_costs_until_its_end_is_counted() -> None:
    ground = Ground()
    body = ground.shows(**known())
    ground.clock.advance(HOUR / 2)
    ground.cache.remove(INSTANCES.kind, body)
    ground.clock.advance(HOUR)
    assert ground.cost() == 1.05
    assert ground.price() is None


def test_an_object_made_again_under_its_name_is_another() -> None:
    ground = Ground()
    ground.shows(**known())
    ground.clock.advance(HOUR)
    ground.shows(uid="uid-2")
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10
    ground.shows(uid="uid-2", **known("0.50", timestamp(ground.clock.wall())))
    assert ground.cost() == 2.60


def test_a_sum_that_falls_is_not_believed() -> None:
    ground = Ground()
    ground.shows(**known("5.00"))
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10
    ground.shows(**known("1.00", timestamp(ground.clock.wall())))
    assert ground.cost() == 2.10


def test_each_currency_has_a_sum_of_its_own() -> None:
    ground = Ground()
    ground.shows(**known("5.00"))
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10
    ground.shows(**known("0.30", timestamp(ground.clock.wall()), currency="EUR"))
    assert (ground.cost(), ground.cost(currency="EUR")) == (2.10, 0.30)


def test_prices_of_an_hour_are_summed_up() -> None:
    ground = Ground()
    ground.shows("a", "uid-a", **known())
    ground.shows("b", "uid-b", **known())
    assert ground.price() == 4.20
    ground.shows("b", "uid-b", currency="USD", accumulated="1.00", accumulatedTime=BEGAN)
    assert ground.price() == 2.10


def test_who_stands_by_counts_nothing_and_begins_when_it_acts() -> None:
    ground = Ground(acting=False)
    ground.shows(**known())
    ground.clock.advance(HOUR)
    assert (ground.cost(), ground.price()) == (None, None)
    ground.acting = True
    assert (ground.cost(), ground.price()) == (None, 2.10)
    ground.clock.advance(HOUR)
    assert ground.cost() == 2.10


def test_other_kinds_cost_nothing() -> None:
    ground = Ground()
    metadata = {"namespace": "team-a", "name": "gateway", "uid": "uid-p", "resourceVersion": "7"}
    ground.cache.put(PROVIDERS.kind, {"metadata": metadata, "status": {"cost": known("9.00")}})
    ground.clock.advance(HOUR)
    assert ground.price() is None
