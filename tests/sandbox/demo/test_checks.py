"""Every claim: true where it is, and false as soon as one thing is otherwise."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sandbox.demo.making import CLUSTER, FALSE, NOW, TRUE, call, instance, machine, one_each, planned, view

from gpuwright_sandbox.demo import checks
from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.facts import OwnerCount, Truth
from gpuwright_sandbox.demo.plan import base_name

A, B = instance("a"), instance("b")
BOTH = one_each("a", "b")
FLAKY = base_name("flaky-2", "u-flaky-2", CLUSTER)


def with_machine(truth: Truth, name: str = "a") -> Truth:
    """One more machine for that owner, at the same time."""
    more = machine(name, id="i-9", name="second")
    return replace(
        truth,
        machines=(*truth.machines, more),
        owners={**truth.owners, f"u-{name}": OwnerCount(live=2, peak=2, created=2)},
    )


def flaky_calls(*answers: tuple[str, int]) -> Truth:
    calls = (
        call("flaky-2", name=FLAKY + suffix, status=status, number=n) for n, (suffix, status) in enumerate(answers)
    )
    return Truth(calls=tuple(calls))


def test_a_claim_holds_when_what_was_seen_is_what_was_expected() -> None:
    assert TRUE.holds
    assert not FALSE.holds
    assert checks.broken((TRUE, FALSE, TRUE)) == (FALSE,)


def test_names_tried_as_foreseen() -> None:
    truth = flaky_calls(("", 500), ("-r2", 503), ("-r3", 201))
    check = checks.names_tried(planned("flaky-2"), instance("flaky-2"), truth, CLUSTER)
    assert check.holds
    assert check.claim == "flaky-2: 500, then 503 as -r2, then 201 as -r3"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([("", 500), ("", 503), ("-r2", 201)], id="a name was used twice"),
        pytest.param([("", 500), ("-r2", 201)], id="one try too few"),
        pytest.param([("", 500), ("-r2", 503), ("-r3", 201), ("-r4", 201)], id="one try too many"),
        pytest.param([], id="no try"),
    ],
)
def test_other_names_than_foreseen_are_seen(answers: list[tuple[str, int]]) -> None:
    check = checks.names_tried(planned("flaky-2"), instance("flaky-2"), flaky_calls(*answers), CLUSTER)
    assert not check.holds
    assert f"{FLAKY}-r3 201" in check.expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", "plain: 201 at the first try"),
        ("flaky-1", "flaky-1: 500, then 201 as -r2"),
        ("cut-early", "cut-early: lost, then 201 under the same name"),
        ("cut-late", "cut-late: lost, and never sent again"),
    ],
)
def test_what_is_foreseen_is_said_in_short(name: str, words: str) -> None:
    assert checks.names_tried(planned(name), instance(name), Truth(), CLUSTER).claim == words


def test_an_adopted_machine_is_named_and_said_to_be_adopted() -> None:
    named = replace(A, launched="Adopted")
    assert checks.adopted(named, BOTH).holds
    assert not checks.adopted(A, BOTH).holds
    assert not checks.adopted(replace(named, machine_id="i-other"), BOTH).holds
    assert not checks.adopted(replace(named, machine_id=""), BOTH).holds
    assert not checks.adopted(named, with_machine(BOTH)).holds


def test_one_machine_each() -> None:
    assert checks.one_machine_each((A, B), BOTH).holds
    assert not checks.one_machine_each((A, B), with_machine(BOTH)).holds
    assert not checks.one_machine_each((A, B), one_each("a")).holds


def test_two_machines_one_after_the_other_are_not_one_machine() -> None:
    truth = replace(BOTH, owners={**BOTH.owners, "u-a": OwnerCount(live=1, peak=1, created=2)})
    assert not checks.one_machine_each((A, B), truth).holds


def test_a_machine_of_a_stranger_or_of_nobody_is_one_too_many() -> None:
    assert "u-b 1 made" in checks.one_machine_each((A,), BOTH).seen
    nobodys = replace(BOTH, owners={**BOTH.owners, "": OwnerCount(live=1, peak=1, created=1)})
    assert "nobody 1 made" in checks.one_machine_each((A, B), nobodys).seen


def test_a_status_that_names_another_machine_or_none_is_false() -> None:
    assert checks.status_is_true((A, B), BOTH).holds
    assert not checks.status_is_true((replace(A, machine_id="i-b"), B), BOTH).holds
    assert not checks.status_is_true((replace(A, machine_id="", machine_name=""), B), BOTH).holds
    assert not checks.status_is_true((A, B), with_machine(BOTH)).holds


def test_a_status_that_hides_a_try_is_false() -> None:
    assert checks.status_tells_the_tries((A, B), BOTH).holds
    assert not checks.status_tells_the_tries((replace(A, tried=()), B), BOTH).holds
    assert not checks.status_tells_the_tries((replace(A, tried=A.tried * 2), B), BOTH).holds


def power(stopped: Truth, after: Truth) -> Check:
    return checks.same_machine_after_power(one_each("a"), stopped, after, "u-a")


def test_power_goes_off_and_on_by_one_call_each() -> None:
    before = one_each("a")
    off = replace(before, machines=(machine("a", state="stopped"),))
    calls = (*before.calls, call("a", kind="stop"), call("a", kind="start"))
    after = replace(before, calls=calls)
    assert power(off, after).holds
    assert not power(before, after).holds
    assert not power(off, before).holds
    assert not power(off, replace(after, calls=(*calls, call("a", kind="start")))).holds
    assert not power(off, replace(after, calls=(*calls, call("a")))).holds
    assert not power(off, replace(after, machines=(machine("a", id="i-new"),))).holds
    assert not checks.same_machine_after_power(Truth(), off, after, "u-a").holds


def test_in_the_dark_nobody_may_claim_to_know() -> None:
    dark = replace(A, ready="Unknown", reason="ProviderUnreachable")
    assert checks.nothing_was_known((dark, dark)).holds
    assert not checks.nothing_was_known((dark, A)).holds
    assert not checks.nothing_was_known((dark, replace(dark, reason="Paused"))).holds


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda truth: replace(truth, machines=truth.machines[:1]), id="a machine ended"),
        pytest.param(with_machine, id="a machine was made"),
        pytest.param(lambda truth: replace(truth, calls=(*truth.calls, call(kind="delete"))), id="a delete was sent"),
    ],
)
def test_in_the_dark_nothing_may_be_touched(change: Callable[[Truth], Truth]) -> None:
    assert checks.nothing_was_touched(BOTH, BOTH).holds
    assert not checks.nothing_was_touched(BOTH, change(BOTH)).holds


def test_the_machine_of_the_killed_operator_is_older_than_the_kill() -> None:
    made = machine("a").created
    assert checks.made_before_the_kill(A, BOTH, made + timedelta(microseconds=1)).holds
    assert not checks.made_before_the_kill(A, BOTH, made).holds
    assert not checks.made_before_the_kill(A, with_machine(BOTH), NOW).holds
    assert not checks.made_before_the_kill(A, Truth(), NOW).holds


def test_an_instance_whose_ready_moved_and_came_back_was_disturbed() -> None:
    assert checks.nobody_was_disturbed((A, B), (B, A, instance("c"))).holds
    assert not checks.nobody_was_disturbed((A, B), (replace(A, ready_since="later"), B)).holds
    assert not checks.nobody_was_disturbed((A, B), (A,)).holds


def test_all_is_gone_only_when_objects_machines_and_owners_are() -> None:
    gone = view(truth=Truth((machine(alive=False),), {"u-plain": OwnerCount(live=0, peak=1, created=1)}))
    assert checks.all_gone(gone).holds
    assert not checks.all_gone(replace(gone, instances=(A,))).holds
    assert not checks.all_gone(replace(gone, truth=BOTH)).holds


def test_a_suspected_leak_is_told_by_name() -> None:
    assert checks.no_leak(()).holds
    assert checks.no_leak(("a-1", "b-1")).seen == "a-1, b-1"


def test_a_bill_that_grows_does_not_rest() -> None:
    assert checks.bill_rests(BOTH, BOTH).holds
    assert not checks.bill_rests(BOTH, Truth((machine("a", billed=0.01), machine("b", billed=0.010001)))).holds


def test_never_two() -> None:
    assert checks.never_two(BOTH, made=2).holds
    assert not checks.never_two(BOTH, made=3).holds
    assert not checks.never_two(with_machine(BOTH), made=3).holds
