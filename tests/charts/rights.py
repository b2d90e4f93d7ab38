"""Which rights an account has, by the RBAC objects in the cluster, and which it has used, by the audit log."""

import json
from pathlib import Path
from typing import Any, TypeAlias

from gpuwright_sandbox.controlplane.plane import ControlPlane

Right: TypeAlias = "tuple[str, str]"


def granted(plane: ControlPlane, release: str) -> set[Right]:
    """Return what the roles of the release that are bound to the operator grant, wherever."""
    kinds = "clusterrole,role,clusterrolebinding,rolebinding"
    selector = f"app.kubernetes.io/instance={release}"
    found = json.loads(plane.kubectl("get", kinds, "-A", "-l", selector, "-o", "json").stdout)["items"]
    bound = {(body["roleRef"]["kind"], body["roleRef"]["name"]) for body in found if "roleRef" in body}
    return {
        (verb, f"{group}/{resource}".lstrip("/"))
        for body in found
        if (body["kind"], body["metadata"]["name"]) in bound
        for rule in body["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(log: Path, offset: int, user: str) -> dict[str, set[Right]]:
    """Return the rights that were `answered`, and those that were `refused`, since a place of the audit log.

    A refusal by a namespace that goes is none of a missing right.
    """
    found: dict[str, set[Right]] = {}
    for line in log.read_bytes()[offset:].splitlines():
        if user.encode() not in line:
            continue
        event = json.loads(line)
        if event["user"]["username"] != user or "resource" not in event.get("objectRef", {}):
            continue
        missing = event["responseStatus"]["code"] == 403 and "being terminated" not in str(event["responseStatus"])
        found.setdefault("refused" if missing else "answered", set()).add(_right(event))
    return found


def _right(event: dict[str, Any]) -> Right:
    reference = event["objectRef"]
    parts = (reference.get(part, "") for part in ("apiGroup", "resource", "subresource"))
    return event["verb"], "/".join(part for part in parts if part)
