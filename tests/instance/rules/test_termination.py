"""Asking for an end: one name a pass, armed, and not too often."""

import pytest
from tests.builders import (
    N_R2,
    NOW,
    REF,
    N,
    a_launch,
    a_machine,
    a_provider_view,
    a_witness,
    absent,
    an_ending,
    an_observation,
    armed,
    shown,
)

from gpuwright.instance.actions import Action, LookAt, ReadLive, Terminate, Wait
from gpuwright.instance.rules.termination import ASK_AGAIN_SECONDS, terminate_listed
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState

LAUNCH = a_launch(ending=an_ending())
ARMED = armed(LAUNCH, destructive=True)


def asked(*names: str, **witness: object) -> Action | None:
    """Return what is done about these names by a process that is armed, unless told otherwise."""
    knows = a_witness(LAUNCH, **{"armed": ARMED} | witness)
    return terminate_listed(an_observation(LAUNCH, witness=knows), a_provider_view(), names or (N,))


def test_an_armed_process_terminates_the_name() -> None:
    assert asked() == Terminate(REF, N)


def test_nothing_is_asked_where_no_name_is_given() -> None:
    seen = an_observation(LAUNCH, witness=a_witness(LAUNCH, armed=ARMED))
    assert terminate_listed(seen, a_provider_view(), ()) is None


def test_without_arms_the_object_is_read_live_first() -> None:
    assert asked(armed=None) == ReadLive()


def test_the_arms_of_a_create_do_not_permit_destruction() -> None:
    assert asked(armed=armed(LAUNCH)) == ReadLive()


def test_names_are_terminated_one_after_the_other() -> None:
    assert asked(N, N_R2) == Terminate(REF, N)
    assert asked(N, N_R2, terminated={N: NOW - 1}, terminate_tried={N: NOW - 1}) == Terminate(REF, N_R2)


def test_an_accepted_terminate_is_not_repeated() -> None:
    assert asked(terminated={N: NOW - 1}, terminate_tried={N: NOW - 1}) is None


@pytest.mark.parametrize(
    ("later", "again"),
    [
        pytest.param(ASK_AGAIN_SECONDS - 1, False, id="just before"),
        pytest.param(ASK_AGAIN_SECONDS, False, id="at"),
        pytest.param(ASK_AGAIN_SECONDS + 1, True, id="just after"),
    ],
)
def test_a_machine_still_shown_alive_long_after_is_terminated_again(later: float, again: bool) -> None:
    accepted = NOW - 100
    known = {"terminated": {N: accepted}, "terminate_tried": {N: accepted}}
    action = asked(**known, trails={N: shown(began=accepted + later)})
    assert action == (Terminate(REF, N) if again else None)


@pytest.mark.parametrize(
    "trail",
    [
        pytest.param(shown(a_machine(state=MachineState.DELETING), NOW - 1), id="it is on its way"),
        pytest.param(shown(a_machine(state=MachineState.PREEMPTED), NOW - 1), id="it is dead"),
        pytest.param(absent(NOW - 1, after=shown(began=NOW - 10)), id="it is not shown any more"),
    ],
)
def test_a_machine_that_goes_is_not_terminated_again(trail: Trail) -> None:
    assert asked(terminated={N: NOW - 100}, terminate_tried={N: NOW - 100}, trails={N: trail}) is None


def test_after_a_refused_terminate_one_look_shows_whether_anything_is_there() -> None:
    assert asked(terminate_tried={N: NOW - 1}, tries=1) == LookAt(REF, N)


def test_a_direct_look_that_shows_nothing_ends_the_asking() -> None:
    assert asked(terminate_tried={N: NOW - 1}, tries=1, trails={N: absent(NOW)}) is None


def test_a_list_that_shows_nothing_does_not_end_the_asking() -> None:
    trail = absent(NOW, direct=False)
    assert asked(terminate_tried={N: NOW - 5}, tries=1, trails={N: trail}) == Terminate(REF, N)


@pytest.mark.parametrize(
    ("tries", "pause"),
    [
        pytest.param(1, 2.0, id="first"),
        pytest.param(2, 4.0, id="second"),
        pytest.param(5, 32.0, id="fifth"),
        pytest.param(6, 60.0, id="at most a minute"),
        pytest.param(99, 60.0, id="for ever a minute"),
    ],
)
def test_refused_terminates_are_repeated_ever_more_seldom(tries: int, pause: float) -> None:
    def at(age: float) -> Action | None:
        tried = NOW - age
        return asked(terminate_tried={N: tried}, tries=tries, trails={N: shown(began=tried, direct=True)})

    waiting = at(pause - 1)
    assert isinstance(waiting, Wait)
    assert (waiting.reason, waiting.seconds) == (Reason.TERMINATING_MACHINE, 1.0)
    assert at(pause) == Terminate(REF, N)


def test_what_a_terminate_was_answered_that_was_not_accepted_is_told() -> None:
    trails = {N: shown(began=NOW - 1, direct=True)}
    refused = asked(terminate_tried={N: NOW - 1}, tries=1, trails=trails, answer="403 not yours")
    assert isinstance(refused, Wait)
    assert refused.message == f"terminating {N}; not accepted so far: 403 not yours"
    lost = asked(terminate_tried={N: NOW - 1}, tries=1, trails=trails)
    assert isinstance(lost, Wait)
    assert lost.message == f"terminating {N}"
