"""What operators do in a World: the real decide(), and its actions carried out as instance/effects.py and sending.py
do, cut wherever a process can die.

`steps` lists everything that may happen next, each as a name and the world after it, so that a search can walk over all
of it; `runs` is the ordinary course of events.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from tests.builders import WALL
from tests.instance.far_side import CREATED
from tests.instance.world import NEVER, Answered, Doing, Leaving, World, Writing

from gpuwright.adapters.contract import Created, Deletion
from gpuwright.instance import sending
from gpuwright.instance.actions import (
    Action,
    AddFinalizer,
    Arms,
    AskList,
    EnterLedger,
    LookAt,
    Nothing,
    Power,
    ReadLive,
    Record,
    RemoveFinalizer,
    Send,
    Terminate,
    Wait,
)
from gpuwright.instance.observation import Observation
from gpuwright.instance.observer import absence_counts
from gpuwright.instance.report import status_of
from gpuwright.instance.rules import decide as rules
from gpuwright.instance.rules.launch import retry_delay
from gpuwright.instance.rules.placement import put_aside
from gpuwright.instance.witness import Armed, Witness
from gpuwright.instance.writer import has_the_name, knows_more
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, NotCommitted, ProviderError, Throttled, Unknown
from gpuwright.model.machine import Absent, MachineState
from gpuwright.model.memory import Launch, Memory, ProviderRef
from gpuwright.model.provider_view import SEND_WINDOW_SECONDS

TICK = 0.01  # seconds that an effect takes
REST_WHEN_BLIND = 5.0
TURNS = 200  # effects without rest; 64 names may be looked for and dropped. More: two rules undo each other's work


class Step(NamedTuple):
    """Something that may happen next."""

    name: str
    then: Callable[[], World]


def runs(world: World, seconds: float, *, until: Callable[[World], bool] | None = None) -> World:
    """Return the world after this time, in which every operator did all it wanted to; sooner where `until` holds."""
    end = world.now + seconds
    while True:
        for who in world.operators:
            world = _comes_to_rest(world, who, until)
        if (until is not None and until(world)) or world.now >= end:
            return world
        world = world.passes(max(TICK, min(end, *_moments(world)) - world.now))


def _comes_to_rest(world: World, who: str, until: Callable[[World], bool] | None) -> World:
    for _turn in range(TURNS):
        if until is not None and until(world):
            return world
        world = watches(world, who)
        op = world.operators[who]
        if op.doing is not None:
            world = goes_on(world, who)
        elif world.far.reads and world.now >= op.listed + world.provider.poll.period_seconds:
            world = world.lists(who)
        elif world.now >= op.rests_until:
            world = decides(world, who)
        else:
            return world
    raise AssertionError(f"{TURNS} effects of {who} without coming to rest: {world.memory.launch}")


def _moments(world: World) -> tuple[float, ...]:
    """Return the times at which something happens by itself."""
    ops = world.operators.values()
    polls = [op.listed + world.provider.poll.period_seconds for op in ops if world.far.reads]
    moments = (*world.far.moments(), *(op.rests_until for op in ops), *polls)
    return tuple(moment for moment in moments if moment > world.now) or (NEVER,)


def steps(world: World) -> tuple[Step, ...]:
    """Return everything that may happen next, without the faults of a provider: those are fates and `provider_is`."""
    passing = [Step(f"{seconds:.0f} s pass", partial(world.passes, seconds)) for seconds in (1.0, 10.0, 60.0)]
    living = world.stored is not None and "deletionTimestamp" not in world.stored["metadata"]
    deleting = [Step("a user deletes it", world.deleted)] if living else []
    return tuple(chain(*(_steps_of(world, who) for who in world.operators), passing, deleting))


def _steps_of(world: World, who: str) -> Iterator[Step]:
    op = world.operators[who]
    if op.doing is None:
        yield Step(f"{who} decides", partial(decides, world, who))
    else:
        yield Step(f"{who} goes on", partial(goes_on, world, who))
    if isinstance(op.doing, Writing) and op.doing.kept:
        yield Step(f"{who} hears no answer", partial(goes_on, world, who, answer_lost=True))
    if op.cached != world.stored:
        yield Step(f"{who} watches", partial(watches, world, who))
    if world.far.reads:
        yield Step(f"{who} lists", partial(world.lists, who))
    yield Step(f"{who} crashes", partial(world.crashes, who))


def decides(world: World, who: str) -> World:
    """Return the world after one decision: what takes several steps has begun, all else is done."""
    seen = world.sees(who)
    if seen is None:
        return world.operator(who, rests_until=NEVER)
    world = world.operator(who, witness=seen.witness, knows=seen.instance.owner.uid)
    action = rules.decide(seen)
    match action:
        case Wait(seconds=seconds):
            rest = NEVER if seconds is None else world.now + max(seconds, TICK)
            return world.operator(who, rests_until=rest)
        case Nothing():
            return world.operator(who, rests_until=NEVER)
        case _:
            return _begins(world, who, seen, action).passes(TICK)


def _begins(world: World, who: str, seen: Observation, action: Action) -> World:
    match action:
        case Record(memory=memory, arms=arms):
            armed = None if arms is Arms.NOTHING else _window(world, memory, arms)
            after = replace(seen, instance=replace(seen.instance, memory=memory))
            return _does(world, who, Writing(seen.instance.body, status_of(after, action), action, armed))
        case Send():
            return _does(_knows(world, who, left=_send_of(seen)), who, Leaving(seen, action))
        case LookAt(provider=provider, name=name):
            return _looks(world, who, seen, provider, name)
        case Terminate(provider=provider, name=name):
            return _terminates(world, who, provider, name)
        case AskList(provider=provider):
            world, side = world.lists(who), world.side(provider)
            answered = world.operators[who].listed == world.now and not (side.blind or side.blind_lists)
            return world if answered else _rests(world, who)
        case _:
            return _touches(world, who, seen, action)


def _touches(world: World, who: str, seen: Observation, action: Action) -> World:
    match action:
        case ReadLive():
            return _reads_live(_knows(world, who, armed=_window(world, seen.memory, Arms.DESTRUCTION)), who)
        case EnterLedger(provider=provider, machine_id=machine_id):
            ledgers = seen.witness.ledgers | {provider}
            return replace(_knows(world, who, ledgers=ledgers), ledger=(*world.ledger, machine_id))
        case AddFinalizer() | RemoveFinalizer():
            if not world.refuses(seen.instance.body):
                proofs = (action.proof,) if isinstance(action, RemoveFinalizer) else ()
                world = world.with_finalizer(on=isinstance(action, AddFinalizer))
                world = replace(world, proofs=(*world.proofs, *proofs))
            return _reads_live(world, who)
        case Power(on=on):
            return _powers(world, who, seen, on=on)
        case _:
            raise AssertionError(f"{type(action).__name__} is no effect")


def goes_on(world: World, who: str, *, answer_lost: bool = False) -> World:
    """Return the world after the next step of what the operator is doing; `answer_lost`: of its write."""
    match world.operators[who].doing:
        case Writing(kept=False) as writing:
            if world.refuses(writing.base):
                return _does(_reads_live(world, who), who, None)
            kept = replace(writing, kept=True)
            return _does(world.patched(writing.base, writing.status), who, kept).passes(TICK)
        case Writing() as writing:
            world = _does(_reads_live(world, who), who, None)
            return world if answer_lost else _is_told(world, who, writing)
        case Leaving() as leaving:
            return _leaves(world, who, leaving)
        case Answered() as answered:
            return _records(world, who, answered)
        case None:
            return world


def _does(world: World, who: str, doing: Doing | None) -> World:
    return world.operator(who, doing=doing)


def _knows(world: World, who: str, **changes: Any) -> World:
    witness = world.operators[who].witness or Witness(first_seen=world.monotonic(who))
    return world.operator(who, witness=replace(witness, **changes))


def _rests(world: World, who: str) -> World:
    return world.operator(who, rests_until=world.now + REST_WHEN_BLIND)


def watches(world: World, who: str) -> World:
    op = world.operators[who]
    return (
        world
        if op.deaf or op.cached == world.stored
        else world.operator(who, cached=world.stored, rests_until=world.now)
    )


def _reads_live(world: World, who: str) -> World:
    return world.operator(who, cached=world.stored)


def _send_of(seen: Observation) -> int:
    return seen.launch.send if seen.launch else 0


def _window(world: World, memory: Memory, arms: Arms) -> Armed:
    send = memory.launch.send if memory.launch else 0
    until = world.now + SEND_WINDOW_SECONDS
    return Armed(send, until, WALL + until, arms is Arms.DESTRUCTION)


def _is_open(world: World, who: str, *, destructive: bool) -> bool:
    witness = world.operators[who].witness
    armed = witness.armed if witness else None
    if armed is None or armed.destructive is not destructive:
        return False
    return world.now < armed.boottime and WALL + world.now < armed.wall


def _is_told(world: World, who: str, writing: Writing) -> World:
    world = _knows(world, who, armed=writing.armed, tries=0)
    if not writing.action.fresh_burst:
        return world
    launch = writing.action.memory.launch
    attempt = launch.attempt if launch else 0
    return _knows(world, who, burst_from=attempt, not_before=0.0, power_refused="", aside={})


def _leaves(world: World, who: str, leaving: Leaving) -> World:
    if not _is_open(world, who, destructive=False):
        return _is_answered(world, who, leaving.seen, NeverSent("the send window was over"))
    fate, *rest = world.fates or (CREATED,)
    request, provider = leaving.action.request, leaving.action.provider
    side, answer = world.side(provider).create(world.now, request, fate)
    world = replace(world.after_call(side), fates=tuple(rest), sent=(*world.sent, request.name))
    world = replace(world, asked=(*world.asked, provider.name))
    return _is_answered(world, who, leaving.seen, answer).passes(TICK)


def _is_answered(world: World, who: str, seen: Observation, answer: Created | ProviderError) -> World:
    world = _knows(world, who, armed=None)
    if isinstance(answer, Created):
        world = _knows(world, who, aside={})
        world = _knows(world, who, answered_send=_send_of(seen), answered_at=world.monotonic(who))
        return _does(world, who, Answered(seen, sending._committed(seen, answer), answer))
    memory = sending._outcome(seen, answer)
    if memory.launch is not None:
        world = _plans_retry(world, who, seen, memory.launch, answer)
    return _does(world, who, Answered(seen, memory, None))


def _plans_retry(world: World, who: str, seen: Observation, launch: Launch, error: ProviderError) -> World:
    put_off = put_aside(seen, launch, error, world.monotonic(who))
    if put_off:
        aside, now = {**seen.witness.aside, **put_off}, world.monotonic(who)
        return _knows(world, who, aside=aside, burst_from=launch.attempt, not_before=now)
    match error:
        case NotCommitted():
            wait = retry_delay(seen, launch)
        case Throttled(retry_after=seconds):
            wait = seconds
        case NeverSent():
            wait = 1.5
        case _:
            return world
    return _knows(world, who, not_before=world.monotonic(who) + wait)


def _records(world: World, who: str, answered: Answered) -> World:
    """An outcome is never dropped: it is written on top of whatever else changed, if the send is still ours."""
    launch, stored = world.memory.launch, world.stored
    world = _does(world, who, None)
    same = stored is not None and stored["metadata"]["uid"] == answered.seen.instance.owner.uid
    if stored is None or not same or launch is None or launch.send != _send_of(answered.seen):
        if stored is not None and same and has_the_name(stored, answered.seen.memory):
            return _reads_live(world, who)
        provider = answered.seen.ref
        return _reads_live(_gives_up(world, provider, answered.created) if answered.created else world, who)
    if knows_more(stored):
        return _reads_live(world, who)
    after = replace(answered.seen, instance=replace(answered.seen.instance, body=stored, memory=answered.memory))
    status = status_of(after, Wait(Reason.WORKING, "answered"))
    return _reads_live(world.patched(stored, status), who).passes(TICK)


def _gives_up(world: World, provider: ProviderRef, created: Created) -> World:
    world = replace(world, ledger=(*world.ledger, created.machine.id))
    try:
        side, _answer = world.side(provider).delete(world.now, created.machine.name)
    except Unknown:
        return world
    return world.after_call(side)


def _looks(world: World, who: str, seen: Observation, provider: ProviderRef, name: str) -> World:
    if not world.far.reads:
        return _looks_by_delete(world, who, provider, name)
    try:
        sighting = world.side(provider).look(world.now, name)
    except Blind:
        return _rests(world, who)
    counts = absence_counts(seen.memory, seen.providers[provider])
    began = world.monotonic(who)
    return world.operator(
        who, witness=seen.witness.after_look(name, began, sighting, seen.instance.owner.uid, counts=counts)
    )


def _looks_by_delete(world: World, who: str, provider: ProviderRef, name: str) -> World:
    """Without reads a look is a DELETE: accepted means that something is still there."""
    world = _reads_live(world, who)
    began = world.monotonic(who)
    try:
        side, answer = world.side(provider).delete(world.now, name)
    except Unknown:
        return _rests(world, who)
    world = world.after_call(side)
    if answer is Deletion.ACCEPTED:
        return _rests(world, who)
    witness = world.operators[who].witness or Witness(first_seen=began)
    return world.operator(
        who, witness=witness.after_look(name, began, Absent(), world.operators[who].knows, counts=True)
    )


def _terminates(world: World, who: str, provider: ProviderRef, name: str) -> World:
    witness = world.operators[who].witness or Witness(first_seen=world.monotonic(who))
    now = world.monotonic(who)
    world = _knows(world, who, terminate_tried={**witness.terminate_tried, name: now}, tries=witness.tries + 1)
    if not _is_open(world, who, destructive=True):
        return _knows(world, who, armed=None)
    try:
        side, answer = world.side(provider).delete(world.now, name)
    except Unknown:
        return world
    if answer is Deletion.ACCEPTED:
        world = _knows(world, who, terminated={**witness.terminated, name: now}, tries=0)
    return world.after_call(side)


def _powers(world: World, who: str, seen: Observation, *, on: bool) -> World:
    state = MachineState.RUNNING if on else MachineState.STOPPED
    world = _knows(world, who, powered_at=world.monotonic(who), powered_on=on, armed=None)
    return world.at(world.far.changing(seen.memory.machine_id, state=state)).lists(who)
