"""Nothing is bought that is dearer than the spec allows, nor what nobody tells the price of."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.builders import (
    CAPABILITIES,
    a_launch,
    a_memory,
    a_provider_spec,
    a_spec,
    an_empty_provider_view,
    an_observation,
)

from gpuwright.instance.actions import AddFinalizer, Arms, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import launch
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.price import PRICE_PAUSE, price_at, price_pause, too_dear
from gpuwright.model.capabilities import PriceCeiling
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Memory, Outcome
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import Wishes

LARGE = {"name": "large", "instanceType": "gpu.h100.1", "gpu": {"type": "H100"}, "pricePerHour": "2.10"}
NO_PRICE = {**LARGE, "pricePerHour": ""}


def at_a_price(*sizes: Mapping[str, Any], ceiling: PriceCeiling = PriceCeiling.NONE) -> ProviderView:
    """Return a healthy provider with these sizes."""
    capabilities = replace(CAPABILITIES, price_ceiling=ceiling)
    return an_empty_provider_view(spec=a_provider_spec(sizes=list(sizes)), capabilities=capabilities)


def of(machine: Mapping[str, Any], provider: ProviderView, memory: Memory | None = None, **spec: Any) -> Observation:
    """Return what a decision sees of an object that asks for this machine."""
    wanted = a_spec(machine=dict(machine), **spec)
    wishes = Wishes(machine=wanted.machine)
    return an_observation(memory=memory or Memory(), provider=provider, instance={"spec": wanted}, wishes=wishes)


def held(machine: Mapping[str, Any], provider: ProviderView) -> Wait | None:
    return too_dear(of(machine, provider), 0, provider)


def large(limit: str | None, **more: Any) -> dict[str, Any]:
    return {"size": "large", "image": "trainer:1", "maxPricePerHour": limit, **more}


class TestAKnownPrice:
    @pytest.mark.parametrize(
        ("limit", "passes"),
        [
            pytest.param("2.09", False, id="just below it"),
            pytest.param("2.1", True, id="at it, in other digits"),
            pytest.param("2.11", True, id="just above it"),
            pytest.param(None, True, id="no ceiling"),
            pytest.param("", True, id="an empty one"),
        ],
    )
    def test_is_held_to_the_ceiling(self, limit: str | None, passes: bool) -> None:
        assert (held(large(limit), at_a_price(LARGE)) is None) is passes

    def test_that_is_too_high_is_told_and_waited_for_and_stalls_nothing(self) -> None:
        words = "gateway asks 2.10 USD an hour, and maxPricePerHour is 2.00"
        assert held(large("2.00"), at_a_price(LARGE)) == Wait(Reason.PRICE_TOO_HIGH, words, seconds=PRICE_PAUSE)

    @pytest.mark.parametrize("ceiling", PriceCeiling)
    def test_counts_whatever_the_provider_keeps_by_itself(self, ceiling: PriceCeiling) -> None:
        assert held(large("2.00"), at_a_price(LARGE, ceiling=ceiling)) is not None

    def test_is_that_of_the_size_of_the_same_type(self) -> None:
        provider = at_a_price(LARGE)
        seen = of({"instanceType": "gpu.h100.1", "maxPricePerHour": "2"}, provider)
        assert price_at(seen, 0, provider) == Decimal("2.10")
        assert too_dear(seen, 0, provider) is not None

    def test_of_a_placement_that_is_not_there_is_none(self) -> None:
        provider = at_a_price(LARGE)
        assert price_at(of(large("2"), provider), 7, provider) is None
        assert too_dear(of(large("2"), provider), 7, provider) is None


class TestAnUnknownPrice:
    @pytest.mark.parametrize(
        ("machine", "sizes"),
        [
            pytest.param({"gpu": {"type": "H100"}}, [LARGE], id="bought by GPU"),
            pytest.param({"instanceType": "other"}, [LARGE], id="a type of no size"),
            pytest.param({"size": "large"}, [NO_PRICE], id="a size of no price"),
            pytest.param({"instanceType": "gpu.h100.1", "gpu": {"type": "H100", "count": 8}}, [LARGE], id="more GPUs"),
        ],
    )
    def test_cannot_be_held_to_a_ceiling(self, machine: dict[str, Any], sizes: list[dict[str, Any]]) -> None:
        wait = held({**machine, "maxPricePerHour": "99"}, at_a_price(*sizes))
        assert wait is not None
        assert (wait.reason, wait.seconds, wait.stalled) == (Reason.PRICE_TOO_HIGH, PRICE_PAUSE, False)
        assert "maxPricePerHour 99 cannot be kept" in wait.message
        assert "pricePerHour in its spec.sizes, or leave maxPricePerHour out" in wait.message

    def test_is_nobodys_business_without_a_ceiling(self) -> None:
        assert held({"gpu": {"type": "H100"}}, at_a_price()) is None

    def test_is_that_of_a_spot_machine_whatever_its_size_costs_on_demand(self) -> None:
        wait = held(large("99", purchase="Spot"), at_a_price(LARGE))
        assert wait is not None
        assert "nobody tells what this spot machine costs at gateway before it is bought" in wait.message
        assert "buy on demand, or leave maxPricePerHour out" in wait.message

    @pytest.mark.parametrize(
        ("ceiling", "purchase", "passes"),
        [
            pytest.param(PriceCeiling.EVERY, "OnDemand", True, id="of every machine"),
            pytest.param(PriceCeiling.EVERY, "Spot", True, id="of every machine, a spot one too"),
            pytest.param(PriceCeiling.SPOT, "Spot", True, id="of a spot machine"),
            pytest.param(PriceCeiling.SPOT, "OnDemand", False, id="of spot machines only"),
            pytest.param(PriceCeiling.NONE, "Spot", False, id="of none"),
        ],
    )
    def test_is_left_to_a_provider_that_keeps_the_ceiling(
        self, ceiling: PriceCeiling, purchase: str, passes: bool
    ) -> None:
        machine = {"gpu": {"type": "H100"}, "purchase": purchase, "maxPricePerHour": "1"}
        assert (held(machine, at_a_price(ceiling=ceiling)) is None) is passes


class TestEveryWayToAnIntent:
    """At each of them the price stands in the way, and a ceiling that is high enough does not."""

    def decided(self, memory: Memory, limit: str) -> object:
        """Return what is decided of an object that would be bought now but for its price."""
        return decide(replace(of(large(limit), at_a_price(LARGE), memory), now=1e6))

    def test_the_first_one(self) -> None:
        assert isinstance(self.decided(Memory(), "2.10"), Record)
        wait = self.decided(Memory(), "2.00")
        assert isinstance(wait, Wait)
        assert (wait.reason, wait.stalled) == (Reason.PRICE_TOO_HIGH, False)

    def test_before_even_a_finalizer_is_set(self) -> None:
        seen = of(large("2.00"), at_a_price(LARGE))
        fresh = replace(seen, instance=replace(seen.instance, finalized=False))
        assert isinstance(decide(fresh), Wait)
        affordable = of(large("2.10"), at_a_price(LARGE))
        assert decide(replace(affordable, instance=replace(affordable.instance, finalized=False))) == AddFinalizer()

    def test_the_next_one_after_an_answer_that_was_no_machine(self) -> None:
        memory = a_memory(a_launch(outcome=Outcome.NOT_EXECUTED, reason="Throttled"))
        assert isinstance(self.decided(memory, "2.10"), Record)
        wait = self.decided(memory, "2.00")
        assert isinstance(wait, Wait)
        assert wait.reason is Reason.PRICE_TOO_HIGH


def test_without_the_rule_it_would_be_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = of(large("2.00"), at_a_price(LARGE))
    assert isinstance(decide(seen), Wait)
    monkeypatch.setattr(launch, "too_dear", lambda *_: None)
    action = decide(seen)
    assert isinstance(action, Record)
    assert action.arms is Arms.SEND


def test_what_an_adapter_found_too_dear_is_asked_for_again_after_minutes() -> None:
    provider = at_a_price(LARGE)
    seen = of(large("2"), provider)
    assert price_pause(replace(seen, jitter=0.0)) == PRICE_PAUSE / 2
    assert PRICE_PAUSE / 2 < price_pause(replace(seen, jitter=0.999)) < PRICE_PAUSE
