"""What a machine costs, and has cost: the sum only grows, survives what this process forgets, and writes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import (
    BORN,
    NOW,
    PROVIDER_SPEC,
    WALL,
    N,
    a_launch,
    a_machine,
    a_memory,
    a_provider_spec,
    a_provider_view,
    a_spec,
    a_witness,
    an_ending,
    an_observation,
    nothing_yet,
    shown,
)

from gpuwright.instance.cost import with_cost
from gpuwright.instance.observation import Observation
from gpuwright.model.conditions import timestamp
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import EndingReason, Memory
from gpuwright.model.provider_spec import ProviderSpec

Body = dict[str, Any]

THEN = "2026-11-22T00:00:00Z"  # WALL
LARGE = {"name": "large", "instanceType": "gpu.h100.1", "pricePerHour": "3.60"}
SIZED = a_provider_spec(sizes=[LARGE])
TOLD = {"currency": "USD", "pricePerHour": "2.49", "source": "Provider"}
FROM_BIRTH = {**TOLD, "accumulated": "0.6225", "accumulatedTime": THEN}  # 900 seconds


def priced(**changes: Any) -> Machine:
    return a_machine(**{"price_per_hour": "2.49", "currency": "USD"} | changes)


def seen_of(
    machine: Machine | None,
    *,
    recorded: Mapping[str, Any] | None = None,
    provider: ProviderSpec = PROVIDER_SPEC,
    **changes: Any,
) -> Observation:
    """Return what is seen of a machine that is on record; a look has shown it five seconds ago."""
    launch = changes.pop("launch", a_launch())
    trails = {launch.name: shown(machine)} if machine else {}
    body = recorded if recorded is not None else (machine or a_machine()).recorded()
    view = a_provider_view(spec=provider)
    memory = a_memory(launch, machine=body)
    return an_observation(launch, memory=memory, witness=a_witness(launch, trails=trails), provider=view, **changes)


def later(seen: Observation, seconds: float) -> Observation:
    """Return the same a while later: its machine was shown just now."""
    trails = {name: replace(trail, shown=seen.now + seconds - 5) for name, trail in seen.witness.trails.items()}
    witness = replace(seen.witness, trails=trails)
    return replace(seen, now=seen.now + seconds, wall=seen.wall + seconds, witness=witness)


def before_of(seen: Observation, **cost: Any) -> Body:
    """Return a status in which the machine is as it is on record now."""
    status: Body = {"machine": dict(seen.memory.machine), "summary": "Running"}
    return {**status, **({"cost": cost} if cost else {})}


def written(seen: Observation, before: Body, **changes: Any) -> Body:
    """Return what status would say where something else is written, too."""
    status = {name: value for name, value in before.items() if name != "cost"}
    if seen.memory.machine:
        status["machine"] = dict(seen.memory.machine)
    else:
        status.pop("machine", None)
    return with_cost(seen, before, {**status, "summary": "Other", **changes})


def cost(seen: Observation, **known: Any) -> Any:
    return written(seen, before_of(seen, **known)).get("cost")


class TestThePrice:
    def test_is_what_the_provider_says(self) -> None:
        assert cost(seen_of(priced())) == FROM_BIRTH

    @pytest.mark.parametrize("word", ["", "free", "NaN", "-1", "1e99"])
    def test_that_is_none_is_left_out(self, word: str) -> None:
        assert cost(seen_of(priced(price_per_hour=word))) is None

    def test_of_an_unknown_currency_has_none(self) -> None:
        assert "currency" not in cost(seen_of(priced(currency="shells")))

    def test_of_another_machine_is_not_ours(self) -> None:
        assert cost(seen_of(priced(id="i-2"), recorded=a_machine().recorded())) is None

    def test_is_kept_while_the_provider_is_not_heard(self) -> None:
        assert cost(seen_of(None), **FROM_BIRTH) == FROM_BIRTH

    def test_on_the_way_up_waits_for_the_next_write(self) -> None:
        rising = a_machine(state=MachineState.PENDING).recorded()
        assert cost(seen_of(priced(), recorded=rising)) is None

    def test_follows_what_the_provider_says(self) -> None:
        found = cost(later(seen_of(priced(price_per_hour="5.00")), 3600), **FROM_BIRTH)
        assert (found["pricePerHour"], found["accumulated"]) == ("5.00", "3.1125"), "the hour was still the old price"


class TestThePriceOfASize:
    def test_is_that_of_the_size_that_was_asked_for(self) -> None:
        spec = a_spec(machine={"size": "large", "image": "trainer:1"})
        found = cost(seen_of(a_machine(), provider=SIZED, instance={"spec": spec}))
        assert found == {"currency": "USD", "pricePerHour": "3.60", "source": "Size", "accumulated": "0.90"} | {
            "accumulatedTime": THEN
        }

    def test_is_that_of_its_type(self) -> None:
        found = cost(seen_of(a_machine(instance_type="gpu.h100.1"), provider=SIZED))
        assert (found["pricePerHour"], found["source"]) == ("3.60", "Size")

    def test_gives_way_to_what_the_provider_says(self) -> None:
        found = cost(seen_of(priced(instance_type="gpu.h100.1"), provider=SIZED))
        assert (found["pricePerHour"], found["source"]) == ("2.49", "Provider")

    def test_does_not_replace_what_the_provider_has_said(self) -> None:
        """A process that has just begun has not heard of it yet."""
        seen = seen_of(None, recorded=a_machine(instance_type="gpu.h100.1").recorded(), provider=SIZED)
        assert cost(seen, **FROM_BIRTH) == FROM_BIRTH

    @pytest.mark.parametrize("told", ["machine", "spec"])
    def test_is_not_known_for_spot(self, told: str) -> None:
        spec = a_spec(machine={"instanceType": "gpu.h100.1", "purchase": "Spot" if told == "spec" else "OnDemand"})
        machine = a_machine(instance_type="gpu.h100.1", purchase="Spot" if told == "machine" else "")
        assert cost(seen_of(machine, provider=SIZED, instance={"spec": spec})) is None

    def test_is_not_paid_while_it_is_off(self) -> None:
        off = a_machine(instance_type="gpu.h100.1", state=MachineState.STOPPED)
        known = {"currency": "USD", "pricePerHour": "3.60", "source": "Size", "accumulated": "0.90"}
        found = cost(later(seen_of(off, provider=SIZED), 3600), **known, accumulatedTime=THEN)
        assert (found["accumulated"], found["accumulatedTime"]) == ("0.90", "2026-11-22T01:00:00Z")

    def test_of_a_provider_is_paid_while_it_is_off(self) -> None:
        """Whoever tells a price of a machine that is off, bills it."""
        off = priced(state=MachineState.STOPPED)
        assert cost(later(seen_of(off), 3600), **FROM_BIRTH)["accumulated"] == "3.1125"


class TestTheSum:
    def test_begins_at_birth(self) -> None:
        assert cost(seen_of(priced()))["accumulated"] == "0.6225"

    def test_of_what_was_taken_over_begins_then(self) -> None:
        launch = a_launch(adopted=True, intended=timestamp(datetime.fromtimestamp(WALL - 100, UTC)))
        assert cost(seen_of(priced(), launch=launch))["accumulated"] == "0.069167"

    @pytest.mark.parametrize("created", ["", "yesterday", "1970-01-01T00:00:00Z"])
    def test_begins_with_the_intent_where_birth_is_not_known(self, created: str) -> None:
        assert cost(seen_of(priced(created=created))) == FROM_BIRTH

    def test_of_a_clock_that_is_ahead_begins_now(self) -> None:
        assert cost(seen_of(priced(created="2027-01-01T00:00:00Z")))["accumulated"] == "0.00"

    def test_goes_on_from_where_it_ends(self) -> None:
        found = cost(later(seen_of(priced()), 600), **FROM_BIRTH)
        assert (found["accumulated"], found["accumulatedTime"]) == ("1.0375", "2026-11-22T00:10:00Z")

    @pytest.mark.parametrize("reason", [EndingReason.LOST, EndingReason.PREEMPTED])
    def test_of_what_is_gone_ends_with_the_last_look_that_showed_it(self, reason: EndingReason) -> None:
        launch = a_launch(ending=an_ending(reason))
        seen = later(seen_of(priced(), launch=launch), 600)
        witness = replace(seen.witness, trails={N: shown(priced(), began=NOW + 60)})
        found = cost(replace(seen, witness=witness), **FROM_BIRTH)
        assert found == {"currency": "USD", "accumulated": "0.664", "accumulatedTime": "2026-11-22T00:01:00Z"}

    def test_of_what_nobody_has_seen_go_does_not_guess(self) -> None:
        launch = a_launch(ending=an_ending(EndingReason.LOST))
        found = cost(later(seen_of(None, launch=launch), 36_000), **FROM_BIRTH)
        assert (found["accumulated"], found["accumulatedTime"]) == ("0.6225", THEN)

    @pytest.mark.parametrize("state", [MachineState.FAILED, MachineState.UNKNOWN, MachineState.DELETING])
    def test_goes_on_while_it_may_exist(self, state: MachineState) -> None:
        launch = a_launch(ending=an_ending(EndingReason.BROKEN))
        seen = later(seen_of(priced(state=state), launch=launch), 3600)
        assert cost(seen, **FROM_BIRTH)["accumulated"] == "3.1125"

    def test_survives_its_machine(self) -> None:
        ended = {"currency": "USD", "accumulated": "0.664", "accumulatedTime": THEN}
        seen = nothing_yet()
        assert with_cost(seen, {"cost": ended, "summary": "Lost"}, {"summary": "Creating"})["cost"] == ended

    def test_goes_on_with_the_next_machine_from_its_birth(self) -> None:
        second = timestamp(datetime.fromtimestamp(WALL - 360, UTC))
        launch = a_launch(incarnation=2, intended=second)
        seen = seen_of(priced(id="i-2", created=second), launch=launch)
        before = {"cost": {"currency": "USD", "accumulated": "1.00", "accumulatedTime": BORN}}
        assert written(seen, before)["cost"]["accumulated"] == "1.249"

    def test_in_another_currency_begins_anew(self) -> None:
        found = cost(later(seen_of(priced(currency="EUR")), 3600), **FROM_BIRTH)
        assert (found["currency"], found["accumulated"]) == ("EUR", "2.49")

    def test_is_not_there_without_a_price(self) -> None:
        assert cost(seen_of(a_machine())) is None


class TestWrites:
    def test_are_none_for_time_alone(self) -> None:
        """A year passes over a settled machine: not one write."""
        seen = seen_of(priced())
        before = written(seen, before_of(seen))
        assert with_cost(later(seen, 365 * 86_400), before, {**before, "cost": None}) == before

    def test_that_happen_anyway_bring_the_sum_along(self) -> None:
        seen = seen_of(priced())
        before = written(seen, before_of(seen))
        after = with_cost(later(seen, 3600), before, {**before, "summary": "Stopped"})
        assert after["cost"]["accumulated"] == "3.1125"

    def test_of_the_same_moment_change_nothing_twice(self) -> None:
        """What could not be written is decided again, on the status as it is then."""
        seen = seen_of(priced())
        once = written(seen, before_of(seen, **FROM_BIRTH))
        assert with_cost(seen, once, {**once, "summary": "Again"})["cost"] == once["cost"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 100_000),
            st.sampled_from(["running", "stopped", "lost", "forgotten", "none", "dearer", "unpriced"]),
        ),
        max_size=12,
    )
)
def test_the_sum_never_falls(steps: list[tuple[int, str]]) -> None:
    wall, status, last = 0.0, before_of(seen_of(priced())), Decimal(0)
    for seconds, what in steps:
        wall += seconds
        ended = a_launch(ending=an_ending(EndingReason.LOST)) if what == "lost" else a_launch()
        machine = {
            "stopped": priced(state=MachineState.STOPPED),
            "dearer": priced(price_per_hour="9.99"),
            "unpriced": a_machine(),
            "forgotten": None,
        }.get(what, priced())
        seen = later(seen_of(machine, launch=ended), wall)
        if what == "none":
            seen = replace(seen, instance=replace(seen.instance, memory=Memory(launch=a_launch())))
        status = written(seen, status)
        assert "cost" in status or not last, "what was spent stays spent"
        total = Decimal(status["cost"]["accumulated"]) if "cost" in status else last
        assert total >= last
        last = total
