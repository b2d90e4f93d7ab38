"""What a placement's machine costs before it is bought, and whether that is more than the spec allows.

A price that nobody says cannot be held to a ceiling: nothing is bought then, unless the provider keeps it by itself.
"""

from decimal import Decimal

from gpuwright.instance.actions import Wait
from gpuwright.instance.observation import Observation
from gpuwright.model.conditions import Reason
from gpuwright.model.machine_spec import Purchase
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.size_spec import price_before

PRICE_PAUSE = 300.0  # seconds until a price is looked at again; a change of the provider's object is seen at once


def price_pause(seen: Observation) -> float:
    """Return for how many seconds what an adapter found too dear is not asked for again; jittered."""
    return PRICE_PAUSE * (0.5 + seen.jitter / 2)


def price_at(seen: Observation, placement: int, provider: ProviderView) -> Decimal | None:
    """Return what an hour of a placement's machine costs in US dollars; None where the provider's sizes do not say."""
    machine = seen.machine_at(placement)
    return price_before(machine, provider.spec.sizes) if machine is not None else None


def too_dear(seen: Observation, placement: int, provider: ProviderView) -> Wait | None:
    """Return why a placement's machine may not be bought at its price, or None."""
    machine = seen.machine_at(placement)
    ceiling = machine.ceiling if machine is not None else None
    if machine is None or ceiling is None:
        return None
    name, price = provider.ref.name, price_at(seen, placement, provider)
    if price is not None:
        words = f"{name} asks {price} USD an hour, and maxPricePerHour is {ceiling}"
        return Wait(Reason.PRICE_TOO_HIGH, words, seconds=PRICE_PAUSE) if price > ceiling else None
    spot = machine.purchase is Purchase.SPOT
    if provider.capabilities.price_ceiling.keeps(spot=spot):
        return None
    remedy = "buy on demand" if spot else "ask for a size or type that has a pricePerHour in its spec.sizes"
    words = (
        f"nobody tells what this {'spot ' if spot else ''}machine costs at {name} before it is bought, so "
        f"maxPricePerHour {ceiling} cannot be kept: {remedy}, or leave maxPricePerHour out"
    )
    return Wait(Reason.PRICE_TOO_HIGH, words, seconds=PRICE_PAUSE)
