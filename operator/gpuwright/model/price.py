"""Prices and sums of money as status and spec write them: decimal strings, exact, never a float."""

import re
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

MAX_DIGITS = 9  # before the point: more is no price of a machine
MAX_PRICE = MAX_DIGITS + 1 + 9  # characters
PRICE = rf"[0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{1,9}})?"
"""How a price is written, such as 2.10; RE2 and Python read it alike."""
USD = "USD"

_PLAIN = re.compile(PRICE, re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_MILLIONTH = Decimal("0.000001")
_HOUR = timedelta(hours=1)


def price_of(text: str) -> Decimal | None:
    """Return what is written, at least 0; None where that is no price. Powers of ten (2e-3) are none, on purpose."""
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def currency_of(text: str) -> str:
    """Return the currency's code, such as USD; empty where it is none: a word from outside may be anything."""
    return text if _CURRENCY.fullmatch(text) else ""


def spent(price_per_hour: Decimal, seconds: float) -> Decimal:
    """Return what so many seconds cost, to a millionth; no time and time that runs backwards cost nothing."""
    hours = Decimal(max(0, round(seconds))) / Decimal(_HOUR.total_seconds())
    return (price_per_hour * hours).quantize(_MILLIONTH, ROUND_HALF_EVEN)


def written(amount: Decimal) -> str:
    """Return a sum as status has it: at least two places after the point, at most six, and no power of ten."""
    whole, _point, rest = f"{amount.quantize(_MILLIONTH, ROUND_HALF_EVEN):f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
