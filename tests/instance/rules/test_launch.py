"""From nothing to a machine: what comes before an intent, and who sends it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    N_R2,
    NOW,
    OWNER,
    REF,
    SETTLE,
    F,
    N,
    a_blind_provider_view,
    a_hindrance,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_residue,
    a_sight,
    a_spec,
    a_witness,
    absent,
    an_empty_provider_view,
    an_observation,
    armed,
    nothing_yet,
    shown,
    waiting_for,
)
from tests.instance.rules.answers import as_record, as_wait, launched

from gpuwright.instance.actions import AddFinalizer, Arms, LookAt, Record, Send, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.launch import (
    FIRST_LONG_WAIT,
    LONGEST_WAIT,
    MAX_RESIDUE,
    buy_nothing_while_stopped,
    capacity_waited,
    current_request,
    finalize_before_intent,
    leave_a_newcomer_stopped,
    look_after_a_promise,
    replace_own_unsent_intent,
    retry_delay,
    send_what_was_announced,
    stall_at_capacity_deadline,
    stall_when_rejected,
    wait_for_room,
    wait_for_the_next_try,
    wait_when_nothing_may_be_created,
    write_intent,
)
from gpuwright.instance.witness import Trail, Witness
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Launch, Memory, Outcome
from gpuwright.model.names import ANNOTATION_ADOPT, attempt_name
from gpuwright.model.provider_view import Room
from gpuwright.model.request import Wishes

ANSWERED_NO = [
    pytest.param(Outcome.NOT_COMMITTED, id="promised to have made nothing"),
    pytest.param(Outcome.NOT_EXECUTED, id="never happened"),
]
NOT_TO_BE_REPEATED = [
    pytest.param(Outcome.INTENDED, id="on its way"),
    pytest.param(Outcome.UNKNOWN, id="nobody knows"),
    pytest.param(Outcome.COMMITTED, id="made"),
]


def a_refusal(**changes: object) -> Launch:
    """Return the record of a create that was answered by the promise that nothing was made."""
    return a_launch(**{"outcome": Outcome.NOT_COMMITTED} | changes)


class TestBuyNothingWhileStopped:
    stopped = {"spec": a_spec(powerState="Stopped")}  # noqa: RUF012 - never changed

    def test_stopped_at_birth_buys_nothing(self) -> None:
        action = as_wait(buy_nothing_while_stopped(nothing_yet(instance=self.stopped)))
        assert (action.reason, action.ready, action.stalled) == (Reason.STOPPED, True, False)

    @pytest.mark.parametrize("outcome", ANSWERED_NO)
    def test_no_further_try_while_stopped(self, outcome: Outcome) -> None:
        assert buy_nothing_while_stopped(an_observation(a_launch(outcome=outcome), instance=self.stopped)) is not None

    @pytest.mark.parametrize("outcome", NOT_TO_BE_REPEATED)
    def test_leaves_what_may_exist_to_other_rules(self, outcome: Outcome) -> None:
        assert buy_nothing_while_stopped(an_observation(a_launch(outcome=outcome), instance=self.stopped)) is None

    def test_passes_when_it_is_to_run(self) -> None:
        assert buy_nothing_while_stopped(nothing_yet()) is None
        assert leave_a_newcomer_stopped(nothing_yet(instance={"finalized": False})) is None

    def test_only_what_was_never_sent_is_left_without_a_look(self) -> None:
        newcomer = self.stopped | {"finalized": False}
        assert leave_a_newcomer_stopped(nothing_yet(instance=newcomer)) is not None
        assert leave_a_newcomer_stopped(nothing_yet(instance=self.stopped)) is None
        adopting = newcomer | {"annotations": {ANNOTATION_ADOPT: "i-1"}}
        assert leave_a_newcomer_stopped(nothing_yet(instance=adopting)) is None

    def test_what_a_lost_status_or_a_broken_promise_left_behind_is_taken_over(self) -> None:
        lost = decide(nothing_yet(instance=self.stopped, provider=a_provider_view()))
        assert isinstance(lost, Record)
        assert lost.memory.machine_id == "i-1"
        promised = a_refusal()
        broken = an_observation(
            promised, witness=a_witness(promised, trails={N: shown(direct=True)}), instance=self.stopped
        )
        found = decide(broken)
        assert isinstance(found, Record)
        assert found.event is EventReason.PROMISE_BROKEN


class TestStallWhenRejected:
    @pytest.mark.parametrize("reason", [Reason.REQUEST_REJECTED, Reason.NAME_CONFLICT])
    def test_stalls_with_what_the_provider_said(self, reason: Reason) -> None:
        launch = a_launch(outcome=Outcome.NOT_EXECUTED, reason=str(reason), message="no such image")
        action = as_wait(stall_when_rejected(an_observation(launch)))
        assert (action.reason, action.stalled, action.seconds) == (reason, True, None)
        assert action.message.startswith("no such image")

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(nothing_yet(), id="nothing tried yet"),
            pytest.param(an_observation(a_launch(outcome=Outcome.NOT_EXECUTED, reason="Throttled")), id="throttled"),
            pytest.param(an_observation(a_refusal(reason="NameConflict")), id="a conflict that counts as not made"),
            pytest.param(an_observation(a_launch(outcome=Outcome.NOT_EXECUTED)), id="cleared by a person"),
        ],
    )
    def test_passes_otherwise(self, seen: Observation) -> None:
        assert stall_when_rejected(seen) is None


class TestLookAfterAPromise:
    def look(self, trail: Trail, launch: Launch | None = None, **changes: Any) -> object:
        promised = launch or a_refusal()
        witness = a_witness(promised, sight=a_sight(promised, at=NOW - 10), trails={promised.name: trail})
        return look_after_a_promise(an_observation(promised, witness=witness, **changes))

    def test_looks_once_by_name(self) -> None:
        assert self.look(Trail()) == LookAt(REF, N)

    @pytest.mark.parametrize(
        ("began", "looks"),
        [
            pytest.param(NOW - 10.5, True, id="just before the answer"),
            pytest.param(NOW - 10, False, id="at the answer"),
            pytest.param(NOW - 9.5, False, id="just after the answer"),
        ],
    )
    def test_only_a_look_after_the_answer_counts(self, began: float, looks: bool) -> None:
        assert (self.look(absent(began)) == LookAt(REF, N)) is looks

    def test_a_list_does_not_stand_for_the_look(self) -> None:
        assert self.look(absent(NOW - 1, direct=False)) == LookAt(REF, N)

    def test_passes_when_the_look_finds_nothing(self) -> None:
        assert self.look(absent(NOW - 1)) is None

    def test_passes_when_what_it_finds_is_dead(self) -> None:
        assert self.look(shown(a_machine(state=MachineState.GONE), NOW - 1, direct=True)) is None

    def test_a_machine_that_is_found_breaks_the_promise(self) -> None:
        action = as_record(self.look(shown(began=NOW - 1, direct=True)))
        launch = launched(action)
        assert (launch.outcome, launch.settled, launch.name) == (Outcome.COMMITTED, True, N)
        assert (action.memory.machine_id, action.event) == ("i-1", EventReason.PROMISE_BROKEN)

    @pytest.mark.parametrize("outcome", [*NOT_TO_BE_REPEATED, pytest.param(Outcome.NOT_EXECUTED, id="never happened")])
    def test_looks_after_promises_only(self, outcome: Outcome) -> None:
        assert self.look(Trail(), a_launch(outcome=outcome)) is None

    def test_passes_where_nothing_can_be_read(self) -> None:
        assert self.look(Trail(), provider=a_blind_provider_view()) is None

    def test_passes_when_nothing_was_tried(self) -> None:
        assert look_after_a_promise(nothing_yet()) is None


class TestCapacityDeadline:
    limited = {"spec": a_spec(deadlines={"capacitySeconds": 600})}  # noqa: RUF012 - never changed
    full = a_refusal(reason="CapacityUnavailable", message="no H100 left")

    def seen(self, waited: int, *, launch: Launch | None = None, visible: float = 900.0) -> Observation:
        tried = replace(launch or self.full, capacity_waited_seconds=waited)
        return an_observation(tried, instance=self.limited, provider=a_provider_view(visible_seconds=100.0 + visible))

    @pytest.mark.parametrize(
        ("visible", "stalls"),
        [
            pytest.param(99.0, False, id="just before"),
            pytest.param(100.0, True, id="at"),
            pytest.param(101.0, True, id="just after"),
        ],
    )
    def test_stalls_at_the_deadline(self, visible: float, stalls: bool) -> None:
        action = stall_at_capacity_deadline(self.seen(500, visible=visible))
        assert (action is not None) is stalls
        if action is not None:
            wait = as_wait(action)
            assert (wait.reason, wait.stalled) == (Reason.CAPACITY_DEADLINE_EXCEEDED, True)
            assert "no H100 left" in wait.message

    def test_does_not_run_while_nothing_could_be_seen(self) -> None:
        assert stall_at_capacity_deadline(self.seen(599, visible=0.0)) is None

    def test_without_a_deadline_it_goes_on_for_ever(self) -> None:
        assert stall_at_capacity_deadline(an_observation(replace(self.full, capacity_waited_seconds=10**6))) is None

    @pytest.mark.parametrize(
        "launch",
        [
            pytest.param(a_refusal(reason="QuotaExceeded"), id="quota"),
            pytest.param(a_launch(outcome=Outcome.UNKNOWN, reason="CapacityUnavailable"), id="nobody knows"),
        ],
    )
    def test_counts_only_answers_that_there_is_no_room(self, launch: Launch) -> None:
        assert stall_at_capacity_deadline(self.seen(10**6, launch=launch)) is None

    def test_capacity_waited_is_what_is_on_record_for_a_send_not_seen_yet(self) -> None:
        launch = replace(self.full, send=5, capacity_waited_seconds=40)
        witness = a_witness(launch, sight=a_sight(launch, send=4))
        assert capacity_waited(an_observation(launch, witness=witness), launch) == 40


class TestWaitForTheNextTry:
    @pytest.mark.parametrize(
        ("not_before", "waits"),
        [
            pytest.param(NOW + 0.5, True, id="just before"),
            pytest.param(NOW, False, id="at"),
            pytest.param(NOW - 0.5, False, id="just after"),
        ],
    )
    @pytest.mark.parametrize("outcome", ANSWERED_NO)
    def test_waits_until_its_time_has_come(self, outcome: Outcome, not_before: float, waits: bool) -> None:
        launch = a_launch(outcome=outcome, reason="Throttled", message="slow down")
        action = wait_for_the_next_try(an_observation(launch, witness=a_witness(launch, not_before=not_before)))
        assert action == (Wait(Reason.THROTTLED, "slow down", seconds=0.5, brief=True) if waits else None)

    @pytest.mark.parametrize(
        ("seconds", "brief"),
        [
            pytest.param(0.5, True, id="just before a second"),
            pytest.param(1.0, False, id="at a second"),
            pytest.param(1.5, False, id="just after a second"),
        ],
    )
    def test_less_than_a_second_is_not_worth_telling(self, seconds: float, brief: bool) -> None:
        launch = a_refusal()
        seen = an_observation(launch, witness=a_witness(launch, not_before=NOW + seconds))
        assert as_wait(wait_for_the_next_try(seen)).brief is brief

    @pytest.mark.parametrize(("version", "waits"), [("uid/7", True), ("uid/8", False)])
    def test_refused_credentials_are_tried_again_as_soon_as_the_secret_changes(self, version: str, waits: bool) -> None:
        launch = a_launch(outcome=Outcome.NOT_EXECUTED, reason="CredentialsRejected", message="401")
        witness = a_witness(launch, not_before=NOW + 500, refused_version="uid/7")
        view = a_provider_view(credentials_version=version)
        action = wait_for_the_next_try(an_observation(launch, witness=witness, provider=view))
        assert action == (Wait(Reason.CREDENTIALS_REJECTED, "401", seconds=500, stalled=True) if waits else None)

    def test_a_reason_of_a_newer_version_is_shown_as_a_failed_placement(self) -> None:
        launch = a_refusal(reason="NeverHeardOf")
        action = wait_for_the_next_try(an_observation(launch, witness=a_witness(launch, not_before=NOW + 5)))
        assert as_wait(action).reason is Reason.PLACEMENT_FAILED

    @pytest.mark.parametrize("outcome", NOT_TO_BE_REPEATED)
    def test_passes_for_any_other_outcome(self, outcome: Outcome) -> None:
        launch = a_launch(outcome=outcome)
        assert wait_for_the_next_try(an_observation(launch, witness=a_witness(launch, not_before=NOW + 5))) is None


class TestRetryDelay:
    def delay(self, attempt: int, jitter: float = 0.0, burst_from: int = 0, **policy: int) -> float:
        launch = a_refusal(attempt=attempt)
        seen = an_observation(
            launch,
            witness=a_witness(launch, burst_from=burst_from),
            jitter=jitter,
            instance={"spec": a_spec(createPolicy=policy)},
        )
        return retry_delay(seen, launch)

    @pytest.mark.parametrize(
        ("attempt", "delay"),
        [pytest.param(1, 0.25, id="after the first"), pytest.param(2, 0.5, id="after the second")],
    )
    def test_grows_by_the_base_delay_within_a_burst(self, attempt: int, delay: float) -> None:
        assert self.delay(attempt) == delay

    @pytest.mark.parametrize(
        ("attempt", "longest"),
        [
            pytest.param(3, FIRST_LONG_WAIT, id="the last of the burst"),
            pytest.param(4, 20.0, id="one after the burst"),
            pytest.param(7, 160.0, id="the last that doubles"),
            pytest.param(8, LONGEST_WAIT, id="the first at the limit"),
            pytest.param(10_000, LONGEST_WAIT, id="far beyond"),
        ],
    )
    def test_doubles_after_the_burst_up_to_five_minutes(self, attempt: int, longest: float) -> None:
        assert self.delay(attempt, jitter=1.0) == pytest.approx(longest)
        assert self.delay(attempt, jitter=0.0) == pytest.approx(longest / 10)

    def test_jitter_within_a_burst_adds_at_most_a_quarter(self) -> None:
        assert self.delay(2, jitter=1.0) == 0.625

    @pytest.mark.parametrize(
        ("attempt", "delay"),
        [
            pytest.param(5, 0.25, id="its first"),
            pytest.param(6, 0.5, id="its second"),
            pytest.param(7, 10.0, id="its last"),
        ],
    )
    def test_a_fresh_burst_counts_from_where_it_began(self, attempt: int, delay: float) -> None:
        assert self.delay(attempt, jitter=0.0 if delay < 1 else 1.0, burst_from=4) == delay

    def test_a_new_incarnation_begins_a_burst_of_its_own(self) -> None:
        assert self.delay(1, burst_from=4) == 0.25

    def test_a_burst_of_one_waits_long_at_once(self) -> None:
        assert self.delay(1, jitter=1.0, maxAttempts=1) == FIRST_LONG_WAIT

    def test_the_base_delay_may_be_nothing(self) -> None:
        assert self.delay(2, jitter=1.0, retryBaseDelayMilliseconds=0) == 0


class TestWhatHoldsAnIntentBack:
    @pytest.mark.parametrize("outcome", ANSWERED_NO)
    def test_a_hindrance_of_the_provider(self, outcome: Outcome) -> None:
        view = a_provider_view(hindrance=a_hindrance(stalls=True))
        action = wait_when_nothing_may_be_created(an_observation(a_launch(outcome=outcome), provider=view))
        assert action == Wait(Reason.PROVIDER_UNREACHABLE, "it does not answer", seconds=60, stalled=True)

    def test_a_hindrance_that_is_over_soon_is_brief(self) -> None:
        view = a_provider_view(hindrance=a_hindrance(reason=Reason.WAITING))
        assert as_wait(wait_when_nothing_may_be_created(nothing_yet(provider=view))).brief

    @pytest.mark.parametrize("outcome", NOT_TO_BE_REPEATED)
    def test_none_of_it_matters_when_no_intent_is_due(self, outcome: Outcome) -> None:
        view = a_provider_view(hindrance=a_hindrance(), room=Room(free=False))
        seen = an_observation(a_launch(outcome=outcome), provider=view, instance={"finalized": False})
        assert wait_when_nothing_may_be_created(seen) is None
        assert wait_for_room(seen) is None
        assert finalize_before_intent(seen) is None
        assert write_intent(seen) is None

    def test_the_finalizer_comes_first(self) -> None:
        assert finalize_before_intent(nothing_yet(instance={"finalized": False})) == AddFinalizer()
        assert finalize_before_intent(nothing_yet()) is None

    @pytest.mark.parametrize(
        ("reason", "brief"),
        [pytest.param(Reason.LIMIT_REACHED, False, id="the limit"), pytest.param(Reason.WAITING, True, id="the rate")],
    )
    def test_no_room(self, reason: Reason, brief: bool) -> None:
        room = Room(free=False, reason=reason, message="5 of 5", retry_seconds=7)
        action = wait_for_room(nothing_yet(provider=an_empty_provider_view(room=room)))
        assert action == Wait(reason, "5 of 5", seconds=7, brief=brief)

    def test_a_healthy_provider_with_room_holds_nothing_back(self) -> None:
        assert wait_when_nothing_may_be_created(nothing_yet()) is None
        assert wait_for_room(nothing_yet()) is None

    def test_a_secret_that_is_missing(self) -> None:
        action = write_intent(nothing_yet(wishes=waiting_for()))
        assert action == Wait(Reason.SECRET_NOT_FOUND, "no Secret", seconds=30)

    def test_a_request_that_is_not_made_up_yet(self) -> None:
        action = as_wait(write_intent(nothing_yet(wishes=None)))
        assert (action.reason, action.brief) == (Reason.WAITING, True)


class TestWriteIntent:
    def test_the_first_intent(self) -> None:
        action = as_record(write_intent(nothing_yet()))
        launch = launched(action)
        assert (launch.name, launch.send, launch.outcome, launch.settle_seconds) == (N, 1, Outcome.INTENDED, SETTLE)
        assert action.arms is Arms.SEND

    def test_a_promise_is_followed_by_the_next_name(self) -> None:
        launch = launched(write_intent(an_observation(a_refusal())))
        assert (launch.name, launch.send) == (N_R2, 2)

    @pytest.mark.parametrize(
        ("reason", "waited"),
        [pytest.param("CapacityUnavailable", 940, id="no room"), pytest.param("QuotaExceeded", 0, id="anything else")],
    )
    def test_keeps_for_how_long_there_was_no_room(self, reason: str, waited: int) -> None:
        launch = a_refusal(reason=reason, capacity_waited_seconds=40)
        assert launched(write_intent(an_observation(launch))).capacity_waited_seconds == waited

    @pytest.mark.parametrize(
        ("names", "writes"),
        [
            pytest.param(MAX_RESIDUE - 2, True, id="just before"),
            pytest.param(MAX_RESIDUE - 1, True, id="at"),
            pytest.param(MAX_RESIDUE, False, id="just after"),
        ],
    )
    def test_no_name_beyond_sixty_four_unproven_ones(self, names: int, writes: bool) -> None:
        launch = a_refusal(attempt=200, name=attempt_name(OWNER, 1, 200))
        residue = tuple(a_residue(attempt_name(OWNER, 1, i + 2)) for i in range(names))
        since = {entry.name: NOW for entry in residue}
        seen = an_observation(memory=a_memory(launch, residue=residue), witness=a_witness(launch, residue_since=since))
        assert isinstance(write_intent(seen), Record) is writes

    def test_waits_for_proof_when_there_are_too_many(self) -> None:
        launch = a_refusal(attempt=200, name=attempt_name(OWNER, 1, 200))
        residue = tuple(a_residue(attempt_name(OWNER, 1, i + 2)) for i in range(MAX_RESIDUE))
        witness = a_witness(launch, residue_since={entry.name: NOW for entry in residue})
        action = as_wait(write_intent(an_observation(memory=a_memory(launch, residue=residue), witness=witness)))
        assert (action.reason, action.seconds) == (Reason.PLACEMENT_FAILED, 30)

    def test_looks_for_one_of_too_many_names_as_soon_as_that_proves_something(self) -> None:
        launch = a_refusal(attempt=200, name=attempt_name(OWNER, 1, 200))
        residue = tuple(a_residue(attempt_name(OWNER, 1, i + 2)) for i in range(MAX_RESIDUE))
        witness = a_witness(launch, residue_since={entry.name: NOW - F for entry in residue})
        seen = an_observation(memory=a_memory(launch, residue=residue), witness=witness)
        assert write_intent(seen) == LookAt(REF, residue[0].name)


class TestSendWhatWasAnnounced:
    intent = a_launch(outcome=Outcome.INTENDED)

    def send(self, launch: Launch | None = None, witness: Witness | None = None, **changes: Any) -> object:
        recorded = launch or self.intent
        return send_what_was_announced(
            an_observation(recorded, witness=witness or a_witness(recorded, armed=armed(recorded)), **changes)
        )

    def test_sends_the_request_of_the_record(self) -> None:
        action = self.send()
        assert isinstance(action, Send)
        assert (action.provider, action.request.name, action.request.token) == (REF, N, self.intent.token)
        assert action.request.fingerprint() == self.intent.request_hash

    def test_says_when_the_name_repeats_one_that_was_lost(self) -> None:
        action = self.send(replace(self.intent, resent=True))
        assert isinstance(action, Send)
        assert action.request.resent

    def test_hands_on_the_trace(self) -> None:
        action = self.send(instance={"annotations": {"gpuwright.dev/traceparent": "00-1-2-01"}})
        assert isinstance(action, Send)
        assert action.request.traceparent == "00-1-2-01"

    def test_never_what_another_process_announced(self) -> None:
        assert self.send(replace(self.intent, sent_by="other-process")) is None

    @pytest.mark.parametrize(
        ("left", "sends"),
        [
            pytest.param(2, True, id="the one before left"),
            pytest.param(3, False, id="this one left"),
            pytest.param(4, False, id="a later one left"),
        ],
    )
    def test_never_twice(self, left: int, sends: bool) -> None:
        launch = replace(self.intent, send=3)
        action = self.send(launch, a_witness(launch, armed=armed(launch), left=left))
        assert isinstance(action, Send) is sends

    def test_not_without_an_announcement(self) -> None:
        assert self.send(witness=a_witness(self.intent)) is None

    def test_not_on_the_announcement_of_another_send(self) -> None:
        assert self.send(witness=a_witness(self.intent, armed=armed(replace(self.intent, send=2)))) is None

    def test_not_on_the_announcement_of_a_destruction(self) -> None:
        assert self.send(witness=a_witness(self.intent, armed=armed(self.intent, destructive=True))) is None

    def test_not_when_another_request_would_be_sent_now(self) -> None:
        assert self.send(wishes=Wishes(machine=a_spec(machine={"gpu": {"type": "A100"}}).machine)) is None

    def test_not_while_a_secret_is_missing(self) -> None:
        assert self.send(wishes=waiting_for()) is None

    @pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.INTENDED])
    def test_only_what_is_intended(self, outcome: Outcome) -> None:
        assert self.send(replace(self.intent, outcome=outcome)) is None

    def test_nothing_without_a_record(self) -> None:
        assert send_what_was_announced(nothing_yet()) is None


def test_there_is_no_current_request_before_the_wishes_are_known() -> None:
    assert current_request(an_observation(wishes=None), a_launch()) is None


class TestReplaceOwnUnsentIntent:
    intent = a_launch(outcome=Outcome.INTENDED, send=3)

    def test_an_intent_of_ours_that_never_left_did_not_happen(self) -> None:
        action = as_record(replace_own_unsent_intent(an_observation(self.intent)))
        launch = launched(action)
        assert (launch.outcome, launch.name, launch.send, launch.reason) == (Outcome.NOT_EXECUTED, N, 3, "Waiting")
        assert action.arms is Arms.NOTHING

    @pytest.mark.parametrize(
        ("left", "replaces"),
        [
            pytest.param(2, True, id="the one before left"),
            pytest.param(3, False, id="this one left"),
            pytest.param(4, False, id="a later one left"),
        ],
    )
    def test_not_when_it_may_have_left(self, left: int, replaces: bool) -> None:
        seen = an_observation(self.intent, witness=a_witness(self.intent, left=left))
        assert (replace_own_unsent_intent(seen) is not None) is replaces

    def test_not_an_intent_of_another_process(self) -> None:
        assert replace_own_unsent_intent(an_observation(replace(self.intent, sent_by="other-process"))) is None

    @pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.INTENDED])
    def test_not_what_was_answered(self, outcome: Outcome) -> None:
        assert replace_own_unsent_intent(an_observation(replace(self.intent, outcome=outcome))) is None

    def test_nothing_without_a_record(self) -> None:
        assert replace_own_unsent_intent(an_observation(memory=Memory())) is None
