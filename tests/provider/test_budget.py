"""What one set of credentials may ask for, whoever uses them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import Limits
from gpuwright.model.resources import Key
from gpuwright.provider.budget import BUSY, LONGEST_PAUSE_SECONDS, Budget, Budgets
from gpuwright.provider.slots import Slots

START = 1000.0


def key(number: int, namespace: str = "team-a") -> Key:
    return Key("ComputeInstance", namespace, f"trainer-{number}")


def limits(**changes: int) -> Limits:
    return Limits.model_validate({"createsPerMinute": 60, **changes})


def slots() -> Slots:
    return Slots(lambda _left_out: 0, START)


class Ground:
    """Two providers, as a rule with the same credentials at the same place; a test moves the time."""

    def __init__(self, second_secret: str = "token", second_place: str = "place") -> None:
        self.budgets = Budgets()
        self.first, self.second = slots(), slots()
        self.first.budget = self.budgets.join(self.first, "place", "token", START)
        self.second.budget = self.budgets.join(self.second, second_place, second_secret, START)
        self.now = START + 600

    def reserved(self, count: int, who: Slots, first: int, **changes: int) -> int:
        """Return how many of so many askers got a slot."""
        return sum(who.reserve(key(first + number), limits(**changes), self.now) for number in range(count))


class TestAPause:
    @pytest.mark.parametrize(("seconds", "free"), [(29.9, False), (30.0, True), (30.1, True)])
    def test_lasts_as_long_as_the_far_side_said(self, seconds: float, free: bool) -> None:
        budget = Budget(START, {"a": limits()})
        budget.pause(START + 60, 30)
        assert budget.room(START + 60 + seconds).free is free

    def test_says_how_long_it_is(self) -> None:
        budget = Budget(START, {"a": limits()})
        budget.pause(START + 60, 30)
        room = budget.room(START + 70)
        assert (room.reason, room.message, room.retry_seconds) == (Reason.THROTTLED, BUSY, 20.0)

    def test_is_not_cut_short_by_a_shorter_one(self) -> None:
        budget = Budget(START, {"a": limits()})
        budget.pause(START, 30)
        budget.pause(START + 1, 1)
        assert budget.paused_until == START + 30

    def test_has_an_end_whatever_the_far_side_says(self) -> None:
        budget = Budget(START, {"a": limits()})
        budget.pause(START, 1e9)
        assert budget.paused_until == START + LONGEST_PAUSE_SECONDS

    def test_holds_for_all_who_share_it(self) -> None:
        ground = Ground()
        ground.first.budget.pause(ground.now, 30)
        assert ground.reserved(1, ground.second, 0) == 0
        ground.now += 30
        assert ground.reserved(1, ground.second, 0) == 1


class TestSharing:
    def test_takes_from_one_rate(self) -> None:
        ground = Ground()
        taken = ground.reserved(200, ground.first, 0, maxInFlight=1000)
        assert taken + ground.reserved(200, ground.second, 200, maxInFlight=1000) == 60

    def test_goes_by_the_smallest_of_the_limits(self) -> None:
        ground = Ground()
        assert ground.reserved(0, ground.first, 0) == 0
        ground.second.room(key(99), limits(createsPerMinute=3, maxInFlight=2), ground.now)
        assert ground.reserved(10, ground.first, 0) == 2

    def test_counts_what_is_in_flight_together(self) -> None:
        ground = Ground()
        assert ground.reserved(9, ground.first, 0, maxInFlight=8) == 8
        assert ground.reserved(9, ground.second, 9, maxInFlight=8) == 0
        assert ground.second.free(limits(maxInFlight=8)) == 0
        ground.first.release(key(0))
        assert ground.second.free(limits(maxInFlight=8)) == 1
        assert ground.reserved(9, ground.second, 9, maxInFlight=8) == 1

    @pytest.mark.parametrize(
        ("secret", "place"),
        [pytest.param("another", "place", id="other credentials"), pytest.param("token", "elsewhere", id="elsewhere")],
    )
    def test_is_for_the_same_credentials_at_the_same_place_only(self, secret: str, place: str) -> None:
        ground = Ground(secret, place)
        ground.first.budget.pause(ground.now, 30)
        assert ground.reserved(1, ground.second, 0) == 1

    def test_ends_with_the_credentials(self) -> None:
        ground = Ground()
        assert ground.reserved(8, ground.first, 0) == 8
        ground.first.budget = ground.budgets.join(ground.first, "place", "rotated", ground.now)
        ground.first.release(key(0))
        assert ground.reserved(9, ground.second, 9) == 1, "the slot went back to where it was taken"

    def test_leaves_the_limits_of_who_is_gone_out(self) -> None:
        ground = Ground()
        ground.second.room(key(99), limits(createsPerMinute=1), ground.now)
        ground.budgets.leave(ground.second)
        ground.now += 60
        assert ground.reserved(10, ground.first, 0, maxInFlight=10) > 1

    def test_is_forgotten_with_the_last_user(self) -> None:
        ground = Ground()
        for user in (ground.first, ground.second, ground.second):
            ground.budgets.leave(user)
        assert not ground.budgets._known

    def test_shows_no_secret(self) -> None:
        budgets = Budgets()
        budgets.join("user", "place", "canary-4f1d", START)
        assert "canary" not in repr(vars(budgets))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=60), st.integers(1, 30), st.integers(1, 4))
def test_however_many_share_them_the_rate_is_never_passed(
    steps: list[tuple[int, int]], rate: int, in_flight: int
) -> None:
    """Over any stretch that began with an empty bucket: at most the rate times the minutes, and what it began with."""
    budgets, users, now = Budgets(), [slots() for _ in range(4)], START
    for user in users:
        user.budget = budgets.join(user, "place", "token", START)
    sent = 0
    for number, (who, seconds) in enumerate(steps):
        now += seconds
        spec = limits(createsPerMinute=rate, maxInFlight=in_flight)
        if users[who].reserve(key(number), spec, now):
            sent += 1
            users[who].release(key(number))
        assert sent <= rate * (now - START) / 60 + 1e-6
