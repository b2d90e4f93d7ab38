"""Prices and sums of money: decimal, exact, and nothing else."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.model.price import currency_of, price_of, spent, written


@pytest.mark.parametrize(
    ("text", "price"),
    [("2.10", Decimal("2.10")), ("0", Decimal(0)), ("999999999.999999999", Decimal("999999999.999999999"))],
)
def test_a_decimal_number_is_a_price(text: str, price: Decimal) -> None:
    assert price_of(text) == price


@pytest.mark.parametrize(
    "text",
    [
        *("", "free", "-1", "+1", "1e3", "1e999999999", "NaN", "Infinity", "1,50", "$2"),
        *(".5", "5.", " 1", "1 ", "1\n", "٣", "1000000000", "0.0000000001"),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert price_of(text) is None


@pytest.mark.parametrize(("text", "code"), [("USD", "USD"), ("EUR", "EUR"), ("usd", ""), ("", ""), ("US dollars", "")])
def test_a_currency_is_its_code(text: str, code: str) -> None:
    assert currency_of(text) == code


@pytest.mark.parametrize(
    ("price", "seconds", "cost"),
    [
        pytest.param("2.10", 3600, "2.10", id="an hour"),
        pytest.param("2.10", 600, "0.35", id="ten minutes"),
        pytest.param("0.10", 1, "0.000028", id="a second"),
        pytest.param("2.10", 0, "0", id="no time"),
        pytest.param("2.10", -600, "0", id="time that runs backwards"),
        pytest.param("0", 3600, "0", id="for nothing"),
    ],
)
def test_what_a_time_costs(price: str, seconds: float, cost: str) -> None:
    assert spent(Decimal(price), seconds) == Decimal(cost)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.35", "0.35"), ("0.350000", "0.35"), ("0.6225", "0.6225"), ("1E+3", "1000.00"), ("2", "2.00")],
)
def test_a_sum_is_written_as_people_read_it(amount: str, text: str) -> None:
    assert written(Decimal(amount)) == text


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=10**8, places=6))
def test_what_was_written_is_read_as_it_was(amount: Decimal) -> None:
    assert price_of(written(amount)) == amount
