"""What an operator does, as a door sees it: each request by a name that says what it is for, and what came back."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

READS = frozenset({"list", "look", "probe"})
_OURS = re.compile(
    r"/apis/gpuwright\.dev/v1alpha1/(?:namespaces/[^/]+/)?(compute\w+|clustercompute\w+)/([^/]+)(/status)?"
)
_SECRET = re.compile(r"/api/v1/namespaces/[^/]+/secrets/([^/]+)")
_MACHINE = re.compile(r"/api/instances/([^/]+)(?:/(start|stop))?")
_KINDS = {"computeinstances": "instance", "computeproviders": "provider", "clustercomputeproviders": "provider"}


@dataclass(slots=True)
class Exchange:
    """One request of an operator, and its answer.

    Attributes:
        at: when it came to the door; `answered` is when its answer came there. Seconds since 1970.
        process: who asked.
        side: api or gateway.
        effect: what it does, and the how-manyth of its kind it is; empty = a read of the API server.
        token: the idempotency key that goes with a create.
        status: None where the request was dropped, or never answered.
        delivered: whether the operator was given the answer.
    """

    at: float
    process: str
    side: str
    method: str
    path: str
    label: str
    effect: str
    sent: Body
    token: str = ""
    answered: float = 0.0
    status: int | None = None
    answer: Body | None = None
    delivered: bool = False

    @property
    def name(self) -> str:
        """The machine that a call of the gateway is about."""
        found = _MACHINE.fullmatch(self.path)
        return found[1] if found else str(self.sent.get("name", ""))


class Counting:
    """Gives each effect its name: what it does, and which of its kind it is since the counting began.

    Reads go on for ever, so they are named after the last write or call before them.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._last = "start"

    def next(self, label: str) -> str:
        """Return the name of the next effect of this kind."""
        if not label:
            return ""
        key = f"{label} after {self._last}" if label in READS else label
        self._seen[key] += 1
        effect = f"{key}#{self._seen[key]}"
        if label not in READS and not label.startswith("event "):
            self._last = effect
        return effect


def gateway_label(method: str, path: str) -> str:
    """Return what a call of the gateway is."""
    found = _MACHINE.fullmatch(path)
    if method == "POST":
        return found[2] if found and found[2] else "create"
    if method == "DELETE":
        return "delete"
    if path == "/healthz":
        return "probe"
    return "look" if found else "list"


def api_label(method: str, path: str, body: Body) -> str:
    """Return what a request to the API server changes; empty for one that changes nothing."""
    if method == "POST" and path.endswith("/events"):
        return f"event {body.get('reason', '')}"
    if method != "PATCH":
        return ""
    if _SECRET.fullmatch(path):
        return f"secret {_finalizers(body)}"
    found = _OURS.fullmatch(path)
    if found is None:
        return "event again"
    kind = _KINDS[found[1]]
    return f"{kind} {_status(body.get('status') or {}) if found[3] else _finalizers(body)}"


def _finalizers(body: Body) -> str:
    wanted = (body.get("metadata") or {}).get("finalizers")
    return "finalizer on" if wanted else "finalizer off"


def _status(change: Body) -> str:
    """Name a change of a status: by what it puts on record, else by what it says."""
    launch = change.get("launch") or {}
    words = [str(launch["outcome"])] if "outcome" in launch else []
    if "ending" in launch:
        words.append(f"ending {(launch['ending'] or {}).get('reason', 'over')}")
    if launch:
        # What else a record says differs with what a look happens to show first.
        return "record " + " ".join(words or sorted(launch))
    told = [str(entry["reason"]) for entry in change.get("conditions") or () if entry["type"] in {"Ready", "Deleting"}]
    return "says " + " ".join(told or sorted(change))
