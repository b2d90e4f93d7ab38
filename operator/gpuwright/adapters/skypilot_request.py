"""The body of a launch, from what is asked for. It holds secrets: it is never logged."""

import hashlib
import shlex
from typing import Any

import orjson

from gpuwright.adapters.skypilot_labels import encoded
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import Purchase
from gpuwright.model.port_spec import Port, Protocol
from gpuwright.model.quantity import cpu_cores, memory_gib_ceil
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright.model.skypilot_spec import SkyPilotMachine, SkyPilotSpec

USER = "gpuwright"
ENV_FILE = "$HOME/.gpuwright/env"
SSH_FILE = "$HOME/.ssh/authorized_keys"
LOGIN_VARIABLES = ("SKYPILOT_DOCKER_USERNAME", "SKYPILOT_DOCKER_PASSWORD", "SKYPILOT_DOCKER_SERVER")
"""All three among the secrets, or all three among the open variables (SkyPilot's sky/task.py, read 2026-11-22)."""


def user_of(cluster: str) -> dict[str, str]:
    """Return who asks, as every body tells it: one user for each of our clusters; a service account overrules it."""
    digits = hashlib.sha256(cluster.encode()).hexdigest()[:8]  # SkyPilot's own user ids are 8 hex digits
    return {"SKYPILOT_USER_ID": digits, "SKYPILOT_USER": USER}


def launch_body(request: MachineRequest, spec: SkyPilotSpec) -> dict[str, Any]:
    """Return the body of `POST /launch`; the same arguments give the same one.

    There is no `run` in its task: a launch that is repeated would execute it again.

    Raises:
        Rejected: a wish that this provider cannot have.
    """
    task = {
        "resources": _resources(request, spec),
        "num_nodes": 1,
        "envs": {name: value for name, value in request.env.items() if name not in _secret_names(request)},
        "secrets": {name: request.env[name] for name in sorted(_secret_names(request))} | _login(request.wishes),
        "setup": _setup(request),
    }
    return {
        "task": orjson.dumps({key: value for key, value in task.items() if value != {}}).decode(),  # JSON is YAML
        "cluster_name": request.name,
        "retry_until_up": False,
        "dryrun": False,
    }


def _resources(request: MachineRequest, spec: SkyPilotSpec) -> dict[str, Any]:
    wanted = request.wishes.machine
    own = wanted.skypilot or SkyPilotMachine()
    minutes = own.autodown_idle_minutes
    found = {
        "cloud": _cloud(own, spec),
        "region": wanted.region,
        "zone": wanted.zone,
        "instance_type": wanted.instance_type,
        "cpus": None if wanted.cpu is None else f"{cpu_cores(wanted.cpu)}+",
        "memory": None if wanted.memory is None else f"{memory_gib_ceil(wanted.memory)}+",
        "accelerators": None if wanted.gpu is None else {wanted.gpu.type: wanted.gpu.count},
        "use_spot": wanted.purchase is Purchase.SPOT,
        "disk_size": None if wanted.disk is None else memory_gib_ceil(wanted.disk),
        "image_id": wanted.image,
        "labels": encoded(request.labels),
        "ports": _ports(wanted.ports),
        "autostop": None if minutes is None else {"idle_minutes": minutes, "down": True},
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def _ports(wanted: list[Port]) -> list[str] | None:
    if any(port.spoken is Protocol.UDP for port in wanted):
        words = "SkyPilot opens no UDP ports: leave them out of machine.ports, or use another provider"
        raise Rejected(words, Reason.REQUEST_REJECTED)
    return [str(number) for number in sorted({port.port for port in wanted})] or None


def _cloud(own: SkyPilotMachine, spec: SkyPilotSpec) -> str | None:
    if own.cloud and spec.cloud and own.cloud != spec.cloud:
        words = f"this provider buys from {spec.cloud} only: leave out spec.machine.skypilot.cloud, or use another"
        raise Rejected(words, Reason.REQUEST_REJECTED)
    return own.cloud or spec.cloud


def _secret_names(request: MachineRequest) -> set[str]:
    """Return the variables whose values come from Secrets: SkyPilot shows those to nobody."""
    return set(request.wishes.env) - set(request.wishes.open_env)


def _login(wishes: Wishes) -> dict[str, str]:
    """Return the login for the image's registry, as SkyPilot's own client writes it; Raises Rejected."""
    if wishes.login is None:
        return {}
    if not wishes.env.keys().isdisjoint(LOGIN_VARIABLES):
        words = f"machine.imagePullSecretRef stands for {', '.join(LOGIN_VARIABLES)}: leave them out of bootstrap.env"
        raise Rejected(words, Reason.REQUEST_REJECTED)
    login = wishes.login
    return dict(zip(LOGIN_VARIABLES, (login.username, login.password, login.server), strict=True))


def _setup(request: MachineRequest) -> str:
    """Return the script of the machine's first minutes: the environment goes into a file, keys are let in, and the
    user data runs.
    """
    text = request.wishes.user_data or ""
    if text.startswith(("#cloud-config", "MIME-Version:", "Content-Type: multipart")):
        words = "SkyPilot runs user data as a shell script: cloud-init's documents cannot be used here"
        raise Rejected(words, Reason.REQUEST_REJECTED)
    names = " ".join(shlex.quote(name) for name in sorted(request.env))
    # The values come from the environment, not from this text: SkyPilot keeps the text where its users can read it.
    lines = (
        'mkdir -p "$HOME/.gpuwright"',
        f'(umask 077; for name in {names}; do printf "%s=%q\\n" "$name" "${{!name}}"; done > "{ENV_FILE}")',
        *_lines_for_keys(request.wishes.ssh_keys),
    )
    return "\n".join((*lines, text)) if text else "\n".join(lines)


def _lines_for_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return what lets keys in beside SkyPilot's own, once each however often it runs."""
    if not keys:
        return ()
    listed = " ".join(shlex.quote(key) for key in keys)
    add = f'grep -qxFe "$key" "{SSH_FILE}" 2> /dev/null || printf "%s\\n" "$key" >> "{SSH_FILE}"'
    return (f'(umask 077; mkdir -p "$HOME/.ssh"; for key in {listed}; do {add}; done)',)
