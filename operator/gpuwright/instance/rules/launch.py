"""From nothing to a machine: the intent, the send, and what follows an answer that was no machine."""

from dataclasses import replace

from gpuwright.instance.actions import Action, AddFinalizer, Arms, LookAt, Record, Send, Wait
from gpuwright.instance.observation import Observation, Unmet
from gpuwright.instance.rules.admission import hindered
from gpuwright.instance.rules.placement import Target, next_target
from gpuwright.instance.rules.price import too_dear
from gpuwright.instance.rules.records import next_intent, with_passed
from gpuwright.instance.rules.residue import drop_proven_residue, look_for_residue
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.instance_spec import PowerState
from gpuwright.model.memory import Launch, Memory, Outcome
from gpuwright.model.request import MachineRequest, request_for

MAX_RESIDUE = 64
FIRST_LONG_WAIT = 10.0  # seconds after a spent burst; doubles up to LONGEST_WAIT
LONGEST_WAIT = 300.0


def leave_a_newcomer_stopped(seen: Observation) -> Action | None:
    """Stopped at birth: nothing was ever sent, so there is nothing to look for either. What has our finalizer may have
    been sent, and may have lost its status since.
    """
    newcomer = seen.launch is None and not seen.instance.finalized and not seen.instance.adopt
    return buy_nothing_while_stopped(seen) if newcomer else None


def buy_nothing_while_stopped(seen: Observation) -> Action | None:
    """Nothing is bought until it is to run; a machine that vanished while stopped is not made again before. Asked after
    the looks that show what exists already: that bills, whatever the record says.
    """
    launch = seen.launch
    if seen.spec.power_state is PowerState.RUNNING:
        return None
    if launch is not None and (launch.unsettled or launch.outcome is Outcome.COMMITTED):
        # What was made is ended, switched off and replaced by the rules for machines, which know of Stopped too.
        return None
    return Wait(Reason.STOPPED, "powerState is Stopped: nothing is bought until it is Running", ready=True)


def stall_when_rejected(seen: Observation) -> Action | None:
    """The machine's words are immutable, so a rejected request can only be deleted and written anew."""
    launch = seen.launch
    if launch is None or launch.outcome is not Outcome.NOT_EXECUTED or seen.several:
        return None
    if launch.reason == Reason.REQUEST_REJECTED:
        words = (
            f"{launch.message}. What was asked for cannot be changed: delete this ComputeInstance and create another"
        )
        return Wait(Reason.REQUEST_REJECTED, words, stalled=True)
    if launch.reason == Reason.NAME_CONFLICT:
        return Wait(Reason.NAME_CONFLICT, launch.message, stalled=True)
    return None


def look_after_a_promise(seen: Observation) -> Action | None:
    """NotCommitted is believed, but one look by name shows a promise that was broken before a second machine is
    made.
    """
    launch, provider = seen.launch, seen.provider
    if (
        launch is None
        or provider is None
        or launch.outcome is not Outcome.NOT_COMMITTED
        or not provider.capabilities.reads
    ):
        return None
    trail = seen.trail(launch.name)
    sight = seen.witness.sight
    if trail.looked is None or sight is None or trail.looked < sight.at:
        return LookAt(provider.ref, launch.name)
    if seen.machine_under(launch.name) is None:
        return None
    found = seen.machine_under(launch.name)
    if found is None or not found.alive:
        return None
    memory = seen.memory.with_machine(found).with_launch(outcome=Outcome.COMMITTED, settled=True)
    note = f"machine {found.id} exists although the provider promised that nothing was made"
    return Record(memory, "a promise was broken", event=EventReason.PROMISE_BROKEN, note=note)


def stall_at_capacity_deadline(seen: Observation) -> Action | None:
    """There was no room for longer than the spec wants to go on asking."""
    launch = seen.launch
    limit = seen.spec.deadlines.capacity_seconds
    if launch is None or launch.outcome is not Outcome.NOT_COMMITTED or not limit:
        return None
    if launch.reason != Reason.CAPACITY_UNAVAILABLE or capacity_waited(seen, launch) < limit:
        return None
    words = f"the provider had no room for {limit} s: {launch.message}"
    return Wait(Reason.CAPACITY_DEADLINE_EXCEEDED, words, stalled=True)


def capacity_waited(seen: Observation, launch: Launch) -> float:
    """Return for how long there was no room in this incarnation, in time in which we could ask."""
    sight = seen.witness.sight
    if sight is None or seen.provider is None or sight.send != launch.send:
        return float(launch.capacity_waited_seconds)
    return launch.capacity_waited_seconds + (seen.provider.visible_seconds - sight.visible)


def wait_for_the_next_try(seen: Observation) -> Action | None:
    """Back-off after an answer that was no machine, or the wait that the provider asked for."""
    launch = seen.launch
    remaining = seen.witness.not_before - seen.now
    if launch is None or launch.outcome not in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED} or remaining <= 0:
        return None
    if seen.several:
        return None
    reason = Reason(launch.reason) if launch.reason in list(Reason) else Reason.PLACEMENT_FAILED
    refused = reason is Reason.CREDENTIALS_REJECTED
    if refused and seen.provider is not None and seen.provider.credentials_version != seen.witness.refused_version:
        return None  # the Secret has changed
    return Wait(reason, launch.message, seconds=remaining, stalled=refused, brief=remaining < 1)


def retry_delay(seen: Observation, launch: Launch) -> float:
    """Return the seconds between this attempt's answer and the next attempt; jittered, so that a fleet does not march.

    Within a burst the base delay times the attempt; after it 10 s, doubling up to 300 s, full jitter.
    """
    policy = seen.spec.create_policy
    # A burst begun in an earlier incarnation is over: attempts count anew.
    begun = seen.witness.burst_from if seen.witness.burst_from < launch.attempt else 0
    tries = max(1, launch.attempt - begun)
    if tries < policy.max_attempts:
        return policy.retry_base_delay_milliseconds / 1000 * tries * (1 + seen.jitter / 4)
    longest = min(LONGEST_WAIT, FIRST_LONG_WAIT * 2.0 ** min(tries - policy.max_attempts, 10))
    return longest * (0.1 + 0.9 * seen.jitter)


def wait_when_nothing_may_be_created(seen: Observation) -> Action | None:
    """Draining, offline, refused credentials, not protected yet, too dear: no attempt is counted. Of several
    placements: when this is so of all.
    """
    provider = seen.provider
    if seen.several and _may_launch(seen):
        target = next_target(seen)
        return target if isinstance(target, Wait) else None
    if provider is None or not _may_launch(seen):
        return None
    return hindered(provider.hindrance) if provider.hindrance is not None else too_dear(seen, seen.placement, provider)


def finalize_before_intent(seen: Observation) -> Action | None:
    """The object must not vanish while something of it may exist."""
    if not _may_launch(seen) or seen.instance.finalized:
        return None
    return AddFinalizer()


def wait_for_room(seen: Observation) -> Action | None:
    """Limits of the provider: machines, creates a minute, creates in flight."""
    provider = seen.provider
    if provider is None or not _may_launch(seen) or provider.room.free or seen.several:
        return None
    brief = provider.room.reason is not Reason.LIMIT_REACHED
    return Wait(provider.room.reason, provider.room.message, seconds=provider.room.retry_seconds, brief=brief)


def write_intent(seen: Observation) -> Action | None:
    """Write what is about to be sent, guarded, before it is sent."""
    provider = seen.provider
    if not _may_launch(seen):
        return None
    if seen.several:
        target = next_target(seen)
        if isinstance(target, Wait):
            return target
        memory = intent_at(seen, target, capacity_waited=_capacity_so_far(seen))
        return make_room_for_names(seen, memory) or Record(memory, "intent", arms=Arms.SEND)
    if provider is None:
        return None
    if isinstance(seen.wishes, Unmet):
        return Wait(Reason.SECRET_NOT_FOUND, seen.wishes.message, seconds=30)
    wishes = seen.wishes_at(0)
    if wishes is None or isinstance(wishes, Unmet):
        return Wait(Reason.WAITING, "waiting for the request to be made up", brief=True, seconds=1)
    memory = next_intent(seen, provider, wishes, capacity_waited=_capacity_so_far(seen))
    return make_room_for_names(seen, memory) or Record(memory, "intent", arms=Arms.SEND)


def intent_at(seen: Observation, target: Target, *, capacity_waited: int) -> Memory:
    """Return the memory with the intent of the next send at the placement that was chosen."""
    memory = next_intent(
        seen, target.provider, target.wishes, capacity_waited=capacity_waited, placement=target.placement
    )
    passed = [
        (one.placement, one.offer.ref, one.wait.reason, one.wait.message) for one in target.passed if not one.asked
    ]
    return with_passed(seen, memory, passed)


def make_room_for_names(seen: Observation, intended: Memory) -> Action | None:
    """Return what is done instead of one more attempt while the record has no room for another unproven name."""
    if len(intended.residue) <= MAX_RESIDUE:
        return None
    words = f"{MAX_RESIDUE} names were tried and are not yet proven absent: no other is tried before some are"
    proof = look_for_residue(seen) or drop_proven_residue(seen)
    return proof or Wait(Reason.PLACEMENT_FAILED, words, seconds=30)


def _capacity_so_far(seen: Observation) -> int:
    launch = seen.launch
    if launch is None:
        return 0
    if launch.reason != Reason.CAPACITY_UNAVAILABLE:
        return launch.capacity_waited_seconds if seen.several else 0  # another placement may have room all the same
    return int(capacity_waited(seen, launch))


def send_what_was_announced(seen: Observation) -> Action | None:
    """Only the process that wrote this intent sends it, once, and only within the window."""
    launch, armed = seen.launch, seen.witness.armed
    if launch is None or launch.outcome is not Outcome.INTENDED or armed is None or armed.destructive:
        return None
    if armed.send != launch.send or launch.sent_by != seen.process or seen.witness.left >= launch.send:
        return None
    request = current_request(seen, launch)
    if request is None or request.fingerprint() != launch.request_hash:
        return None
    return Send(launch.provider, request)


def current_request(seen: Observation, launch: Launch) -> MachineRequest | None:
    """Return what would be sent now under the launch's name; None while a Secret is missing."""
    wishes = seen.wishes_at(launch.placement)
    if wishes is None or isinstance(wishes, Unmet):
        return None
    owner = seen.instance.owner
    request = request_for(owner, wishes, launch.incarnation, launch.attempt, launch.placement)
    return replace(
        request, resent=launch.resent, traceparent=seen.instance.annotations.get("gpuwright.dev/traceparent", "")
    )


def replace_own_unsent_intent(seen: Observation) -> Action | None:
    """An intent of ours that we know never left is as good as none: no wait for it."""
    launch = seen.launch
    if launch is None or launch.outcome is not Outcome.INTENDED or launch.sent_by != seen.process:
        return None
    if seen.witness.left >= launch.send:
        return None
    memory = seen.memory.with_launch(outcome=Outcome.NOT_EXECUTED, reason=str(Reason.WAITING), message="never sent")
    return Record(memory, "an intent of ours never left")


def _may_launch(seen: Observation) -> bool:
    """Return whether the record allows a new intent: nothing tried yet, or an answer that was no machine."""
    launch = seen.launch
    return launch is None or launch.outcome in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}
