"""Slots: machines in all, creates a minute, creates in flight."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import Limits
from gpuwright.model.provider_view import Room
from gpuwright.model.resources import Key
from gpuwright.provider.slots import Slots

START = 1000.0


def key(number: int) -> Key:
    return Key("ComputeInstance", "team-a", f"trainer-{number}")


def limits(**changes: int) -> Limits:
    return Limits.model_validate({"createsPerMinute": 60, **changes})


class Ground:
    """Slots at a provider where so many machines are on record, at a time that a test moves."""

    def __init__(self, limits: Limits, recorded: set[Key] | None = None) -> None:
        self.recorded = recorded or set()
        self.limits = limits
        self.now = START
        self.slots = Slots(lambda left_out: len(self.recorded - left_out), START)

    def after(self, seconds: float) -> "Ground":
        self.now += seconds
        return self

    def reserve(self, number: int) -> bool:
        return self.slots.reserve(key(number), self.limits, self.now)

    def room(self, number: int) -> Room:
        return self.slots.room(key(number), self.limits, self.now)

    def reason(self, number: int) -> Reason | None:
        room = self.room(number)
        return None if room.free else room.reason


class TestTheRate:
    def test_begins_with_nothing(self) -> None:
        ground = Ground(limits())
        assert ground.reason(1) is Reason.THROTTLED
        assert not ground.reserve(1)

    @pytest.mark.parametrize(("seconds", "free"), [(0.999, False), (1.0, True), (1.001, True)])
    def test_lets_the_first_through_when_its_time_has_come(self, seconds: float, free: bool) -> None:
        assert Ground(limits()).after(seconds).reserve(1) is free

    def test_lets_so_many_through_in_a_minute_and_no_more(self) -> None:
        ground = Ground(limits(createsPerMinute=5, maxInFlight=1000)).after(600)
        assert sum(ground.reserve(number) for number in range(20)) == 5
        ground.after(12)
        assert sum(ground.reserve(number) for number in range(20, 40)) == 1

    def test_is_paid_for_by_each_further_intent_of_one_asker(self) -> None:
        ground = Ground(limits()).after(1)
        assert ground.reserve(1)
        assert ground.reserve(1), "who holds a slot goes on"
        assert ground.after(1).reason(2) is Reason.THROTTLED, "and others wait the longer for it"
        assert ground.after(1).reason(2) is None

    def test_begins_anew_after_an_outage(self) -> None:
        ground = Ground(limits()).after(600)
        ground.slots.budget.empty(ground.now)
        assert not ground.after(0.9).reserve(1)
        assert ground.after(0.1).reserve(1)

    @pytest.mark.parametrize(("seconds", "wait"), [(0, 1.0), (0.25, 0.75), (0.75, 0.25)])
    def test_tells_how_long_it_is_to_the_next(self, seconds: float, wait: float) -> None:
        ground = Ground(limits()).after(seconds)
        assert ground.room(1).retry_seconds == pytest.approx(wait)

    def test_lets_nobody_hurry_who_waits_for_a_slot(self) -> None:
        """Whoever gives one back wakes the next."""
        ground = Ground(limits(maxInFlight=1)).after(60)
        ground.reserve(1)
        assert ground.room(2).retry_seconds == 30.0

    def test_follows_a_change_of_the_limit(self) -> None:
        ground = Ground(limits(createsPerMinute=100)).after(60)
        ground.reason(1)
        ground.limits = limits(createsPerMinute=1, maxInFlight=1000)
        assert sum(ground.reserve(number) for number in range(20)) == 1

    def test_says_in_one_sentence_what_holds_it_back(self) -> None:
        """Which of the two limits it is changes from moment to moment, and each change would be a write."""
        ground = Ground(limits(maxInFlight=1))
        slow = ground.room(1).message
        ground.after(60).reserve(1)
        assert ground.room(2).message == slow
        assert "limits.maxInFlight, limits.createsPerMinute" in slow


class TestInFlight:
    @pytest.mark.parametrize("most", [1, 2, 8])
    def test_is_never_more_than_the_limit(self, most: int) -> None:
        ground = Ground(limits(maxInFlight=most)).after(60)
        assert sum(ground.reserve(number) for number in range(20)) == most
        assert ground.reason(99) is Reason.THROTTLED
        assert ground.slots.in_flight == most

    def test_has_room_again_when_a_slot_is_given_back(self) -> None:
        ground = Ground(limits(maxInFlight=1)).after(60)
        ground.reserve(1)
        assert ground.slots.release(key(1))
        assert ground.reserve(2)

    def test_is_not_freed_by_who_holds_nothing(self) -> None:
        ground = Ground(limits(maxInFlight=1)).after(60)
        ground.reserve(1)
        assert not ground.slots.release(key(2))
        assert ground.reason(2) is Reason.THROTTLED

    def test_counts_an_asker_once(self) -> None:
        ground = Ground(limits(maxInFlight=2)).after(60)
        ground.reserve(1)
        ground.reserve(1)
        assert ground.slots.in_flight == 1


class TestTheMost:
    @pytest.mark.parametrize(("recorded", "free"), [(0, True), (2, True), (3, False), (4, False)])
    def test_counts_machines_on_record(self, recorded: int, free: bool) -> None:
        ground = Ground(limits(maxInstances=3), {key(number) for number in range(recorded)}).after(60)
        assert ground.reserve(99) is free
        assert free or ground.reason(99) is Reason.LIMIT_REACHED

    def test_counts_reservations_too(self) -> None:
        ground = Ground(limits(maxInstances=3), {key(1)}).after(60)
        assert [ground.reserve(number) for number in (2, 3, 4)] == [True, True, False]

    def test_counts_nobody_twice(self) -> None:
        ground = Ground(limits(maxInstances=3), {key(1), key(2)}).after(60)
        ground.reserve(2)
        assert ground.reserve(3), "2 holds a slot and is on record, and is one machine"

    def test_lets_one_try_again_that_is_counted_already(self) -> None:
        ground = Ground(limits(maxInstances=1), {key(1)}).after(60)
        assert ground.reserve(1)
        assert not ground.reserve(2)

    def test_of_zero_means_none(self) -> None:
        assert Ground(limits(maxInstances=0)).after(60).reason(1) is Reason.LIMIT_REACHED

    def test_left_out_means_no_limit(self) -> None:
        ground = Ground(limits(maxInFlight=1000, createsPerMinute=6000), {key(n) for n in range(5000)}).after(60)
        assert ground.reserve(9999)

    def test_that_was_lowered_makes_no_more_and_says_so(self) -> None:
        ground = Ground(limits(maxInstances=5), {key(number) for number in range(5)}).after(60)
        ground.limits = limits(maxInstances=2)
        room = ground.slots.room(key(99), ground.limits, ground.now)
        assert (room.free, room.reason) == (False, Reason.LIMIT_REACHED)
        assert "limit of 2 machines (limits.maxInstances)" in room.message

    def test_is_told_before_the_rate_because_a_person_must_act(self) -> None:
        assert Ground(limits(maxInstances=0)).reason(1) is Reason.LIMIT_REACHED


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["reserve", "release", "record", "wait"]), st.integers(0, 9)), max_size=80),
    st.integers(0, 5),
    st.integers(1, 4),
)
def test_no_limit_is_ever_passed(steps: list[tuple[str, int]], most: int, in_flight: int) -> None:
    ground = Ground(limits(maxInstances=most, maxInFlight=in_flight, createsPerMinute=30))
    held: set[Key] = set()
    for step, number in steps:
        if step == "reserve" and ground.reserve(number):
            held.add(key(number))
        elif step == "release":
            ground.slots.release(key(number))
            held.discard(key(number))
        elif step == "record" and key(number) in held:
            ground.recorded.add(key(number))
        elif step == "wait":
            ground.after(number)
        assert len(held | ground.recorded) <= most
        assert len(held) <= in_flight
