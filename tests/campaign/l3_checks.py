"""The invariants over the trace of a point; each returns what it found broken."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.campaign.trace import Billing, Body, Sent, Trace, Written

FINALIZER = "gpuwright.dev/machine"
# Between the look at the clock and the arrival at the door a busy machine may take its time.
WINDOW_SECONDS = 2.0 + 1.0


class Broken(NamedTuple):
    """One broken invariant, in words."""

    invariant: str
    message: str


def check(trace: Trace, allowed: frozenset[str] = frozenset()) -> list[Broken]:
    """Return all that is broken; machines with the ids that are `allowed` may outlive their owners."""
    return [
        *_single(trace),
        *_no_leak(trace, allowed),
        *_never_lost(trace),
        *_right_owner(trace),
        *_intent_first(trace),
        *_finalizer(trace),
        *_conditions(trace),
    ]


def _single(trace: Trace) -> Iterator[Broken]:
    """I1: an owner has at most one machine at any moment."""
    for event in trace.events:
        if not isinstance(event, Billing):
            continue
        owners = [machine.uid for machine in event.machines if machine.uid]
        for uid in sorted({uid for uid in owners if owners.count(uid) > 1}):
            names = [machine.name for machine in event.machines if machine.uid == uid]
            yield Broken("I1", f"two machines of one owner at the same moment: {', '.join(names)}")


def _no_leak(trace: Trace, allowed: frozenset[str]) -> Iterator[Broken]:
    """I2: from the moment on at which the object is gone nothing of it bills."""
    gone: set[str] = set()
    billing: tuple[Any, ...] = ()
    for event in trace.events:
        if isinstance(event, Billing):
            billing = event.machines
        elif isinstance(event, Written) and event.after is None and event.before is not None:
            gone.add(event.before["metadata"]["uid"])
        else:
            continue
        for machine in billing:
            if machine.uid in gone and machine.id not in allowed:
                yield Broken("I2", f"machine {machine.name} bills though its object is gone")
                gone.discard(machine.uid)


def _never_lost(trace: Trace) -> Iterator[Broken]:
    """I3: a machine that bills stays on record."""
    last: dict[str, str] = {}
    billing: frozenset[str] = frozenset()
    for event in trace.events:
        if isinstance(event, Billing):
            billing = frozenset(machine.id for machine in event.machines)
        elif isinstance(event, Written) and event.after is not None:
            uid, known = event.after["metadata"]["uid"], _recorded(event.after)
            before = last.get(uid, "")
            if before and known != before and before in billing:
                yield Broken("I3", f"machine {before} bills and is on record no more")
            last[uid] = known


def _right_owner(trace: Trace) -> Iterator[Broken]:
    """I4: a machine is terminated only after that was written down, or when its object is gone."""
    announced: set[str] = set()
    gone = False
    for event in trace.events:
        if isinstance(event, Written):
            gone = gone or event.after is None
            announced.update(_ending_names(event.after or {}))
        elif isinstance(event, Sent) and event.verb == "delete" and event.name not in announced and not gone:
            yield Broken("I4", f"a terminate of {event.name} that no record had announced")


def _intent_first(trace: Trace) -> Iterator[Broken]:
    """I5: a create leaves once, within the window, and only from the process that has announced it."""
    intents: dict[str, Written] = {}
    used: set[tuple[str, int]] = set()
    for event in trace.events:
        if isinstance(event, Written) and _is_intent(event):
            intents[str(_launch(event.after)["name"])] = event
        elif isinstance(event, Sent) and event.verb == "create" and event.uid:
            yield from _unannounced(event, intents.get(event.name), used)


def _is_intent(event: Written) -> bool:
    """Return whether this very write is the one that announces a create; later ones leave it on record."""
    new, old = _launch(event.after), _launch(event.before)
    return new.get("outcome") == "Intended" and (new["send"], "Intended") != (old.get("send"), old.get("outcome"))


def _unannounced(sent: Sent, intent: Written | None, used: set[tuple[str, int]]) -> Iterator[Broken]:
    if intent is None:
        yield Broken("I5", f"a create of {sent.name} that no record had announced")
        return
    send = (sent.name, int(_launch(intent.after)["send"]))
    if sent.token != _launch(intent.after).get("token"):
        yield Broken("I5", f"a create of {sent.name} with a token that is not on record")
    if intent.process != sent.process:
        yield Broken("I5", f"{sent.process} sent a create of {sent.name} that {intent.process} had announced")
    if sent.at - intent.at > WINDOW_SECONDS:
        yield Broken("I5", f"a create of {sent.name} was sent {sent.at - intent.at:.1f} s after it was announced")
    if send in used:
        yield Broken("I5", f"send {send[1]} of {sent.name} was sent twice")
    used.add(send)


def _finalizer(trace: Trace) -> Iterator[Broken]:
    """I6: whoever has a machine on the way has our finalizer."""
    without: dict[str, bool] = {}
    for event in trace.events:
        if isinstance(event, Written) and event.after is not None:
            metadata = event.after["metadata"]
            without[metadata["uid"]] = FINALIZER not in (metadata.get("finalizers") or ())
        elif isinstance(event, Sent) and event.verb == "create" and without.get(event.uid, False):
            yield Broken("I6", f"a create of {event.name} for an object without our finalizer")


def _conditions(trace: Trace) -> Iterator[Broken]:
    """I15: one condition of a type, each with a reason; the observed generation never falls."""
    generations: dict[str, int] = {}
    for event in trace.events:
        if not isinstance(event, Written) or event.after is None:
            continue
        conditions = (event.after.get("status") or {}).get("conditions") or ()
        kinds = [condition["type"] for condition in conditions]
        if len(kinds) != len(set(kinds)):
            yield Broken("I15", f"two conditions of one type: {', '.join(kinds)}")
        if any(not condition["reason"] for condition in conditions):
            yield Broken("I15", "a condition without a reason")
        uid, seen = event.after["metadata"]["uid"], (event.after.get("status") or {}).get("observedGeneration", 0)
        if seen < generations.get(uid, 0):
            yield Broken("I15", f"the observed generation fell to {seen}")
        generations[uid] = seen


def _launch(body: Body | None) -> Mapping[str, Any]:
    return ((body or {}).get("status") or {}).get("launch") or {}


def _recorded(body: Body) -> str:
    return str(((body.get("status") or {}).get("machine") or {}).get("id", ""))


def _ending_names(body: Body) -> tuple[str, ...]:
    return tuple((_launch(body).get("ending") or {}).get("names") or ())
