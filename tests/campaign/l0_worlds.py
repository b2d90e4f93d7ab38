"""The small worlds that are searched. Each is exhausted: every state that its disturbances can lead to."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from tests.builders import OWNER, TWO_PLACEMENTS, N
from tests.campaign import l0_disturb as d
from tests.campaign.l0_node import LONGEST_LATE, Disturbance, F, Node, Small, begin
from tests.instance.course import runs
from tests.instance.far_side import (
    BROKEN_PROMISE,
    LOST_AFTER_COMMIT,
    LOST_BEFORE_COMMIT,
    NAME_STAYS,
    NAME_STAYS_AND_LOST,
    NO_ROOM,
    NOT_COMMITTED,
    REFUSED,
    REJECTED,
    THROTTLED,
    Answer,
    FarSide,
    Fate,
    late,
)
from tests.instance.world import Body, World

from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Outcome
from gpuwright.model.names import Owner

LAG = 12.0  # seconds until a look shows a machine; with it a late create may take so much less
STRANGER = Owner("other-cluster", "x", "y", "theirs")


def lost(lag: float = 0.0) -> tuple[Disturbance, ...]:
    """Return the ways in which an answer can be lost."""
    return (
        d.answered("no answer, made", LOST_AFTER_COMMIT),
        d.answered("no answer, made late", late(LONGEST_LATE - 1 - lag)),
        d.answered("no answer, never made", LOST_BEFORE_COMMIT),
    )


PROMISES = (
    d.answered("500", NOT_COMMITTED),
    d.answered("500, and the name stays taken", NAME_STAYS),
    d.answered("no answer, and the name stays taken", NAME_STAYS_AND_LOST),
    d.answered("no room", NO_ROOM),
    d.answered("refused", REFUSED),
    d.answered("429", THROTTLED),
    d.answered("422", REJECTED),
)
USERS = (d.delete(), d.create_again(), d.pause(), d.edit_secret(), d.switch(on=False), d.switch(on=True))
PROCESS = (
    d.crash(),
    d.stays_down(),
    d.freeze(),
    d.freeze(seconds=d.SHORT),
    d.sleep(),
    d.deaf(),
    d.deaf(seconds=d.SHORT),
    d.answer_of_write_lost(),
)
PROVIDER = (d.away(), d.blind(), d.blind(lists_only=True), d.lie())
MACHINE = (d.die(), d.die(leaves=False), d.fail())
EVERYTHING = (*PROCESS, *lost(), *PROMISES, *USERS, *PROVIDER, *MACHINE)
BOTH = (
    d.overtake("A", "B"),
    d.overtake("B", "A"),
    *PROCESS,
    d.crash("B"),
    d.freeze("B"),
    d.sleep("B"),
    d.deaf("B"),
    d.answer_of_write_lost("B"),
)
REFUSED_FOR_GOOD = frozenset({Reason.REQUEST_REJECTED})


def _after(start: Callable[[], Node], seconds: float, until: Callable[[World], bool] | None = None) -> Node:
    node = start()
    return replace(node, world=runs(node.world, seconds, until=until))


def _status(node: Node) -> Body:
    status: Body = (node.world.stored or {})["status"]
    return status


def _settled() -> Node:
    """Return the state in which a machine has run for some time."""
    return _after(begin, 60)


def _replaced(far: FarSide) -> Callable[[], Node]:
    """Return the beginning at which the first machine has died and the second runs."""

    def start() -> Node:
        node = _after(lambda: begin(far), 30)
        return replace(node, world=runs(node.world.dies("i-1"), 60))

    return start


def _second_name() -> Node:
    """Return the state in which a machine runs under the second name: the first was answered 500."""
    return _after(lambda: begin(fates=(NOT_COMMITTED,)), 60)


def _answered_500(world: World) -> bool:
    return world.memory.launch is not None and world.memory.launch.outcome is Outcome.NOT_COMMITTED


def _failed_once() -> Node:
    return _after(lambda: begin(fates=(NOT_COMMITTED,)), 5, _answered_500)


def _died_and_lost() -> Node:
    """Return the state in which the status is lost, and the provider still tells of a machine that is dead."""
    node = _settled()
    return replace(node, world=node.world.dies("i-1").restored({}).crashes("A"))


def _beside_a_stranger() -> Node:
    return begin(FarSide(lag=0).with_vm(N, STRANGER, 1, 900.0))


def _beside_a_hidden_stranger() -> Node:
    """Looks show the stranger's machine only after our first try of its name."""
    return begin(FarSide(lag=5).with_vm(N, STRANGER, 1, 997.0))


@lru_cache(maxsize=1)
def small_worlds() -> tuple[Small, ...]:
    """Return all small worlds."""
    return (
        *_one_operator(),
        *_two_operators(),
        *_deeper(),
        *_records(),
        *_machines(),
        *_settings(),
        *_placements(),
    )


def _one_operator() -> tuple[Small, ...]:
    few = (d.crash(), d.stays_down(), d.freeze(), d.deaf(), d.delete())
    failed = d.answered("500", NOT_COMMITTED)
    unnamed = (*PROCESS, *lost(), *PROMISES[:3], d.delete(), d.create_again(), *PROVIDER, *MACHINE)
    lagging = (*PROCESS, *lost(LAG), failed, d.delete(), d.create_again(), d.edit_secret(), *PROVIDER, d.die())
    dying = (*few, d.pause(), d.switch(on=False), d.blind(), d.lie(1.5), *MACHINE, failed, lost()[1])
    unseen = (*PROCESS, *lost(), *PROMISES, d.delete(), d.create_again(), d.pause(), d.edit_secret(), d.away())
    both = FarSide(lag=LAG, unique_names=False, tombstones=False)
    final = REFUSED_FOR_GOOD
    return (
        _small("names", _from(FarSide()), EVERYTHING, 2, final),
        _small("lists", _from(FarSide(unique_names=False, tombstones=False)), unnamed, 2, final),
        _small("lag", _from(FarSide(lag=LAG)), lagging, 2),
        _small("lists and lag", _from(both), (*few, *lost(LAG), failed, *PROVIDER, d.die()), 2),
        _small("afterglow", _from(FarSide(afterglow=15)), (*few, *lost(), failed, *PROVIDER, *MACHINE), 2),
        # After an accepted terminate looks 2 s apart are proof, so a lie is shorter than that here.
        _small("slow death", _from(FarSide(dying=8)), dying, 2),
        _small("create-only", _from(FarSide(reads=False)), unseen, 3, final),
    )


def _from(far: FarSide, operators: str = "A") -> Callable[[], Node]:
    return lambda: begin(far, operators)


def _small(
    name: str,
    start: Callable[[], Node],
    disturbances: tuple[Disturbance, ...],
    budget: int,
    stalls: frozenset[Reason] = frozenset(),
) -> Small:
    return Small(name, start, disturbances, budget, stalls)


def _two_operators() -> tuple[Small, ...]:
    moves = (*BOTH, *lost(), d.answered("500", NOT_COMMITTED), d.delete(), d.edit_secret(), d.die(), d.lie())
    lagging = (*BOTH, *lost(LAG), d.answered("500", NOT_COMMITTED), d.delete(), d.die())
    zombie = (d.freeze(), d.sleep(), d.deaf(), d.crash("B"), *lost(), d.answered("500", NOT_COMMITTED), d.delete())
    unseen = (*BOTH, *lost(), d.answered("500", NOT_COMMITTED), d.delete())
    return (
        _small("two leaders", _from(FarSide(), "AB"), moves, 2),
        _small("two leaders, lists", _from(FarSide(unique_names=False, tombstones=False), "AB"), moves, 2),
        _small("two leaders, lag", _from(FarSide(lag=LAG, unique_names=False), "AB"), lagging, 2),
        _small("two leaders, create-only", _from(FarSide(reads=False), "AB"), unseen, 2),
        _small("zombie leader", _from(FarSide(unique_names=False), "AB"), zombie, 3),
    )


def _deeper() -> tuple[Small, ...]:
    moves = (d.crash(), *lost(), d.answered("500", NOT_COMMITTED), d.delete(), d.create_again())
    users = (d.delete(), d.create_again(), d.edit_secret(), d.pause(), d.crash(), lost()[1], lost()[2])
    power = (d.switch(on=False), d.switch(on=True), d.crash(), d.die(), d.delete(), lost()[0], lost()[2])
    return (
        _small("four crashes and lost answers", _from(FarSide()), moves, 4),
        _small("four crashes and lost answers, lists", _from(FarSide(unique_names=False)), moves, 4),
        _small("three changes by users", _from(FarSide(unique_names=False)), users, 3),
        _small("power", _from(FarSide()), power, 3),
    )


def _records() -> tuple[Small, ...]:
    nothing: Body = {}
    lists = FarSide(unique_names=False)
    first = d.restore("the status of the first machine comes back", _status(_after(lambda: begin(lists), 30)))
    failed = d.restore("the status of the first attempt comes back", _status(_failed_once()))
    emptied = d.restore("the status is lost", nothing)
    around = (d.crash(), d.delete(), d.blind(lists_only=True), d.die(), *lost(), d.answered("500", NOT_COMMITTED))
    kept = (*around[:2], *lost(LAG), d.answered("500", NOT_COMMITTED), d.answered("500, and made", BROKEN_PROMISE))
    retain = lambda: begin(FarSide(lag=LAG), spec={"deletionPolicy": "Retain"})  # noqa: E731
    strange = (d.crash(), d.delete(), *lost(), d.answered("500", NOT_COMMITTED), d.blind(lists_only=True))
    conflict, lost_record = frozenset({Reason.NAME_CONFLICT}), frozenset({Reason.RECORD_LOST})
    blind = _from(FarSide(reads=False))
    return (
        _small("restored after a replacement", _replaced(lists), (first, *around), 3),
        _small("restored after a second attempt", _second_name, (failed, *around), 3),
        _small("status lost", begin, (emptied, *around), 2),
        _small("status lost of the second name", _second_name, (emptied, *around), 3),
        _small("status lost after the machine died", _died_and_lost, around, 2),
        _small("create-only, status lost", blind, (emptied, d.crash(), d.delete(), *lost()), 2, lost_record),
        _small("retained", retain, kept, 3),
        _small("a stranger has the name", _beside_a_stranger, strange, 2, conflict),
        _small("a hidden stranger has the name", _beside_a_hidden_stranger, strange, 2, conflict),
    )


def _machines() -> tuple[Small, ...]:
    broken = (d.crash(), d.answered("500, and made", BROKEN_PROMISE), d.delete(), lost()[1])
    hidden = (*broken[:-1], *lost(LAG), d.answered("500", NOT_COMMITTED), d.die())
    unlisted = (d.crash(), d.lose_labels(), d.delete(), d.stays_down(), d.freeze())
    immortal = (d.crash(), d.survive(), d.delete(), d.lie(1.5), d.freeze(seconds=d.SHORT))
    many = (d.crash(), d.lie(d.LONG), d.delete())
    overdue = {"deadlines": {"launchSeconds": 40}, "maxReplacements": 1}
    dies = (d.crash(), d.die(), d.die(leaves=False), d.fail(), d.delete(), d.lie())
    late_end = frozenset({Reason.LAUNCH_DEADLINE_EXCEEDED})
    return (
        _small("broken promises", begin, broken, 3),
        _small("broken promises found late", _from(FarSide(lag=LAG)), hidden, 3),
        _small("no labels", _settled, unlisted, 3, frozenset({Reason.LOST})),
        _small("a terminate does nothing", _from(FarSide(dying=0.25)), immortal, 3),
        _small("many machines", lambda: _after(lambda: begin(neighbours=9), 60), many, 2),
        _small("expires", lambda: begin(spec={"expireAfterSeconds": 40}), dies, 2, frozenset({Reason.EXPIRED})),
        _small("never comes up", lambda: begin(FarSide(boots=1e6), spec=overdue), (d.crash(), d.delete()), 2, late_end),
        _small(
            "not replaced", lambda: begin(spec={"onLoss": "Fail"}), dies, 2, frozenset({Reason.LOST, Reason.BROKEN})
        ),
        _small("slow to go", lambda: begin(FarSide(dying=30, unique_names=False)), (*dies[:-1], d.lie(1.5)), 2),
    )


def _settings() -> tuple[Small, ...]:
    longer = 60
    very_late = late(LONGEST_LATE - F + longer - 1)
    slow = d.while_settling(longer, d.answered("no answer, made very late", very_late))
    shorter = (d.crash(), d.shorten(F), slow, lost()[2], d.delete(), d.answered("500", NOT_COMMITTED))
    moves = (d.crash(), d.move(), d.delete(), *lost(), d.die())
    return (
        _small("settings", lambda: begin(FarSide(unique_names=False), settle=longer), shorter, 3),
        _small("another place", begin, moves, 2, frozenset({Reason.PLACE_CHANGED})),
        _small("stopped at birth", lambda: begin(spec={"powerState": "Stopped"}), (*USERS, d.crash(), *lost()), 3),
    )


def _placements() -> tuple[Small, ...]:
    """Return the worlds of an object that may have its machine from two providers; the first one has the faults."""
    full, made = d.answered("no room", NO_ROOM), d.answered("no room, and made", Fate(Answer.NO_ROOM, 0))
    moves = (d.crash(), *lost(), full, d.away(), d.drain(), d.delete(), d.die(), d.edit_secret())
    hidden = (d.crash(), full, made, d.delete(), d.away())
    lists = FarSide(unique_names=False, tombstones=False)
    return (
        _small("placements", _of_two(FarSide()), moves, 2),
        _small("placements, lists", _of_two(lists), (d.crash(), *lost(), full, d.drain(), d.delete()), 2),
        _small("placements, lag", _of_two(FarSide(lag=LAG)), hidden, 3),
    )


def _of_two(far: FarSide) -> Callable[[], Node]:
    return lambda: begin(far, spec=TWO_PLACEMENTS, two=True)


def world_named(name: str) -> Small:
    """Return one small world. Raises KeyError where there is none of this name."""
    return {small.name: small for small in small_worlds()}[name]


assert OWNER.uid == "uid-1"  # the predicates tell ours from others' by it
