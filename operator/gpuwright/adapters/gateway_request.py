"""The body of a gateway's create (docs/gateway.md, `POST /api/instances`)."""

from typing import Any

from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.quantity import cpu_cores, memory_gib_ceil
from gpuwright.model.registry_login import RegistryLogin
from gpuwright.model.request import MachineRequest

LEAST_CPU = 1  # cores
LEAST_MEMORY_GB = 1
"""What is asked for where the spec names no cpu and memory: the wire API demands both, and they are minima."""


def create_body(request: MachineRequest) -> dict[str, Any]:
    """Return the JSON body; optional fields that the spec leaves out are left out. It holds secrets: it is never
    logged.
    """
    body = {
        "name": request.name,
        "env": request.env,
        "labels": request.labels,
        "user_data": request.wishes.user_data,
        "ssh_authorized_keys": [*request.wishes.ssh_keys] or None,
        "registry_auth": _login(request.wishes.login),
        **_machine(request.wishes.machine),
    }
    return {key: value for key, value in body.items() if value is not None}


def _login(login: RegistryLogin | None) -> dict[str, str] | None:
    if login is None:
        return None
    return {"server": login.server, "username": login.username, "password": login.password}


def _machine(wanted: MachineSpec) -> dict[str, Any]:
    """Return the machine in the gateway's words: cores with fractions, GiB rounded up."""
    return {
        "image": wanted.image or "",
        "instance_type": wanted.instance_type,
        "cpu": LEAST_CPU if wanted.cpu is None else cpu_cores(wanted.cpu),
        "memory_gb": LEAST_MEMORY_GB if wanted.memory is None else memory_gib_ceil(wanted.memory),
        "disk_gb": None if wanted.disk is None else memory_gib_ceil(wanted.disk),
        "gpu": None if wanted.gpu is None else {"type": wanted.gpu.type, "count": wanted.gpu.count},
        "region": wanted.region,
        "zone": wanted.zone,
        "purchase": str(wanted.purchase),
        "ports": [{"name": port.name, "port": port.port, "protocol": str(port.spoken)} for port in wanted.ports]
        or None,
        "metadata": dict(wanted.gateway.metadata) if wanted.gateway else {},
    }
