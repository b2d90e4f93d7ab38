"""The oracle: two live machines of one owner at any moment are seen for ever."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gpuwright_sandbox.gateway.tally import LiveCount, OwnerCount, OwnerTally

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_one_machine_after_another_is_no_double() -> None:
    tally = OwnerTally()
    for _ in range(3):
        tally.made("u")
        tally.change("u", +1, NOW)
        tally.change("u", -1, NOW)
    assert tally.owners() == {"u": OwnerCount(live=0, peak=1, created=3)}
    assert tally.doubled() == ()


def test_a_double_is_remembered_after_it_is_over() -> None:
    tally = OwnerTally()
    for by in (+1, +1, -1, -1):
        tally.change("u", by, NOW)
    assert tally.doubled() == ("u",)
    assert tally.owners()["u"].peak == 2


def test_owners_are_counted_apart() -> None:
    tally = OwnerTally()
    tally.change("u", +1, NOW)
    tally.change("v", +1, NOW)
    assert tally.doubled() == ()


def test_machines_without_an_owner_are_no_doubles() -> None:
    tally = OwnerTally()
    tally.change("", +1, NOW)
    tally.change("", +1, NOW)
    assert tally.owners()[""].peak == 2
    assert tally.doubled() == ()


def test_the_history_says_from_when_on() -> None:
    tally = OwnerTally()
    tally.change("u", +1, NOW)
    tally.change("u", -1, NOW + timedelta(seconds=3))
    assert tally.history("u") == (LiveCount(NOW, 1), LiveCount(NOW + timedelta(seconds=3), 0))
    assert tally.history("v") == ()


@given(st.lists(st.sampled_from([+1, -1]), max_size=30))
def test_the_peak_is_the_most_in_the_history(changes: list[int]) -> None:
    tally = OwnerTally()
    for by in changes:
        tally.change("u", by, NOW)
    history = [count.live for count in tally.history("u")]
    assert [count.peak for count in tally.owners().values()] == ([max(0, *history)] if history else [])
