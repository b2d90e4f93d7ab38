"""Names once tried: looked for until they are proven absent, and dropped only then."""

import pytest
from tests.builders import (
    N_R2,
    NOW,
    REF,
    F,
    N,
    a_blind_provider_view,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_residue,
    a_witness,
    absent,
    an_observation,
    shown,
)

from gpuwright.instance.actions import Action, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.residue import (
    drop_proven_residue,
    look_for_residue,
    prove_residue,
    residue_look_due,
)
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.provider_view import ProviderView

LAUNCH = a_launch(attempt=2, name=N_R2)


def tried(
    trail: Trail | None = None, *, since: float = NOW - 10 * F, provider: ProviderView | None = None
) -> Observation:
    """Return a machine under the second name, and the first name in the residue since that moment."""
    trails = {N_R2: shown(a_machine(name=N_R2))} | ({N: trail} if trail else {})
    witness = a_witness(LAUNCH, trails=trails, residue_since={N: since})
    return an_observation(memory=a_memory(LAUNCH, residue=(a_residue(),)), witness=witness, provider=provider)


def proof(seen: Observation) -> Action | None:
    return prove_residue(seen, a_provider_view())


def test_without_residue_there_is_nothing_to_do() -> None:
    seen = an_observation()
    assert (proof(seen), drop_proven_residue(seen), look_for_residue(seen)) == (None, None, None)


def test_a_name_never_looked_at_is_looked_at() -> None:
    assert proof(tried()) == LookAt(REF, N)
    assert look_for_residue(tried()) == LookAt(REF, N)


def test_absence_over_f_proves_a_name() -> None:
    seen = tried(absent(NOW - F, NOW))
    assert proof(seen) is None
    assert isinstance(drop_proven_residue(seen), Record)


def test_a_second_less_than_f_is_waited_out() -> None:
    action = proof(tried(absent(NOW - F + 1, NOW)))
    assert isinstance(action, Wait)
    assert (action.reason, action.seconds) == (Reason.PROVING_ABSENCE, 1.0)


def test_looks_from_before_the_name_was_residue_prove_nothing() -> None:
    assert isinstance(proof(tried(absent(NOW - F - 1, NOW), since=NOW - F)), Wait)


def test_absence_from_lists_alone_is_no_proof() -> None:
    seen = tried(absent(NOW - F, NOW, direct=False))
    assert proof(seen) == LookAt(REF, N)
    assert drop_proven_residue(seen) is None


@pytest.mark.parametrize(
    ("since", "dropped"),
    [
        pytest.param(NOW - 2 * F + 1, False, id="just before"),
        pytest.param(NOW - 2 * F, True, id="at"),
        pytest.param(NOW - 2 * F - 1, True, id="just after"),
    ],
)
def test_a_name_is_dropped_when_f_has_passed_and_looks_over_f_after_that_showed_nothing(
    since: float, dropped: bool
) -> None:
    action = drop_proven_residue(tried(absent(NOW - F, NOW), since=since))
    assert (action is not None) is dropped
    if dropped:
        assert isinstance(action, Record)
        assert action.memory == a_memory(LAUNCH)


def test_a_name_that_shows_a_machine_stays() -> None:
    assert drop_proven_residue(tried(shown())) is None


def test_a_dead_machine_under_a_name_without_an_id_on_record_proves_nothing() -> None:
    assert drop_proven_residue(tried(shown(a_machine(state=MachineState.PREEMPTED)))) is None


def test_only_proven_names_are_dropped() -> None:
    third = a_residue("third")
    memory = a_memory(LAUNCH, residue=(a_residue(), third))
    witness = a_witness(LAUNCH, trails={N: absent(NOW - F, NOW)}, residue_since={N: NOW - 9 * F, "third": NOW - 9 * F})
    action = drop_proven_residue(an_observation(memory=memory, witness=witness))
    assert isinstance(action, Record)
    assert action.memory.residue == (third,)


def test_an_unproven_name_is_looked_at_although_another_waits() -> None:
    memory = a_memory(LAUNCH, residue=(a_residue(), a_residue("third")))
    since = {N: NOW - 9 * F, "third": NOW - 9 * F}
    witness = a_witness(LAUNCH, trails={N: absent(NOW - 1)}, residue_since=since)
    assert proof(an_observation(memory=memory, witness=witness)) == LookAt(REF, "third")


def test_where_nothing_can_be_read_no_name_is_dropped_or_looked_for() -> None:
    seen = tried(absent(NOW - F, NOW), provider=a_blind_provider_view())
    assert (drop_proven_residue(seen), look_for_residue(seen)) == (None, None)


def test_an_unreachable_provider_is_not_asked() -> None:
    assert look_for_residue(tried(provider=a_provider_view(reachable=False))) is None


@pytest.mark.parametrize(
    ("since", "due"),
    [
        pytest.param(NOW - F + 1, 1.0, id="just before"),
        pytest.param(NOW - F, 0.0, id="at"),
        pytest.param(NOW - F - 1, 0.0, id="just after"),
    ],
)
def test_a_look_is_due_when_f_has_passed_since_the_last_send(since: float, due: float) -> None:
    seen = tried(since=since)
    assert residue_look_due(seen, N, a_provider_view()) == due
    assert look_for_residue(seen) == (None if due else LookAt(REF, N))


def test_of_several_waits_the_shortest_counts() -> None:
    memory = a_memory(LAUNCH, residue=(a_residue(), a_residue("third")))
    since = {N: NOW - 9 * F, "third": NOW - 9 * F}
    trails = {N: absent(NOW - F + 1, NOW), "third": absent(NOW - F + 5, NOW)}
    action = proof(an_observation(memory=memory, witness=a_witness(LAUNCH, trails=trails, residue_since=since)))
    assert isinstance(action, Wait)
    assert action.seconds == 1.0


def test_a_dead_machine_that_a_look_showed_under_a_name_proves_that_one_gone() -> None:
    assert proof(tried(shown(a_machine(state=MachineState.PREEMPTED)))) is None


def test_a_look_made_when_f_has_just_passed_begins_the_proof() -> None:
    assert residue_look_due(tried(absent(NOW), since=NOW - F), N, a_provider_view()) == F
