"""A machine on record: gone, broken, late or old; and what is no proof of any of it."""

from dataclasses import replace

import pytest
from tests.builders import (
    N_R2,
    NOW,
    POLL,
    REF,
    WALL,
    F,
    N,
    a_blind_provider_view,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_sight,
    a_snapshot,
    a_spec,
    a_strangers_machine,
    a_witness,
    absent,
    an_empty_provider_view,
    an_ending,
    an_observation,
    an_unsettled_launch,
    shown,
)

from gpuwright.instance.actions import Arms, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.liveness import (
    age_of,
    coming_up_seconds,
    committed,
    end_when_absent,
    end_when_broken,
    end_when_dead,
    end_when_expired,
    end_when_overdue,
    is_coming_up,
    look_when_another_lives,
    recorded_machine,
    save_time_coming_up,
)
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import Ending, EndingReason, Launch
from gpuwright.model.provider_view import ProviderView

RULES = (end_when_dead, end_when_absent, end_when_broken, end_when_overdue, end_when_expired)


def seen_with(trail: Trail, launch: Launch | None = None, provider: ProviderView | None = None) -> Observation:
    launch = launch or a_launch()
    return an_observation(launch, witness=a_witness(launch, trails={N: trail}), provider=provider)


def ended(action: object) -> tuple[EndingReason, tuple[str, ...], str]:
    """Return why and under which names something ends, and the recorded state."""
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    ending = action.memory.launch.ending
    assert isinstance(ending, Ending)
    return ending.reason, ending.names, str(action.memory.machine["state"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_a_machine_that_runs_is_left_alone(rule: object) -> None:
    assert callable(rule)
    assert rule(an_observation()) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize(
    "launch",
    [
        pytest.param(an_unsettled_launch(), id="nobody knows yet whether a machine was made"),
        pytest.param(a_launch(ending=an_ending()), id="it is ending already"),
    ],
)
def test_nothing_is_concluded_about_a_launch_without_a_wanted_machine(rule: object, launch: Launch) -> None:
    trail = absent(NOW - F, NOW)
    memory = a_memory(launch, machine=a_machine(state=MachineState.PENDING).recorded())
    seen = an_observation(memory=memory, witness=a_witness(launch, trails={N: trail}, power_refused="no"))
    assert callable(rule)
    assert rule(seen) is None


def test_a_preempted_machine_ends_as_preempted_and_gone() -> None:
    action = end_when_dead(seen_with(shown(a_machine(state=MachineState.PREEMPTED))))
    assert ended(action) == (EndingReason.PREEMPTED, (N,), "Gone")
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.NOTHING, EventReason.LOST)


def test_a_tombstone_of_the_recorded_id_ends_it_as_lost() -> None:
    action = end_when_dead(seen_with(Trail().buried(NOW - 1, "i-1")))
    assert ended(action) == (EndingReason.LOST, (N,), "Gone")


@pytest.mark.parametrize(
    "trail",
    [
        pytest.param(Trail().buried(NOW - 1, "i-0"), id="tombstone"),
        pytest.param(shown(a_machine(id="i-0", state=MachineState.PREEMPTED)), id="preempted"),
    ],
)
def test_the_death_of_another_id_says_nothing_about_the_recorded_machine(trail: Trail) -> None:
    assert end_when_dead(seen_with(trail)) is None


def test_absence_in_every_look_over_f_ends_it_as_lost() -> None:
    action = end_when_absent(seen_with(absent(NOW - F, NOW)))
    assert ended(action) == (EndingReason.LOST, (N,), "Gone")
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.NOTHING, EventReason.LOST)


def test_absence_for_one_second_less_than_f_is_waited_out() -> None:
    action = end_when_absent(seen_with(absent(NOW - F + 1, NOW)))
    assert isinstance(action, Wait)
    assert (action.reason, action.seconds) == (Reason.LOST, 1.0)


def test_absence_from_lists_alone_asks_for_a_direct_look() -> None:
    assert end_when_absent(seen_with(absent(NOW - F, NOW, direct=False))) == LookAt(REF, N)


def test_a_direct_look_before_f_is_over_does_not_make_the_proof() -> None:
    trail = absent(NOW - 1, direct=False, after=absent(NOW - F, NOW - F + 5))
    assert end_when_absent(seen_with(trail)) == LookAt(REF, N)


def test_a_machine_that_shows_again_starts_the_proof_anew() -> None:
    trail = absent(NOW, after=absent(NOW - F - 10).present(NOW - F, a_machine(), direct=True))
    assert isinstance(end_when_absent(seen_with(trail)), Wait)


def test_looks_from_before_the_machine_was_made_prove_nothing() -> None:
    launch = a_launch()
    witness = a_witness(launch, trails={N: absent(NOW - F - 5, NOW - 5)}, sight=a_sight(launch, at=NOW - 10))
    assert isinstance(end_when_absent(an_observation(launch, witness=witness)), Wait)


def test_absence_says_nothing_until_what_was_sent_has_settled() -> None:
    launch = a_launch(settled=False)
    answered = NOW - F + 1
    witness = a_witness(
        launch,
        trails={N: absent(NOW - F, NOW)},
        sight=a_sight(launch, at=answered),
        answered_send=launch.send,
        answered_at=answered,
    )
    assert end_when_absent(an_observation(launch, witness=witness)) is None


def test_absence_counts_from_f_after_the_answer() -> None:
    launch = a_launch(settled=False)
    sight = a_sight(launch, at=NOW - F)
    witness = a_witness(launch, trails={N: absent(NOW)}, sight=sight, answered_send=launch.send, answered_at=NOW - F)
    action = end_when_absent(an_observation(launch, witness=witness))
    assert isinstance(action, Wait)
    assert action.seconds == F


def test_mass_absence_is_blind_however_long_it_lasts() -> None:
    provider = an_empty_provider_view(mass_absent=frozenset({"i-1"}))
    action = end_when_absent(seen_with(absent(NOW - 10 * F, NOW), provider=provider))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled, action.seconds) == (Reason.PROVIDER_UNREACHABLE, False, 60)


def test_a_mass_absence_is_told_though_no_look_that_missed_it_counts() -> None:
    provider = an_empty_provider_view(mass_absent=frozenset({"i-1"}))
    action = end_when_absent(seen_with(shown(began=NOW - 60), provider=provider))
    assert isinstance(action, Wait)
    assert (action.reason, action.ready) == (Reason.PROVIDER_UNREACHABLE, False)


def test_the_mass_absence_of_others_is_none_of_ours() -> None:
    provider = an_empty_provider_view(mass_absent=frozenset({"i-7", "i-8", "i-9"}))
    assert isinstance(end_when_absent(seen_with(absent(NOW - F, NOW), provider=provider)), Record)


def test_an_unreachable_provider_is_not_looked_at_and_nothing_is_concluded() -> None:
    provider = an_empty_provider_view(reachable=False)
    assert end_when_absent(seen_with(absent(NOW - F + 1, NOW), provider=provider)) is None


def test_where_nothing_can_be_read_absence_is_never_concluded() -> None:
    assert end_when_absent(seen_with(absent(NOW - F, NOW), provider=a_blind_provider_view())) is None


def test_a_failed_machine_is_announced_for_termination_as_broken() -> None:
    action = end_when_broken(seen_with(shown(a_machine(state=MachineState.FAILED))))
    assert ended(action) == (EndingReason.BROKEN, (N,), "Running")
    assert isinstance(action, Record)
    assert (action.arms, action.event) == (Arms.DESTRUCTION, EventReason.REPLACING)


def refused_start(
    state: MachineState = MachineState.STOPPED, powered_at: float = NOW - 1, **instance: object
) -> Observation:
    """Return a machine of which the provider said a moment ago that it can never be started again."""
    launch = a_launch()
    trails = {N: shown(a_machine(state=state))}
    witness = a_witness(launch, trails=trails, power_refused="no such host", powered_at=powered_at, powered_on=True)
    return an_observation(launch, witness=witness, instance=instance)


def test_a_start_that_is_refused_for_good_makes_it_broken() -> None:
    action = end_when_broken(refused_start())
    assert ended(action)[0] is EndingReason.BROKEN
    assert isinstance(action, Record)
    assert "no such host" in action.note


def test_a_refused_start_ends_nothing_that_is_to_stay_off_or_runs_or_could_be_asked_again() -> None:
    assert end_when_broken(refused_start(spec=a_spec(powerState="Stopped"))) is None
    assert end_when_broken(refused_start(state=MachineState.RUNNING)) is None
    assert end_when_broken(refused_start(powered_at=NOW - 60)) is None
    assert end_when_broken(refused_start(powered_at=NOW - 59)) is not None


def test_an_unknown_word_is_not_broken() -> None:
    assert end_when_broken(seen_with(shown(a_machine(state=MachineState.UNKNOWN)))) is None


def coming_up(visible: float, *, waited: int = 0, trail: Trail | None = None, **view: object) -> Observation:
    """Return a machine on its way up after this many visible seconds, beyond those on record."""
    launch = a_launch(waited_seconds=waited)
    machine = a_machine(state=MachineState.PROVISIONING)
    memory = a_memory(launch, machine=machine.recorded())
    trails = {N: trail or shown(machine, direct=True)}
    witness = a_witness(launch, sight=a_sight(launch, visible=0.0), trails=trails)
    provider = a_provider_view(visible_seconds=visible, **view)
    return an_observation(memory=memory, witness=witness, provider=provider)


@pytest.mark.parametrize(
    ("visible", "overdue"),
    [
        pytest.param(1799.0, False, id="just before"),
        pytest.param(1800.0, True, id="at"),
        pytest.param(1801.0, True, id="just after"),
    ],
)
def test_a_machine_is_overdue_from_the_deadline_on(visible: float, overdue: bool) -> None:
    action = end_when_overdue(coming_up(visible))
    assert (action is not None) is overdue
    if overdue:
        assert ended(action) == (EndingReason.LAUNCH_DEADLINE_EXCEEDED, (N,), "Provisioning")
        assert isinstance(action, Record)
        assert (action.arms, action.event) == (Arms.DESTRUCTION, EventReason.REPLACING)


def test_a_machine_that_came_up_while_nobody_could_write_it_down_is_not_overdue() -> None:
    assert end_when_overdue(coming_up(1e9, trail=shown(direct=True))) is None
    assert end_when_overdue(coming_up(1e9, trail=shown())) is None


@pytest.mark.parametrize(
    "trail",
    [
        pytest.param(Trail(), id="never looked at by this process"),
        pytest.param(shown(a_machine(state=MachineState.PENDING)), id="shown by a list alone"),
        pytest.param(shown(a_machine(state=MachineState.PENDING), NOW - 10.1, direct=True), id="shown long ago"),
    ],
)
def test_a_machine_is_looked_at_before_it_is_ended_as_overdue(trail: Trail) -> None:
    assert end_when_overdue(coming_up(1e9, trail=trail)) == LookAt(REF, N)


def test_a_look_that_proved_nothing_ends_no_overdue_machine() -> None:
    unshown = replace(shown(a_machine(state=MachineState.PENDING), NOW - 20), looked=NOW - 1)
    assert end_when_overdue(coming_up(1e9, trail=unshown)) is None


def test_nothing_is_overdue_while_our_credentials_are_refused() -> None:
    assert end_when_overdue(coming_up(1e9, credentials_rejected=True)) is None


def test_only_time_in_which_we_could_see_counts() -> None:
    seen = coming_up(1.0)
    assert seen.witness.sight is not None
    assert seen.now - seen.witness.sight.at == 900  # long ago by the clock
    assert end_when_overdue(seen) is None


def test_time_waited_by_an_earlier_process_counts() -> None:
    assert end_when_overdue(coming_up(100.0, waited=1699)) is None
    assert end_when_overdue(coming_up(100.0, waited=1700)) is not None


def test_an_unreachable_provider_pauses_the_deadline() -> None:
    assert end_when_overdue(coming_up(9999.0, reachable=False)) is None


def test_a_deadline_of_zero_is_none() -> None:
    seen = coming_up(1e9)
    spec = a_spec(deadlines={"launchSeconds": 0})
    assert end_when_overdue(an_observation(memory=seen.memory, provider=seen.provider, instance={"spec": spec})) is None


@pytest.mark.parametrize(
    ("visible", "saved"), [pytest.param(449.0, None, id="not yet"), pytest.param(450.5, 650, id="a quarter more")]
)
def test_the_time_on_the_way_up_is_saved_seldom(visible: float, saved: int | None) -> None:
    action = save_time_coming_up(coming_up(visible, waited=200))
    if saved is None:
        assert action is None
        return
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert (action.memory.launch.waited_seconds, action.memory.launch.settled) == (saved, True)


def test_what_was_saved_is_not_counted_twice() -> None:
    seen = coming_up(450.0, waited=200)
    after = replace(seen, instance=replace(seen.instance, memory=seen.memory.with_launch(waited_seconds=650)))
    assert save_time_coming_up(after) is None
    assert end_when_overdue(after) is None


def test_a_machine_that_ran_is_never_overdue() -> None:
    assert end_when_overdue(an_observation(provider=a_provider_view(visible_seconds=1e9))) is None


def test_a_machine_that_comes_up_again_is_never_overdue() -> None:
    seen = coming_up(1e9)
    again = replace(seen, instance=replace(seen.instance, memory=seen.memory.with_launch(started=True)))
    assert end_when_overdue(seen) is not None
    assert end_when_overdue(again) is None
    assert save_time_coming_up(again) is None


def test_a_machine_that_nobody_can_see_arrive_is_not_terminated_as_overdue() -> None:
    seen = coming_up(1e9)
    blind = a_blind_provider_view(visible_seconds=1e9)
    again = an_observation(memory=seen.memory, witness=seen.witness, provider=blind)
    assert end_when_overdue(again) is None
    assert save_time_coming_up(again) is None


def test_a_stopped_machine_on_its_way_up_is_not_overdue() -> None:
    seen = coming_up(1e9)
    stopped = {"spec": a_spec(powerState="Stopped")}
    again = an_observation(memory=seen.memory, witness=seen.witness, provider=seen.provider, instance=stopped)
    assert not is_coming_up(again)
    assert end_when_overdue(again) is None


@pytest.mark.parametrize(
    ("limit", "expired"),
    [
        pytest.param(901, False, id="just before"),
        pytest.param(900, True, id="at"),
        pytest.param(899, True, id="just after"),
        pytest.param(0, False, id="never"),
    ],
)
def test_a_machine_expires_at_the_age_that_the_spec_gives_it(limit: int, expired: bool) -> None:
    action = end_when_expired(an_observation(instance={"spec": a_spec(expireAfterSeconds=limit)}))
    assert (action is not None) is expired
    if expired:
        assert ended(action) == (EndingReason.EXPIRED, (N,), "Running")
        assert isinstance(action, Record)
        assert (action.arms, action.event) == (Arms.DESTRUCTION, EventReason.EXPIRED)


@pytest.mark.parametrize(
    ("created", "age"),
    [
        pytest.param("2026-11-21T23:59:00Z", 60.0, id="the provider's time of its birth"),
        pytest.param("", 900.0, id="our intent where the provider tells none"),
        pytest.param("yesterday", 900.0, id="our intent where that is no time"),
        pytest.param("2027-01-01T00:00:00Z", 0.0, id="never negative"),
        pytest.param("0001-01-01T00:00:00Z", 900.0, id="never older than our intent"),
    ],
)
def test_a_machines_age_counts_from_its_birth(created: str, age: float) -> None:
    launch = a_launch()
    seen = an_observation(memory=a_memory(launch, machine=a_machine(created=created).recorded()))
    assert seen.wall == WALL
    assert age_of(seen) == age


@pytest.mark.parametrize(
    ("launch", "age"),
    [
        pytest.param(a_launch(reason="Adopted", intended="2026-11-21T23:59:59Z"), 1800.0, id="found: as its object"),
        pytest.param(
            a_launch(adopted=True, reason="Adopted"), 86_400.0, id="adopted by a person: as the provider says"
        ),
    ],
)
def test_what_was_there_before_us_may_be_older_than_our_record(launch: Launch, age: float) -> None:
    memory = a_memory(launch, machine=a_machine(created="2026-11-21T00:00:00Z").recorded())
    body = {"metadata": {"creationTimestamp": "2026-11-21T23:30:00Z"}}
    assert age_of(an_observation(memory=memory, instance={"body": body})) == age


def test_the_recorded_machine_is_what_the_newest_look_showed() -> None:
    machine: Machine | None = recorded_machine(an_observation())
    assert machine == a_machine()
    assert recorded_machine(seen_with(absent(NOW, after=shown()))) is None


def test_a_second_machine_on_its_way_out_does_not_make_the_first_unwanted() -> None:
    launch = a_launch(ending=an_ending(EndingReason.DUPLICATE, "other"))
    assert committed(an_observation(launch)) == launch


def test_of_a_send_not_seen_yet_only_what_is_on_record_counts() -> None:
    launch = a_launch(send=2, waited_seconds=77)
    for sight in (None, a_sight(a_launch(send=1))):
        seen = an_observation(launch, witness=a_witness(launch, sight=sight))
        assert coming_up_seconds(seen, launch, a_provider_view(visible_seconds=5000.0)) == 77.0


@pytest.mark.parametrize(
    ("trail", "settled"), [pytest.param(shown(), True, id="shown"), pytest.param(Trail(), False, id="never shown")]
)
def test_time_on_the_way_up_says_no_more_than_looks_do(trail: Trail, settled: bool) -> None:
    seen = coming_up(1000.0)
    launch = replace(seen.launch or a_launch(), settled=False)
    witness = replace(seen.witness, trails={N: trail})
    memory = replace(seen.memory, launch=launch)
    action = save_time_coming_up(an_observation(memory=memory, witness=witness, provider=seen.provider))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.settled is settled


ANOTHER = a_machine(id="i-2", name=N_R2)


@pytest.mark.parametrize(
    ("machines", "trail", "looks"),
    [
        pytest.param((ANOTHER,), absent(NOW - 5, direct=False), True, id="another one of ours"),
        pytest.param((ANOTHER,), absent(NOW - POLL, NOW - 5), False, id="looked a moment ago"),
        pytest.param((a_machine(), ANOTHER), shown(), False, id="both: a matter of duplicates"),
        pytest.param((a_strangers_machine(),), absent(NOW - 5, direct=False), False, id="somebody else's"),
        pytest.param((replace(ANOTHER, state=MachineState.GONE),), absent(NOW - 5, direct=False), False, id="dead"),
    ],
)
def test_where_another_machine_of_ours_is_listed_the_recorded_one_is_looked_at(
    machines: tuple[Machine, ...], trail: Trail, looks: bool
) -> None:
    provider = a_provider_view(snapshot=a_snapshot(*machines))
    action = look_when_another_lives(seen_with(trail, provider=provider))
    assert action == (LookAt(REF, N) if looks else None)
