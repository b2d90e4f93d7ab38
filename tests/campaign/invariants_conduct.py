"""I8 and I10 to I13: what Ready says, what is spent and read, and whether all comes to rest."""

import json
from collections.abc import Iterator

from tests.campaign.answers import SILENT, calls_of
from tests.campaign.story import (
    USER,
    Scene,
    condition_of,
    is_deleting,
    is_let_go_on_purpose,
    memory_of,
    name_of,
    spec_of,
    status_of,
    uid_of,
    walk,
)
from tests.campaign.trace import Billing, Body, Faulted, Read, Received, Sent, Trace, Written

from gpuwright.model.provider_spec import ClusterProviderSpec
from gpuwright.model.resources import BY_KIND, CLUSTER_PROVIDERS, INSTANCES, NAMESPACES, PROVIDERS, SECRETS

SEEN_SECONDS = 70.0  # a machine that Ready speaks of ran at most this long ago: two polls, and a read with its time-out
STALE_SECONDS = 300.0  # after so long without an answer Ready is not True any more
CONVERGE_SECONDS = (
    1500.0  # after so long without a disturbance everything is as its spec asks: the longest pause is 660
)
QUIET_SECONDS = 100.0  # after a change everything that follows from it is written by then: a release, 60 s later
_FINDINGS = ("orphans", "leaks", "retained")
_WITH_SWEEP = frozenset({PROVIDERS.kind, CLUSTER_PROVIDERS.kind})
TRIED_AGAIN = frozenset({"CredentialsRejected"})  # stalled, and yet tried again after a while


def i8_honest_status(trace: Trace) -> list[str]:
    """Ready=True speaks of this generation and of a machine that ran a moment ago, and not for ever in silence."""
    broken: list[str] = []
    ran: dict[str, float] = {}
    running: frozenset[str] = frozenset()
    for event, scene in walk(trace):
        if isinstance(event, Billing):
            now = frozenset(machine.id for machine in event.machines if machine.state == "Running")
            ran.update(dict.fromkeys(running | now, event.at))
            running = now
        if isinstance(event, Written) and event.after is not None and _tells(event):
            broken += _dishonest(event.at, event.after, scene, ran | dict.fromkeys(running, event.at))
    return [*broken, *_ready_in_silence(trace)]


def _tells(event: Written) -> bool:
    """Return whether an operator has written an instance's status."""
    after, before = event.after or {}, event.before or {}
    return event.kind == INSTANCES.kind and event.process != USER and after.get("status") != before.get("status")


def _dishonest(at: float, body: Body, scene: Scene, ran: dict[str, float]) -> Iterator[str]:
    ready = condition_of(body, "Ready")
    if ready.get("status") != "True":
        return
    words = f"at {at:.3f} s {name_of(body)} is Ready"
    if ready.get("observedGeneration") != body["metadata"].get("generation"):
        yield f"{words} for generation {ready.get('observedGeneration')}, and its spec is another"
    machine_id = memory_of(body).machine_id
    if ready.get("reason") == "Running" and scene.is_readable(body) and at - ran.get(machine_id, -1e9) > SEEN_SECONDS:
        yield f"{words}, and {machine_id} does not run"


def _ready_in_silence(trace: Trace) -> Iterator[str]:
    """Yield each instance that was still Ready although its provider had not answered for too long."""
    heard = 0.0
    told: set[str] = set()
    for event, scene in walk(trace):
        if not isinstance(event, Received):
            continue
        if event.result.partition(" ")[0] not in SILENT:
            heard, told = event.at, set()
        elif event.at - heard > STALE_SECONDS:
            ready = [b for b in scene.instances() if condition_of(b, "Ready").get("status") == "True"]
            ready = [b for b in ready if memory_of(b).machine_id]  # what is not to have a machine needs no answer
            ready = [b for b in ready if condition_of(b, "Reconciling").get("reason") != "Paused"]  # it says since when
            for body in ready:
                if uid_of(body) not in told:
                    yield f"at {event.at:.3f} s {name_of(body)} is Ready, and no answer came since {heard:.3f} s"
            told |= {uid_of(body) for body in ready}


def i10_spend(trace: Trace) -> list[str]:
    """A provider's limits hold, whatever happens: machines in all, creates in any minute, creates in flight."""
    broken = []
    flights: dict[tuple[str, str], list[float]] = {}
    creates = [call for call in calls_of(trace) if call.sent.verb == "create"]
    for event, scene in walk(trace):
        if not isinstance(event, Sent) or event.verb != "create":
            continue
        provider = scene.provider_of(scene.objects.get(event.uid, {"metadata": {"namespace": ""}}))
        spec = spec_of(provider)
        if spec is None or provider is None:
            continue
        row = flights.setdefault((uid_of(provider), "all"), [])
        row.append(event.at)
        rate = spec.limits.creates_per_minute
        for begin in row:
            count = sum(1 for moment in row if moment >= begin)
            if count > rate * (1 + (event.at - begin) / 60) + 1:
                broken.append(f"{count} creates from {begin:.3f} to {event.at:.3f} s, and {rate} a minute are allowed")
        open_calls = [c for c in creates if c.sent.process == event.process and c.sent.at <= event.at]
        in_flight = sum(1 for call in open_calls if call.answered_at is None or call.answered_at > event.at)
        if in_flight > spec.limits.max_in_flight:
            broken.append(f"at {event.at:.3f} s {in_flight} creates are in flight")
        most = spec.limits.max_instances
        if most is not None and len(scene.machines) + in_flight > most:
            broken.append(f"at {event.at:.3f} s a create left for machine {len(scene.machines) + in_flight} of {most}")
    return broken


def i11_isolation(trace: Trace) -> list[str]:
    """Secrets are read where the object is that names them; a closed provider sells nothing and tells nothing."""
    broken = []
    for event, scene in walk(trace):
        if isinstance(event, Read) and event.kind == SECRETS.kind:
            if not _is_named(event, scene):
                broken.append(f"at {event.at:.3f} s Secret {event.namespace}/{event.name} was read, which nobody names")
        elif isinstance(event, Written) and event.kind == INSTANCES.kind and event.after is not None:
            broken += _from_behind_closed_doors(event.at, event.after, event.before, scene)
    return broken


def _is_named(event: Read, scene: Scene) -> bool:
    """Return whether an object of the same namespace, or a cluster provider, names this Secret."""
    for body in (*scene.objects.values(), *(body for _at, body in scene.gone.values())):
        namespace = body["metadata"].get("namespace", "")
        if namespace in {"", event.namespace} and f'"name": "{event.name}"' in json.dumps(body.get("spec") or {}):
            return True
    return False


def _from_behind_closed_doors(at: float, body: Body, before: Body | None, scene: Scene) -> Iterator[str]:
    provider = scene.provider_of(body)
    if provider is None or scene.kinds[uid_of(provider)] != CLUSTER_PROVIDERS.kind:
        return
    spec = spec_of(provider)
    namespace = body["metadata"]["namespace"]
    labels = [n["metadata"].get("labels") or {} for n in scene.of_kind(NAMESPACES.kind)]
    labels = labels or [{}]
    if not isinstance(spec, ClusterProviderSpec) or memory_of(before).launch is not None:
        return
    if spec.allowed_namespaces and any(spec.allowed_namespaces.admit(namespace, known) for known in labels):
        return
    words = f"at {at:.3f} s {name_of(body)}, whose provider is closed to it,"
    if memory_of(body).launch is not None:
        yield f"{words} has a launch on record"
    if spec.gateway.endpoint in json.dumps(status_of(body)):
        yield f"{words} tells its endpoint"


def i12_convergence(trace: Trace) -> list[str]:
    """When nothing disturbs it any more, everything comes to be as its spec asks, and stays so."""
    restless: dict[str, str] = {}
    since = 0.0
    at = 0.0
    reached: set[str] = set()
    broken = []
    for event, scene in walk(trace):
        if scene.changed_at != since:
            since = scene.changed_at
            reached.clear()
        at = scene.at
        if isinstance(event, Written | Billing | Faulted):
            restless = {uid_of(body): why for body in scene.instances() if (why := why_restless(scene, body))}
            turned = {uid: why for uid, why in restless.items() if uid in reached}
            broken += [f"at {at:.3f} s {why}, after it had come to rest" for why in turned.values()]
            orphans = [machine for machine in scene.machines if _is_orphan(scene, machine.uid)]
            restless |= {machine.uid: f"{machine.id} bills without its object" for machine in orphans}
        if at - since > QUIET_SECONDS and not scene.faults:
            reached |= {uid_of(body) for body in scene.instances()}
        reached -= restless.keys()
    if at - since >= CONVERGE_SECONDS:
        broken += [f"{why}, {at - since:.0f} s after the last disturbance" for why in restless.values()]
    return broken


def _is_orphan(scene: Scene, uid: str) -> bool:
    ended = scene.gone.get(uid)
    return ended is not None and not is_let_go_on_purpose(ended[1]) and uid not in scene.torn


def why_restless(scene: Scene, body: Body) -> str:
    """Return what is not as this instance's spec asks; empty where all is, or where a person must act (Stalled)."""
    if is_deleting(body):
        return f"{name_of(body)} is not gone yet"
    ready = condition_of(body, "Ready")
    if memory_of(body).residue and scene.is_readable(body):
        return f"{name_of(body)} has names that are not proven absent"
    stalled = condition_of(body, "Stalled")
    if stalled.get("status") == "True" and stalled.get("reason") not in TRIED_AGAIN:
        return ""
    if ready.get("status") != "True" or ready.get("observedGeneration") != body["metadata"].get("generation"):
        return f"{name_of(body)} is {ready.get('reason', 'nothing yet')}"
    machine = scene.billing(memory_of(body).machine_id)
    if ready.get("reason") == "Running" and machine is None and scene.is_readable(body):
        return f"{name_of(body)} has no machine"
    return ""


def i13_quiet(trace: Trace) -> list[str]:
    """Where all is at rest nothing is written, and reads come at the pace of the polls."""
    broken = []
    reads: list[float] = []
    since: float | None = None  # when all had come to rest
    for event, scene in walk(trace):
        quiet = since is not None and event.at - max(since, scene.changed_at) > QUIET_SECONDS
        if isinstance(event, Written) and _is_a_finding(event):
            since = None if since is None else event.at
        elif quiet and isinstance(event, Written) and event.process != USER and event.kind in BY_KIND:
            body = event.after or event.before
            broken.append(f"at {event.at:.3f} s {event.kind} {name_of(body) if body else ''} was written at rest")
        if not quiet:
            reads.clear()
        elif isinstance(event, Sent):
            reads.append(event.at)
            most = _most_calls(scene, event.at - reads[0])
            if len(reads) > most:
                broken.append(f"{len(reads)} calls from {reads[0]:.3f} to {event.at:.3f} s at rest")
                reads.clear()
        if isinstance(event, Written | Billing | Faulted):
            restless = scene.faults or any(why_restless(scene, body) for body in scene.instances())
            since = None if restless else event.at if since is None else since
    return broken


def _is_a_finding(event: Written) -> bool:
    """Return whether the sweep tells of something new: an orphan, its end, or that what was let go is gone."""
    before, after = status_of(event.before), status_of(event.after)
    return event.kind in _WITH_SWEEP and any(before.get(name) != after.get(name) for name in _FINDINGS)


def _most_calls(scene: Scene, seconds: float) -> float:
    """Return how many calls a provider may get in this time: a list a poll, and a look a poll for each instance."""
    specs = [spec for body in scene.of_kind(PROVIDERS.kind) if (spec := spec_of(body))]
    period = min([float(spec.poll.period_seconds) for spec in specs], default=10.0)
    return (2 + len(list(scene.instances()))) * (2 + seconds / period)
