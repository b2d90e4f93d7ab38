"""A trace told again, event by event: what the API server and the provider held after each of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.campaign.trace import Billing, Body, Event, Faulted, Machine, Restarted, Trace, Written

from gpuwright.model.memory import Memory, parse_memory
from gpuwright.model.names import ANNOTATION_FORGET, FINALIZER_MACHINE
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS
from gpuwright.provider.parsing import parse_provider

USER = "user"
_MOST_KEPT = 5_000
_T = TypeVar("_T")
_Kept = dict[int, tuple[Body, _T]]
_MEMORIES: _Kept[Memory] = {}
_SPECS: _Kept[ProviderSpec | None] = {}


@dataclass(slots=True)
class Scene:
    """What is true after an event. Objects by uid; `gone` has when an object ended, and its last version."""

    at: float = 0.0
    objects: dict[str, Body] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    written_at: dict[str, float] = field(default_factory=dict)
    gone: dict[str, tuple[float, Body]] = field(default_factory=dict)
    bared: set[str] = field(default_factory=set)  # objects whose finalizer a person has taken off
    torn: set[str] = field(default_factory=set)  # those that ended so
    machines: tuple[Machine, ...] = ()
    faults: set[str] = field(default_factory=set)
    disturbed_at: float = 0.0  # when somebody other than an operator did something last
    changed_at: float = 0.0  # the same, a machine's own changes counted in

    def take(self, event: Event) -> None:
        """Move on by one event."""
        self.at = event.at
        match event:
            case Written():
                self._take_written(event)
            case Billing(machines=machines):
                self.machines = machines
                self.changed_at = event.at
            case Faulted(what=what, begins=begins):
                (self.faults.add if begins else self.faults.discard)(what)
                self.disturbed_at = self.changed_at = event.at
            case Restarted():
                self.disturbed_at = self.changed_at = event.at
            case _:
                return

    def _take_written(self, event: Written) -> None:
        if event.process == USER:
            self.disturbed_at = self.changed_at = event.at
        body = event.after if event.after is not None else event.before
        if body is None:
            return
        uid = uid_of(body)
        if is_finalized(event.before) and not is_finalized(event.after) and event.process == USER:
            self.bared.add(uid)
        elif is_finalized(event.after):
            self.bared.discard(uid)
        if event.after is None:
            self.torn |= self.bared & {uid}
            self.objects.pop(uid, None)
            self.gone[uid] = (event.at, event.before or body)
            return
        self.objects[uid] = event.after
        self.kinds[uid] = event.kind
        self.written_at[uid] = event.at

    def of_kind(self, kind: str) -> Iterator[Body]:
        """Yield the objects of a kind."""
        for uid, body in list(self.objects.items()):
            if self.kinds[uid] == kind:
                yield body

    def instances(self) -> Iterator[Body]:
        """Yield the ComputeInstances."""
        yield from self.of_kind(INSTANCES.kind)

    def owned(self, uid: str) -> tuple[Machine, ...]:
        """Return the machines that bill and carry this owner's tag."""
        return tuple(machine for machine in self.machines if machine.uid == uid)

    def billing(self, machine_id: str) -> Machine | None:
        """Return the machine with this id, if it bills."""
        return next((machine for machine in self.machines if machine.id == machine_id), None)

    def provider_of(self, body: Body) -> Body | None:
        """Return the provider object that an instance has its machine at, or else wants it at."""
        launch = status_of(body).get("launch") or {}
        ref = launch.get("providerRef") or body.get("spec", {}).get("providerRef") or {}
        kind = ref.get("kind") or PROVIDERS.kind
        for found in self.of_kind(kind):
            here = found["metadata"].get("namespace", "") in {"", body["metadata"]["namespace"]}
            if found["metadata"]["name"] == ref.get("name") and here:
                return found
        return None

    def is_readable(self, body: Body) -> bool:
        """Return whether this instance's provider can be read, as far as its provider object says."""
        provider = self.provider_of(body) or {}
        return bool((status_of(provider).get("capabilities") or {}).get("reads", True))


def walk(trace: Trace) -> Iterator[tuple[Event, Scene]]:
    """Yield each event with the scene after it. The scene is one object that goes on changing."""
    scene = Scene()
    for event in trace.events:
        scene.take(event)
        yield event, scene


def uid_of(body: Body) -> str:
    """Return an object's uid."""
    return str(body["metadata"]["uid"])


def name_of(body: Body) -> str:
    """Return `<namespace>/<name>`, for messages."""
    return f"{body['metadata'].get('namespace', '')}/{body['metadata']['name']}"


def status_of(body: Body | None) -> dict[str, Any]:
    """Return an object's status; empty where there is none."""
    return (body or {}).get("status") or {}


def memory_of(body: Body | None) -> Memory:
    """Return what a version of an instance has on record."""
    return Memory() if body is None else _once(_MEMORIES, body, lambda: parse_memory(status_of(body)))


def _once(kept: _Kept[_T], body: Body, make: Callable[[], _T]) -> _T:
    """Return what is made of a body, made once: every invariant asks for it at every event, and no body changes."""
    known = kept.get(id(body))
    if known is not None and known[0] is body:
        return known[1]
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    made = make()
    kept[id(body)] = body, made
    return made


def condition_of(body: Body | None, kind: str) -> dict[str, Any]:
    """Return a condition; empty where there is none."""
    found = [entry for entry in status_of(body).get("conditions") or () if entry.get("type") == kind]
    return found[0] if found else {}


def is_finalized(body: Body | None) -> bool:
    """Return whether our finalizer is on the object."""
    return FINALIZER_MACHINE in ((body or {}).get("metadata", {}).get("finalizers") or ())


def is_deleting(body: Body) -> bool:
    """Return whether the object's end has been asked for."""
    return "deletionTimestamp" in body["metadata"]


def is_let_go_on_purpose(body: Body) -> bool:
    """Return whether a person has said that what is left of this object is theirs: Retain, or force-forget."""
    forgotten = (body["metadata"].get("annotations") or {}).get(ANNOTATION_FORGET)
    return bool(forgotten) or (body.get("spec") or {}).get("deletionPolicy") == "Retain"


def spec_of(provider: Body | None) -> ProviderSpec | None:
    """Return a provider's spec, with its defaults; None where there is none."""
    if provider is None:
        return None
    kind = PROVIDERS.kind if provider["metadata"].get("namespace") else CLUSTER_PROVIDERS.kind
    return _once(_SPECS, provider, lambda: parse_provider(kind, provider)[0])
