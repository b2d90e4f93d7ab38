"""Clusters and requests as the server shows them, in the shapes of a real one."""

from collections.abc import Iterable
from typing import Any

import orjson

from gpuwright_sandbox.skypilot.fleet import Cluster, Request

NULL = orjson.dumps(None).decode()
PICKLE = "gASVBgAAAAAAAACMAnRoLg=="


def row(cluster: Cluster) -> dict[str, Any]:
    """Return a cluster as `POST /status` shows it."""
    wanted = cluster.resources
    spot = "[Spot]" if wanted.get("use_spot") else ""
    accelerators = wanted.get("accelerators")
    return {
        "name": cluster.name,
        "launched_at": int(cluster.launched),
        "last_use": "",
        "status": cluster.status,
        "autostop": -1,
        "to_down": False,
        "cluster_hash": cluster.hash,
        "cluster_ever_up": cluster.ever_up,
        "status_updated_at": int(cluster.launched),
        "user_hash": "0a1b2c3d",
        "user_name": "gpuwright",
        "workspace": "default",
        "is_managed": False,
        "nodes": 1,
        "cloud": str(wanted.get("cloud") or "aws"),
        "region": str(wanted.get("region") or "us-east-1"),
        "resources_str": f"1x(cpus=2, mem=8){spot}",
        "resources_str_full": f"1x({spot}cpus=2, mem=8, disk=256)",
        "accelerators": str(dict(accelerators)) if accelerators else None,
        "labels": dict(wanted.get("labels") or {}),
        "cluster_name_on_cloud": f"{cluster.name}-0a1b2c3d",
    }


def listed(request: Request, fields: Iterable[str]) -> dict[str, Any]:
    """Return a request as `GET /api/status` shows it; without fields its body is there too, secrets and all."""
    whole = {
        "request_id": request.id,
        "name": request.name,
        "entrypoint": request.name.removeprefix("sky."),
        "request_body": orjson.dumps(dict(request.body)).decode(),
        "status": request.status,
        "return_value": NULL,
        "error": NULL,
        "pid": None,
        "created_at": request.created,
        "cluster_name": request.cluster or None,
        "schedule_type": "long",
        "user_id": "0a1b2c3d",
        "status_msg": None,
        "should_retry": False,
        "finished_at": request.finished,
    }
    wanted = set(fields)
    blank = {"entrypoint": "", "request_body": NULL, "user_id": "", "schedule_type": "short"}
    return {key: value if not wanted or key in wanted else blank.get(key, value) for key, value in whole.items()}


def payload(request: Request) -> dict[str, Any]:
    """Return a request that is over as `GET /api/get` shows it."""
    return {
        **listed(request, ()),
        "entrypoint": PICKLE,
        "request_body": PICKLE,
        "return_value": orjson.dumps(request.value).decode(),
        "error": orjson.dumps(request.error).decode(),
    }
