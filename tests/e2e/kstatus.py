"""How kubectl's relatives see an object: the decision order of kstatus, on bodies as the API server gives them.

cli-utils, pkg/kstatus/status/generic.go, as of 2025-10-21 (facts/ecosystem.md, 2.1).
"""

from collections.abc import Iterable, Mapping
from typing import Any

IN_PROGRESS = "InProgress"
CURRENT = "Current"
FAILED = "Failed"
TERMINATING = "Terminating"


def kstatus(body: Mapping[str, Any]) -> str:
    """Return what kstatus says of an object."""
    metadata, status = body["metadata"], body.get("status") or {}
    if "deletionTimestamp" in metadata:
        return TERMINATING
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return IN_PROGRESS
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    if conditions.get("Reconciling") == "True":
        return IN_PROGRESS
    if conditions.get("Stalled") == "True":
        return FAILED
    return CURRENT if conditions.get("Ready", "True") == "True" else IN_PROGRESS


def course(bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what kstatus says of the versions of an object, one after the other, repeats left out."""
    words: list[str] = []
    for body in bodies:
        word = kstatus(body)
        if words[-1:] != [word]:
            words.append(word)
    return words
