"""The body of RunPod's `POST /v2/pods`, from what is asked for. It holds secrets: it is never logged."""

from typing import Any

from gpuwright.adapters.runpod_pods import ENV_LABELS, labels_text
from gpuwright.adapters.runpod_ports import ENV_PORTS, names_text, word_of
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec, Purchase
from gpuwright.model.port_spec import Protocol
from gpuwright.model.quantity import memory_gib_ceil
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright.model.runpod_spec import RunpodMachine

SSH_VARIABLES = ("PUBLIC_KEY", "SSH_PUBLIC_KEY")
"""Where RunPod's own images look for keys, and where RunPod says that a pod's own ones go in place of the account's
(github.com/runpod/containers, start.sh; docs.runpod.io, "Override public key"; both read 2026-11-22).
"""


def own_of(wanted: MachineSpec) -> RunpodMachine:
    """Return what only a pod has, with the defaults where nothing is written."""
    return wanted.runpod or RunpodMachine()


def count_of(wanted: MachineSpec) -> int:
    """Return how many GPUs a pod has."""
    return wanted.gpu.count if wanted.gpu is not None else 1


def check(wishes: Wishes) -> None:
    """Raise Rejected for a wish that RunPod cannot fulfil: what was asked for and not had would be paid for."""
    wanted = wishes.machine
    impossible = (
        (wanted.gpu is None and wanted.instance_type is None, "RunPod's pods are sold by their GPU: write machine.gpu"),
        (
            wanted.cpu is not None or wanted.memory is not None,
            "cores and memory come with the GPU at RunPod, and cannot be asked for: leave out machine.cpu and memory",
        ),
        (
            wanted.purchase is Purchase.SPOT,
            "RunPod's API v2 sells no spot machines: leave out machine.purchase, or use another provider",
        ),
        (wanted.zone is not None, "RunPod has no zones: write its data center in machine.region, such as US-KS-2"),
        (
            wanted.image is None and own_of(wanted).template_id is None,
            "a pod needs a container image: write machine.image, or machine.runpod.templateId",
        ),
        (
            any(port.spoken is Protocol.UDP for port in wanted.ports),
            "RunPod opens no UDP ports: leave them out of machine.ports, or use another provider",
        ),
        (
            wanted.image_pull_secret_ref is not None,
            "RunPod keeps logins of registries itself: leave out machine.imagePullSecretRef, and name the one that is "
            "kept there in machine.runpod.registryId",
        ),
        (
            wishes.user_data is not None,
            "a pod is a container and runs no user data: put it into the image, or use machine.runpod.args",
        ),
        (
            bool(wishes.ssh_keys) and not wishes.env.keys().isdisjoint(SSH_VARIABLES),
            f"bootstrap.sshAuthorizedKeys goes into {' and '.join(SSH_VARIABLES)}: leave them out of bootstrap.env",
        ),
    )
    for so, words in impossible:
        if so:
            raise Rejected(words, Reason.REQUEST_REJECTED)


def create_body(request: MachineRequest, gpu: str) -> dict[str, Any]:
    """Return the JSON body; what the spec leaves out is left out, because RunPod refuses what it does not know."""
    wanted = request.wishes.machine
    own = own_of(wanted)
    body = {
        "name": request.name,
        "image": wanted.image,
        "templateId": own.template_id,
        "gpu": {
            "id": gpu,
            "count": count_of(wanted),
            **({"minCudaVersion": own.min_cuda_version} if own.min_cuda_version else {}),
        },
        "cloud": str(own.hardware).upper(),
        "dataCenterIds": [wanted.region] if wanted.region else None,
        "disk": None if wanted.disk is None else memory_gib_ceil(wanted.disk),
        "mounts": _mounts(own),
        "ports": [word_of(port) for port in wanted.ports] or None,
        "args": own.args,
        "registry": own.registry_id,
        "startSsh": own.start_ssh or None,
        "globalNetworking": own.global_networking or None,
        "env": {**request.env, **_told(request.wishes), ENV_LABELS: labels_text(request.labels)},
    }
    return {key: value for key, value in body.items() if value is not None}


def _told(wishes: Wishes) -> dict[str, str]:
    """Return what RunPod has no words for, and what its images look for, as variables of the environment."""
    ports = wishes.machine.ports
    keys = dict.fromkeys(SSH_VARIABLES, "\n".join(wishes.ssh_keys)) if wishes.ssh_keys else {}
    return {**keys, **({ENV_PORTS: names_text(ports)} if ports else {})}


def _mounts(own: RunpodMachine) -> dict[str, Any] | None:
    if own.network_volume_id:
        return {"network": [{"volumeId": own.network_volume_id, "path": own.mount_path}]}
    if own.volume is not None:
        return {"persistent": {"size": memory_gib_ceil(own.volume), "path": own.mount_path}}
    return None
