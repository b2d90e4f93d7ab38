"""The object is to go. Each proof missing one clause must not release it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    N_R2,
    NOW,
    POLL,
    REF,
    SETTLE,
    F,
    N,
    a_blind_provider_view,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_residue,
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
    armed,
    shown,
)

from gpuwright.instance.actions import (
    Action,
    Arms,
    AskList,
    EnterLedger,
    LookAt,
    Nothing,
    ReadLive,
    Record,
    RemoveFinalizer,
    Terminate,
    Wait,
)
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import deletion
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.rules.evidence import UNKNOWN_ACCOUNT
from gpuwright.instance.witness import Trail
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Launch, Memory, Outcome
from gpuwright.model.names import ANNOTATION_FORGET, ANNOTATION_PAUSED

ACCEPTED = NOW - 10
TERMINATED: dict[str, Any] = {"terminated": {N: ACCEPTED}, "terminate_tried": {N: ACCEPTED}}
FORGET = {ANNOTATION_FORGET: "the provider is no more"}
NEVER_SENT = a_launch(outcome=Outcome.NOT_EXECUTED)


def deleting(launch: Launch | None = None, **changes: Any) -> Observation:
    """Return an object that is being deleted; `witness` has changes, `instance`, `memory` and the rest as elsewhere."""
    memory = changes.pop("memory", None) or a_memory(launch or a_launch())
    witness = a_witness(memory.launch, **changes.pop("witness", {}))
    instance = {"deleting": True, **changes.pop("instance", {})}
    return an_observation(memory=memory, witness=witness, instance=instance, **changes)


def proven(launch: Launch | None = None, **changes: Any) -> Observation:
    """Return an object of which everything is proven gone, but for the changes."""
    launch = launch or a_launch(ending=an_ending())
    witness = {**TERMINATED, "trails": {N: absent(NOW - 4, NOW - 1)}} | changes.pop("witness", {})
    return deleting(launch, witness=witness, **{"provider": an_empty_provider_view()} | changes)


def test_what_does_not_carry_our_finalizer_is_ignored() -> None:
    assert deletion.ignore_what_is_not_ours(deleting(instance={"finalized": False})) == Nothing()
    assert deletion.ignore_what_is_not_ours(deleting()) is None


def test_a_paused_object_waits_even_when_it_is_deleted() -> None:
    action = decide(deleting(instance={"annotations": {ANNOTATION_PAUSED: "true"}}))
    assert isinstance(action, Wait)
    assert action.reason is Reason.PAUSED
    assert deletion.wait_when_paused(deleting()) is None


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        pytest.param({"providers": {}}, "does not exist", id="its provider does not exist"),
        pytest.param({"provider": an_empty_provider_view(ever_reached=False)}, "never reached", id="never reached"),
        pytest.param({"provider": an_empty_provider_view()}, "complete look by owner", id="a look shows nothing"),
    ],
)
def test_an_object_without_a_record_goes_at_once(changes: dict[str, Any], proof: str) -> None:
    action = decide(deleting(memory=Memory(), **changes))
    assert isinstance(action, RemoveFinalizer)
    assert proof in action.proof
    assert action.event is EventReason.RELEASED


def test_what_was_never_executed_goes_after_a_look_by_owner() -> None:
    assert isinstance(decide(deleting(NEVER_SENT, provider=an_empty_provider_view())), RemoveFinalizer)


@pytest.mark.parametrize(
    "began", [pytest.param(NOW - 1000.1, id="just before"), pytest.param(None, id="there is none at all")]
)
def test_a_list_from_before_the_object_was_seen_is_no_look_by_owner(began: float | None) -> None:
    snapshot = None if began is None else a_snapshot(began=began)
    action = decide(deleting(memory=Memory(), provider=an_empty_provider_view(snapshot=snapshot)))
    assert isinstance(action, AskList)


def test_a_list_by_credentials_that_may_be_another_accounts_is_no_look_by_owner() -> None:
    action = decide(deleting(memory=Memory(), provider=an_empty_provider_view(absence_counts=False)))
    assert isinstance(action, Wait)
    assert (action.reason, action.seconds) == (Reason.PROVING_ABSENCE, POLL)


def test_a_list_begun_when_the_object_was_first_seen_is_a_look_by_owner() -> None:
    provider = an_empty_provider_view(snapshot=a_snapshot(began=NOW - 1000))
    assert isinstance(decide(deleting(memory=Memory(), provider=provider)), RemoveFinalizer)


def test_without_a_look_an_unreachable_provider_is_waited_for() -> None:
    provider = an_empty_provider_view(snapshot=None, reachable=False)
    action = decide(deleting(memory=Memory(), provider=provider))
    assert isinstance(action, Wait)
    assert action.reason is Reason.PROVIDER_UNREACHABLE


def test_a_machine_that_a_look_by_owner_shows_is_put_on_record() -> None:
    action = decide(deleting(memory=Memory()))
    assert isinstance(action, Record)
    assert (action.event, action.memory.machine_id) == (EventReason.ADOPTED, "i-1")
    assert action.memory.launch is not None
    assert action.memory.launch.outcome is Outcome.COMMITTED


def test_a_strangers_machine_does_not_hold_the_object_back() -> None:
    provider = an_empty_provider_view(snapshot=a_snapshot(a_strangers_machine()))
    assert isinstance(decide(deleting(memory=Memory(), provider=provider)), RemoveFinalizer)


def test_a_record_that_says_never_sent_suffices_where_nothing_can_be_read() -> None:
    assert isinstance(decide(deleting(NEVER_SENT, provider=a_blind_provider_view())), RemoveFinalizer)


def test_a_lost_record_where_nothing_can_be_read_waits_for_a_person() -> None:
    action = decide(deleting(memory=Memory(), provider=a_blind_provider_view()))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled) == (Reason.RECORD_LOST, True)
    assert "force-forget" in action.message


@pytest.mark.parametrize(
    "memory",
    [
        pytest.param(a_memory(a_launch(outcome=Outcome.INTENDED)), id="an intent"),
        pytest.param(a_memory(an_unsettled_launch()), id="an answer that was lost"),
        pytest.param(a_memory(a_launch(outcome=Outcome.NOT_COMMITTED)), id="a promise"),
        pytest.param(a_memory(a_launch()), id="a machine"),
        pytest.param(a_memory(a_launch(outcome=Outcome.NOT_EXECUTED, resent=True)), id="sent before, and lost"),
        pytest.param(a_memory(NEVER_SENT, residue=(a_residue(N_R2),)), id="another name in the residue"),
    ],
)
def test_what_may_have_been_sent_is_not_released_as_never_sent(memory: Memory) -> None:
    assert deletion.release_what_was_never_sent(deleting(memory=memory, provider=an_empty_provider_view())) is None
    assert not isinstance(decide(deleting(memory=memory, providers={})), RemoveFinalizer)


def test_force_forget_acts_only_when_it_is_asked_for() -> None:
    assert deletion.forget_when_asked(deleting()) is None


def forgotten(**changes: Any) -> Action:
    return decide(deleting(**{"instance": {"annotations": FORGET}} | changes))


def test_force_forget_announces_and_tries_one_terminate_of_each_name_first() -> None:
    announced = forgotten()
    assert isinstance(announced, Record)
    assert announced.arms is Arms.DESTRUCTION
    launch = a_launch(ending=an_ending())
    arms = armed(launch, destructive=True)
    assert forgotten(launch=launch, witness={"armed": arms}) == Terminate(REF, N)


def test_force_forget_enters_the_ledger_before_the_finalizer_goes() -> None:
    launch = a_launch(ending=an_ending())
    tried: dict[str, Any] = {"terminate_tried": {N: NOW - 1}}
    assert forgotten(launch=launch, witness=tried) == EnterLedger(REF, (N,), "i-1", retained=False)
    action = forgotten(launch=launch, witness=tried | {"ledgers": frozenset({REF})})
    assert isinstance(action, RemoveFinalizer)
    assert action.event is EventReason.FORGOTTEN
    assert "the provider is no more" in action.proof


def test_force_forget_without_a_provider_has_nobody_to_ask() -> None:
    action = forgotten(providers={})
    assert isinstance(action, RemoveFinalizer)
    assert action.event is EventReason.FORGOTTEN


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"providers": {}}, Reason.PROVIDER_UNREACHABLE, id="missing"),
        pytest.param({"provider": an_empty_provider_view(reachable=False)}, Reason.PROVIDER_UNREACHABLE, id="silent"),
        pytest.param(
            {"provider": an_empty_provider_view(credentials_rejected=True)},
            Reason.CREDENTIALS_REJECTED,
            id="refuses us",
        ),
        pytest.param({"provider": an_empty_provider_view(place="elsewhere")}, Reason.PLACE_CHANGED, id="another place"),
    ],
)
def test_a_provider_that_cannot_prove_anything_is_waited_for_whatever_was_seen_before(
    changes: dict[str, Any], reason: Reason
) -> None:
    action = decide(proven(**changes))
    assert isinstance(action, Wait)
    assert action.reason is reason


def fresh(age: float = 5.0, **changes: Any) -> Observation:
    """Return a machine whose create was answered a moment ago and that no look has shown since."""
    launch = a_launch(settled=False, ending=changes.pop("ending", None))
    witness = {
        "trails": {},
        "sight": a_sight(launch, at=NOW - age),
        "answered_send": launch.send,
        "answered_at": NOW - age,
    } | changes.pop("witness", {})
    return deleting(launch, witness=witness, **changes)


def test_what_is_fresh_is_looked_at_before_it_is_terminated() -> None:
    assert decide(fresh()) == LookAt(REF, N)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(deleting(), id="settled already"),
        pytest.param(fresh(witness={"trails": {N: absent(NOW - 1)}}), id="looked at already"),
        pytest.param(fresh(witness={"terminate_tried": {N: NOW - 1}}), id="terminated already"),
        pytest.param(fresh(provider=a_blind_provider_view()), id="no reads"),
    ],
)
def test_that_look_is_made_once_and_only_where_it_helps(seen: Observation) -> None:
    assert deletion.look_before_terminating_what_is_fresh(seen) is None


def test_the_end_is_announced_before_anything_is_destroyed() -> None:
    action = decide(deleting(witness={"armed": armed(a_launch(), destructive=True)}))
    assert isinstance(action, Record)
    assert (action.why, action.arms) == ("deletion", Arms.DESTRUCTION)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert (action.memory.launch.ending.reason, action.memory.launch.ending.names) == (EndingReason.DELETED, (N,))


def test_every_machine_under_our_tag_and_every_shown_name_is_announced() -> None:
    second = a_machine(id="i-2", name="unknown-to-the-record")
    memory = a_memory(a_launch(), residue=(a_residue(N_R2),))
    trails = {N: shown(), N_R2: shown(a_machine(id="i-3", name=N_R2))}
    provider = a_provider_view(snapshot=a_snapshot(a_machine(), second))
    action = deletion.announce_the_end(deleting(memory=memory, witness={"trails": trails}, provider=provider))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert set(action.memory.launch.ending.names) == {N, N_R2, "unknown-to-the-record"}


def test_a_strangers_machine_is_never_announced() -> None:
    launch = an_unsettled_launch()
    provider = a_provider_view(snapshot=a_snapshot(a_strangers_machine()))
    action = deletion.announce_the_end(deleting(launch, witness={"trails": {N: absent(NOW)}}, provider=provider))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert action.memory.launch.ending.names == ()


def test_what_is_announced_is_not_announced_again() -> None:
    assert deletion.announce_the_end(deleting(a_launch(ending=an_ending()))) is None


def test_an_ending_that_ends_something_else_is_replaced_and_its_names_kept() -> None:
    action = deletion.announce_the_end(deleting(a_launch(ending=an_ending(EndingReason.DUPLICATE, N_R2))))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert action.memory.launch.ending.reason is EndingReason.DELETED
    assert action.memory.launch.ending.names == (N, N_R2)


def test_what_exists_is_terminated_once_armed() -> None:
    launch = a_launch(ending=an_ending())
    assert decide(deleting(launch)) == ReadLive()
    assert decide(deleting(launch, witness={"armed": armed(launch, destructive=True)})) == Terminate(REF, N)


def test_what_a_tombstone_names_is_not_terminated() -> None:
    launch = a_launch(ending=an_ending())
    trails = {N: Trail().buried(NOW - 1, "i-1")}
    assert deletion.terminate_what_exists(deleting(launch, witness={"trails": trails})) is None


def test_without_reads_every_name_is_terminated() -> None:
    launch = an_unsettled_launch(ending=an_ending())
    seen = deleting(launch, provider=a_blind_provider_view())
    assert deletion.terminate_what_exists(seen) == ReadLive()


def test_nothing_of_ours_is_touched_under_a_name_that_another_held_where_nothing_can_be_read() -> None:
    launch = a_launch(outcome=Outcome.NOT_COMMITTED, reason="NameConflict", ending=an_ending(EndingReason.DELETED))
    seen = deleting(launch, provider=a_blind_provider_view())
    assert deletion.terminate_what_exists(seen) is None
    assert deletion.prove_absence(seen) is None
    assert isinstance(decide(seen), RemoveFinalizer)


@pytest.mark.parametrize(
    ("waited", "settled"),
    [
        pytest.param(SETTLE - 1, False, id="just before"),
        pytest.param(SETTLE, True, id="at"),
        pytest.param(SETTLE + 1, True, id="just after"),
    ],
)
def test_a_lost_create_is_waited_for_until_it_has_settled(waited: float, settled: bool) -> None:
    launch = an_unsettled_launch(ending=an_ending())
    witness = {"sight": a_sight(launch, at=NOW - waited), "trails": {N: absent(NOW - 1)}}
    action = deletion.wait_for_settlement(deleting(launch, witness=witness, provider=an_empty_provider_view()))
    assert (action is None) is settled
    if action is not None:
        assert isinstance(action, Wait)
        assert (action.reason, action.seconds) == (Reason.WAITING_FOR_SETTLEMENT, 1.0)


def test_while_it_settles_it_is_looked_for_at_the_lists_pace() -> None:
    launch = an_unsettled_launch(ending=an_ending())
    witness = {"sight": a_sight(launch, at=NOW - 30), "trails": {N: absent(NOW - 10)}}
    seen = deleting(launch, witness=witness, provider=an_empty_provider_view())
    assert deletion.wait_for_settlement(seen) == LookAt(REF, N)


def test_everything_proven_lets_the_object_go_and_says_how() -> None:
    action = decide(proven())
    assert isinstance(action, RemoveFinalizer)
    assert action.event is EventReason.RELEASED
    assert "machine i-1" in action.proof
    assert "shown by looks" in action.proof


def test_a_deletion_that_cannot_be_proven_with_new_credentials_says_why() -> None:
    action = decide(proven(provider=an_empty_provider_view(absence_counts=False), witness={"trails": {}}))
    assert isinstance(action, LookAt)
    trails = {N: Trail(looked=NOW - 0.5)}
    action = decide(proven(provider=an_empty_provider_view(absence_counts=False), witness={"trails": trails}))
    assert isinstance(action, Wait)
    assert (action.reason, action.message) == (Reason.PROVING_ABSENCE, UNKNOWN_ACCOUNT)


def test_a_tombstone_is_named_in_the_proof() -> None:
    action = decide(proven(witness={"trails": {N: Trail().buried(NOW - 1, "i-1")}}))
    assert isinstance(action, RemoveFinalizer)
    assert "a tombstone" in action.proof


def test_a_create_that_made_nothing_is_let_go_after_it_settled() -> None:
    launch = an_unsettled_launch(ending=an_ending())
    witness = {"terminated": {}, "terminate_tried": {}, "trails": {N: absent(NOW - F, NOW)}}
    action = decide(proven(launch, witness=witness))
    assert isinstance(action, RemoveFinalizer)
    assert f"no machine exists under {N}" in action.proof


UNSETTLED = a_launch(ending=an_ending(), settled=False)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(proven(witness={"trails": {N: absent(NOW - 1)}}), id="one look only"),
        pytest.param(proven(witness={"trails": {N: absent(NOW - 2.9, NOW - 1)}}), id="looks less than 2 s apart"),
        pytest.param(
            proven(witness={"trails": {N: absent(NOW - 4, NOW - 1, direct=False)}}), id="no direct look at the name"
        ),
        pytest.param(proven(witness={"trails": {N: absent(NOW - 20, NOW - 11)}}), id="looks from before the terminate"),
        pytest.param(
            proven(witness={"trails": {N: absent(ACCEPTED - 1, NOW - 9)}}),
            id="the first look from before the terminate",
        ),
        pytest.param(proven(witness={"trails": {N: shown(began=NOW - 1)}}), id="still shown"),
        pytest.param(
            proven(witness={"trails": {N: shown(a_machine(state=MachineState.DELETING), NOW - 1)}}), id="on its way out"
        ),
        pytest.param(proven(witness={"trails": {N: Trail().buried(NOW - 1, "i-0")}}), id="a tombstone of another id"),
        pytest.param(
            proven(witness={"terminated": {}}), id="the terminate was not accepted, and absent for less than F"
        ),
        pytest.param(
            proven(UNSETTLED, witness={"sight": a_sight(UNSETTLED, at=NOW - 30)}), id="something can still appear"
        ),
        pytest.param(
            proven(provider=an_empty_provider_view(snapshot=a_snapshot(began=NOW - 901))),
            id="no list since it settled",
        ),
        pytest.param(
            proven(provider=an_empty_provider_view(snapshot=a_snapshot(a_machine(id="i-2", name="unheard-of")))),
            id="a list shows another machine with our tag",
        ),
        pytest.param(
            proven(a_launch(ending=an_ending(EndingReason.DELETED, N, "second"))),
            id="another name that was announced is not proven absent",
        ),
        pytest.param(
            proven(memory=a_memory(a_launch(ending=an_ending()), residue=(a_residue(N_R2),))),
            id="a residue name was never looked at",
        ),
    ],
)
def test_a_proof_that_lacks_one_clause_releases_nothing(seen: Observation) -> None:
    assert not isinstance(decide(seen), RemoveFinalizer)


def test_residue_proven_absent_lets_the_object_go() -> None:
    memory = a_memory(a_launch(ending=an_ending()), residue=(a_residue(N_R2),))
    trails = {N: absent(NOW - 4, NOW - 1), N_R2: absent(NOW - F, NOW)}
    witness = {"trails": trails, "residue_since": {N_R2: NOW - F}}
    assert isinstance(decide(proven(memory=memory, witness=witness)), RemoveFinalizer)


def retained(launch: Launch | None = None, **changes: Any) -> Observation:
    return deleting(launch, instance={"spec": a_spec(deletionPolicy="Retain")}, **changes)


def test_a_retained_machine_is_entered_before_the_finalizer_goes() -> None:
    assert decide(retained()) == EnterLedger(REF, (N,), "i-1", retained=True)
    action = decide(retained(witness={"ledgers": frozenset({REF})}))
    assert isinstance(action, RemoveFinalizer)
    assert action.event is EventReason.RETAINED
    assert "it goes on billing" in action.proof


def test_retain_settles_first() -> None:
    launch = a_launch(settled=False)
    witness = {
        "trails": {N: absent(NOW - 1)},
        "sight": a_sight(launch, at=NOW - 5),
        "answered_send": 1,
        "answered_at": NOW - 5,
    }
    action = decide(retained(launch, witness=witness))
    assert isinstance(action, Wait)
    assert action.reason is Reason.WAITING_FOR_SETTLEMENT


def test_retain_adopts_what_a_lost_create_made() -> None:
    launch = an_unsettled_launch()
    action = decide(retained(launch, witness={"trails": {N: shown(direct=True)}}))
    assert isinstance(action, Record)
    assert action.event is EventReason.ADOPTED


def test_retain_proves_other_names_absent_first() -> None:
    memory = a_memory(a_launch(), residue=(a_residue(N_R2),))
    seen = retained(memory=memory, witness={"residue_since": {N_R2: NOW - 10 * F}})
    assert decide(seen) == LookAt(REF, N_R2)


def test_a_machine_whose_end_is_on_record_is_not_retained() -> None:
    assert deletion.keep_what_is_retained(retained(a_launch(ending=an_ending(EndingReason.BROKEN)))) is None


def test_delete_retains_nothing() -> None:
    assert deletion.keep_what_is_retained(deleting()) is None


def test_an_object_whose_spec_cannot_be_read_is_deleted_all_the_same() -> None:
    assert isinstance(decide(proven(instance={"spec": None, "spec_error": "wrong"})), RemoveFinalizer)


def test_let_go_without_a_record_says_that_nothing_was_sent() -> None:
    assert deletion.let_go(deleting(memory=Memory())) == RemoveFinalizer("nothing was ever sent")


def test_of_two_machines_that_a_look_by_owner_shows_the_oldest_is_put_on_record() -> None:
    younger = a_machine(id="i-2", name=N_R2, created="2026-11-21T23:50:00Z")
    provider = a_provider_view(snapshot=a_snapshot(younger, a_machine()))
    action = decide(deleting(memory=Memory(), provider=provider))
    assert isinstance(action, Record)
    assert (action.memory.machine_id, action.note) == ("i-1", "found machine i-1")
    assert action.memory.launch is not None
    assert action.memory.launch.name == N


def test_where_no_machine_was_made_retain_keeps_none() -> None:
    launch = a_launch(outcome=Outcome.NOT_COMMITTED)
    assert deletion.keep_what_is_retained(retained(launch, provider=an_empty_provider_view())) is None


def test_force_forget_announces_by_itself_whatever_follows() -> None:
    action = deletion.forget_when_asked(deleting(instance={"annotations": FORGET}))
    assert isinstance(action, Record)
    assert action.arms is Arms.DESTRUCTION


def test_another_machine_with_our_tag_is_waited_for_two_seconds_at_a_time() -> None:
    other = a_machine(id="i-2", name="unheard-of")
    launch = a_launch(ending=an_ending(EndingReason.DELETED, N, "unheard-of"))
    witness = {
        "terminated": {N: ACCEPTED, "unheard-of": NOW - 1},
        "terminate_tried": {N: ACCEPTED, "unheard-of": NOW - 1},
    }
    provider = an_empty_provider_view(snapshot=a_snapshot(other))
    action = deletion.prove_absence(proven(launch, witness=witness, provider=provider))
    assert isinstance(action, Wait)
    assert (action.reason, action.seconds) == (Reason.TERMINATING_MACHINE, 2)


@pytest.mark.parametrize(
    ("looked", "step"),
    [
        pytest.param(None, LookAt(REF, "second"), id="never looked at"),
        pytest.param(
            NOW - 1, Wait(Reason.PROVING_ABSENCE, "making sure that second is gone", seconds=F - 1), id="once"
        ),
    ],
)
def test_every_other_name_that_was_announced_is_proven_gone(looked: float | None, step: Action) -> None:
    launch = a_launch(ending=an_ending(EndingReason.DELETED, N, "second"))
    trails = {N: absent(NOW - 4, NOW - 1)} | ({} if looked is None else {"second": absent(looked)})
    assert deletion.prove_absence(proven(launch, witness={"trails": trails})) == step


def test_a_name_that_only_a_direct_look_shows_to_be_anothers_is_not_announced() -> None:
    trails = {N: replace(absent(NOW), stranger=True)}
    action = deletion.announce_the_end(deleting(witness={"trails": trails}, provider=an_empty_provider_view()))
    assert isinstance(action, Record)
    assert action.memory.launch is not None
    assert action.memory.launch.ending is not None
    assert action.memory.launch.ending.names == ()


@pytest.mark.parametrize(
    ("waited", "seconds"), [pytest.param(5.0, 10.0, id="long to go"), pytest.param(F - 3.0, 3.0, id="nearly over")]
)
def test_retain_waits_for_settlement_at_most_ten_seconds_at_a_time(waited: float, seconds: float) -> None:
    launch = a_launch(settled=False)
    since = NOW - waited
    witness = {
        "trails": {N: absent(NOW - 1)},
        "sight": a_sight(launch, at=since),
        "answered_send": 1,
        "answered_at": since,
    }
    action = deletion.keep_what_is_retained(retained(launch, witness=witness))
    assert isinstance(action, Wait)
    assert action.seconds == seconds
