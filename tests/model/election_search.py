"""Every order in which replicas, their clocks, the network and a person can meet at one Lease, over the real Election.

A request may be lost on its way, its answer too; a replica may give a request up and it may still be carried out later,
in any order. A replica may do nothing for as long as it likes, and may end and be followed by another process. Times in
a scene are told from each replica's own now, and versions by their order, so that the search comes to an end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from gpuwright.model.election import NEVER, TERM_SECONDS, WRITES, Election, LeaseRecord, Step

CROWD = 2  # requests of one replica that are on their way at once; those that were given up count
STALE = -1  # a version that is not the Lease's any more, and never will be again
RELEASE = "Release"


class Lease(NamedTuple):
    """The object; `uid` tells one that was deleted from the next."""

    version: int
    holder: str
    uid: int


class Way(StrEnum):
    """Where a request is."""

    OUT = "on its way to the server"
    BACK = "carried out, its answer on its way back"
    LEFT = "on its way to the server, and nobody waits for its answer"


@dataclass(frozen=True, slots=True)
class Request:
    """One write. `over` is the version that it is written over, 0 where it creates; `ago` when it was begun."""

    way: Way
    kind: str
    sender: str
    over: int = 0
    ago: float = 0.0
    shown: "Lease | None" = None  # as the answer shows it; None: it was refused


@dataclass(frozen=True, slots=True)
class Replica:
    """One process, and what it or an earlier one in its place has on its way."""

    election: Election
    requests: tuple[Request, ...] = ()

    @property
    def pending(self) -> Request | None:
        """The request whose answer it waits for."""
        return next((one for one in self.requests if one.way is not Way.LEFT), None)


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it at one moment."""

    lease: "Lease | None"
    replicas: tuple[Replica, ...]
    deletions: int = 0
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What may happen. `rates`: how many seconds each replica's clock counts at a tick."""

    rates: tuple[int, ...]
    deletions: int = 0
    deaths: int = 0


ALL = (
    Rules((5, 5)),
    Rules((4, 6)),
    Rules((2, 3)),
    Rules((5, 5), deaths=1),
    Rules((5, 5), deletions=1),
)
"""What `python -m tests.model.election_search` goes through: clocks alike, 1.5 times as fast, then more happens."""


def leaders(scene: Scene) -> list[str]:
    """Return who may send now."""
    return [replica.election.me for replica in scene.replicas if replica.election.leads(0.0)]


def search(rules: Rules, most: int = 2_000_000) -> tuple[int, list[str]]:
    """Return how many scenes there are, and how the first comes about in which two lead; empty where none does."""
    start = Scene(None, tuple(Replica(Election(f"{place}.0")) for place in range(len(rules.rates))))
    came: dict[Scene, tuple[Scene, str] | None] = {start: None}
    layer = [start]
    while layer:
        following_layer = []
        for scene in layer:
            for words, after in following(scene, rules):
                normal = normalised(after, rules)
                if normal in came:
                    continue
                came[normal] = (scene, words)
                if len(leaders(normal)) > 1:
                    return len(came), _course(came, normal)
                following_layer.append(normal)
        layer = following_layer
        assert len(came) < most, "the search does not come to an end"
    return len(came), []


def _course(came: dict[Scene, tuple[Scene, str] | None], scene: Scene) -> list[str]:
    words = []
    at = came[scene]
    while at is not None:
        words.append(at[1])
        at = came[at[0]]
    return words[::-1]


def following(scene: Scene, rules: Rules) -> Iterator[tuple[str, Scene]]:
    """Yield what can happen next, in words, and what the scene is like then."""
    yield "time passes", _later(scene, rules)
    for place in range(len(scene.replicas)):
        yield from _turns(scene, place)
        yield from _network(scene, place)
        if scene.deaths < rules.deaths:
            yield f"{place} is killed", _followed(scene, place)
            yield from _released(scene, place)
    # A Lease that some replica has not seen yet is left alone: test_election.py says what becomes of that.
    seen = all(replica.election.record is not None for replica in scene.replicas)
    if scene.lease is not None and seen and scene.deletions < rules.deletions:
        yield "somebody deletes the Lease", replace(scene, lease=None, deletions=scene.deletions + 1)


def _later(scene: Scene, rules: Rules) -> Scene:
    moved = []
    for replica, rate in zip(scene.replicas, rules.rates, strict=True):
        election = replica.election
        election = replace(election, rival_until=election.rival_until - rate, term_ends=election.term_ends - rate)
        requests = tuple(replace(one, ago=one.ago + rate) for one in replica.requests)
        moved.append(Replica(election, requests))
    return Scene(scene.lease, tuple(moved), scene.deletions, scene.deaths)


def _turns(scene: Scene, place: int) -> Iterator[tuple[str, Scene]]:
    """A replica sends what is due, as Leadership does, or gives up what was not answered."""
    replica = scene.replicas[place]
    if replica.pending is not None:
        left = replace(replica, election=replica.election.in_doubt(), requests=_nobody_waits(replica))
        yield f"{place} gives its {replica.pending.kind} up", _with(scene, place, left)
        return
    election = replica.election
    step = election.step(0.0)
    if step is Step.WAIT:
        election, step = election.in_doubt(), Step.READ
    if step is Step.READ:
        yield f"{place} reads", _with(scene, place, replace(replica, election=_read(election, scene.lease)))
    if step in WRITES and len(replica.requests) < CROWD:
        over = int(election.record.version) if election.record is not None else 0
        request = Request(Way.OUT, str(step), election.me, over)
        yield f"{place} sends a {step}", _with(scene, place, Replica(election, (*replica.requests, request)))


def _read(election: Election, lease: Lease | None) -> Election:
    """Answer a read at once: an answer that comes later only makes its reader wait longer, and it may act later."""
    return election.after_read(None if lease is None else _record(lease), 0.0)


def _record(lease: Lease) -> LeaseRecord:
    return LeaseRecord(str(lease.uid), str(lease.version), lease.holder)


def _nobody_waits(replica: Replica) -> tuple[Request, ...]:
    """Return what may still be carried out when its sender has given it up, or has ended."""
    return tuple(replace(one, way=Way.LEFT) for one in replica.requests if one.way is not Way.BACK)


def _network(scene: Scene, place: int) -> Iterator[tuple[str, Scene]]:
    """A request arrives, or its answer, or nothing ever does; what is lost on its way out is given up all the same."""
    replica = scene.replicas[place]
    for request in replica.requests:
        rest = tuple(one for one in replica.requests if one is not request)
        if request.way is Way.BACK:
            answered = Replica(_told(replica.election, request), rest)
            yield f"{place} is answered its {request.kind}", _with(scene, place, answered)
            continue
        after, shown = _carried_out(scene, request)
        kept = rest if request.way is Way.LEFT else (*rest, replace(shown, way=Way.BACK))
        words = f"the {request.kind} of {request.sender} is carried out"
        yield words, _with(after, place, replace(replica, requests=kept))
        if request.way is Way.LEFT:
            lost = replace(replica, requests=rest)
            yield f"the {request.kind} of {request.sender} is lost", _with(scene, place, lost)


def _carried_out(scene: Scene, request: Request) -> tuple[Scene, Request]:
    if request.over != (scene.lease.version if scene.lease is not None else 0):
        return scene, request
    uid = scene.lease.uid if scene.lease is not None else scene.deletions
    lease = Lease(max(_known(scene)) + 1, "" if request.kind == RELEASE else request.sender, uid)
    return replace(scene, lease=lease), replace(request, shown=lease)


def _told(election: Election, request: Request) -> Election:
    if request.shown is None:
        return election.in_doubt()
    return election.after_write(_record(request.shown), -request.ago)


def _released(scene: Scene, place: int) -> Iterator[tuple[str, Scene]]:
    """A leader ends in good order: it shuts its gate, gives the Lease back, and another process takes its place."""
    replica = scene.replicas[place]
    record = replica.election.record
    if replica.pending is None and replica.election.leads(0.0) and record is not None:
        after = _followed(scene, place)
        release = Request(Way.LEFT, RELEASE, replica.election.me, int(record.version))
        heir = after.replicas[place]
        yield f"{place} gives the Lease back", _with(after, place, replace(heir, requests=(*heir.requests, release)))


def _followed(scene: Scene, place: int) -> Scene:
    """A process ends, and another one takes its place; what was on its way may still be carried out."""
    replica = scene.replicas[place]
    number = int(replica.election.me.rpartition(".")[2]) + 1
    heir = Replica(Election(f"{place}.{number}"), _nobody_waits(replica))
    return replace(_with(scene, place, heir), deaths=scene.deaths + 1)


def _with(scene: Scene, place: int, replica: Replica) -> Scene:
    return replace(scene, replicas=tuple(replica if at == place else one for at, one in enumerate(scene.replicas)))


def _known(scene: Scene) -> set[int]:
    """Return all versions that anybody knows of, and 0."""
    now = scene.lease.version if scene.lease is not None else 0
    records = {int(one.election.record.version) for one in scene.replicas if one.election.record is not None}
    shown = {one.shown.version for replica in scene.replicas for one in replica.requests if one.shown is not None}
    return {0, now} | records | shown


def normalised(scene: Scene, rules: Rules) -> Scene:
    """Return the scene that behaves the same, with as little in it as can be."""
    order = {version: number for number, version in enumerate(sorted(_known(scene)))}
    now = scene.lease.version if scene.lease is not None else 0
    lease = None if scene.lease is None else scene.lease._replace(version=order[now])
    deletable = scene.deletions < rules.deletions
    replicas = tuple(_normal(replica, order, now, deletable=deletable) for replica in scene.replicas)
    return replace(scene, lease=lease, replicas=replicas)


def _normal(replica: Replica, order: Mapping[int, int], now: int, *, deletable: bool) -> Replica:
    known = replica.election
    record = known.record
    election = Election(
        known.me,
        None if record is None else LeaseRecord(record.uid, str(order[int(record.version)]), record.holder),
        known.known,
        known.rival_until if known.rival_until > 0 else NEVER,
        known.term_ends if known.term_ends > 0 else NEVER,
        known.led,
    )
    requests = [
        Request(
            one.way,
            one.kind,
            one.sender,
            order[one.over] if one.over in {0, now} else STALE,
            min(one.ago, TERM_SECONDS) if one.way is not Way.LEFT else 0.0,
            None if one.shown is None else one.shown._replace(version=order[one.shown.version]),
        )
        for one in replica.requests
        if one.way is not Way.LEFT or one.over == now or (one.over == 0 and deletable)
    ]
    return Replica(election, tuple(sorted(requests, key=_order)))


def _order(request: Request) -> tuple[str, str, str, int, float]:
    return request.way, request.kind, request.sender, request.over, request.ago


if __name__ == "__main__":
    for asked in ALL:
        scenes, course = search(asked)
        print(f"{asked}: {scenes} scenes, {' / '.join(course) or 'never two that lead'}", flush=True)  # noqa: T201
