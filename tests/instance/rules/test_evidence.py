"""The proofs that every other rule rests on: when a send has settled, and when a machine is gone."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.builders import (
    N_R2,
    NOW,
    OWNER,
    PROVIDER_SPEC,
    SETTLE,
    F,
    N,
    a_blind_provider_view,
    a_launch,
    a_machine,
    a_provider_spec,
    a_provider_view,
    a_sight,
    a_snapshot,
    a_strangers_machine,
    a_witness,
    absent,
    an_observation,
    an_unsettled_launch,
    shown,
)

from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.evidence import (
    absence_proven,
    is_gone,
    living,
    next_proof_look,
    owned,
    settle_seconds,
    settled_at,
    settlement_remaining,
    waited,
)
from gpuwright.instance.witness import Trail, Witness
from gpuwright.model.machine import MachineState, Snapshot
from gpuwright.model.memory import Launch, Outcome
from gpuwright.model.names import owner_labels
from gpuwright.model.provider_view import ProviderView

VIEW = a_provider_view()
SIGHTED = NOW - 900  # by a_sight


def with_trail(
    trail: Trail, launch: Launch | None = None, *, terminated: Mapping[str, float] | None = None
) -> Observation:
    """Return what is seen when looks have left this trail of the first name, and these terminates were accepted."""
    witness = a_witness(launch or a_launch(), trails={N: trail}, terminated=terminated or {})
    return an_observation(launch, witness=witness)


def sighted(launch: Launch, seconds_ago: float, *, base: int = 0) -> Witness:
    """Return a witness that has seen this send first so long ago, and no machine."""
    return a_witness(launch, sight=a_sight(launch, at=NOW - seconds_ago, base=base), trails={})


class TestSettleSeconds:
    @pytest.mark.parametrize(
        ("recorded", "longest"),
        [
            pytest.param(SETTLE - 1, SETTLE, id="recorded is shorter"),
            pytest.param(SETTLE, SETTLE, id="both the same"),
            pytest.param(SETTLE + 1, SETTLE + 1, id="recorded is longer"),
        ],
    )
    def test_are_the_longer_of_recorded_and_present(self, recorded: int, longest: int) -> None:
        assert settle_seconds(an_unsettled_launch(settle_seconds=recorded), VIEW) == longest

    def test_follow_the_providers_settings_when_those_grow(self) -> None:
        view = a_provider_view(spec=a_provider_spec(settleSeconds=600))
        assert settle_seconds(an_unsettled_launch(), view) == SETTLE - F + 600


class TestWaited:
    def test_adds_our_own_time_to_what_was_on_record_at_first_sight(self) -> None:
        launch = an_unsettled_launch(waited_seconds=60)
        assert waited(an_observation(launch, witness=sighted(launch, 12, base=40)), launch) == 52

    def test_is_what_is_on_record_before_the_first_sight(self) -> None:
        launch = an_unsettled_launch(waited_seconds=60)
        assert waited(an_observation(launch, witness=a_witness(launch, sight=None)), launch) == 60

    def test_counts_nothing_that_was_waited_for_another_send(self) -> None:
        launch = an_unsettled_launch(send=2, waited_seconds=5)
        witness = a_witness(launch, sight=a_sight(launch, send=1))
        assert waited(an_observation(launch, witness=witness), launch) == 5


class TestSettledAt:
    @pytest.mark.parametrize(
        "outcome",
        [
            pytest.param(Outcome.NOT_COMMITTED, id="promised to have made nothing"),
            pytest.param(Outcome.NOT_EXECUTED, id="never happened"),
        ],
    )
    def test_needs_no_wait_when_nothing_was_made(self, outcome: Outcome) -> None:
        launch = a_launch(outcome=outcome)
        assert settled_at(an_observation(launch, witness=sighted(launch, 0)), launch, VIEW) == NOW

    def test_is_now_when_nothing_was_made_and_we_see_it_first(self) -> None:
        launch = a_launch(outcome=Outcome.NOT_COMMITTED)
        witness = a_witness(launch, sight=a_sight(launch, send=7))
        assert settled_at(an_observation(launch, witness=witness), launch, VIEW) == NOW

    def test_is_the_first_sight_of_a_machine_that_a_look_has_shown_on_record(self) -> None:
        launch = a_launch(settled=True)
        assert settled_at(an_observation(launch), launch, VIEW) == SIGHTED

    def test_is_the_look_that_showed_the_machine(self) -> None:
        launch = a_launch(settled=False)
        assert settled_at(with_trail(shown(began=NOW - 3), launch), launch, VIEW) == NOW - 3

    @pytest.mark.parametrize(
        ("began", "settled"),
        [
            pytest.param(NOW - 10.5, False, id="just before"),
            pytest.param(NOW - 10.0, True, id="at"),
            pytest.param(NOW - 9.5, True, id="just after"),
        ],
    )
    def test_a_look_counts_from_the_first_sight_on(self, began: float, settled: bool) -> None:
        launch = a_launch(settled=False)
        witness = replace(sighted(launch, 10), trails={N: shown(began=began)})
        assert settled_at(an_observation(launch, witness=witness), launch, VIEW) == (began if settled else None)

    @pytest.mark.parametrize(
        ("since_answer", "settled"),
        [
            pytest.param(F - 1, None, id="just before F"),
            pytest.param(F, NOW, id="at F"),
            pytest.param(F + 1, NOW - 1, id="just after F"),
        ],
    )
    def test_an_answered_send_settles_after_f(self, since_answer: float, settled: float | None) -> None:
        launch = a_launch(settled=False)
        witness = replace(sighted(launch, 90), answered_send=1, answered_at=NOW - since_answer)
        # 90 s are less than the whole of settleSeconds, so only the answer can have settled it.
        assert settled_at(an_observation(launch, witness=witness), launch, VIEW) == settled

    @pytest.mark.parametrize(
        ("seconds_ago", "settled"),
        [
            pytest.param(SETTLE - 1, None, id="just before"),
            pytest.param(SETTLE, NOW, id="at"),
            pytest.param(SETTLE + 1, NOW - 1, id="just after"),
        ],
    )
    @pytest.mark.parametrize(
        "outcome",
        [
            pytest.param(Outcome.UNKNOWN, id="nobody knows"),
            pytest.param(Outcome.INTENDED, id="an intent found on record"),
            pytest.param(Outcome.COMMITTED, id="answered to another process"),
        ],
    )
    def test_whatever_we_did_not_see_answered_settles_by_waiting(
        self, outcome: Outcome, seconds_ago: float, settled: float | None
    ) -> None:
        launch = a_launch(outcome=outcome, settled=False)
        assert settled_at(an_observation(launch, witness=sighted(launch, seconds_ago)), launch, VIEW) == settled

    def test_time_waited_by_an_earlier_process_counts(self) -> None:
        launch = an_unsettled_launch(waited_seconds=SETTLE - 7)
        seen = an_observation(launch, witness=sighted(launch, 7, base=SETTLE - 7))
        assert settled_at(seen, launch, VIEW) == NOW

    @pytest.mark.parametrize(
        ("recorded", "now_configured", "settled"),
        [
            pytest.param(300, F, False, id="the record is longer"),
            pytest.param(10, 300, False, id="the provider is longer now"),
            pytest.param(10, F, True, id="both are over"),
        ],
    )
    def test_the_longer_wait_wins(self, recorded: int, now_configured: int, settled: bool) -> None:
        launch = an_unsettled_launch(settle_seconds=recorded)
        view = a_provider_view(spec=a_provider_spec(settleSeconds=now_configured))
        seen = an_observation(launch, witness=sighted(launch, 200), provider=view)
        assert (settled_at(seen, launch, view) is not None) is settled

    def test_a_look_that_shows_the_machine_settles_a_lost_answer_at_once(self) -> None:
        launch = an_unsettled_launch()
        witness = replace(sighted(launch, 10), trails={N: shown(began=NOW - 4)})
        assert settled_at(an_observation(launch, witness=witness), launch, VIEW) == NOW - 4

    def test_a_look_from_before_the_send_settles_nothing(self) -> None:
        launch = an_unsettled_launch()
        witness = replace(sighted(launch, 10), trails={N: shown(began=NOW - 11)})
        assert settled_at(an_observation(launch, witness=witness), launch, VIEW) is None


class TestSettlementRemaining:
    def test_of_an_answered_send_is_what_is_left_of_f(self) -> None:
        launch = a_launch(settled=False)
        witness = a_witness(launch, answered_send=1, answered_at=NOW - 10)
        assert settlement_remaining(an_observation(launch, witness=witness), launch, VIEW) == F - 10

    def test_of_any_other_send_is_what_is_left_of_its_wait(self) -> None:
        launch = an_unsettled_launch()
        assert settlement_remaining(an_observation(launch, witness=sighted(launch, 10)), launch, VIEW) == SETTLE - 10

    @pytest.mark.parametrize("outcome", [Outcome.COMMITTED, Outcome.UNKNOWN])
    def test_is_never_negative(self, outcome: Outcome) -> None:
        launch = a_launch(outcome=outcome)
        witness = replace(sighted(launch, 900), answered_send=1, answered_at=NOW - 900)
        assert settlement_remaining(an_observation(launch, witness=witness), launch, VIEW) == 0


class TestAbsenceProven:
    since = NOW - 200

    def proven(self, trail: Trail, view: ProviderView = VIEW, terminated: Mapping[str, float] | None = None) -> bool:
        return absence_proven(with_trail(trail, terminated=terminated), N, self.since, view)

    def test_no_look_proves_nothing(self) -> None:
        assert not self.proven(Trail())

    def test_one_look_is_not_enough(self) -> None:
        assert not self.proven(absent(self.since + 1))

    @pytest.mark.parametrize(
        ("apart", "proven"),
        [
            pytest.param(F - 0.5, False, id="just before F"),
            pytest.param(F, True, id="at F"),
            pytest.param(F + 0.5, True, id="just after F"),
        ],
    )
    def test_looks_must_span_f(self, apart: float, proven: bool) -> None:
        assert self.proven(absent(self.since, self.since + apart)) is proven

    @pytest.mark.parametrize(
        ("apart", "proven"),
        [
            pytest.param(1.5, False, id="just before two seconds"),
            pytest.param(2.0, True, id="at two seconds"),
            pytest.param(2.5, True, id="just after two seconds"),
        ],
    )
    def test_looks_are_two_seconds_apart_however_small_f_is(self, apart: float, proven: bool) -> None:
        view = a_provider_view(spec=PROVIDER_SPEC.model_copy(update={"settle_seconds": 1}))
        assert self.proven(absent(self.since, self.since + apart), view) is proven

    def test_the_last_look_must_be_direct(self) -> None:
        lists = absent(self.since, self.since + F, direct=False)
        assert not self.proven(lists)
        assert self.proven(absent(self.since + F + 1, after=lists))

    def test_an_early_direct_look_does_not_stand_for_the_last_one(self) -> None:
        assert not self.proven(absent(self.since + F, direct=False, after=absent(self.since)))

    @pytest.mark.parametrize(
        ("first", "proven"),
        [
            pytest.param(-0.5, False, id="just before"),
            pytest.param(0.0, True, id="at"),
            pytest.param(0.5, True, id="just after"),
        ],
    )
    def test_looks_that_began_before_do_not_count(self, first: float, proven: bool) -> None:
        assert self.proven(absent(self.since + first, self.since + first + F)) is proven

    def test_a_look_that_shows_it_begins_the_proof_anew(self) -> None:
        between = shown(began=self.since + 30).absent(self.since + F, direct=True)
        assert not self.proven(between)

    def test_after_an_accepted_terminate_two_seconds_are_enough(self) -> None:
        accepted = self.since + 10
        assert self.proven(absent(accepted + 1, accepted + 3), terminated={N: accepted})
        assert not self.proven(absent(accepted + 1, accepted + 2.5), terminated={N: accepted})

    def test_after_an_accepted_terminate_only_looks_after_it_count(self) -> None:
        accepted = self.since + 10
        assert not self.proven(absent(accepted - 1, accepted + 1), terminated={N: accepted})

    def test_the_terminate_of_another_name_shortens_nothing(self) -> None:
        trail = absent(self.since + 1, self.since + 4)
        assert not self.proven(trail, terminated={N_R2: self.since})

    def test_without_reads_two_deletes_that_found_nothing_are_enough(self) -> None:
        view = a_blind_provider_view()
        assert self.proven(absent(self.since, self.since + 2), view)
        assert not self.proven(absent(self.since, self.since + 1.5), view)


class TestIsGone:
    since = NOW - 200

    def gone(self, trail: Trail, machine_id: str = "i-1") -> bool:
        return is_gone(with_trail(trail), N, machine_id, self.since, VIEW)

    def test_a_tombstone_of_the_recorded_id_is_proof(self) -> None:
        assert self.gone(Trail().buried(NOW - 1, "i-1"))

    def test_a_tombstone_from_before_is_proof_of_that_machine(self) -> None:
        assert self.gone(Trail().buried(self.since - 1, "i-1"))

    @pytest.mark.parametrize(
        "machine_id", [pytest.param("", id="no id on record"), pytest.param("i-2", id="another id on record")]
    )
    def test_any_other_tombstone_is_no_more_than_an_absent_look(self, machine_id: str) -> None:
        trail = Trail().buried(self.since, "i-1")
        assert not self.gone(trail, machine_id)
        assert self.gone(trail.buried(self.since + F, "i-1"), machine_id)

    @pytest.mark.parametrize(
        ("state", "gone"),
        [
            pytest.param(MachineState.GONE, True, id="terminated"),
            pytest.param(MachineState.PREEMPTED, True, id="preempted"),
            pytest.param(MachineState.FAILED, False, id="failed still bills"),
            pytest.param(MachineState.STOPPED, False, id="stopped"),
            pytest.param(MachineState.DELETING, False, id="still going"),
            pytest.param(MachineState.UNKNOWN, False, id="an unknown word"),
        ],
    )
    def test_a_dead_word_for_the_recorded_id_is_proof(self, state: MachineState, gone: bool) -> None:
        assert self.gone(shown(a_machine(state=state))) is gone

    @pytest.mark.parametrize(
        "machine_id", [pytest.param("", id="no id on record"), pytest.param("i-2", id="another id on record")]
    )
    def test_a_dead_word_for_any_other_machine_proves_nothing(self, machine_id: str) -> None:
        assert not self.gone(shown(a_machine(state=MachineState.GONE)), machine_id)

    def test_absence_long_enough_is_proof(self) -> None:
        assert self.gone(absent(self.since, self.since + F))

    def test_absence_too_short_is_none(self) -> None:
        assert not self.gone(absent(self.since, self.since + F - 1))

    def test_a_name_that_came_back_with_another_machine_is_not_gone(self) -> None:
        trail = Trail().buried(NOW - 10, "i-1").present(NOW - 5, a_machine(id="i-2"), direct=True)
        assert not self.gone(trail)

    def test_a_list_that_still_shows_a_buried_machine_lags(self) -> None:
        assert self.gone(Trail().buried(NOW - 10, "i-1").present(NOW - 5, a_machine(), direct=False))


class TestNextProofLook:
    since = NOW - 200

    def due(self, trail: Trail, since: float | None = None, terminated: Mapping[str, float] | None = None) -> float:
        return next_proof_look(
            with_trail(trail, terminated=terminated), N, self.since if since is None else since, VIEW
        )

    def test_comes_at_a_pace_while_looks_do_not_count(self) -> None:
        # With new credentials a look that misses the machine proves nothing: a row begun with the old ones stays as
        # it is, and asking without end would not make it longer.
        uncounted = replace(absent(NOW - 90), looked=NOW - 1)
        assert self.due(uncounted) == pytest.approx(9.0)
        assert self.due(replace(uncounted, looked=NOW - 11)) == 0
        assert self.due(absent(NOW - 0.5, after=uncounted, direct=False)) == 0

    def test_is_at_once_when_nobody_has_looked_since(self) -> None:
        assert self.due(Trail()) == 0
        assert self.due(absent(self.since - 1)) == 0

    @pytest.mark.parametrize(
        ("since_accepted", "delay"),
        [
            pytest.param(0.0, 1.0, id="accepted just now"),
            pytest.param(0.75, 0.25, id="just before"),
            pytest.param(1.0, 0.0, id="at"),
            pytest.param(1.5, 0.0, id="just after"),
        ],
    )
    def test_gives_a_terminated_machine_a_second_to_go(self, since_accepted: float, delay: float) -> None:
        assert self.due(Trail(), terminated={N: NOW - since_accepted}) == delay

    @pytest.mark.parametrize(
        ("first", "delay"),
        [
            pytest.param(NOW - F + 1, 1.0, id="just before F"),
            pytest.param(NOW - F, 0.0, id="at F"),
            pytest.param(NOW - F - 1, 0.0, id="just after F"),
        ],
    )
    def test_comes_f_after_the_first_look_that_counts(self, first: float, delay: float) -> None:
        assert self.due(absent(first)) == delay

    def test_comes_two_seconds_after_the_first_look_behind_a_terminate(self) -> None:
        assert self.due(absent(NOW - 0.5), terminated={N: NOW - 2}) == 1.5

    @pytest.mark.parametrize(
        ("since", "looked", "delay"),
        [
            pytest.param(NOW - 1, NOW, 1.0, id="at least a second"),
            pytest.param(NOW - 8, NOW, 8.0, id="as long as it has been shown"),
            pytest.param(NOW - 20, NOW, 10.0, id="at most ten seconds"),
            pytest.param(NOW - 200, NOW - 4, 6.0, id="counted from the last look"),
            pytest.param(NOW - 200, NOW - 11, 0.0, id="over"),
        ],
    )
    def test_a_machine_that_is_still_shown_is_looked_at_less_and_less_often(
        self, since: float, looked: float, delay: float
    ) -> None:
        assert self.due(shown(began=looked, direct=True), since) == delay

    def test_is_the_look_that_completes_the_proof(self) -> None:
        trail = absent(NOW - F)
        assert self.due(trail) == 0
        assert absence_proven(with_trail(absent(NOW, after=trail)), N, self.since, VIEW)


class TestOwnedAndLiving:
    old = a_machine(id="i-0", created="2026-11-21T23:00:00Z")
    new = a_machine(id="i-2", name=N_R2, created="2026-11-21T23:50:00Z")

    def view(self, snapshot: Snapshot | None) -> ProviderView:
        return a_provider_view(snapshot=snapshot)

    def test_owned_are_those_with_our_tag_oldest_first(self) -> None:
        view = self.view(a_snapshot(self.new, a_strangers_machine(), a_machine(id="i-9", labels={}), self.old))
        assert owned(an_observation(), view) == (self.old, self.new)

    def test_nothing_is_owned_before_there_is_a_list(self) -> None:
        assert owned(an_observation(), self.view(None)) == ()

    def test_the_dead_are_owned_but_do_not_live(self) -> None:
        dead = replace(self.old, state=MachineState.GONE)
        view = self.view(a_snapshot(dead, self.new))
        assert owned(an_observation(), view) == (dead, self.new)
        assert living(an_observation(), view, 1) == (self.new,)

    @pytest.mark.parametrize(
        ("incarnation", "lives"),
        [
            pytest.param(1, False, id="of the one before"),
            pytest.param(2, True, id="of this one"),
            pytest.param(3, True, id="of a later one"),
        ],
    )
    def test_the_living_are_of_this_incarnation_or_a_later_one(self, incarnation: int, lives: bool) -> None:
        machine = a_machine(labels=owner_labels(OWNER, incarnation))
        assert bool(living(an_observation(), self.view(a_snapshot(machine)), 2)) is lives

    def test_a_machine_with_a_tombstone_does_not_live_in_a_list_that_lags(self) -> None:
        seen = with_trail(Trail().buried(NOW - 10, "i-1"))
        assert living(seen, self.view(a_snapshot(a_machine())), 1) == ()
        assert living(seen, self.view(a_snapshot(a_machine(id="i-2"))), 1) == (a_machine(id="i-2"),)
