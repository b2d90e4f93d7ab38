"""How an object must stand once its manifest was carried out, and by what two objects are compared."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.campaign.l5_values import Stands
from tests.e2e.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus

Body = Mapping[str, Any]
Conditions = Mapping[str, tuple[str, str]]

_AT_REST: Conditions = {"Reconciling": ("False", "Settled"), "Stalled": ("False", "NotStalled")}
_RUNNING: Conditions = {
    "Accepted": ("True", "Accepted"),
    "Launched": ("True", "Created"),
    "Ready": ("True", "Running"),
    **_AT_REST,
}
_READY: Conditions = {
    "Accepted": ("True", "Accepted"),
    "CredentialsValid": ("True", "Authenticated"),
    "Online": ("True", "Answered"),
    "Ready": ("True", "Ready"),
    **_AT_REST,
}

INSTANCE: Mapping[Stands, Conditions] = {
    Stands.USUAL: _RUNNING,
    Stands.STOPPED: {**_RUNNING, "Ready": ("True", "Stopped")},
    Stands.DRAINING: _RUNNING,
    Stands.NO_SECRET: {
        **_RUNNING,
        "Accepted": ("False", "SecretNotFound"),
        "Ready": ("Unknown", "SecretNotFound"),
        "Reconciling": ("True", "Waiting"),
    },
    Stands.UNUSABLE: {
        **_RUNNING,
        "Accepted": ("False", "ProviderNotFound"),
        "Ready": ("Unknown", "ProviderNotFound"),
        "Reconciling": ("True", "Waiting"),
    },
}
"""The conditions of an instance with a machine, by how its provider or it itself stands: design 1.4."""

PROVIDER: Mapping[Stands, Conditions] = {
    Stands.USUAL: _READY,
    Stands.DRAINING: {**_READY, "Online": ("True", "Draining"), "Ready": ("True", "Draining")},
    Stands.NO_SECRET: {
        **_READY,
        "Accepted": ("False", "SecretNotFound"),
        "CredentialsValid": ("False", "SecretNotFound"),
        "Online": ("Unknown", "NotChecked"),
        "Ready": ("False", "SecretNotFound"),
        "Reconciling": ("True", "Waiting"),
    },
    Stands.UNUSABLE: {
        **_READY,
        "Accepted": ("False", "InvalidSpec"),
        "CredentialsValid": ("Unknown", "NotChecked"),
        "Online": ("Unknown", "NotChecked"),
        "Ready": ("False", "InvalidSpec"),
        "Stalled": ("True", "InvalidSpec"),
    },
}
"""The conditions of a provider."""

_HIDDEN = frozenset(
    {"observedGeneration", "lastTransitionTime", "token", "requestHash", "sentBy", "intendedTime", "createdTime"}
    | {"startedTime", "finishedTime", "credentialsVersion", "address", "id", "providerID", "send"}
    | {"externalPort", "url", "accumulated", "accumulatedTime"}
)
"""What differs between any two objects, or with each edit; an intent that never left in time is written once more;
who has had a machine for longer has paid more."""

_OWN = re.compile(r"-[0-9a-f]{10}(?![0-9a-f])")


def unlike(body: Body | None, conditions: Conditions, generation: int) -> Iterator[tuple[str, str]]:
    """Yield an invariant and words for each way in which an object does not stand as it must."""
    if body is None:
        yield "I12", "it is not there"
        return
    status = body.get("status") or {}
    seen = {entry["type"]: entry for entry in status.get("conditions") or ()}
    ready = seen.get("Ready", {}).get("status") == "True"
    if body["metadata"]["generation"] != generation:
        yield "I17", f"its generation is {body['metadata']['generation']}, and {generation} was accepted last"
    if status.get("observedGeneration") != generation:
        words = f"observedGeneration is {status.get('observedGeneration')}, and its generation {generation}"
        yield "I8" if ready else "I12", words
    spoken = {kind: entry.get("observedGeneration") for kind, entry in seen.items()}
    old = {kind: spoken[kind] for kind in spoken if spoken[kind] != generation}
    if old:
        yield "I15", f"conditions speak of other generations than {generation}: {old}"
    shown = {kind: (entry["status"], entry["reason"]) for kind, entry in seen.items()}
    for kind in sorted({*shown, *conditions}):
        if shown.get(kind) != conditions.get(kind):
            yield "I12", f"{kind} is {shown.get(kind)}, and must be {conditions.get(kind)}"
    wanted = _kstatus_of(conditions)
    if kstatus(body) != wanted:
        yield "I12", f"kstatus says {kstatus(body)}, and must say {wanted}"


def _kstatus_of(conditions: Conditions) -> str:
    if conditions["Stalled"][0] == "True":
        return FAILED
    return CURRENT if conditions["Ready"][0] == "True" else IN_PROGRESS


def flat(value: Any, names: Mapping[str, str]) -> dict[str, str]:
    """Return the leaves of a value by their paths, without what differs between any two objects.

    `names` are texts of its own, and what stands in their place.
    """
    text = json.dumps(value)
    for own in sorted(names, key=len, reverse=True):
        text = text.replace(own, names[own])
    return dict(_flat(json.loads(_OWN.sub("-<hash>", text)), ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, field in value.items():
            if name not in _HIDDEN:
                yield from _flat(field, f"{path}.{name}")
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(item, f"{path}[{number}]")
        return
    yield path, str(value)


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return a sentence for each place at which two objects differ."""
    return [
        f"{path} is {one.get(path)!r}, and {other.get(path)!r}"
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path)
    ]
