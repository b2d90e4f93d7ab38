"""What is left of acts that are over."""

from dataclasses import replace

from tests.sandbox.demo.making import FALSE, TRUE, outcome

from gpuwright_sandbox.demo.story import all_checks, all_seconds


def test_an_act_went_well_when_all_its_claims_are_true() -> None:
    assert outcome(TRUE, TRUE).well
    assert not outcome(TRUE, FALSE).well


def test_all_claims_come_in_the_order_of_the_acts() -> None:
    assert all_checks((outcome(TRUE, FALSE), outcome(FALSE))) == (TRUE, FALSE, FALSE)


def test_the_story_ends_with_its_last_act() -> None:
    first = outcome()
    last = replace(first, place=replace(first.place, seconds=10.0), seconds=4.0)
    assert all_seconds((first, last)) == 14.0
