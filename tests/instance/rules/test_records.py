"""How a launch record follows another."""

from dataclasses import replace

import pytest
from tests.builders import (
    N_G2,
    N_R2,
    NOW,
    OWNER,
    PLACE,
    PROCESS,
    REF,
    SETTLE,
    WISHES,
    N,
    a_blind_provider_view,
    a_launch,
    a_machine,
    a_memory,
    a_provider_spec,
    a_provider_view,
    a_residue,
    a_spec,
    an_ending,
    an_observation,
    an_unsettled_launch,
    nothing_yet,
)

from gpuwright.instance.rules.records import (
    KEPT_ATTEMPTS,
    adopted_launch,
    finished_attempts,
    first_launch,
    moment,
    next_intent,
    nothing_of_ours,
    with_ending,
)
from gpuwright.model.memory import EndingReason, Launch, Memory, Outcome
from gpuwright.model.names import attempt_name, token
from gpuwright.model.request import Wishes

VIEW = a_provider_view()
OTHER_WISHES = Wishes(machine=a_spec(machine={"gpu": {"type": "A100"}}).machine)


def after(launch: Launch, wishes: Wishes = WISHES, *, reads: bool = True, **changes: object) -> Memory:
    """Return the memory with the intent that follows this launch."""
    memory = replace(a_memory(launch), **changes)  # type: ignore[arg-type]  # fields of Memory
    view = VIEW if reads else a_blind_provider_view()
    return next_intent(an_observation(memory=memory), view, wishes, capacity_waited=0)


def intent_after(launch: Launch, wishes: Wishes = WISHES) -> Launch:
    launch_ = after(launch, wishes).launch
    assert launch_ is not None
    return launch_


class TestNextIntent:
    def test_the_first(self) -> None:
        memory = next_intent(nothing_yet(), VIEW, WISHES, capacity_waited=0)
        assert memory.launch == a_launch(
            outcome=Outcome.INTENDED, settled=False, intended="2026-11-22T00:00:00Z", settle_seconds=SETTLE
        )
        assert (memory.residue, memory.attempts, memory.replacements) == ((), (), 0)

    def test_after_a_record_that_nothing_was_sent(self) -> None:
        launch = intent_after(first_launch(nothing_yet(), VIEW))
        assert (launch.name, launch.send, launch.resent) == (N, 1, False)

    @pytest.mark.parametrize(
        ("before", "name", "resent"),
        [
            pytest.param(a_launch(outcome=Outcome.NOT_COMMITTED), N_R2, False, id="a promise: the next name"),
            pytest.param(a_launch(outcome=Outcome.NOT_EXECUTED), N, False, id="never happened: the same name"),
            pytest.param(an_unsettled_launch(), N, True, id="lost and settled: the same name, resent"),
            pytest.param(a_launch(outcome=Outcome.INTENDED), N, True, id="an intent found and settled: resent"),
            pytest.param(
                a_launch(outcome=Outcome.NOT_EXECUTED, resent=True), N, True, id="a resend stays one until answered"
            ),
            pytest.param(an_unsettled_launch(conflict=True), N_R2, False, id="a conflict that settled: the next name"),
            pytest.param(a_launch(ending=an_ending()), N_G2, False, id="a machine that is gone: the next incarnation"),
        ],
    )
    def test_its_name(self, before: Launch, name: str, resent: bool) -> None:
        launch = intent_after(before)
        assert (launch.name, launch.resent) == (name, resent)
        assert launch.token == token(OWNER, launch.incarnation, launch.attempt, 0)
        assert launch.name == attempt_name(OWNER, launch.incarnation, launch.attempt)
        assert launch.outcome is Outcome.INTENDED

    @pytest.mark.parametrize("outcome", Outcome)
    def test_send_grows_by_one_whatever_went_before(self, outcome: Outcome) -> None:
        assert intent_after(a_launch(outcome=outcome, send=41)).send == 42

    @pytest.mark.parametrize("outcome", Outcome)
    def test_replaces_the_record_whole(self, outcome: Outcome) -> None:
        launch = intent_after(
            a_launch(
                outcome=outcome,
                waited_seconds=60,
                conflict=True,
                adopted=True,
                settled=True,
                reason="Throttled",
                message="slow down",
                ending=an_ending(),
                sent_by="other-process",
            )
        )
        assert (launch.waited_seconds, launch.conflict, launch.adopted, launch.settled) == (0, False, False, False)
        assert (launch.reason, launch.message, launch.ending, launch.sent_by) == ("", "", None, PROCESS)

    def test_an_incarnation_begins_with_its_first_attempt(self) -> None:
        launch = intent_after(a_launch(incarnation=3, attempt=7, name=attempt_name(OWNER, 3, 7)))
        assert (launch.incarnation, launch.attempt) == (4, 1)

    @pytest.mark.parametrize("outcome", [Outcome.NOT_EXECUTED, Outcome.UNKNOWN])
    def test_a_changed_request_never_goes_out_under_the_old_token(self, outcome: Outcome) -> None:
        before = a_launch(outcome=outcome)
        launch = intent_after(before, OTHER_WISHES)
        assert (launch.name, launch.resent) == (N_R2, False)
        assert launch.token != before.token
        assert launch.request_hash != before.request_hash

    def test_takes_what_settling_needs_from_the_provider_as_it_is_now(self) -> None:
        view = a_provider_view(spec=a_provider_spec(settleSeconds=600))
        launch = next_intent(nothing_yet(), view, WISHES, capacity_waited=0).launch
        assert launch is not None
        assert (launch.settle_seconds, launch.provider, launch.place) == (637, REF, PLACE)

    @pytest.mark.parametrize(
        ("before", "kept"),
        [
            pytest.param(a_launch(outcome=Outcome.NOT_COMMITTED), 77, id="within an incarnation"),
            pytest.param(a_launch(), 0, id="each incarnation counts anew"),
        ],
    )
    def test_time_without_room_belongs_to_an_incarnation(self, before: Launch, kept: int) -> None:
        launch = next_intent(an_observation(before), VIEW, WISHES, capacity_waited=77).launch
        assert launch is not None
        assert launch.capacity_waited_seconds == kept


class TestReplacement:
    def test_the_next_incarnation_forgets_the_machine_and_counts(self) -> None:
        memory = after(a_launch(ending=an_ending(EndingReason.LOST)), replacements=2)
        assert (memory.machine, memory.replacements) == ({}, 3)

    @pytest.mark.parametrize("outcome", [Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN])
    def test_another_try_within_an_incarnation_is_no_replacement(self, outcome: Outcome) -> None:
        assert after(a_launch(outcome=outcome), replacements=2).replacements == 2


class TestResidue:
    def names(self, memory: Memory) -> list[str]:
        return [entry.name for entry in memory.residue]

    def test_a_promised_name_is_not_trusted_to_be_empty(self) -> None:
        memory = after(a_launch(outcome=Outcome.NOT_COMMITTED))
        assert memory.residue == (a_residue(N),)

    def test_a_name_that_is_sent_again_is_none(self) -> None:
        assert self.names(after(an_unsettled_launch())) == []

    def test_a_machine_that_is_proven_gone_leaves_none(self) -> None:
        assert self.names(after(a_launch(ending=an_ending()))) == []

    def test_a_lost_name_whose_request_changed_is_one(self) -> None:
        assert self.names(after(an_unsettled_launch(), OTHER_WISHES)) == [N]

    def test_a_name_that_never_left_is_none(self) -> None:
        assert self.names(after(a_launch(outcome=Outcome.NOT_EXECUTED), OTHER_WISHES)) == []

    def test_a_name_that_left_before_it_never_left_again_is_one(self) -> None:
        memory = after(a_launch(outcome=Outcome.NOT_EXECUTED, resent=True), OTHER_WISHES)
        assert self.names(memory) == [N]

    @pytest.mark.parametrize(
        ("reads", "names"),
        [pytest.param(True, [N], id="it can be looked at"), pytest.param(False, [], id="it is not deleted blindly")],
    )
    def test_a_name_that_somebody_else_held(self, reads: bool, names: list[str]) -> None:
        launch = a_launch(outcome=Outcome.NOT_COMMITTED, reason="NameConflict")
        assert self.names(after(launch, reads=reads)) == names

    def test_without_reads_a_name_of_ours_is_kept(self) -> None:
        launch = a_launch(outcome=Outcome.NOT_COMMITTED, reason="NameConflict", resent=True)
        assert self.names(after(launch, reads=False)) == [N]

    def test_a_name_stands_there_once(self) -> None:
        memory = after(a_launch(outcome=Outcome.NOT_COMMITTED), residue=(a_residue(N),))
        assert self.names(memory) == [N]

    def test_the_newest_stands_last(self) -> None:
        launch = a_launch(outcome=Outcome.NOT_COMMITTED, attempt=2, name=N_R2)
        assert self.names(after(launch, residue=(a_residue(N),))) == [N, N_R2]


@pytest.mark.parametrize(
    ("launch", "nothing"),
    [
        pytest.param(a_launch(outcome=Outcome.NOT_EXECUTED), True, id="it never left"),
        pytest.param(a_launch(outcome=Outcome.NOT_EXECUTED, resent=True), False, id="an earlier send of it left"),
        pytest.param(a_launch(outcome=Outcome.NOT_COMMITTED, reason="NameConflict"), True, id="the name was held"),
        pytest.param(
            a_launch(outcome=Outcome.NOT_COMMITTED, reason="NameConflict", resent=True), False, id="held, maybe by us"
        ),
        pytest.param(a_launch(outcome=Outcome.NOT_COMMITTED, reason="PlacementFailed"), False, id="a mere promise"),
        pytest.param(an_unsettled_launch(), False, id="nobody knows"),
        pytest.param(a_launch(), False, id="made"),
    ],
)
def test_what_can_have_made_nothing(launch: Launch, nothing: bool) -> None:
    assert nothing_of_ours(launch) is nothing


class TestFinishedAttempts:
    def test_keeps_what_was_tried_for_people(self) -> None:
        launch = a_launch(outcome=Outcome.NOT_COMMITTED, reason="CapacityUnavailable", message="no H100 left")
        assert finished_attempts(an_observation(launch)) == (
            {
                "incarnation": 1,
                "attempt": 1,
                "name": N,
                "providerRef": {"kind": "ComputeProvider", "name": "gateway"},
                "placement": 0,
                "outcome": "NotCommitted",
                "reason": "CapacityUnavailable",
                "message": "no H100 left",
                "startedTime": "2026-11-21T23:45:00Z",
                "finishedTime": "2026-11-22T00:00:00Z",
            },
        )

    def test_of_a_machine_it_says_why_it_ended_and_its_id(self) -> None:
        entry = finished_attempts(an_observation(a_launch(ending=an_ending(EndingReason.LOST), reason="Created")))[-1]
        assert (entry["reason"], entry["message"]) == ("Lost", "i-1")

    def test_a_reason_is_never_empty(self) -> None:
        assert finished_attempts(an_observation(an_unsettled_launch()))[-1]["reason"] == "Unknown"

    @pytest.mark.parametrize(
        ("kept", "first"),
        [
            pytest.param(KEPT_ATTEMPTS - 2, 0, id="just before full"),
            pytest.param(KEPT_ATTEMPTS - 1, 0, id="full"),
            pytest.param(KEPT_ATTEMPTS, 1, id="over"),
        ],
    )
    def test_the_oldest_go_first(self, kept: int, first: int) -> None:
        attempts = tuple({"attempt": i} for i in range(kept))
        history = finished_attempts(an_observation(memory=a_memory(an_unsettled_launch(), attempts=attempts)))
        assert history[0]["attempt"] == first
        assert len(history) <= KEPT_ATTEMPTS

    def test_what_never_happened_is_no_attempt(self) -> None:
        assert finished_attempts(an_observation(a_launch(outcome=Outcome.NOT_EXECUTED))) == ()
        assert finished_attempts(nothing_yet()) == ()


class TestAdoptedLaunch:
    def test_without_a_provider_nothing_is_adopted(self) -> None:
        with pytest.raises(ValueError, match="at a provider"):
            adopted_launch(nothing_yet(providers={}), a_machine(), by_person=False)

    def test_says_nothing_of_a_send_of_ours(self) -> None:
        launch = adopted_launch(nothing_yet(), a_machine(), by_person=False)
        assert (launch.send, launch.request_hash, launch.reason) == (0, "", "Adopted")


def test_an_ending_says_why_what_and_when() -> None:
    memory = with_ending(an_observation(), EndingReason.EXPIRED, (N, N_R2))
    assert memory.launch is not None
    assert memory.launch.ending == replace(an_ending(EndingReason.EXPIRED, N, N_R2), time="2026-11-22T00:00:00Z")


def test_times_on_record_are_those_of_the_wall_clock() -> None:
    assert moment(an_observation(now=NOW + 1e6)) == "2026-11-22T00:00:00Z"
