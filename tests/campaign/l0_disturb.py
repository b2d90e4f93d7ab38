"""What may disturb a run: crashes, pauses, lost and late answers, lists that lie or lag, users."""

from collections.abc import Callable
from dataclasses import replace

from tests.builders import TWO_PLACEMENTS, a_hindrance
from tests.campaign.l0_moves import actor, busy
from tests.campaign.l0_node import Disturbance, Node, a_quick_provider
from tests.instance import course
from tests.instance.far_side import Answer, Fate
from tests.instance.world import Answered, Body, Leaving, World, Writing

from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.names import ANNOTATION_PAUSED

SHORT = 5.0  # within no wait, but past the send window
LONG = 60.0  # past every wait
LIE = 15.0  # less than F: what reads may miss by the protocol's assumptions


def _at_work(node: Node, who: str) -> bool:
    return actor(node) == who


def crash(who: str = "A") -> Disturbance:
    """Return the death of a process at any of its steps; another begins at once."""

    def then(node: Node) -> Node:
        return node.then(node.world.crashes(who))

    return Disturbance(f"{who} crashes", lambda node: _at_work(node, who), then, once=False)


def stays_down(who: str = "A", seconds: float = LONG) -> Disturbance:
    """Return the death of a process that begins again only later."""

    def then(node: Node) -> Node:
        return node.then(node.world.crashes(who)).ends(seconds, "thaws", who)

    return Disturbance(f"{who} is down for {seconds:.0f} s", lambda node: _at_work(node, who), then)


def freeze(who: str = "A", seconds: float = LONG) -> Disturbance:
    """Return a process that stands still in the middle of its work, while its clocks go on."""
    name = f"{who} is frozen for {seconds:.0f} s"
    return Disturbance(name, lambda node: _at_work(node, who), lambda node: node.ends(seconds, "thaws", who))


def sleep(who: str = "A", seconds: float = LONG) -> Disturbance:
    """Return a process whose machine is suspended: its clock for waits stands still, too."""
    name = f"{who} sleeps for {seconds:.0f} s"
    return Disturbance(name, lambda node: _at_work(node, who), lambda node: node.ends(seconds, "wakes", who))


def overtake(who: str, other: str) -> Disturbance:
    """Return a change of who moves first, where both operators have something to do at one moment."""

    def may(node: Node) -> bool:
        return _at_work(node, other) and who not in node.frozen and busy(node.world, who)

    return Disturbance(f"{who} overtakes {other}", may, lambda node: replace(node, first=who), once=False)


def deaf(who: str = "A", seconds: float = LONG) -> Disturbance:
    """Return a watch that does not tell of a change for a while."""

    def may(node: Node) -> bool:
        op = node.world.operators[who]
        return not op.deaf and op.cached is not node.world.stored and op.cached != node.world.stored

    def then(node: Node) -> Node:
        return node.then(node.world.operator(who, deaf=True)).ends(seconds, "hears", who)

    return Disturbance(f"{who} hears nothing for {seconds:.0f} s", may, then)


def answer_of_write_lost(who: str = "A") -> Disturbance:
    """Return a write that the API server has kept, and whose writer is not told."""

    def may(node: Node) -> bool:
        doing = node.world.operators[who].doing
        return isinstance(doing, Writing) and doing.kept and who not in node.frozen

    def then(node: Node) -> Node:
        return node.then(course.goes_on(node.world, who, answer_lost=True))

    return Disturbance(f"{who} hears no answer to its write", may, then, once=False)


def answered(name: str, fate: Fate) -> Disturbance:
    """Return what becomes of a create at the moment at which it leaves."""

    def may(node: Node) -> bool:
        who = actor(node)
        return who is not None and isinstance(node.world.operators[who].doing, Leaving) and not node.world.fates

    def then(node: Node) -> Node:
        # A machine that a promise denies is only found in time where a look shows it before the next attempt.
        hidden = bool(fate.made) or node.world.far.lag > 0
        promised = fate.made is not None and fate.answer in {Answer.NOT_COMMITTED, Answer.NO_ROOM}
        ghosts = replace(node.ghosts, broken_promise=True) if promised and hidden else node.ghosts
        paced = replace(fate, made=fate.made * node.pace) if fate.made else fate
        return node.then(replace(node.world, fates=(paced,)), ghosts=ghosts)

    return Disturbance(name, may, then, once=False)


def _living(node: Node) -> bool:
    stored = node.world.stored
    return stored is not None and "deletionTimestamp" not in stored["metadata"]


def _user(name: str, then: Callable[[World], World], *, once: bool = True) -> Disturbance:
    return Disturbance(name, _living, lambda node: node.then(then(node.world)), once)


def delete() -> Disturbance:
    """Return a user's delete at any moment."""
    return _user("a user deletes it", World.deleted, once=False)


def edit_secret() -> Disturbance:
    """Return a Secret that changes, so that what would be sent is another request."""

    def then(node: Node) -> Node:
        return node.then(replace(node.world, secret=str(int(node.world.secret) + 1)))

    return Disturbance("a Secret changes", _living, then)


def switch(*, on: bool) -> Disturbance:
    """Return a user's change of powerState."""
    word = "Running" if on else "Stopped"

    def may(node: Node) -> bool:
        return _living(node) and (node.world.stored or {})["spec"].get("powerState", "Running") != word

    return Disturbance(f"powerState {word}", may, lambda node: node.then(node.world.edited(powerState=word)))


def pause(seconds: float = LONG) -> Disturbance:
    """Return a user's pause and its end."""

    def then(node: Node) -> Node:
        return node.then(node.world.annotated(ANNOTATION_PAUSED, "true")).ends(seconds, "goes on")

    return Disturbance(
        "a user pauses it",
        lambda node: node.world.stored is not None and not any(e.what == "goes on" for e in node.endings),
        then,
    )


def create_again() -> Disturbance:
    """Return a user's new object under the same name, once the one before is gone."""
    return Disturbance("a user creates it again", lambda node: node.world.gone, _created_again)


def _created_again(node: Node) -> Node:
    return node.then(node.world.created_again("uid-2", **(TWO_PLACEMENTS if node.world.two else {})))


def restore(name: str, status: Body) -> Disturbance:
    """Return an older status that comes back, while no create is on its way; its operator is started again."""

    def may(node: Node) -> bool:
        world = node.world
        at_work = any(isinstance(op.doing, Leaving | Answered) for op in world.operators.values())
        return world.stored is not None and not at_work and not world.far.flights

    def then(node: Node) -> Node:
        world = node.world.restored(status)
        for who in world.operators:
            world = world.crashes(who)
        return node.then(world)

    return Disturbance(name, may, then)


def away(seconds: float = 45.0) -> Disturbance:
    """Return a provider that answers nothing for a while, and that creates are held back for."""

    def then(node: Node) -> Node:
        world = replace(node.world.provider_is(blind=True), hindrance=a_hindrance())
        return node.then(world).ends(seconds, "sees again")

    return Disturbance(f"the provider is away for {seconds:.0f} s", lambda node: not node.world.far.blind, then)


def drain(seconds: float = LONG) -> Disturbance:
    """Return planned work at the provider: it answers, and creates are held back for a while."""

    def then(node: Node) -> Node:
        hindrance = a_hindrance(reason=Reason.PROVIDER_DRAINING)
        return node.then(replace(node.world, hindrance=hindrance)).ends(seconds, "sees again")

    return Disturbance(f"the provider drains for {seconds:.0f} s", lambda node: node.world.hindrance is None, then)


def blind(seconds: float = 45.0, *, lists_only: bool = False) -> Disturbance:
    """Return reads that fail while creates are answered."""
    which = {"blind_lists": True} if lists_only else {"blind": True}

    def then(node: Node) -> Node:
        return node.then(node.world.provider_is(**which)).ends(seconds, "sees again")

    def may(node: Node) -> bool:
        return not node.world.far.blind and not node.world.far.blind_lists

    return Disturbance(f"no {'list' if lists_only else 'read'} is answered for {seconds:.0f} s", may, then)


def lie(seconds: float = LIE) -> Disturbance:
    """Return reads that are answered in full and show nothing, for less than F."""

    def then(node: Node) -> Node:
        return node.then(node.world.provider_is(empty_lists=True, empty_looks=True)).ends(seconds, "tells the truth")

    return Disturbance(f"reads show nothing for {seconds:.0f} s", lambda node: not node.world.far.empty_lists, then)


def _has_machine(node: Node) -> bool:
    return any(vm.alive and vm.dies is None and vm.owner for vm in node.world.far.vms)


def _newest(node: Node) -> str:
    return next(vm.id for vm in reversed(node.world.far.vms) if vm.alive and vm.dies is None and vm.owner)


def die(*, leaves: bool = True) -> Disturbance:
    """Return a machine's end without anybody's asking; `leaves`: with a tombstone."""
    name = "the machine dies" if leaves else "the machine vanishes"
    then = lambda node: node.then(node.world.dies(_newest(node), leaves=leaves))  # noqa: E731
    return Disturbance(name, _has_machine, then)


def change_machine(name: str, **changes: object) -> Disturbance:
    """Return a change of the machine that nobody asked for."""

    def then(node: Node) -> Node:
        return node.then(node.world.at(node.world.far.changing(_newest(node), **changes)))

    return Disturbance(name, _has_machine, then)


def fail() -> Disturbance:
    """Return a machine that breaks, and goes on billing."""
    return change_machine("the machine fails", state=MachineState.FAILED)


def lose_labels() -> Disturbance:
    """Return a machine that lists do not show any more, because somebody took its labels."""
    return change_machine("the machine loses its labels", unlisted=True)


def survive(seconds: float = LONG) -> Disturbance:
    """Return a machine whose terminates are accepted, and do nothing for a while."""

    def then(node: Node) -> Node:
        machine = _newest(node)
        world = node.world.at(node.world.far.changing(machine, immortal=True))
        return node.then(world).ends(seconds, "can be ended", machine)

    return Disturbance("a terminate will do nothing", _has_machine, then)


def move(seconds: float = LONG) -> Disturbance:
    """Return an endpoint that leads elsewhere for a while, where other machines are."""

    def then(node: Node) -> Node:
        return node.then(node.world.provider_is(place="elsewhere")).ends(seconds, "comes back")

    def may(node: Node) -> bool:
        # Who has decided to send has taken the adapter of the endpoint as it was.
        return not any(isinstance(op.doing, Leaving) for op in node.world.operators.values())

    return Disturbance(f"the endpoint leads elsewhere for {seconds:.0f} s", may, then)


def shorten(settle: int) -> Disturbance:
    """Return a provider object that is edited: settleSeconds is less from now on."""

    def then(node: Node) -> Node:
        return node.then(replace(node.world, provider=a_quick_provider(settle)))

    return Disturbance(f"settleSeconds becomes {settle}", lambda node: True, then)


def while_settling(settle: int, found: Disturbance) -> Disturbance:
    """Return a disturbance that the protocol allows only while settleSeconds is as long as this."""
    return replace(found, may=lambda node: node.world.provider.settle_seconds >= settle and found.may(node))
