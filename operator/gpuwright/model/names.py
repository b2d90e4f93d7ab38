"""Names, tokens, places and hashes: pure functions, so that every process computes the same ones.

The rules are those of docs/protocol.md, "Words".
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LABEL_CLUSTER = "gpuwright.dev/cluster"
LABEL_OWNER_UID = "gpuwright.dev/owner-uid"
LABEL_OWNER = "gpuwright.dev/owner"
LABEL_INCARNATION = "gpuwright.dev/incarnation"

FINALIZER_MACHINE = "gpuwright.dev/machine"
FINALIZER_IN_USE = "gpuwright.dev/in-use"

ANNOTATION_PAUSED = "gpuwright.dev/paused"
ANNOTATION_RECONCILE = "gpuwright.dev/reconcile-requested-at"
ANNOTATION_ADOPT = "gpuwright.dev/adopt"
ANNOTATION_FORGET = "gpuwright.dev/force-forget"
ANNOTATION_TRACEPARENT = "gpuwright.dev/traceparent"

MAX_NAME = 63  # DNS-1035 label
MAX_READABLE = 40  # of it the object's own name at most, so that the hash and the suffixes always fit
HASH_DIGITS = 10

_ATTEMPT = re.compile(r"-r([1-9][0-9]{0,18})$")


@dataclass(frozen=True, slots=True)
class Owner:
    """Which object of which cluster a machine belongs to."""

    cluster: str
    namespace: str
    name: str
    uid: str

    @property
    def label(self) -> str:
        """Return `<namespace>.<name>`; split it at the first dot, because namespaces have none and names may."""
        return f"{self.namespace}.{self.name}"


def attempt_name(owner: Owner, incarnation: int, attempt: int) -> str:
    """Return the machine's name for one attempt: `<base>[-g<incarnation>][-r<attempt>]`, at most 63 characters.

    Never given to two attempts of one owner: the suffix carries both counters, the hash the cluster and the object's
    uid.
    """
    suffix = "" if incarnation == 1 else f"-g{incarnation}"
    suffix += "" if attempt == 1 else f"-r{attempt}"
    digest = hashlib.sha256(f"{owner.cluster}/{owner.uid}".encode()).hexdigest()[:HASH_DIGITS]
    readable = re.sub(r"[^a-z0-9-]", "-", owner.name.lower())
    if readable[:1].isdigit():
        readable = "m" + readable
    room = min(MAX_READABLE, MAX_NAME - len(suffix) - HASH_DIGITS - 1)
    return f"{readable[:room].rstrip('-')}-{digest}{suffix}"


def attempt_of(name: str) -> int:
    """Return the attempt that a machine's name carries; 1 where it has no `-r<n>`."""
    found = _ATTEMPT.search(name)
    return int(found.group(1)) if found else 1


def token(owner: Owner, incarnation: int, attempt: int, placement: int) -> str:
    """Return the idempotency key of one attempt: 32 hex digits."""
    text = f"{owner.cluster}/{owner.uid}/{incarnation}/{attempt}/{placement}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def provider_place(provider_type: str, endpoint: str, account: str, cluster: str) -> str:
    """Return what a provider's machines are recorded under: 16 hex digits."""
    return _short_hash(["place", provider_type, endpoint, account, cluster])


def machine_place(provider: str, region: str | None, zone: str | None) -> str:
    """Return the provider's place, narrowed where the machine asks for a region or a zone."""
    if not region and not zone:
        return provider
    return _short_hash([provider, region or "", zone or ""])


def canonical_hash(value: Any) -> str:
    """Return 32 hex digits over the value as JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def owner_labels(owner: Owner, incarnation: int) -> dict[str, str]:
    """Return the identity labels that every machine of ours carries from birth."""
    return {
        LABEL_CLUSTER: owner.cluster,
        LABEL_OWNER_UID: owner.uid,
        LABEL_OWNER: owner.label,
        LABEL_INCARNATION: str(incarnation),
    }


def owner_of(labels: Mapping[str, str]) -> Owner | None:
    """Return the owner that labels name, or None where they name none in full."""
    cluster, uid, label = (labels.get(key, "") for key in (LABEL_CLUSTER, LABEL_OWNER_UID, LABEL_OWNER))
    namespace, dot, name = label.partition(".")
    if not (cluster and uid and dot):
        return None
    return Owner(cluster, namespace, name, uid)


def _short_hash(parts: list[str]) -> str:
    return canonical_hash(parts)[:16]
