"""The end of a run: what all versions of the objects tell, and whether anything is left."""

from collections.abc import Iterator

from tests.campaign.invariants import INVARIANTS
from tests.campaign.l5_ground import Ground
from tests.campaign.l5_leaves import KINDS
from tests.campaign.l5_watch import Body
from tests.campaign.trace import Trace, Written
from tests.crds import schema
from tests.e2e.cluster import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, SECRETS, wait_for

_COMPLAINTS = 5  # of an operator that are shown


def judged_history(ground: Ground, since: float) -> Iterator[tuple[str, str]]:
    """Yield what was wrong on the way since a moment: in conditions, and in the id of a machine, which must stay."""
    trace = Trace([event for event in ground.watcher.trace().events if event.at >= since])
    for words in INVARIANTS["I15"](trace):
        yield "I15", words
    for event in trace.events:
        if isinstance(event, Written) and event.kind == KINDS[schema.INSTANCES]:
            old, new = _machine_of(event.before), _machine_of(event.after)
            if event.after is not None and old and new != old:
                yield "I3", f"{event.after['metadata']['name']} forgot {old} for {new or 'nothing'}"


def _machine_of(body: Body | None) -> str:
    return str((((body or {}).get("status") or {}).get("machine") or {}).get("id") or "")


def cleared(ground: Ground, names: set[str], seconds: float) -> Iterator[tuple[str, str]]:
    """Delete all; yield what is left, here or at the gateway, and what the operator had to complain of.

    `names` are those of the cluster's providers that belong to this run.
    """
    _delete_all(ground, names)
    try:
        wait_for(
            "no object of ours left",
            lambda: not ground.watcher.left(names),
            seconds * 2,
            lambda: ground.watcher.left(names),
        )
        wait_for("no Secret left", lambda: not _secrets(ground), seconds, lambda: _secrets(ground))
    except AssertionError as error:
        yield "I12", str(error)[:500]
    live = [f"{machine['id']} of {machine['owner_uid']}" for machine in ground.gateway.live_machines()]
    if live:
        yield "I2", f"machines are left that bill: {live}"
    for line in ground.operator.complaints()[:_COMPLAINTS]:
        yield "log", f"the operator complains: {line[:500]}"


def _delete_all(ground: Ground, names: set[str]) -> None:
    cluster, namespace = ground.cluster, ground.namespace
    for body in cluster.all(INSTANCES, namespace):
        if body["spec"]["deletionPolicy"] == "Retain":
            cluster.merge(INSTANCES, namespace, body["metadata"]["name"], {"spec": {"deletionPolicy": "Delete"}})
    for kind in (INSTANCES, PROVIDERS, CLUSTER_PROVIDERS, SECRETS):
        for body in cluster.all(kind, namespace):
            if kind.namespaced or body["metadata"]["name"] in names:
                cluster.delete(kind, namespace, body["metadata"]["name"])


def _secrets(ground: Ground) -> list[str]:
    return [body["metadata"]["name"] for body in ground.cluster.all(SECRETS, ground.namespace)]
