"""The rules in the order in which they are asked; the first that answers wins. These two lists are the
specification.
"""

from collections.abc import Callable

from gpuwright.instance.actions import Action, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import (
    admission,
    deletion,
    duplicates,
    first_look,
    launch,
    liveness,
    power,
    replacement,
    residue,
    settlement,
    steady,
)
from gpuwright.model.conditions import Reason

Rule = Callable[[Observation], Action | None]

WANTED: tuple[Rule, ...] = (
    admission.stall_when_record_is_damaged,
    admission.wait_when_paused,
    admission.keep_finalizer,
    admission.stall_when_spec_is_invalid,
    admission.handle_reconcile_request,
    admission.wait_when_provider_is_missing,
    admission.stall_when_place_changed,
    # a create of which nobody knows what became of it
    launch.send_what_was_announced,
    launch.replace_own_unsent_intent,
    settlement.adopt_what_is_found,
    settlement.take_note_of_a_tombstone,
    settlement.look_while_unsettled,
    settlement.save_waited_time,
    settlement.wait_until_settled,
    settlement.settle_by_delete,
    settlement.prove_that_nothing_was_made,
    settlement.send_again_what_was_never_made,
    # no machine yet
    settlement.adopt_what_is_shown,
    launch.leave_a_newcomer_stopped,
    first_look.record_first_where_nothing_can_be_read,
    first_look.look_by_owner_first,
    launch.stall_when_rejected,
    launch.look_after_a_promise,
    launch.buy_nothing_while_stopped,
    launch.stall_at_capacity_deadline,
    launch.wait_for_the_next_try,
    launch.wait_when_nothing_may_be_created,
    launch.finalize_before_intent,
    launch.wait_for_room,
    launch.write_intent,
    # a machine
    replacement.finish_ending,
    replacement.take_back_what_shows_again,
    replacement.take_over_what_lives_on,
    replacement.replace_what_is_gone,
    duplicates.terminate_second_machines,
    duplicates.clear_finished_duplicates,
    liveness.end_when_dead,
    liveness.look_when_another_lives,
    liveness.end_when_absent,
    liveness.end_when_broken,
    liveness.end_when_overdue,
    liveness.end_when_expired,
    power.refuse_power_off_where_impossible,
    power.switch_off,
    power.switch_on,
    steady.keep_record_true,
    liveness.save_time_coming_up,
    steady.watch_untagged_directly,
    residue.look_for_residue,
    residue.drop_proven_residue,
    steady.say_how_it_is,
)
"""What is asked about an object that is wanted."""

DELETED: tuple[Rule, ...] = (
    deletion.ignore_what_is_not_ours,
    deletion.wait_when_paused,
    deletion.forget_when_asked,
    admission.stall_when_record_is_damaged,
    deletion.release_what_was_never_sent,
    deletion.wait_for_the_provider,
    admission.stall_when_place_changed,
    deletion.look_before_terminating_what_is_fresh,
    deletion.keep_what_is_retained,
    deletion.announce_the_end,
    deletion.terminate_what_exists,
    deletion.wait_for_settlement,
    deletion.prove_absence,
    deletion.let_go,
)
"""What is asked about an object that is being deleted."""


def decide(seen: Observation) -> Action:
    """Return the one thing to do next."""
    for rule in DELETED if seen.instance.deleting else WANTED:
        action = rule(seen)
        if action is not None:
            return action
    return Wait(Reason.WAITING, "nothing to do", brief=True, seconds=60)
