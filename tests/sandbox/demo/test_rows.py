"""What is shown, before it is drawn."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sandbox.demo.making import NOW, call, instance, machine, one_each, view

from gpuwright_sandbox.demo.facts import OwnerCount
from gpuwright_sandbox.demo.plan import Try
from gpuwright_sandbox.demo.rows import GONE, age, facts_of, news, rows_of, truth_in_words


def test_a_row_has_the_status_and_beside_it_what_the_gateway_heard() -> None:
    truth = replace(one_each("a"), calls=(call("a", status=500, name="n"), call("a", name="n-r2"), call("b")))
    (row,) = rows_of(view("a", truth=truth))
    assert (row.name, row.ready, row.status, row.machine_id, row.age) == ("a", "True", "Running", "i-a", "9s")
    assert row.tried == (Try("n", "500"), Try("n-r2", "201"))
    assert row.in_words() == "a         True    Running             i-a      n 500, n-r2 201"


def test_rows_come_oldest_first_and_what_is_gone_stays_in_its_place() -> None:
    older = replace(instance("z"), created=NOW - timedelta(seconds=60))
    rows = rows_of(view("a", "c", departed=(older, instance("b"))))
    assert [(row.name, row.gone) for row in rows] == [("z", True), ("a", False), ("b", True), ("c", False)]
    assert (rows[0].status, rows[0].ready, rows[0].machine_id, rows[0].age) == (GONE, "", "i-z", "")


def test_age_alone_is_no_news() -> None:
    before = rows_of(view("a", "b"))
    assert news(before, rows_of(view("a", "b", now=NOW + timedelta(seconds=5)))) == ()


def test_a_new_row_and_a_changed_row_are_news() -> None:
    before = rows_of(view("a", "b"))
    changed = replace(instance("b"), ready="Unknown")
    after = rows_of(view("a", "b", "c", instances=(instance("a"), changed, instance("c"))))
    assert [row.name for row in news(before, after)] == ["b", "c"]
    assert news((), before) == before


def test_the_facts_are_the_truths() -> None:
    facts = {fact.label: fact.value for fact in facts_of(one_each("a", "b"))}
    assert facts["live"] == facts["made, ever"] == facts["creates"] == "2"
    assert facts["ever had two"] == facts["deletes"] == "0"
    assert facts["$/hour"] == "6.00"
    assert facts["$ so far"] == "0.0200"


def test_only_an_owner_with_two_is_alarming() -> None:
    good = one_each("a")
    assert not [fact for fact in facts_of(good) if fact.alarming]
    doubled = replace(good, owners={"u-a": OwnerCount(live=1, peak=2, created=2)})
    assert [fact.label for fact in facts_of(doubled) if fact.alarming] == ["ever had two"]


def test_the_truth_in_words_changes_only_when_a_machine_comes_or_goes() -> None:
    truth = one_each("a")
    assert truth_in_words(truth) == "1 live, 1 made ever, owners that ever had two: 0, 3.00 dollars per hour"
    assert truth_in_words(replace(truth, machines=(machine("a", billed=9.0),))) == truth_in_words(truth)


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0s"), (0, "0s"), (59, "59s"), (60, "1m0s"), (61, "1m1s"), (3600, "60m0s")]
)
def test_ages(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words
