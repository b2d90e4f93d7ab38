"""The canonical form of a state: two states with the same form go on in the same way, so one of them is enough.

Times are ages (l0_ages.py). Processes are renamed, and what no decision reads (conditions, history, resource versions)
is left out, and so are the disturbances that may still come: the search keeps those beside the state. Of parts that
many states share only the hash is in the form, and it is made once.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
from tests.campaign.l0_ages import NONE, Ages, Form, after, ahead, fixed, part, span
from tests.campaign.l0_node import HORIZON, Node
from tests.instance.far_side import FarSide
from tests.instance.world import NEVER, Answered, Body, Doing, Leaving, Operator, World, Writing, memory_of

from gpuwright.instance.rules.termination import ASK_AGAIN_SECONDS
from gpuwright.instance.witness import Armed, Aside, Sight, Trail, Witness
from gpuwright.model.memory import Ending, Memory, ProviderRef

SENDS = 1000


def canonical(node: Node) -> int:
    """Return the hash of the state's canonical form: the same in every process with the same PYTHONHASHSEED.

    Of a million states two have the same one with a chance of one in a million.
    """
    return hash(form(node))


def constants(node: Node) -> int:
    """Return the hash of what never changes in a small world: with it states of several worlds can be compared."""
    world, far = node.world, node.world.far
    provider = (world.provider.poll.period_seconds, far.reads, far.unique_names, far.tombstones)
    pace = (far.boots, far.lag, far.afterglow, far.dying, node.horizon, node.pace)
    return hash((provider, pace, world.neighbours, world.guarded))


def form(node: Node) -> Form:
    """Return the state's canonical form."""
    world, ghosts = node.world, node.ghosts
    now, stored = world.now, world.stored
    names = tuple(op.process for op in world.operators.values())
    return (
        part((id(stored), names), (stored,), partial(_object, world, stored)),
        part((id(world.far), now), (world.far,), partial(_far, world.far, now)),
        tuple(
            part((id(op), id(stored), now, names), (op, stored), partial(_operator, node, op))
            for op in world.operators.values()
        ),
        world.secret,
        tuple((fate.answer, after(fate.made), fate.name_stays) for fate in world.fates),
        world.hindrance is None,
        world.provider.settle_seconds,
        world.ledger,
        node.first,
        tuple((ahead(e.at - now), e.what, e.who) for e in node.endings),
        tuple((*_of_process(world, i), span(now - i[3])) for i in ghosts.intents if now - i[3] <= HORIZON),
        tuple((uid, name, span(now - at)) for uid, name, at in ghosts.unanswered if now - at <= HORIZON),
        ghosts.bodies,
        ghosts.retained,
        ghosts.broken_promise,
    )


def _send(world: World, send: int) -> int:
    """Return a send counted from the one on record: only which is which is ever asked, and whether there was one."""
    if send <= 0 or world.stored is None:
        return send
    newest = memory_of(world.stored["status"]).launch
    return send - (newest.send if newest else 0) + SENDS


def _of_process(world: World, intent: tuple[str, str, str, float]) -> Form:
    return (_process(world, intent[0]), *intent[1:3])


def _process(world: World, name: str) -> str:
    """Return which of the living processes it is; those that are gone are all alike."""
    return next((who for who, op in world.operators.items() if op.process == name), "")


def _object(world: World, body: Body | None) -> Form:
    if body is None:
        return ()
    metadata = body["metadata"]
    return (
        metadata["uid"],
        "deletionTimestamp" in metadata,
        tuple(metadata.get("finalizers") or ()),
        tuple((metadata.get("annotations") or {}).items()),
        metadata["generation"],
        fixed(body["spec"], partial(orjson.dumps, body["spec"])),
        _memory(world, memory_of(body["status"])),
    )


def _memory(world: World, memory: Memory) -> Form:
    launch = memory.launch
    known = fixed(memory, partial(_record, memory))
    return (known,) if launch is None else (known, _send(world, launch.send), _process(world, launch.sent_by))


def _record(memory: Memory) -> Form:
    """Return what is on record, but for the send and its process, which are told from the present ones.

    The time without room is not told either: nothing reads it while capacitySeconds is 0.
    """
    launch, machine = memory.launch, memory.machine
    record: Form = ()
    if launch is not None:
        ending = _ending(launch.ending)
        where = (launch.provider.kind, launch.provider.name, launch.placement, launch.place)
        record = (
            (launch.incarnation, launch.attempt, launch.name, launch.request_hash, where),
            (launch.settle_seconds, launch.outcome, launch.waited_seconds),
            (launch.settled, launch.started, launch.resent, launch.conflict, launch.adopted, launch.reason, ending),
        )
    residue = tuple((entry.name, entry.provider.name, entry.place, entry.placement) for entry in memory.residue)
    return record, _held(machine), residue, memory.replacements, memory.handled_request


def _held(machine: Mapping[str, Any]) -> Form:
    return tuple(str(machine.get(name, "")) for name in ("id", "state", "name"))


def _ending(ending: Ending | None) -> Form:
    return (ending.reason, ending.names) if ending else ()


def _recorded(machine: Mapping[str, Any], ending: Ending | None) -> Form:
    return _held(machine), _ending(ending)


def _far(far: FarSide, now: float) -> Form:
    vms = tuple(
        (
            (vm.id, vm.name, vm.owner.uid if vm.owner else "", vm.incarnation, vm.state, vm.alive),
            (vm.immortal, vm.unlisted, vm.place, vm.dies is not None),
            tuple(ahead((at or 0.0) - now) for at in (vm.shown_from, vm.runs_from, vm.shown_until, vm.dies)),
            span(now - vm.born) if vm.alive else 0,
        )
        for vm in far.vms
    )
    flights = tuple((f.name, f.owner.uid, f.incarnation, ahead(f.lands - now), f.place) for f in far.flights)
    return vms, flights, far.held, far.place, far.blind, far.blind_lists, far.empty_lists, far.empty_looks


def _operator(node: Node, op: Operator) -> Form:
    world = node.world
    ages = Ages(world.now - op.slept, node.horizon)
    snapshot = op.snapshot
    known: Form = ()
    if snapshot is not None:
        known = (ages.of(snapshot.began), tuple((m.id, m.state) for m in snapshot.machines))
    if op.snapshot_b is not None:
        known += (ages.of(op.snapshot_b.began), tuple((m.id, m.state) for m in op.snapshot_b.machines))
    return (
        op.knows,
        op.deaf,
        "same" if op.cached is world.stored else _cached(world, op.cached),
        _witness(world, ages, op.witness),
        known,
        span(world.now - op.listed),
        NONE if op.rests_until >= NEVER else ahead(op.rests_until - world.now),
        _doing(world, op.doing),
        (op.absence.missing, op.absence.confirmed, op.absence.listed) if world.neighbours else (),
        ages.order(),
    )


def _cached(world: World, body: Body | None) -> Form:
    stored = world.stored
    if body is None or stored is None:
        return ("another", _object(world, body))
    same = body["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
    return ("same",) if same else ("another", _object(world, body))


def _doing(world: World, doing: Doing | None) -> Form:
    match doing:
        case Writing():
            return ("writes", doing.kept, _armed(world, doing.armed), _memory(world, doing.action.memory)) + (
                (_cached(world, doing.base),) if not doing.kept else ()
            )
        case Leaving():
            request, asked = doing.action.request, doing.action.provider.name
            body = fixed(request, request.fingerprint)
            return "leaves", asked, request.name, body, _memory(world, doing.seen.memory)
        case Answered():
            created = doing.created.machine.id if doing.created else ""
            return "answered", created, doing.seen.instance.owner.uid, _memory(world, doing.memory)
        case None:
            return ()


def _armed(world: World, armed: Armed | None) -> Form:
    if armed is None:
        return ()
    return _send(world, armed.send), armed.destructive, ahead(armed.boottime - world.now)


def _witness(world: World, ages: Ages, witness: Witness | None) -> Form:
    if witness is None:
        return ()
    answered = ages.of(witness.answered_at, 2) if witness.answered_send >= 0 else NONE
    return (
        (ages.of(witness.first_seen), _sight(world, ages, witness.sight), _armed(world, witness.armed)),
        (
            _send(world, witness.left),
            _send(world, witness.answered_send),
            answered,
            witness.tries,
            witness.burst_from,
            witness.power_refused,
            witness.answer,
        ),
        tuple((name, *_trail(ages, witness, name, trail)) for name, trail in sorted(witness.trails.items())),
        tuple((name, ages.of(at)) for name, at in sorted(witness.terminated.items())),
        tuple((name, ages.of(at, 2)) for name, at in sorted(witness.terminate_tried.items())),
        tuple((name, ages.of(at, 2)) for name, at in sorted(witness.residue_since.items())),
        (ahead(witness.not_before - ages.now), *_lists(ages, witness), _by_ref(witness.ledgers)),
        tuple((at, aside.reason, ahead(aside.until - ages.now), aside.times) for at, aside in _asides(witness)),
        (span(ages.now - witness.powered_at), NONE if witness.powered_on is None else witness.powered_on),
        _recorded(*witness.recorded),
    )


def _lists(ages: Ages, witness: Witness) -> Form:
    began = sorted((ref.name, at) for ref, at in witness.lists.items())
    return tuple((name, ages.of(at)) for name, at in began)


def _by_ref(refs: frozenset[ProviderRef]) -> Form:
    return tuple(sorted(ref.name for ref in refs))


def _asides(witness: Witness) -> list[tuple[int, Aside]]:
    return sorted(witness.aside.items(), key=lambda entry: entry[0])


def _sight(world: World, ages: Ages, sight: Sight | None) -> Form:
    if sight is None:
        return ()
    # Once a look has shown the machine, its send is nothing that is still waited for.
    times = 2 if sight.settled is None else 1
    return _send(world, sight.send), sight.outcome, ages.of(sight.at, times), sight.base, ages.of(sight.settled)


def _trail(ages: Ages, witness: Witness, name: str, trail: Trail) -> Form:
    machine = trail.machine
    accepted = witness.terminated.get(name)
    lives_on = accepted is not None and trail.shown is not None and trail.shown > accepted + ASK_AGAIN_SECONDS
    return (
        ages.of(trail.shown),
        (machine.id, machine.state) if machine else (),
        tuple((ages.of(look.began), look.direct) for look in trail.absences),
        tuple(sorted(trail.tombstones)),
        ages.of(trail.tombstone_began),
        ages.of(trail.looked),
        trail.stranger,
        lives_on,
        witness.is_outdated(name),
    )
