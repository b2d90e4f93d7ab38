"""An answer was lost: what is looked for, how long, and what follows when nothing is found."""

from dataclasses import replace

import pytest
from tests.builders import (
    N_G2,
    N_R2,
    NOW,
    OWNER,
    POLL,
    REF,
    SETTLE,
    F,
    N,
    a_blind_provider_view,
    a_hindrance,
    a_launch,
    a_machine,
    a_provider_spec,
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
    waiting_for,
)

from gpuwright.instance.actions import Arms, LookAt, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.settlement import (
    adopt_what_is_found,
    look_while_unsettled,
    prove_that_nothing_was_made,
    save_waited_time,
    send_again_what_was_never_made,
    settle_by_delete,
    take_note_of_a_tombstone,
    wait_until_settled,
)
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Launch, Outcome
from gpuwright.model.names import owner_labels
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import Wishes

SETTLED = [Outcome.COMMITTED, Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED]
RULES = [
    adopt_what_is_found,
    take_note_of_a_tombstone,
    look_while_unsettled,
    save_waited_time,
    wait_until_settled,
    settle_by_delete,
    prove_that_nothing_was_made,
    send_again_what_was_never_made,
]


def lost(
    launch: Launch | None = None,
    *,
    seconds_ago: float = 900.0,
    trail: Trail | None = None,
    provider: ProviderView | None = None,
) -> Observation:
    """Return what is seen of a create whose answer was lost, first seen so long ago."""
    record = launch or an_unsettled_launch()
    sight = a_sight(record, at=NOW - seconds_ago, base=0)
    witness = a_witness(record, sight=sight, trails={record.name: trail or Trail()})
    return an_observation(record, witness=witness, provider=provider or an_empty_provider_view())


def launched(action: object) -> Launch:
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    return action.memory.launch


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("outcome", SETTLED)
def test_no_rule_speaks_of_what_was_answered(rule: object, outcome: Outcome) -> None:
    assert callable(rule)
    assert rule(an_observation(a_launch(outcome=outcome))) is None


class TestAdoptWhatIsFound:
    def test_adopts_a_machine_under_the_name(self) -> None:
        action = adopt_what_is_found(lost(an_unsettled_launch(conflict=True, waited_seconds=60), trail=shown()))
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.outcome, launch.settled, launch.reason) == (Outcome.COMMITTED, True, "Adopted")
        assert (launch.conflict, launch.message, launch.waited_seconds) == (False, "", 0)
        assert (launch.send, launch.name, action.memory.machine_id) == (1, N, "i-1")
        assert (action.event, action.arms) == (EventReason.ADOPTED, Arms.NOTHING)

    def test_adopts_a_machine_of_our_tag_that_the_list_shows(self) -> None:
        seen = lost(provider=a_provider_view())
        assert launched(adopt_what_is_found(seen)).outcome is Outcome.COMMITTED

    @pytest.mark.parametrize(
        ("waited", "adopts"),
        [
            pytest.param(SETTLE - 0.5, False, id="just before the send has settled"),
            pytest.param(SETTLE, True, id="at"),
            pytest.param(SETTLE + 0.5, True, id="just after"),
        ],
    )
    def test_a_machine_under_an_earlier_name_waits_for_the_present_send(self, waited: float, adopts: bool) -> None:
        # Deleted before that, the object would let go while a machine can still appear under the present name.
        record = an_unsettled_launch(attempt=2, name=N_R2, send=2)
        action = adopt_what_is_found(lost(record, seconds_ago=waited, provider=a_provider_view()))
        assert (action is not None) is adopts
        if action is not None:
            assert isinstance(action, Record)
            launch = launched(action)
            assert (launch.name, launch.attempt, launch.send, launch.outcome) == (N, 1, 2, Outcome.COMMITTED)
            assert [entry.name for entry in action.memory.residue] == [N_R2]

    def test_takes_the_incarnation_that_the_machine_carries(self) -> None:
        later = a_machine(id="i-2", name=N_G2, labels=owner_labels(OWNER, 2))
        seen = lost(provider=a_provider_view(snapshot=a_snapshot(later)))
        assert launched(adopt_what_is_found(seen)).incarnation == 2

    def test_keeps_the_incarnation_of_a_machine_without_a_tag(self) -> None:
        record = an_unsettled_launch(incarnation=2, name=N_G2)
        assert (
            launched(adopt_what_is_found(lost(record, trail=shown(a_machine(name=N_G2, labels={}))))).incarnation == 2
        )

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(lost(), id="nothing is shown"),
            pytest.param(lost(trail=shown(a_machine(state=MachineState.GONE))), id="what is shown is dead"),
            pytest.param(lost(trail=shown().absent(NOW - 1, direct=True)), id="a newer look missed it"),
            pytest.param(
                lost(trail=Trail().buried(NOW - 9, "i-1").present(NOW - 8, a_machine(), direct=False)),
                id="a list lags behind its tombstone",
            ),
            pytest.param(
                lost(provider=a_provider_view(snapshot=a_snapshot(a_strangers_machine()))), id="somebody else's"
            ),
            pytest.param(
                lost(an_unsettled_launch(incarnation=2, name=N_G2), provider=a_provider_view()), id="of before"
            ),
        ],
    )
    def test_passes_when_nothing_of_ours_lives(self, seen: Observation) -> None:
        assert adopt_what_is_found(seen) is None


class TestTakeNoteOfATombstone:
    @pytest.mark.parametrize(
        "trail",
        [
            pytest.param(Trail().buried(NOW - 5, "i-1"), id="a tombstone"),
            pytest.param(shown(a_machine(state=MachineState.GONE)), id="a dead word"),
        ],
    )
    def test_what_was_made_and_died_counts_as_made(self, trail: Trail) -> None:
        action = take_note_of_a_tombstone(lost(trail=trail))
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.outcome, launch.settled, launch.ends) == (Outcome.COMMITTED, False, EndingReason.LOST)
        assert action.memory.machine == {"id": "i-1", "name": N, "state": "Unknown"}
        assert action.event is EventReason.LOST

    @pytest.mark.parametrize(
        ("began", "counts"),
        [
            pytest.param(NOW - 10.5, False, id="just before the first sight"),
            pytest.param(NOW - 10, True, id="at the first sight"),
            pytest.param(NOW - 9.5, True, id="just after the first sight"),
        ],
    )
    def test_only_a_tombstone_seen_since_counts(self, began: float, counts: bool) -> None:
        seen = lost(seconds_ago=10, trail=Trail().buried(began, "i-1"))
        assert (take_note_of_a_tombstone(seen) is not None) is counts

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(lost(), id="nothing shown"),
            pytest.param(lost(trail=shown()), id="alive"),
            pytest.param(
                lost(an_unsettled_launch(resent=True), trail=Trail().buried(NOW - 5, "i-1")),
                id="a repeated name, whose tombstone may be of the send before",
            ),
        ],
    )
    def test_passes_otherwise(self, seen: Observation) -> None:
        assert take_note_of_a_tombstone(seen) is None


class TestLookWhileUnsettled:
    def test_looks_at_once(self) -> None:
        assert look_while_unsettled(lost()) == LookAt(REF, N)

    @pytest.mark.parametrize(
        ("looked", "looks"),
        [
            pytest.param(NOW - POLL + 0.5, False, id="just before the next"),
            pytest.param(NOW - POLL, True, id="at the next"),
            pytest.param(NOW - POLL - 0.5, True, id="just after the next"),
        ],
    )
    def test_then_looks_at_the_pace_of_the_lists(self, looked: float, looks: bool) -> None:
        assert (look_while_unsettled(lost(trail=absent(looked))) is not None) is looks

    @pytest.mark.parametrize(
        ("looked", "looks"),
        [
            pytest.param(NOW - 3.5, True, id="just before the first sight"),
            pytest.param(NOW - 3, False, id="at the first sight"),
            pytest.param(NOW - 2.5, False, id="just after the first sight"),
        ],
    )
    def test_a_look_from_before_the_send_does_not_count(self, looked: float, looks: bool) -> None:
        assert (look_while_unsettled(lost(seconds_ago=3, trail=absent(looked))) is not None) is looks

    def test_passes_where_nothing_can_be_read(self) -> None:
        assert look_while_unsettled(lost(provider=a_blind_provider_view())) is None


class TestSaveWaitedTime:
    @pytest.mark.parametrize(
        ("own_time", "saved"),
        [
            pytest.param(59.5, None, id="just before a minute"),
            pytest.param(60.0, 60, id="at a minute"),
            pytest.param(60.5, 60, id="just after a minute"),
        ],
    )
    def test_writes_seldom(self, own_time: float, saved: int | None) -> None:
        action = save_waited_time(lost(seconds_ago=own_time))
        assert (launched(action).waited_seconds if action else None) == saved

    def test_adds_to_what_was_on_record(self) -> None:
        record = an_unsettled_launch(waited_seconds=40)
        witness = a_witness(record, sight=a_sight(record, at=NOW - 61, base=40))
        assert launched(save_waited_time(an_observation(record, witness=witness))).waited_seconds == 101

    def test_writes_more_seldom_when_f_is_long(self) -> None:
        view = a_provider_view(spec=a_provider_spec(settleSeconds=400))
        assert save_waited_time(lost(seconds_ago=99.5, provider=view)) is None
        assert save_waited_time(lost(seconds_ago=100, provider=view)) is not None


class TestWaitUntilSettled:
    @pytest.mark.parametrize(
        ("waited", "waits"),
        [
            pytest.param(SETTLE - 0.5, True, id="just before"),
            pytest.param(SETTLE, False, id="at"),
            pytest.param(SETTLE + 0.5, False, id="just after"),
        ],
    )
    def test_nothing_is_concluded_before_it_has_settled(self, waited: float, waits: bool) -> None:
        action = wait_until_settled(lost(seconds_ago=waited))
        assert (action is not None) is waits

    @pytest.mark.parametrize(
        ("waited", "seconds"),
        [
            pytest.param(0, POLL, id="at most until the next list"),
            pytest.param(SETTLE - 4, 4, id="only what is left"),
            pytest.param(SETTLE - 0.001, 0.05, id="never a spin"),
        ],
    )
    def test_waits_as_long_as_it_must(self, waited: float, seconds: float) -> None:
        action = wait_until_settled(lost(an_unsettled_launch(message="timed out"), seconds_ago=waited))
        assert isinstance(action, Wait)
        assert action.seconds == pytest.approx(seconds)
        assert (action.reason, action.stalled) == (Reason.OUTCOME_UNKNOWN, False)
        assert action.message == "timed out; looking for it until it has settled, 97 s after the send"


class TestSettleByDelete:
    def test_announces_the_delete_first(self) -> None:
        action = settle_by_delete(lost(provider=a_blind_provider_view()))
        assert isinstance(action, Record)
        ending = launched(action).ending
        assert ending is not None
        assert (ending.reason, ending.names, action.arms) == (EndingReason.SETTLING, (N,), Arms.DESTRUCTION)

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(lost(), id="it can be read"),
            pytest.param(
                lost(an_unsettled_launch(ending=an_ending(EndingReason.SETTLING)), provider=a_blind_provider_view()),
                id="announced already",
            ),
        ],
    )
    def test_passes_otherwise(self, seen: Observation) -> None:
        assert settle_by_delete(seen) is None


class TestProveThatNothingWasMade:
    def test_looks_again_after_it_has_settled(self) -> None:
        # The look from before it settled proves nothing.
        action = prove_that_nothing_was_made(lost(seconds_ago=SETTLE, trail=absent(NOW - 1)))
        assert action == LookAt(REF, N)

    def test_waits_for_the_look_that_completes_the_proof(self) -> None:
        action = prove_that_nothing_was_made(lost(trail=absent(NOW - 20)))
        assert isinstance(action, Wait)
        assert (action.reason, action.seconds) == (Reason.OUTCOME_UNKNOWN, F - 20)

    @pytest.mark.parametrize(
        ("span", "proven"),
        [
            pytest.param(F - 0.5, False, id="just before"),
            pytest.param(F, True, id="at"),
            pytest.param(F + 0.5, True, id="just after"),
        ],
    )
    def test_passes_when_looks_over_f_have_shown_nothing(self, span: float, proven: bool) -> None:
        seen = lost(trail=absent(NOW - 100, NOW - 100 + span))
        assert (prove_that_nothing_was_made(seen) is None) is proven

    def test_leaves_what_has_not_settled_alone(self) -> None:
        assert prove_that_nothing_was_made(lost(seconds_ago=SETTLE - 1)) is None


class TestSendAgainWhatWasNeverMade:
    proof = absent(NOW - 100, NOW - 30)

    def test_the_same_name_and_token_go_out_under_a_fresh_intent(self) -> None:
        record = an_unsettled_launch(waited_seconds=90)
        action = send_again_what_was_never_made(lost(record, trail=self.proof))
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.name, launch.token, launch.send) == (record.name, record.token, 2)
        assert (launch.outcome, launch.resent, launch.waited_seconds) == (Outcome.INTENDED, True, 0)
        assert (action.arms, action.memory.residue) == (Arms.SEND, ())

    def test_a_changed_request_takes_the_next_name(self) -> None:
        wishes = Wishes(machine=a_spec(machine={"gpu": {"type": "A100"}}).machine)
        seen = replace(lost(trail=self.proof), wishes=wishes)
        action = send_again_what_was_never_made(seen)
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.name, launch.send, launch.resent) == (N_R2, 2, False)
        assert [entry.name for entry in action.memory.residue] == [N]

    @pytest.mark.parametrize(
        ("record", "view"),
        [
            pytest.param(an_unsettled_launch(conflict=True), an_empty_provider_view(), id="the name was taken"),
            pytest.param(
                an_unsettled_launch(ending=an_ending(EndingReason.SETTLING)), a_blind_provider_view(), id="no reads"
            ),
        ],
    )
    def test_settles_as_not_committed(self, record: Launch, view: ProviderView) -> None:
        action = send_again_what_was_never_made(lost(record, trail=self.proof, provider=view))
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.outcome, launch.ending, launch.reason) == (Outcome.NOT_COMMITTED, None, "PlacementFailed")
        assert (launch.send, action.arms) == (1, Arms.NOTHING)

    def test_nothing_is_sent_while_it_is_to_be_stopped(self) -> None:
        stopped = {"spec": a_spec(powerState="Stopped")}
        seen = an_observation(
            an_unsettled_launch(), provider=an_empty_provider_view(), instance=stopped, witness=a_witness()
        )
        action = send_again_what_was_never_made(seen)
        assert isinstance(action, Record)
        launch = launched(action)
        assert (launch.outcome, launch.resent, action.arms) == (Outcome.NOT_EXECUTED, True, Arms.NOTHING)

    def test_waits_while_something_holds_it_back(self) -> None:
        view = an_empty_provider_view(hindrance=a_hindrance())
        action = send_again_what_was_never_made(lost(trail=self.proof, provider=view))
        assert action == Wait(Reason.PROVIDER_UNREACHABLE, "it does not answer", seconds=60)

    def test_waits_while_it_costs_more_than_asked(self) -> None:
        seen = lost(trail=self.proof)
        limited = a_spec(machine={"gpu": {"type": "H100"}, "maxPricePerHour": "3"})
        action = send_again_what_was_never_made(replace(seen, instance=replace(seen.instance, spec=limited)))
        assert isinstance(action, Wait)
        assert (action.reason, action.stalled) == (Reason.PRICE_TOO_HIGH, False)

    def test_waits_for_a_missing_secret(self) -> None:
        seen = replace(lost(trail=self.proof), wishes=waiting_for())
        assert send_again_what_was_never_made(seen) == Wait(Reason.SECRET_NOT_FOUND, "no Secret", seconds=30)
