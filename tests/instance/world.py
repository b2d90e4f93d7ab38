"""A small world in virtual time: one object in an API server, one provider or two, operators that crash, sleep and
lag.

A World is frozen; each method returns the world after something happened that no operator did. What operators do is in
course.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

import orjson
from tests.builders import (
    BLIND_CAPABILITIES,
    CAPABILITIES,
    OWNER,
    PLACE_B,
    PROVIDER_SPEC,
    REF,
    REF_B,
    TWO_PLACEMENTS,
    WALL,
    a_provider_spec,
    a_spec,
)
from tests.instance.far_side import FarSide, Fate

from gpuwright.adapters.contract import Created
from gpuwright.instance.actions import Record, Send
from gpuwright.instance.observation import Instance, Observation
from gpuwright.instance.observer import brought_up_to_date
from gpuwright.instance.witness import Armed, Witness
from gpuwright.kube.merge_patch import merge_patch
from gpuwright.model.errors import Blind
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.machine import Machine, MachineState, Snapshot
from gpuwright.model.memory import Memory, ProviderRef, parse_memory
from gpuwright.model.names import FINALIZER_MACHINE, Owner, owner_labels
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.provider_view import Hindrance, ProviderView, Room, longest_unsettled
from gpuwright.model.request import Wishes
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.provider.absence import MassAbsence
from gpuwright.provider.index import InstanceIndex, expected_in_lists

Body = Mapping[str, Any]

KEY = Key(INSTANCES.kind, OWNER.namespace, OWNER.name)
NEVER = 1e12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Writing:
    """A record on its way to the API server. `armed` is from before it left."""

    base: Body
    status: Body
    action: Record
    armed: Armed | None
    kept: bool = False  # the API server has it; its answer is still to come


@dataclass(frozen=True, slots=True)
class Leaving:
    """A create whose window is still to be checked, and that then leaves."""

    seen: Observation
    action: Send


@dataclass(frozen=True, slots=True)
class Answered:
    """A create was answered; what became of it is still to be recorded."""

    seen: Observation
    memory: Memory
    created: Created | None


Doing = Writing | Leaving | Answered


@dataclass(frozen=True, slots=True)
class Operator:
    """One process: all of it but its name is lost in a crash."""

    process: str
    cached: Body | None = None
    witness: Witness | None = None
    knows: str = OWNER.uid  # the uid of the object that the witness is about
    snapshot: Snapshot | None = None
    snapshot_b: Snapshot | None = None  # of the second provider, where there is one
    listed: float = -NEVER
    absence: MassAbsence = field(default_factory=MassAbsence)
    doing: Doing | None = None
    rests_until: float = 0.0
    slept: float = 0.0  # seconds in which its monotonic clock stood still
    deaf: bool = False  # its watch shows nothing new


@lru_cache
def owner_with(uid: str) -> Owner:
    """Return the owner that is the object with this uid: a name can be taken again."""
    return replace(OWNER, uid=uid)


@lru_cache(maxsize=256)
def _parsed(spec: bytes) -> InstanceSpec:
    return InstanceSpec.model_validate(orjson.loads(spec))


_MOST_KNOWN = 10_000


class ParsedOnce(Generic[T]):
    """What is parsed of a body; the same body is parsed once, because worlds share it."""

    def __init__(self, parse: Callable[[Body], T]) -> None:
        self._parse = parse
        self._known: dict[int, tuple[Body, T]] = {}

    def __call__(self, body: Body) -> T:
        """Return what the body holds."""
        known = self._known.get(id(body))
        if known is not None and known[0] is body:
            return known[1]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        parsed = self._parse(body)
        self._known[id(body)] = body, parsed
        return parsed


memory_of = ParsedOnce(parse_memory)


def new_body(uid: str = OWNER.uid, **spec: Any) -> Body:
    """Return the object as a user has just created it."""
    metadata = {"namespace": OWNER.namespace, "name": OWNER.name, "uid": uid, "resourceVersion": "1"}
    manifest = a_spec(**spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"metadata": {**metadata, "generation": 1}, "spec": manifest, "status": {}}


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is. `fates` are those of the coming creates; when they are spent, creates succeed."""

    now: float = 1000.0
    stored: Body | None = field(default_factory=new_body)
    far: FarSide = field(default_factory=FarSide)
    fates: tuple[Fate, ...] = ()
    operators: Mapping[str, Operator] = field(default_factory=lambda: {"A": Operator("A1", new_body())})
    provider: ProviderSpec = PROVIDER_SPEC
    hindrance: Hindrance | None = None
    hindrance_b: Hindrance | None = None  # of the second provider, which always tells the truth
    two: bool = False  # its machine may come from two providers; see with_two_placements
    guarded: bool = True  # writes carry the resourceVersion that they were decided on
    neighbours: int = 0  # machines of other objects at the same provider, all on record
    secret: str = "1"  # the version of the Secret that the request takes from
    sent: tuple[str, ...] = ()  # names, in the order in which their creates left
    asked: tuple[str, ...] = ()  # providers, in the same order
    ledger: tuple[str, ...] = ()  # ids that were let go without proof, or kept
    proofs: tuple[str, ...] = ()  # why finalizers went
    most: int = 0  # the most machines of our object that ever billed at once

    @property
    def memory(self) -> Memory:
        """Return what is on record."""
        return memory_of((self.stored or {}).get("status") or {})

    def side(self, ref: ProviderRef) -> FarSide:
        """Return the far side as one provider shows it. Both have one truth; the second one's place is another."""
        if ref == REF:
            return self.far
        return replace(self.far, place=PLACE_B, blind=False, blind_lists=False, empty_lists=False, empty_looks=False)

    def after_call(self, side: FarSide) -> "World":
        """Return the world after a call that left this far side, whichever provider it went to."""
        if (side.vms, side.flights, side.held) == (self.far.vms, self.far.flights, self.far.held):
            return self
        return self.at(replace(self.far, vms=side.vms, flights=side.flights, held=side.held))

    @property
    def alive(self) -> tuple[str, ...]:
        """Return the ids of our machines that bill now."""
        return tuple(vm.id for vm in self.far.alive_of(OWNER.uid))

    @property
    def gone(self) -> bool:
        """Return whether the object is gone."""
        return self.stored is None

    @property
    def leaked(self) -> tuple[str, ...]:
        """Return the ids of our machines that go on billing although the object is gone and nothing tells of them."""
        ours = self.far.alive_of(OWNER.uid)
        return tuple(vm.id for vm in ours if self.gone and vm.dies is None and vm.id not in self.ledger)

    @property
    def finalized(self) -> bool:
        """Return whether our finalizer is on the object."""
        return self.stored is not None and FINALIZER_MACHINE in (self.stored["metadata"].get("finalizers") or ())

    def passes(self, seconds: float) -> "World":
        """Return the world after this time, in which no operator did anything."""
        return replace(self.at(self.far.until(self.now + seconds)), now=self.now + seconds)

    def at(self, far: FarSide) -> "World":
        """Return the world with another far side; the most machines at once are counted here."""
        most = max(self.most, len(far.alive_of(OWNER.uid)))
        return self if far is self.far and most == self.most else replace(self, far=far, most=most)

    def provider_is(self, **changes: Any) -> "World":
        """Return the world with a provider that behaves differently from now on."""
        return self.at(replace(self.far, **changes))

    def operator(self, who: str, **changes: Any) -> "World":
        """Return the world with one operator changed, or a new one that has just listed the objects."""
        known = self.operators.get(who) or Operator(f"{who}1", self.stored)
        return replace(self, operators={**self.operators, who: replace(known, **changes)})

    def resumes(self, who: str, operator: Operator) -> "World":
        """Return the world with an operator as it was when it stood still."""
        return replace(self, operators={**self.operators, who: operator})

    def crashes(self, who: str) -> "World":
        """Return the world after an operator died and was started again."""
        number = int(self.operators[who].process[1:]) + 1
        return replace(self, operators={**self.operators, who: Operator(f"{who}{number}", self.stored)})

    def stops(self, who: str) -> "World":
        """Return the world without this operator."""
        return replace(self, operators={name: op for name, op in self.operators.items() if name != who})

    def sleeps(self, who: str, seconds: float) -> "World":
        """Return the world after an operator's machine was suspended: its monotonic clock stood still."""
        return self.operator(who, slept=self.operators[who].slept + seconds).passes(seconds)

    def user(self, **metadata: Any) -> "World":
        """Return the world after a user changed the object's metadata."""
        if self.stored is None:
            return self
        return self.store({**self.stored, "metadata": {**self.stored["metadata"], **metadata}})

    def annotated(self, name: str, value: str) -> "World":
        """Return the world after `kubectl annotate`."""
        return self.user(annotations={name: value})

    def deleted(self) -> "World":
        """Return the world after `kubectl delete`."""
        after = self.user(deletionTimestamp="2026-11-22T00:00:00Z")
        return after if after.finalized else replace(after, stored=None)

    def created_again(self, uid: str, **spec: Any) -> "World":
        """Return the world after a user created an object of the same name; the one before must be gone."""
        versions = [op.cached["metadata"]["resourceVersion"] for op in self.operators.values() if op.cached is not None]
        body = new_body(uid, **spec)
        version = str(1000 + max(map(int, versions), default=0))
        return replace(self, stored={**body, "metadata": {**body["metadata"], "resourceVersion": version}})

    def edited(self, **spec: Any) -> "World":
        """Return the world after a user changed the spec."""
        if self.stored is None:
            return self
        metadata = {**self.stored["metadata"], "generation": self.stored["metadata"]["generation"] + 1}
        return self.store({**self.stored, "metadata": metadata, "spec": {**self.stored["spec"], **spec}})

    def restored(self, status: Body) -> "World":
        """Return the world after an older status came back, from a backup or by a careless replace."""
        return self if self.stored is None else self.store({**self.stored, "status": status})

    def dies(self, machine_id: str, *, leaves: bool = True) -> "World":
        """Return the world after a machine ended by itself; `leaves`: a tombstone, where the provider has those."""
        if leaves:
            return self.at(self.far.changing(machine_id, died=self.now, shown_until=self.now + self.far.afterglow))
        return self.provider_is(vms=tuple(vm for vm in self.far.vms if vm.id != machine_id))

    def settings(self, **changes: Any) -> "World":
        """Return the world after the provider object was edited."""
        return replace(self, provider=a_provider_spec(**changes))

    def store(self, body: Body) -> "World":
        """Return the world after the API server has taken a new version of the object."""
        version = str(int(body["metadata"]["resourceVersion"]) + 1)
        return replace(self, stored={**body, "metadata": {**body["metadata"], "resourceVersion": version}})

    def refuses(self, base: Body) -> bool:
        """Return whether a write decided on this version is refused: the object is gone, or somebody was faster."""
        if self.stored is None:
            return True
        return self.guarded and self.stored["metadata"]["resourceVersion"] != base["metadata"]["resourceVersion"]

    def patched(self, base: Body, status: Body) -> "World":
        """Return the world after the change from the status of `base` to this status was merged."""
        if self.stored is None:
            return self
        change = merge_patch(base.get("status") or {}, status)
        return self.store({**self.stored, "status": _merged(self.stored["status"], change)})

    def with_finalizer(self, *, on: bool) -> "World":
        """Return the world with our finalizer put on the object or taken off; without it a deleted object is gone."""
        after = self.user(finalizers=[FINALIZER_MACHINE] if on else [])
        deleting = self.stored is not None and "deletionTimestamp" in self.stored["metadata"]
        return replace(after, stored=None) if deleting and not on else after

    def monotonic(self, who: str) -> float:
        """Return the operator's clock for waits."""
        return self.now - self.operators[who].slept

    def sees(self, who: str) -> Observation | None:
        """Return what the operator's next decision sees, as instance/observer.py puts it together."""
        op = self.operators[who]
        if op.cached is None:
            return None
        instance, now = _instance(op.cached), self.monotonic(who)
        views = {REF: self.view(who), **({REF_B: self.view_b(who)} if self.two else {})}
        spec = instance.spec
        witness = op.witness if op.knows == instance.owner.uid else None
        return Observation(
            now=now,
            wall=WALL + self.now,
            instance=instance,
            witness=brought_up_to_date(witness or Witness(first_seen=now), instance, views, now),
            providers=views,
            missing={},
            wishes=Wishes(machine=spec.machine, secret_versions={"TOKEN": self.secret}) if spec else None,
            process=op.process,
            jitter=0.5,
        )

    def view(self, who: str) -> ProviderView:
        """Return the provider as this operator knows it."""
        op = self.operators[who]
        return ProviderView(
            ref=REF,
            spec=self.provider,
            place=self.far.place,
            capabilities=CAPABILITIES if self.far.reads else BLIND_CAPABILITIES,
            hindrance=self.hindrance,
            reachable=not self.far.blind,
            ever_reached=True,
            credentials_rejected=False,
            room=Room(free=True),
            snapshot=op.snapshot,
            visible_seconds=self.monotonic(who),
            mass_absent=op.absence.missing,
        )

    def view_b(self, who: str) -> ProviderView:
        """Return the second provider as this operator knows it."""
        first = self.view(who)
        op = self.operators[who]
        second = replace(first, ref=REF_B, place=PLACE_B, hindrance=self.hindrance_b, reachable=True)
        return replace(second, snapshot=op.snapshot_b, mass_absent=frozenset())

    def lists(self, who: str) -> "World":
        """Return the world after the operator's provider side has listed."""
        if self.two:
            listed = Snapshot.of(self.monotonic(who), self.side(REF_B).machines(self.now)) if self.far.reads else None
            return self.operator(who, snapshot_b=listed)._lists_first(who)
        return self._lists_first(who)

    def _lists_first(self, who: str) -> "World":
        began, op = self.monotonic(who), self.operators[who]
        try:
            machines = (*self.far.machines(self.now), *self._neighbours())
        except Blind:
            return self.operator(who, listed=self.now)
        snapshot = Snapshot.of(began, machines)
        due, fresh = self._expected()
        absence = op.absence.after_list(due, snapshot.by_id, fresh)
        return self.operator(who, snapshot=snapshot, listed=self.now, absence=absence, rests_until=self.now)

    def _neighbours(self) -> tuple[Machine, ...]:
        if self.far.empty_lists:
            return ()
        owners = [Owner(OWNER.cluster, "team-b", f"n{i}", f"uid-n{i}") for i in range(self.neighbours)]
        return tuple(Machine(f"i-{o.name}", o.name, MachineState.RUNNING, "", owner_labels(o, 1)) for o in owners)

    def _expected(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the ids that a list should show now, and those that it may not show yet, as the provider's side
        takes them from the index.
        """
        index = InstanceIndex()
        index.update(KEY, self.stored)
        holdings = [holding for holding in [index.get(KEY)] if holding]
        here = REF.key(KEY.namespace)
        due, fresh = expected_in_lists(holdings, here, WALL + self.now, longest_unsettled(self.provider))
        return due | {f"i-n{i}" for i in range(self.neighbours)}, fresh


def with_two_placements(spec: Mapping[str, Any] | None = None, **world: Any) -> World:
    """Return the world of an object whose machine may come from two providers."""
    body = new_body(**TWO_PLACEMENTS, **(spec or {}))
    return World(stored=body, operators={"A": Operator("A1", body)}, two=True, **world)


def _parsed_instance(body: Body) -> Instance:
    metadata = body["metadata"]
    return Instance(
        key=KEY,
        owner=owner_with(metadata["uid"]),
        generation=metadata["generation"],
        deleting="deletionTimestamp" in metadata,
        finalized=FINALIZER_MACHINE in (metadata.get("finalizers") or ()),
        annotations=metadata.get("annotations") or {},
        spec=_parsed(orjson.dumps(body["spec"])),
        spec_error="",
        memory=memory_of(body.get("status") or {}),
        body=body,
    )


_instance = ParsedOnce(_parsed_instance)


def _merged(target: Body, change: Body) -> Body:
    """Return the JSON merge patch applied (RFC 7386)."""
    merged = {key: value for key, value in target.items() if change.get(key, value) is not None}
    for key, value in change.items():
        if isinstance(value, Mapping):
            old = target.get(key)
            merged[key] = _merged(old if isinstance(old, Mapping) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged
