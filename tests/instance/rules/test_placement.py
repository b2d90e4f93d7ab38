"""Which placement is asked next: the first in order at which nothing stands in the way."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    OWNER,
    PLACE_B,
    REF,
    REF_B,
    TWO_PLACEMENTS,
    WISHES,
    N,
    a_hindrance,
    a_launch,
    a_memory,
    a_provider_spec,
    a_provider_view,
    a_residue,
    a_snapshot,
    a_spec,
    a_witness,
    an_empty_provider_view,
    an_observation,
    waiting_for,
)

from gpuwright.instance.actions import Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.launch import intent_at
from gpuwright.instance.rules.placement import (
    FIRST_PAUSE,
    FOR_GOOD,
    LONGEST_PAUSE,
    MISSING_PATIENCE,
    PATIENCE,
    Target,
    next_target,
    put_aside,
)
from gpuwright.instance.rules.price import PRICE_PAUSE
from gpuwright.instance.rules.records import next_intent
from gpuwright.instance.witness import Aside
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import NeverSent, NotCommitted, ProviderError, Rejected, Throttled, TooDear, Unknown
from gpuwright.model.memory import Launch, Memory, Outcome
from gpuwright.model.names import token
from gpuwright.model.placement_spec import words_of
from gpuwright.model.provider_view import Hindrance, ProviderView, Room

SPEC = a_spec(**TWO_PLACEMENTS)
SECOND = replace(an_empty_provider_view(), ref=REF_B, place=PLACE_B)
WHAT = words_of(SPEC.machine)


def of_two(
    first: ProviderView | None = None,
    second: ProviderView | None = SECOND,
    launch: Launch | None = None,
    **changes: Any,
) -> Observation:
    """Return what a decision sees of an object with two placements; `first` and `second` None: not there."""
    views = {view.ref: view for view in (first, second) if view is not None}
    memory = changes.pop("memory", a_memory(launch) if launch else Memory())
    return an_observation(memory=memory, instance={"spec": SPEC}, **{"providers": views} | changes)


def first(**changes: Any) -> ProviderView:
    return an_empty_provider_view(**changes)


def not_made(reason: Reason = Reason.CAPACITY_UNAVAILABLE, **changes: Any) -> Launch:
    """Return the record of a create at the first placement of which nothing was made."""
    return a_launch(**{"outcome": Outcome.NOT_COMMITTED, "reason": str(reason), "message": "503"} | changes)


def an_aside(reason: Reason = Reason.CAPACITY_UNAVAILABLE, until: float = NOW + 60, **changes: Any) -> Aside:
    return replace(Aside(reason, "no room", until), **changes)


def chosen(seen: Observation) -> int:
    target = next_target(seen)
    assert isinstance(target, Target), target
    return target.placement


def held(seen: Observation) -> Wait:
    wait = next_target(seen)
    assert isinstance(wait, Wait), wait
    return wait


class TestTheFirstInOrder:
    def test_is_asked_where_nothing_stands_in_its_way(self) -> None:
        assert chosen(of_two(first())) == 0

    def test_is_asked_again_when_its_pause_is_over(self) -> None:
        launch = not_made(placement=1, provider=REF_B, place=PLACE_B)
        witness = a_witness(launch, aside={0: an_aside(until=NOW), 1: an_aside()})
        assert chosen(of_two(first(), launch=launch, witness=witness)) == 0

    def test_is_asked_with_its_own_words(self) -> None:
        own = {"providerRef": {"name": REF_B.name}, "instanceType": "g5.xlarge"}
        spec = a_spec(providerRef=None, placements=[{"providerRef": {"name": REF.name}}, own])
        seen = of_two(first(hindrance=a_hindrance()))
        target = next_target(replace(seen, instance=replace(seen.instance, spec=spec)))
        assert isinstance(target, Target)
        assert (target.placement, target.wishes.machine.instance_type) == (1, "g5.xlarge")

    @pytest.mark.parametrize(
        ("wishes", "reason"),
        [
            pytest.param(waiting_for("no Secret"), Reason.SECRET_NOT_FOUND, id="a Secret is missing"),
            pytest.param(None, Reason.WAITING, id="not made up yet"),
        ],
    )
    def test_waits_for_what_it_is_asked_with(self, wishes: object, reason: Reason) -> None:
        assert held(of_two(first(), wishes=wishes)).reason is reason


class TestTheNextIsAskedInstead:
    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(first(hindrance=a_hindrance()), id="offline"),
            pytest.param(first(hindrance=Hindrance(Reason.PROVIDER_DRAINING, "planned")), id="draining"),
            pytest.param(
                first(hindrance=Hindrance(Reason.CREDENTIALS_REJECTED, "401", stalls=True)), id="refused credentials"
            ),
            pytest.param(first(room=Room(False, Reason.LIMIT_REACHED, "full")), id="full by its limits"),
            pytest.param(
                first(room=Room(False, Reason.THROTTLED, "busy", retry_seconds=PATIENCE + 1)), id="throttled for long"
            ),
            pytest.param(first(no_room={WHAT: NOW + 1}), id="no room lately"),
        ],
    )
    def test_of_one_that_gives_nothing(self, view: ProviderView) -> None:
        assert chosen(of_two(view)) == 1

    @pytest.mark.parametrize(
        "reason",
        [
            Reason.CAPACITY_UNAVAILABLE,
            Reason.PRICE_TOO_HIGH,
            Reason.REQUEST_REJECTED,
            Reason.QUOTA_EXCEEDED,
            Reason.PLACEMENT_FAILED,
        ],
    )
    def test_of_one_that_was_put_aside(self, reason: Reason) -> None:
        launch = not_made()
        assert chosen(of_two(first(), launch=launch, witness=a_witness(launch, aside={0: an_aside(reason)}))) == 1

    @pytest.mark.parametrize("reason", [Reason.REQUEST_REJECTED, Reason.NAME_CONFLICT])
    def test_of_one_that_refused_by_the_record_alone(self, reason: Reason) -> None:
        assert chosen(of_two(first(), launch=not_made(reason, outcome=Outcome.NOT_EXECUTED))) == 1

    def test_of_one_that_still_is_not_there_after_a_while(self) -> None:
        assert chosen(of_two(None, witness=a_witness(first_seen=NOW - MISSING_PATIENCE))) == 1

    def test_of_one_whose_secret_is_missing(self) -> None:
        missing = {REF: Hindrance(Reason.SECRET_NOT_FOUND, "no Secret")}
        assert chosen(of_two(None, missing=missing)) == 1

    def test_and_says_what_was_passed_over(self) -> None:
        seen = of_two(first(hindrance=Hindrance(Reason.PROVIDER_DRAINING, "planned work")))
        target = next_target(seen)
        assert isinstance(target, Target)
        memory = intent_at(seen, target, capacity_waited=0)
        (entry,) = memory.attempts
        assert (entry["placement"], entry["name"], entry["outcome"]) == (0, "", "NotExecuted")
        assert (entry["reason"], entry["message"]) == ("ProviderDraining", "planned work")
        assert memory.launch is not None
        assert (memory.launch.placement, memory.launch.provider, memory.launch.place) == (1, REF_B, PLACE_B)

    def test_and_says_so_once_for_a_reason(self) -> None:
        seen = of_two(first(hindrance=a_hindrance()))
        target = next_target(seen)
        assert isinstance(target, Target)
        once = intent_at(seen, target, capacity_waited=0).attempts
        again = intent_at(
            replace(seen, instance=replace(seen.instance, memory=Memory(attempts=once))), target, capacity_waited=0
        )
        assert again.attempts == once


class TestTheFirstIsWaitedFor:
    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(first(hindrance=Hindrance(Reason.WAITING, "not looked at yet")), id="not looked at yet"),
            pytest.param(
                first(room=Room(False, Reason.THROTTLED, "busy", retry_seconds=PATIENCE)), id="busy for a moment"
            ),
        ],
    )
    def test_where_it_is_only_a_moment(self, view: ProviderView) -> None:
        assert held(of_two(view)).brief

    def test_where_it_may_be_applied_a_moment_later(self) -> None:
        wait = held(of_two(None, witness=a_witness(first_seen=NOW - MISSING_PATIENCE + 1)))
        assert (wait.reason, wait.seconds) == (Reason.PROVIDER_NOT_FOUND, 1)

    def test_where_its_burst_goes_on(self) -> None:
        launch = not_made(Reason.PLACEMENT_FAILED)
        wait = held(of_two(first(), launch=launch, witness=a_witness(launch, not_before=NOW + 0.5)))
        assert (wait.reason, wait.seconds, wait.brief) == (Reason.PLACEMENT_FAILED, 0.5, True)

    def test_but_the_back_off_of_another_placement_is_not_its_own(self) -> None:
        launch = not_made(Reason.PLACEMENT_FAILED, placement=1, provider=REF_B)
        assert chosen(of_two(first(), launch=launch, witness=a_witness(launch, not_before=NOW + 0.5))) == 0


class TestWhereNoneGivesAnything:
    def test_the_soonest_is_waited_for_and_each_is_told(self) -> None:
        launch = not_made()
        aside = {0: an_aside(until=NOW + 90), 1: an_aside(until=NOW + 40, message="no H100")}
        wait = held(of_two(first(), launch=launch, witness=a_witness(launch, aside=aside)))
        assert (wait.reason, wait.seconds, wait.stalled) == (Reason.CAPACITY_UNAVAILABLE, 40, False)
        assert "0 (gateway): no room; 1 (second): no H100" in wait.message

    def test_it_stalls_where_a_person_must_act_for_each(self) -> None:
        launch = not_made(Reason.REQUEST_REJECTED, outcome=Outcome.NOT_EXECUTED)
        aside = {1: an_aside(Reason.REQUEST_REJECTED, until=FOR_GOOD)}
        wait = held(of_two(first(), launch=launch, witness=a_witness(launch, aside=aside)))
        assert (wait.reason, wait.seconds, wait.stalled) == (Reason.REQUEST_REJECTED, None, True)
        assert "delete this ComputeInstance and create another" in wait.message

    def test_it_does_not_stall_where_one_may_come_back(self) -> None:
        launch = not_made(Reason.REQUEST_REJECTED, outcome=Outcome.NOT_EXECUTED)
        away = replace(SECOND, hindrance=a_hindrance())
        wait = held(of_two(first(), away, launch=launch))
        assert (wait.reason, wait.stalled) == (Reason.PROVIDER_UNREACHABLE, False)

    def test_changed_credentials_are_tried_at_once(self) -> None:
        launch = not_made()
        aside = {0: an_aside(Reason.CREDENTIALS_REJECTED, version="1"), 1: an_aside()}
        seen = of_two(first(credentials_version="1"), launch=launch, witness=a_witness(launch, aside=aside))
        assert held(seen).reason is Reason.CREDENTIALS_REJECTED
        changed = replace(seen, providers={REF: first(credentials_version="2"), REF_B: SECOND})
        assert chosen(changed) == 0


def selling(view: ProviderView, price: str) -> ProviderView:
    """Return the provider with `large` at this price."""
    sizes = [{"name": "large", "instanceType": f"{view.ref.name}-large", "pricePerHour": price}]
    return replace(view, spec=a_provider_spec(sizes=sizes))


def by_size(one: str, other: str, *, limit: str = "", own: str = "", order: str = "Listed") -> Observation:
    """Return what a decision sees of an object that asks both providers for `large`, at these prices.

    `limit`: the ceiling of the machine, `own`: that of the second placement.
    """
    second = {"providerRef": {"name": REF_B.name}, "maxPricePerHour": own}
    machine = {"size": "large", "maxPricePerHour": limit}
    places = [{"providerRef": {"name": REF.name}}, second]
    spec = a_spec(providerRef=None, placements=places, machine=machine, placementOrder=order)
    seen = of_two(selling(first(), one), selling(SECOND, other), wishes=replace(WISHES, machine=spec.machine))
    return replace(seen, instance=replace(seen.instance, spec=spec))


class TestTheCeiling:
    def test_passes_over_what_is_dearer_and_says_so(self) -> None:
        seen = by_size("3.50", "2.00", limit="3.00")
        target = next_target(seen)
        assert isinstance(target, Target)
        memory = intent_at(seen, target, capacity_waited=0)
        (entry,) = memory.attempts
        assert (entry["placement"], entry["outcome"], entry["reason"]) == (0, "NotExecuted", "PriceTooHigh")
        assert entry["message"] == "gateway asks 3.50 USD an hour, and maxPricePerHour is 3.00"
        assert memory.launch is not None
        assert (memory.launch.placement, memory.launch.name) == (1, N)

    @pytest.mark.parametrize(
        ("limit", "own", "placement"),
        [
            pytest.param("1.00", "2.00", 1, id="a higher one of its own"),
            pytest.param("3.00", "1.99", 0, id="a lower one of its own"),
            pytest.param("", "2.00", 0, id="none but its own"),
        ],
    )
    def test_of_a_placement_wins_over_the_machines(self, limit: str, own: str, placement: int) -> None:
        assert chosen(by_size("2.50", "2.00", limit=limit, own=own)) == placement

    def test_passes_over_a_price_that_nobody_tells(self) -> None:
        assert chosen(by_size("", "2.00", limit="3.00")) == 1

    def test_that_is_too_low_for_all_is_waited_for_and_stalls_nothing(self) -> None:
        wait = held(by_size("3.50", "3.01", limit="3.00"))
        assert (wait.reason, wait.seconds, wait.stalled) == (Reason.PRICE_TOO_HIGH, PRICE_PAUSE, False)
        assert "0 (gateway): gateway asks 3.50" in wait.message
        assert "1 (second): second asks 3.01" in wait.message


class TestTheOrderOfPrices:
    @pytest.mark.parametrize(
        ("one", "other", "placement"),
        [
            pytest.param("2.50", "2.00", 1, id="the second is cheaper"),
            pytest.param("2.00", "2.50", 0, id="the first is cheaper"),
            pytest.param("9.00", "10.00", 0, id="as numbers and not as texts"),
            pytest.param("2.0", "2.00", 0, id="equal: as they are listed"),
            pytest.param("", "99", 1, id="a known price comes before an unknown one"),
            pytest.param("", "", 0, id="none is known: as they are listed"),
        ],
    )
    def test_asks_the_cheapest_first(self, one: str, other: str, placement: int) -> None:
        assert chosen(by_size(one, other, order="Price")) == placement

    def test_is_not_asked_for_by_itself(self) -> None:
        assert chosen(by_size("2.50", "2.00")) == 0

    def test_names_a_placement_by_its_position_in_the_list(self) -> None:
        seen = by_size("2.50", "2.00", order="Price")
        target = next_target(seen)
        assert isinstance(target, Target)
        launch = intent_at(seen, target, capacity_waited=0).launch
        assert launch is not None
        assert (launch.placement, launch.provider, launch.token) == (1, REF_B, token(OWNER, 1, 1, 1))

    def test_goes_on_to_the_next_dearer_one(self) -> None:
        seen = by_size("2.50", "2.00", order="Price")
        aside = replace(seen.witness, aside={1: an_aside()})
        assert chosen(replace(seen, witness=aside)) == 0

    def test_does_not_ask_one_that_had_no_room_lately(self) -> None:
        seen = by_size("2.50", "2.00", order="Price")
        cheap = replace(seen.providers[REF_B], no_room={"second-large, OnDemand": NOW + 1})
        assert chosen(replace(seen, providers={**seen.providers, REF_B: cheap})) == 0

    def test_never_leaves_what_is_unsettled(self) -> None:
        seen = by_size("2.50", "2.00", order="Price")
        launch = a_launch(outcome=Outcome.UNKNOWN)
        unsettled = replace(seen, instance=replace(seen.instance, memory=a_memory(launch)), witness=a_witness(launch))
        action = decide(unsettled)
        assert not isinstance(action, Record) or (action.memory.launch or launch).placement == 0

    @pytest.mark.parametrize(
        ("ago", "waits"),
        [pytest.param(1, True, id="just applied"), pytest.param(MISSING_PATIENCE, False, id="long ago")],
    )
    def test_waits_for_a_provider_that_may_turn_out_to_be_the_cheapest(self, ago: float, waits: bool) -> None:
        seen = by_size("2.50", "2.00", order="Price")
        one_only = replace(seen, providers={REF: seen.providers[REF]}, witness=a_witness(first_seen=NOW - ago))
        assert isinstance(next_target(one_only), Wait) is waits
        assert waits or chosen(one_only) == 0


class TestPutAside:
    def after(self, launch: Launch, error: ProviderError, **witness: Any) -> dict[int, Aside]:
        return put_aside(of_two(first(), launch=launch, witness=a_witness(launch, **witness)), launch, error, NOW)

    @pytest.mark.parametrize("reason", [Reason.CAPACITY_UNAVAILABLE, Reason.PRICE_TOO_HIGH, Reason.QUOTA_EXCEEDED])
    def test_at_once_where_asking_again_changes_nothing(self, reason: Reason) -> None:
        aside = self.after(not_made(reason), NotCommitted("503", reason=reason))[0]
        assert (aside.reason, aside.times) == (reason, 1)
        assert NOW < aside.until <= NOW + FIRST_PAUSE

    def test_longer_each_time(self) -> None:
        aside = self.after(not_made(), NotCommitted("503"), aside={0: an_aside(times=9)})[0]
        assert aside.times == 10
        assert NOW + FIRST_PAUSE < aside.until <= NOW + LONGEST_PAUSE

    @pytest.mark.parametrize(
        ("attempt", "burst_from", "put"),
        [
            pytest.param(2, 0, False, id="the second of a burst of three"),
            pytest.param(3, 0, True, id="the third"),
            pytest.param(5, 3, False, id="the second of the next burst"),
            pytest.param(6, 3, True, id="the third of the next burst"),
        ],
    )
    def test_after_the_burst_where_a_create_fails(self, attempt: int, burst_from: int, put: bool) -> None:
        launch = not_made(Reason.PLACEMENT_FAILED, attempt=attempt)
        assert bool(self.after(launch, NotCommitted("500"), burst_from=burst_from)) is put

    @pytest.mark.parametrize(
        ("seconds", "put"), [pytest.param(PATIENCE, False, id="short"), pytest.param(PATIENCE + 1, True, id="long")]
    )
    def test_where_it_is_throttled_for_long(self, seconds: float, put: bool) -> None:
        launch = not_made(Reason.THROTTLED, outcome=Outcome.NOT_EXECUTED)
        assert bool(self.after(launch, Throttled("429", seconds))) is put

    def test_for_minutes_where_the_adapter_found_it_too_dear(self) -> None:
        launch = not_made(Reason.PRICE_TOO_HIGH, outcome=Outcome.NOT_EXECUTED)
        aside = self.after(launch, TooDear("3.50"))[0]
        assert aside.reason is Reason.PRICE_TOO_HIGH
        assert NOW + PRICE_PAUSE / 2 <= aside.until <= NOW + PRICE_PAUSE

    def test_for_good_where_the_request_is_refused(self) -> None:
        launch = not_made(Reason.REQUEST_REJECTED, outcome=Outcome.NOT_EXECUTED)
        assert self.after(launch, Rejected("422", Reason.REQUEST_REJECTED))[0].until == FOR_GOOD

    def test_not_where_nothing_left(self) -> None:
        launch = not_made(Reason.PROVIDER_UNREACHABLE, outcome=Outcome.NOT_EXECUTED)
        assert self.after(launch, NeverSent("refused")) == {}

    def test_never_where_nobody_knows_what_was_made(self) -> None:
        launch = not_made(outcome=Outcome.UNKNOWN)
        assert self.after(launch, Unknown("lost")) == {}

    def test_not_where_there_is_no_other(self) -> None:
        launch = not_made()
        assert put_aside(an_observation(launch), launch, NotCommitted("503"), NOW) == {}


class TestTheIntentAtAnotherPlacement:
    def intent(self, launch: Launch, **changes: Any) -> Memory:
        seen = of_two(first(), launch=launch, **changes)
        return next_intent(seen, SECOND, WISHES, capacity_waited=0, placement=1)

    def test_has_the_next_name_and_the_token_of_its_place(self) -> None:
        before = not_made()
        launch = self.intent(before).launch
        assert launch is not None
        assert (launch.attempt, launch.send, launch.outcome) == (2, 2, Outcome.INTENDED)
        assert (launch.placement, launch.provider, launch.place) == (1, REF_B, PLACE_B)
        assert launch.token == token(of_two().instance.owner, 1, 2, 1) != token(of_two().instance.owner, 1, 2, 0)

    def test_has_the_next_name_although_nothing_was_executed(self) -> None:
        launch = self.intent(not_made(Reason.THROTTLED, outcome=Outcome.NOT_EXECUTED)).launch
        assert launch is not None
        assert (launch.attempt, launch.resent) == (2, False)

    def test_keeps_the_name_before_with_its_own_place(self) -> None:
        before = not_made()
        (entry,) = self.intent(before).residue
        assert (entry.name, entry.provider, entry.placement, entry.place) == (before.name, REF, 0, before.place)

    def test_keeps_a_name_whose_earlier_send_was_never_answered(self) -> None:
        settled = not_made(outcome=Outcome.NOT_EXECUTED, resent=True)
        assert [entry.name for entry in self.intent(settled).residue] == [settled.name]

    def test_says_what_became_of_the_one_before(self) -> None:
        (entry,) = self.intent(not_made(Reason.THROTTLED, outcome=Outcome.NOT_EXECUTED)).attempts
        assert (entry["placement"], entry["outcome"], entry["reason"]) == (0, "NotExecuted", "Throttled")

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.INTENDED])
    def test_is_never_written_while_nobody_knows_what_became_of_the_one_before(self, outcome: Outcome) -> None:
        with pytest.raises(ValueError, match="may not be left"):
            self.intent(not_made(outcome=outcome))

    def test_of_the_next_incarnation_begins_anew(self) -> None:
        launch = self.intent(a_launch()).launch
        assert launch is not None
        assert (launch.incarnation, launch.attempt, launch.placement) == (2, 1, 1)


def test_a_name_is_at_the_provider_where_it_was_tried() -> None:
    launch = a_launch(placement=1, provider=REF_B, place=PLACE_B, attempt=2, name="second-name")
    seen = of_two(first(), memory=a_memory(launch, residue=(a_residue("first-name"),)))
    assert [seen.home(name) for name in ("second-name", "first-name", "never-heard-of")] == [REF_B, REF, REF_B]
    assert seen.memory.names_at(REF) == ("first-name",)


def test_a_name_that_is_not_on_record_is_where_a_list_shows_it() -> None:
    machine = a_provider_view().snapshot
    assert machine is not None
    shown = replace(SECOND, snapshot=a_snapshot(*machine.machines))
    assert of_two(first(), shown).home(machine.machines[0].name) == REF_B
