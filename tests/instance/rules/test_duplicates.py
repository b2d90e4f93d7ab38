"""Two machines of one owner are made one again; the recorded one is kept."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    N_R2,
    NOW,
    REF,
    N,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_sight,
    a_snapshot,
    a_strangers_machine,
    a_witness,
    absent,
    an_ending,
    an_observation,
    an_unsettled_launch,
    armed,
    shown,
)

from gpuwright.instance.actions import Arms, AskList, ReadLive, Record, Terminate, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.duplicates import clear_finished_duplicates, terminate_second_machines
from gpuwright.model.capabilities import CreateKey
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import Ending, EndingReason, Launch

SECOND = a_machine(id="i-2", name=N_R2, created="2026-11-21T23:50:00Z")


def listed(*machines: Machine, launch: Launch | None = None, began: float = NOW - 5, **witness: object) -> Observation:
    launch = launch or a_launch()
    provider = a_provider_view(snapshot=a_snapshot(*machines, began=began))
    return an_observation(launch, witness=a_witness(launch, **witness), provider=provider)


def announced(action: object) -> tuple[str, ...]:
    """Return the names that are announced as second machines."""
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.DESTRUCTION, EventReason.DUPLICATE_TERMINATED)
    assert action.memory.launch is not None
    assert isinstance(action.memory.launch.ending, Ending)
    assert action.memory.launch.ending.reason is EndingReason.DUPLICATE
    return action.memory.launch.ending.names


def test_one_machine_is_no_duplicate() -> None:
    assert terminate_second_machines(listed(a_machine())) is None
    assert clear_finished_duplicates(listed(a_machine())) is None


def test_the_recorded_machine_is_kept_and_the_other_announced() -> None:
    action = terminate_second_machines(listed(a_machine(), SECOND))
    assert announced(action) == (N_R2,)
    assert isinstance(action, Record)
    assert "i-2" in action.note
    assert action.memory.machine_id == "i-1"


def test_the_recorded_machine_is_kept_even_when_it_is_the_younger() -> None:
    older = a_machine(id="i-0", name=N_R2, created="2026-11-21T20:00:00Z")
    assert announced(terminate_second_machines(listed(a_machine(), older))) == (N_R2,)


def test_the_one_under_the_launchs_name_is_kept_where_the_recorded_one_is_not_shown() -> None:
    older = a_machine(id="i-0", name=N_R2, created="2026-11-21T20:00:00Z")
    same_name = a_machine(id="i-9")
    seen = listed(older, same_name, trails={N: absent(NOW - 5)})
    assert announced(terminate_second_machines(seen)) == (N_R2,)


def test_else_the_oldest_is_kept() -> None:
    older = a_machine(id="i-0", name="other", created="2026-11-21T20:00:00Z")
    seen = listed(SECOND, older, trails={N: absent(NOW - 5)})
    assert announced(terminate_second_machines(seen)) == (N_R2,)


def test_a_list_older_than_the_record_does_nothing() -> None:
    launch = a_launch()
    older = a_machine(id="i-0", name="other", created="2026-11-21T20:00:00Z")
    sight = a_sight(launch, at=NOW - 4)
    assert terminate_second_machines(listed(SECOND, older, launch=launch, trails={}, sight=sight)) is None


def test_a_list_as_old_as_the_record_counts() -> None:
    launch = a_launch()
    older = a_machine(id="i-0", name="other", created="2026-11-21T20:00:00Z")
    sight = a_sight(launch, at=NOW - 5)
    action = terminate_second_machines(listed(SECOND, older, launch=launch, trails={}, sight=sight))
    assert announced(action) == (N_R2,)


def test_the_only_machine_shown_is_kept_where_the_recorded_one_is_not() -> None:
    assert terminate_second_machines(listed(SECOND, trails={N: absent(NOW - 5)})) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_machine(id="i-2", name=N_R2, state=MachineState.DELETING), id="on its way out"),
        pytest.param(a_machine(id="i-2", name=N_R2, state=MachineState.PREEMPTED), id="dead"),
        pytest.param(a_strangers_machine(name=N_R2), id="another owner's"),
    ],
)
def test_what_goes_or_belongs_to_others_is_no_second_machine(other: Machine) -> None:
    assert terminate_second_machines(listed(a_machine(), other)) is None


def test_the_announced_one_is_terminated_once_armed() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))
    assert terminate_second_machines(listed(a_machine(), SECOND, launch=launch)) == ReadLive()
    arms = armed(launch, destructive=True)
    action = terminate_second_machines(listed(a_machine(), SECOND, launch=launch, armed=arms))
    assert action == Terminate(REF, N_R2)


def test_a_third_machine_is_announced_before_it_is_terminated() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))
    third = a_machine(id="i-3", name="third", created="2026-11-21T23:55:00Z")
    seen = listed(a_machine(), SECOND, third, launch=launch, armed=armed(launch, destructive=True))
    assert announced(terminate_second_machines(seen)) == (N_R2, "third")


def test_an_ending_machine_or_an_open_create_is_no_matter_of_duplicates() -> None:
    for launch in (a_launch(ending=an_ending()), an_unsettled_launch()):
        assert terminate_second_machines(listed(a_machine(), SECOND, launch=launch)) is None
        assert clear_finished_duplicates(listed(a_machine(), SECOND, launch=launch)) is None


def test_the_record_is_cleared_once_the_second_machine_is_gone() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))
    action = clear_finished_duplicates(listed(a_machine(), launch=launch))
    assert isinstance(action, Record)
    assert action.arms is Arms.NOTHING
    assert action.memory == a_memory(a_launch())


def test_the_record_stays_while_the_second_machine_goes() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))
    going = a_machine(id="i-2", name=N_R2, state=MachineState.DELETING)
    action = clear_finished_duplicates(listed(a_machine(), going, launch=launch))
    assert isinstance(action, Wait)
    assert (action.brief, action.stalled, action.seconds) == (True, False, 2)


def test_a_recorded_machine_shown_by_a_direct_look_is_kept_though_the_list_lacks_it() -> None:
    launch = a_launch()
    seen = listed(SECOND, launch=launch, trails={N: shown(direct=True)})
    assert announced(terminate_second_machines(seen)) == (N_R2,)


def test_a_recorded_machine_that_only_the_list_shows_is_kept() -> None:
    assert announced(terminate_second_machines(listed(a_machine(), SECOND, trails={}))) == (N_R2,)


NAMESAKE = a_machine(id="i-2", created="2026-11-21T23:50:00Z")


def with_a_namesake(
    *machines: Machine, launch: Launch | None = None, by_id: bool = True, **witness: Any
) -> Observation:
    """Return two machines under the recorded name: a create that was sent again, or a copy that somebody made."""
    seen = listed(*(machines or (a_machine(), NAMESAKE)), launch=launch, **witness)
    able = replace(a_provider_view().capabilities, create_key=CreateKey.NONE, ends_by_id=by_id)
    provider = replace(seen.providers[REF], capabilities=able)
    return replace(seen, providers={REF: provider})


def test_a_second_machine_of_the_recorded_name_is_ended_by_its_id_so_that_the_first_stays() -> None:
    assert announced(terminate_second_machines(with_a_namesake())) == ("i-2",)
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, "i-2"))
    seen = with_a_namesake(launch=launch, armed=armed(launch, destructive=True))
    assert terminate_second_machines(seen) == Terminate(REF, "i-2")


def test_where_nothing_goes_by_its_id_a_namesake_is_left_alone() -> None:
    assert terminate_second_machines(with_a_namesake(by_id=False)) is None


def test_of_namesakes_the_oldest_is_kept_where_the_recorded_one_is_not_shown() -> None:
    third = a_machine(id="i-3", created="2026-11-21T23:55:00Z")
    assert announced(terminate_second_machines(with_a_namesake(NAMESAKE, third, trails={}))) == ("i-3",)


def test_a_namesake_that_is_ended_is_waited_for_and_the_first_is_not() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, "i-2"))
    assert isinstance(clear_finished_duplicates(with_a_namesake(launch=launch)), Wait)
    assert isinstance(clear_finished_duplicates(with_a_namesake(a_machine(), launch=launch)), Record)


@pytest.mark.parametrize(
    ("accepted", "again"), [(NOW - 35, False), (NOW - 36, True)], ids=["just before", "long after"]
)
def test_a_namesake_that_the_list_shows_long_after_its_terminate_was_accepted_is_asked_for_again(
    accepted: float, again: bool
) -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, "i-2"))
    arms, asked = armed(launch, destructive=True), {"i-2": accepted}
    seen = with_a_namesake(launch=launch, armed=arms, terminated=asked, terminate_tried=asked)
    assert terminate_second_machines(seen) == (Terminate(REF, "i-2") if again else None)


def test_a_list_from_before_the_record_names_no_second_machine_though_a_look_shows_the_first() -> None:
    launch = a_launch()
    gone_since = a_machine(id="i-0", name=N_R2)
    sight = a_sight(launch, at=NOW - 4)
    assert terminate_second_machines(listed(a_machine(), gone_since, launch=launch, sight=sight)) is None
    sight = a_sight(launch, at=NOW - 5)
    assert announced(terminate_second_machines(listed(a_machine(), gone_since, launch=launch, sight=sight))) == (N_R2,)


def test_what_another_leader_has_announced_is_not_cleared_by_an_older_list() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))
    assert isinstance(clear_finished_duplicates(listed(a_machine(), launch=launch, recorded_at=NOW - 5)), Record)
    assert isinstance(clear_finished_duplicates(listed(a_machine(), launch=launch, recorded_at=NOW - 4)), AskList)
