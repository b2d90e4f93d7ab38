"""The canonical form of a state: two states with the same form go on in the same way, so one of them is enough.

Times are ages: seconds since, up to a horizon; older ones only keep their order, because no rule compares longer waits
than that. Processes are renamed, and what no decision reads (conditions, history, resource versions) is left out.
"""

from tests.campaign.l0_node import HORIZON, Node
from tests.instance.world import NEVER, Answered, Body, Doing, Leaving, Operator, World, Writing, memory_of

from gpuwright.instance.rules.termination import ASK_AGAIN_SECONDS
from gpuwright.instance.witness import Armed, Sight, Trail, Witness
from gpuwright.model.memory import Memory

NOT_IN_THIS_RUN = 1e4
GRAIN = 256  # ages are whole numbers of 1/256 s: the effects' ticks are, and sums of floats are not always
OLD = 1 << 40
SENDS = 1000
Form = tuple[object, ...]


def _send(world: World, send: int) -> int:
    """Return a send counted from the one on record: only which is which is ever asked, and whether there was one."""
    if send <= 0 or world.stored is None:
        return send
    newest = memory_of(world.stored["status"]).launch
    return send - (newest.send if newest else 0) + SENDS


class Ages:
    """Turns moments into ages, and remembers the order of those that are older than the horizon."""

    def __init__(self, now: float, horizon: float) -> None:
        self.now = now
        self.horizon = horizon
        self.old: list[float] = []

    def of(self, moment: float | None, times: int = 1) -> int | None:
        """Return how long ago it was; negative for what is to come.

        `times`: how many horizons it is told from others; two for what a wait and then a proof are counted from.
        """
        if moment is None:
            return None
        age = self.now - moment
        if age <= times * self.horizon:
            return round(age * GRAIN)
        self.old.append(moment)
        return OLD

    def order(self) -> Form:
        """Return the order of the old moments, in the order in which they were asked for."""
        ranks = {moment: rank for rank, moment in enumerate(sorted(set(self.old)))}
        return tuple(ranks[moment] for moment in self.old)


def canonical(node: Node) -> int:
    """Return the hash of the state's canonical form."""
    return hash(form(node))


def form(node: Node) -> Form:
    """Return the state's canonical form."""
    world, ghosts = node.world, node.ghosts
    now = world.now
    return (
        _object(world, world.stored),
        _far(world),
        tuple(_operator(node, who, op) for who, op in world.operators.items()),
        world.secret,
        world.fates,
        world.hindrance is None,
        world.provider.settle_seconds,
        world.ledger,
        node.first,
        tuple((_ahead(e.at - now), e.what, e.who) for e in node.endings),
        node.spent,
        tuple((*_of_process(world, i), _span(now - i[3])) for i in ghosts.intents if now - i[3] <= HORIZON),
        tuple((uid, name, _span(now - at)) for uid, name, at in ghosts.unanswered if now - at <= HORIZON),
        ghosts.bodies,
        ghosts.retained,
        ghosts.broken_promise,
    )


def _span(seconds: float) -> int:
    """Return the seconds from 0 to the horizon in grains."""
    return round(min(HORIZON, max(0.0, seconds)) * GRAIN)


def _ahead(seconds: float) -> int:
    """Return the seconds until something that is still to come in grains; 0 for what is past."""
    return round(min(NOT_IN_THIS_RUN, max(0.0, seconds)) * GRAIN)


def _of_process(world: World, intent: tuple[str, str, str, float]) -> Form:
    return (_process(world, intent[0]), *intent[1:3])


def _process(world: World, name: str) -> str:
    """Return which of the living processes it is; those that are gone are all alike."""
    return next((who for who, op in world.operators.items() if op.process == name), "")


def _object(world: World, body: Body | None) -> Form | None:
    if body is None:
        return None
    metadata = body["metadata"]
    return (
        metadata["uid"],
        "deletionTimestamp" in metadata,
        tuple(metadata.get("finalizers") or ()),
        tuple((metadata.get("annotations") or {}).items()),
        metadata["generation"],
        _memory(world, memory_of(body["status"])),
    )


def _memory(world: World, memory: Memory) -> Form:
    launch = memory.launch
    machine = memory.machine
    record: Form = ()
    if launch is not None:
        ending = (launch.ending.reason, launch.ending.names) if launch.ending else None
        record = (
            (
                launch.incarnation,
                launch.attempt,
                launch.name,
                launch.request_hash,
                launch.place,
                _send(world, launch.send),
            ),
            (_process(world, launch.sent_by), launch.settle_seconds, launch.outcome, launch.waited_seconds),
            (launch.settled, launch.resent, launch.conflict, launch.adopted, launch.reason, ending),
        )
    held = (machine.get("id"), machine.get("state"), machine.get("name"))
    residue = tuple((entry.name, entry.place) for entry in memory.residue)
    return record, held, residue, memory.replacements, memory.handled_request


def _far(world: World) -> Form:
    far, now = world.far, world.now
    vms = tuple(
        (
            (vm.id, vm.name, vm.owner.uid if vm.owner else "", vm.incarnation, vm.state, vm.alive),
            (vm.immortal, vm.unlisted, vm.place, vm.dies is not None),
            tuple(_ahead((at or 0.0) - now) for at in (vm.shown_from, vm.runs_from, vm.shown_until, vm.dies)),
            _span(now - vm.born) if vm.alive else 0,
        )
        for vm in far.vms
    )
    flights = tuple((f.name, f.owner.uid, f.incarnation, _ahead(f.lands - now), f.place) for f in far.flights)
    return vms, flights, far.held, far.place, far.blind, far.blind_lists, far.empty_lists, far.empty_looks


def _operator(node: Node, who: str, op: Operator) -> Form:
    world = node.world
    ages = Ages(world.now - op.slept, node.horizon)
    snapshot = op.snapshot
    known: Form = ()
    if snapshot is not None:
        known = (ages.of(snapshot.began), tuple((m.id, m.state) for m in snapshot.machines))
    return (
        op.knows,
        op.deaf,
        "same" if op.cached is world.stored else _cached(world, op.cached),
        _witness(world, ages, op.witness),
        known,
        _span(world.now - op.listed),
        None if op.rests_until >= NEVER else _ahead(op.rests_until - world.now),
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
            request = doing.action.request
            return "leaves", request.name, request.fingerprint(), _memory(world, doing.seen.memory)
        case Answered():
            created = doing.created.machine.id if doing.created else ""
            return "answered", created, doing.seen.instance.owner.uid, _memory(world, doing.memory)
        case None:
            return ()


def _armed(world: World, armed: Armed | None) -> Form | None:
    if armed is None:
        return None
    return _send(world, armed.send), armed.destructive, _ahead(armed.boottime - world.now)


def _witness(world: World, ages: Ages, witness: Witness | None) -> Form:
    if witness is None:
        return ()
    answered = ages.of(witness.answered_at, 2) if witness.answered_send >= 0 else None
    return (
        (ages.of(witness.first_seen), _sight(world, ages, witness.sight), _armed(world, witness.armed)),
        (
            _send(world, witness.left),
            _send(world, witness.answered_send),
            answered,
            witness.tries,
            witness.burst_from,
            witness.power_refused,
        ),
        tuple((name, *_trail(ages, witness, name, trail)) for name, trail in sorted(witness.trails.items())),
        tuple((name, ages.of(at)) for name, at in sorted(witness.terminated.items())),
        tuple((name, ages.of(at, 2)) for name, at in sorted(witness.terminate_tried.items())),
        tuple((name, ages.of(at, 2)) for name, at in sorted(witness.residue_since.items())),
        (_ahead(witness.not_before - ages.now), ages.of(witness.snapshot_began), witness.ledger_written),
        (_span(ages.now - witness.powered_at), witness.powered_on),
    )


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
        (machine.id, machine.state) if machine else None,
        tuple((ages.of(look.began), look.direct) for look in trail.absences),
        tuple(sorted(trail.tombstones)),
        ages.of(trail.tombstone_began),
        ages.of(trail.looked),
        trail.stranger,
        lives_on,
    )
