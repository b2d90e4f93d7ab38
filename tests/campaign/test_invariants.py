"""Each invariant holds over real runs, and is broken by each way in which such a run is tampered with."""

from functools import cache

import pytest
from tests.campaign.invariants import INVARIANTS, broken_by, in_order
from tests.campaign.invariants_tampered import WAYS, Tamper
from tests.campaign.invariants_tampering import machine_at, one_more
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_run import run_once
from tests.campaign.l1_workflows import WORKFLOWS
from tests.campaign.oracle import confluence, learnt
from tests.campaign.trace import Trace


@cache
def recorded(workflow: str, traits: str = "list-only", seed: int = 1) -> Trace:
    """Return a real run; deleting at a provider without tombstones takes two looks."""
    return run_once(WORKFLOWS[workflow], CLASSES[traits], Plan(), seed).world.trace


def test_every_invariant_holds_over_runs_that_nothing_disturbs() -> None:
    for workflow in ("create", "delete-ready", "stop-and-start", "manual-kill"):
        assert broken_by(recorded(workflow)) == []
        assert in_order(recorded(workflow))


@pytest.mark.parametrize(
    ("invariant", "workflow", "tamper"),
    [pytest.param(*way, id=f"{way[0]}-{way[2].__name__.strip('<>')}-{number}") for number, way in enumerate(WAYS)],
)
def test_a_run_that_is_tampered_with_breaks_it(invariant: str, workflow: str, tamper: Tamper) -> None:
    tampered = tamper(recorded(workflow))
    assert in_order(tampered)
    assert INVARIANTS[invariant](tampered) != []


def test_every_invariant_is_shown_to_be_broken_by_something() -> None:
    assert {invariant for invariant, _workflow, _tamper in WAYS} == set(INVARIANTS)


class TestTheOracle:
    def test_masks_what_two_clean_runs_differ_in(self) -> None:
        reference = learnt(recorded("create"), recorded("create", seed=2))
        assert any(path.endswith("credentialsVersion") for path in reference.mask)
        assert reference.differences(recorded("create", seed=3)) == []

    def test_names_what_ends_otherwise(self) -> None:
        reference = learnt(recorded("create"), recorded("create", seed=2))
        differences = reference.differences(recorded("delete-ready"))
        assert any("bills" in words for words in differences)

    def test_names_a_machine_that_was_made_once_too_often(self) -> None:
        reference = learnt(recorded("create"), recorded("create", seed=2))
        again = one_more(recorded("create"), machine_at(recorded("create")) + 1)
        assert any("made: 1 undisturbed, 2 here" in words for words in reference.differences(again))

    def test_two_ways_that_end_otherwise_are_not_confluent(self) -> None:
        assert confluence(recorded("create"), recorded("create")) == []
        assert confluence(recorded("create"), recorded("mutable-edit")) != []
