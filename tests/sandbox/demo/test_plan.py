"""What the demo does, and what it foresees."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.demo.making import NOW

from gpuwright.model.names import Owner, attempt_name
from gpuwright_sandbox.demo.facts import LOST
from gpuwright_sandbox.demo.plan import Deed, Planned, Trouble, Try, acts, base_name, everybody
from gpuwright_sandbox.gateway.faults import read_fault
from gpuwright_sandbox.gateway.shapes import Json

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "demo"

any_troubles = st.lists(st.sampled_from(list(Trouble)), max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("troubles", "tries"),
    [
        pytest.param((), [("n", "201")], id="201"),
        pytest.param((Trouble.ANSWER_500,), [("n", "500"), ("n-r2", "201")], id="500, 201"),
        pytest.param(
            (Trouble.ANSWER_500, Trouble.ANSWER_503),
            [("n", "500"), ("n-r2", "503"), ("n-r3", "201")],
            id="500, 503, 201",
        ),
        pytest.param((Trouble.CUT_AFTER,), [("n", LOST)], id="reset after commit"),
        pytest.param((Trouble.HELD,), [("n", LOST)], id="never answered after commit"),
        pytest.param((Trouble.CUT_BEFORE,), [("n", LOST), ("n", "201")], id="reset before commit, 201"),
        pytest.param(
            (Trouble.ANSWER_500, Trouble.CUT_BEFORE),
            [("n", "500"), ("n-r2", LOST), ("n-r2", "201")],
            id="500, reset before commit, 201",
        ),
    ],
)
def test_the_tries_are_those_of_the_protocol(troubles: tuple[Trouble, ...], tries: list[tuple[str, str]]) -> None:
    assert Planned("n", troubles).tries("n") == tuple(Try(*each) for each in tries)


@given(any_troubles)
def test_whatever_happens_exactly_one_machine_is_made(troubles: tuple[Trouble, ...]) -> None:
    planned = Planned("n", troubles)
    tries = planned.tries("n")
    made = [trouble for trouble in troubles[: len(tries)] if trouble.makes]
    assert len(made) + sum(each.answer == "201" for each in tries) == 1
    assert planned.orphans == bool(made)


@given(any_troubles)
def test_only_a_name_whose_answer_was_lost_is_sent_again(troubles: tuple[Trouble, ...]) -> None:
    for before, after in pairwise(Planned("n", troubles).tries("n")):
        assert (before.name == after.name) == (before.answer == LOST)


@given(any_troubles)
def test_the_gateway_understands_every_fault(troubles: tuple[Trouble, ...]) -> None:
    for nth, fault in enumerate(Planned("n", troubles).faults(), start=1):
        spec: dict[str, Json] = {**fault}
        assert read_fault(spec, nth, NOW).match.nth == nth


def test_the_names_are_those_that_the_operator_computes() -> None:
    for planned in everybody(acts(seed=1)):
        owner = Owner("cluster", "team-a", planned.name, "uid-1")
        base = base_name(planned.name, "uid-1", "cluster")
        assert base == attempt_name(owner, 1, 1)
        names = [each.name for each in Planned("n", (Trouble.ANSWER_500, Trouble.ANSWER_503)).tries(base)]
        assert names == [attempt_name(owner, 1, attempt) for attempt in (1, 2, 3)]


def test_every_manifest_has_the_instances_of_its_act() -> None:
    for act in acts():
        if act.manifest:
            bodies = list(yaml.safe_load_all((EXAMPLES / act.manifest).read_text()))
            assert [body["metadata"]["name"] for body in bodies] == [planned.name for planned in act.instances]


def test_no_manifest_is_left_over() -> None:
    used = {act.manifest for act in acts() if act.manifest} | {"provider.yaml"}
    assert {path.name for path in EXAMPLES.iterdir()} == used


@given(st.integers())
def test_a_seed_adds_an_act_before_the_deletion_and_always_the_same_one(seed: int) -> None:
    story = acts(seed)
    assert story == acts(seed)
    assert (*story[:-2], story[-1]) == acts()
    assert str(seed) in story[-2].title


@given(st.integers())
def test_what_is_drawn_ends_within_one_burst_and_waits_for_settlement_once_at_most(seed: int) -> None:
    for planned in acts(seed)[-2].instances:
        tries = planned.tries("n")
        assert len(tries) <= 3
        assert sum(each.answer == LOST for each in tries) <= 2
        assert planned.troubles.count(Trouble.CUT_BEFORE) <= 1
        assert Trouble.HELD not in planned.troubles


def test_no_name_comes_twice_and_none_begins_with_another() -> None:
    names = [planned.name for planned in everybody(acts(seed=3))]
    assert not [(one, other) for one in names for other in names if one is not other and other.startswith(f"{one}-")]
    assert len(set(names)) == len(names)


def test_the_last_act_deletes_and_no_other_does() -> None:
    assert [act.deed is Deed.DELETE for act in acts()] == [False] * 6 + [True]
