"""What a status says of cost: read with care, written without gaps, and true for now by its price."""

from decimal import Decimal
from typing import Any

import pytest

from gpuwright.model.cost import Cost, Source, cost_by, cost_in

THEN = "2026-11-22T00:00:00Z"
NOW = 1_795_305_600.0 + 3600  # an hour after THEN
BODY = {
    "currency": "USD",
    "pricePerHour": "2.10",
    "source": "Provider",
    "accumulated": "0.35",
    "accumulatedTime": THEN,
}
COST = Cost("USD", "2.10", Source.PROVIDER, Decimal("0.35"), THEN)


def status(state: str = "Running", **changes: Any) -> dict[str, Any]:
    cost = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    return {"machine": {"state": state}, "cost": cost}


def test_it_is_read_as_it_was_written() -> None:
    assert cost_in({"cost": BODY}) == COST
    assert COST.body() == BODY


def test_nothing_known_is_nothing_written() -> None:
    assert Cost().body() == {}
    assert Cost(currency="USD").body() == {}


def test_a_price_without_a_sum_has_no_sum() -> None:
    assert Cost("USD", "2.10", Source.SIZE).body() == {"currency": "USD", "pricePerHour": "2.10", "source": "Size"}


def test_a_sum_without_a_price_stays() -> None:
    cost = Cost("USD", accumulated=Decimal("0.35"), until=THEN)
    assert cost.body() == {"currency": "USD", "accumulated": "0.35", "accumulatedTime": THEN}


@pytest.mark.parametrize(
    "damaged",
    [{}, {"cost": None}, {"cost": "2.10"}, {"cost": {"pricePerHour": "dear", "currency": "dollars", "source": "x"}}],
)
def test_what_cannot_be_read_is_not_there(damaged: dict[str, Any]) -> None:
    assert cost_in(damaged) == Cost()


@pytest.mark.parametrize(
    ("seen", "cost"),
    [
        pytest.param(status(), "2.45", id="the sum and an hour"),
        pytest.param(status("Stopped"), "2.45", id="off, at the price that the provider tells"),
        pytest.param(status("Stopped", source="Size"), "0.35", id="off, at the price of one that runs"),
        pytest.param(status("Gone"), "0.35", id="gone"),
        pytest.param(status("Preempted"), "0.35", id="preempted"),
        pytest.param(status(pricePerHour=None), "0.35", id="no price"),
        pytest.param(status(accumulatedTime=None), "0.35", id="since nobody knows when"),
        pytest.param(status(accumulatedTime="2030-01-01T00:00:00Z"), "0.35", id="summed up in the future"),
        pytest.param(status(accumulated=None), "2.10", id="no sum yet"),
        pytest.param({}, "0", id="nothing"),
    ],
)
def test_what_it_has_cost_by_now(seen: dict[str, Any], cost: str) -> None:
    assert cost_by(seen, NOW) == Decimal(cost)
