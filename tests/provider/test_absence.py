"""Many missing at once are a sick list: 2 and 10 %, until they show again or a person has spoken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.provider.absence import MassAbsence


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(f"i-{number}" for number in numbers)


def first(count: int) -> frozenset[str]:
    return ids(*range(count))


@pytest.mark.parametrize(
    ("recorded", "missed", "mass"),
    [
        pytest.param(1, 1, False, id="the only one"),
        pytest.param(2, 2, False, id="both of two"),
        pytest.param(3, 2, False, id="2 of 3"),
        pytest.param(3, 3, True, id="all of three"),
        pytest.param(19, 2, False, id="2 of 19"),
        pytest.param(20, 2, False, id="2 of 20: 10 %"),
        pytest.param(20, 3, True, id="3 of 20"),
        pytest.param(29, 3, True, id="3 of 29: more than 10 %"),
        pytest.param(30, 3, False, id="3 of 30: 10 %"),
        pytest.param(30, 4, True, id="4 of 30"),
        pytest.param(31, 3, False, id="3 of 31: less than 10 %"),
        pytest.param(1000, 100, False, id="100 of 1000: 10 %"),
        pytest.param(1000, 101, True, id="101 of 1000"),
        pytest.param(5, 0, False, id="none"),
        pytest.param(0, 0, False, id="none of none"),
    ],
)
def test_is_a_mass_above_two_and_above_ten_percent(recorded: int, missed: int, mass: bool) -> None:
    expected = first(recorded)
    absence = MassAbsence().after_list(expected, expected - first(missed))
    assert absence.missing == (first(missed) if mass else frozenset())


@settings(max_examples=50)
@given(st.integers(0, 100_000))
def test_is_never_ten_percent_sharp(tens: int) -> None:
    expected = range(10 * tens)
    shown = frozenset(str(number) for number in expected[tens:]) if tens <= 300 else None
    if shown is not None:
        assert not MassAbsence().after_list(frozenset(str(number) for number in expected), shown).missing
    assert not tens > max(2, 0.1 * len(expected))


def test_stays_until_each_one_shows_again() -> None:
    expected = first(30)
    absence = MassAbsence().after_list(expected, frozenset())
    absence = absence.after_list(expected, first(29))
    assert absence.missing == ids(29), "one of thirty alone would be no mass"
    assert absence.after_list(expected, expected).missing == frozenset()


def test_does_not_come_back_for_one_that_showed_again() -> None:
    expected = first(30)
    absence = MassAbsence().after_list(expected, frozenset()).after_list(expected, expected)
    assert absence.after_list(expected, first(29)).missing == frozenset()


def test_takes_in_what_goes_missing_later_only_when_it_is_a_mass_too() -> None:
    expected = first(100)
    absence = MassAbsence().after_list(expected, expected - first(20))
    absence = absence.after_list(expected, expected - first(5) - ids(99))
    assert absence.missing == first(5), "6 of 100 are no mass: 99 is judged by itself"


def test_leaves_out_what_is_not_expected_any_more() -> None:
    absence = MassAbsence().after_list(first(30), frozenset())
    assert absence.after_list(first(10), frozenset()).missing == first(10)
    assert absence.after_list(frozenset(), frozenset()).missing == frozenset()


def test_ignores_machines_that_nobody_has_on_record() -> None:
    assert MassAbsence().after_list(frozenset(), ids(1, 2, 3)).missing == frozenset()


class TestAPersonsWord:
    def test_makes_what_is_missing_count(self) -> None:
        expected = first(30)
        absence = MassAbsence().after_list(expected, frozenset()).confirm()
        assert absence.missing == frozenset()
        assert absence.after_list(expected, frozenset()).missing == frozenset()

    def test_holds_for_those_that_were_missing_then(self) -> None:
        expected = first(30)
        absence = MassAbsence().after_list(expected, expected - first(10)).confirm()
        assert absence.after_list(expected, frozenset()).missing == expected - first(10)

    def test_is_used_up_when_a_machine_shows_again(self) -> None:
        expected = first(10)
        absence = MassAbsence().after_list(expected, frozenset()).confirm().after_list(expected, expected)
        assert absence.after_list(expected, frozenset()).missing == expected

    def test_about_nothing_changes_nothing(self) -> None:
        assert MassAbsence().confirm() == MassAbsence()


class TestFreshMachines:
    """Lists may not show them yet."""

    def test_are_not_missed_before_a_list_has_shown_them(self) -> None:
        assert MassAbsence().after_list(frozenset(), frozenset(), first(10)).missing == frozenset()

    def test_are_missed_once_one_has(self) -> None:
        absence = MassAbsence().after_list(frozenset(), first(10), first(10))
        assert absence.after_list(frozenset(), frozenset(), first(10)).missing == first(10)

    def test_that_were_never_shown_are_not_missed_with_the_others(self) -> None:
        absence = MassAbsence().after_list(frozenset(), first(5), first(10))
        assert absence.after_list(frozenset(), frozenset(), first(10)).missing == first(5)

    def test_are_forgotten_when_they_leave_the_record(self) -> None:
        absence = MassAbsence().after_list(frozenset(), first(10), first(10)).after_list(frozenset(), first(10))
        assert absence.listed == frozenset()


@settings(max_examples=50)
@given(
    st.frozensets(st.integers(0, 40)),
    st.lists(st.tuples(st.frozensets(st.integers(0, 40)), st.booleans()), max_size=10),
)
def test_is_never_blind_for_what_it_shows(recorded: frozenset[int], lists: list[tuple[frozenset[int], bool]]) -> None:
    absence, expected = MassAbsence(), ids(*recorded)
    for shown, confirmed in lists:
        absence = absence.after_list(expected, ids(*shown))
        assert not absence.missing & ids(*shown)
        assert absence.missing <= expected
        assert not absence.missing & absence.confirmed
        if confirmed:
            absence = absence.confirm()
            assert not absence.missing
