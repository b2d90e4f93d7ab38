"""The body of a create, word for word, and what is refused before anything leaves."""

from dataclasses import replace
from typing import Any

import pytest
from tests.adapters.contract import CLUSTER

from gpuwright.adapters.runpod_request import check, create_body
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.request import MachineRequest, Wishes, request_for
from gpuwright_sandbox.runpod.schemas import problems

OWNER = Owner(CLUSTER, "team-a", "trainer-0", "uid-1")
LABELS = (
    '{"gpuwright.dev/cluster":"cluster-1","gpuwright.dev/incarnation":"1","gpuwright.dev/owner":"team-a.trainer-0",'
    '"gpuwright.dev/owner-uid":"uid-1","team":"vision"}'
)


def wishes(*, user_data: str | None = None, ssh_keys: tuple[str, ...] = (), **spec: Any) -> Wishes:
    body = {"gpu": {"type": "L4"}, "image": "registry.example/trainer:1", **spec}
    machine = MachineSpec.model_validate({key: value for key, value in body.items() if value is not None})
    return Wishes(machine, tags={"team": "vision"}, env={"RUN_ID": "42"}, user_data=user_data, ssh_keys=ssh_keys)


def asking(**spec: Any) -> MachineRequest:
    return request_for(OWNER, wishes(**spec), 1, 1, 0)


def test_the_least_that_is_asked_for() -> None:
    request = asking()
    body = create_body(request, "NVIDIA L4")
    assert body == {
        "name": request.name,
        "image": "registry.example/trainer:1",
        "gpu": {"id": "NVIDIA L4", "count": 1},
        "cloud": "SECURE",
        "env": {
            "RUN_ID": "42",
            "GPUWRIGHT_INSTANCE_NAME": request.name,
            "GPUWRIGHT_OWNER": "team-a/trainer-0",
            "GPUWRIGHT_LABELS": LABELS,
        },
    }
    assert problems("CreatePodRequest", body) == ()


def test_the_most_that_is_asked_for() -> None:
    own = {
        "cloud": "Community",
        "templateId": "30zmvf89kd",
        "registryId": "clz",
        "args": "python train.py",
        "startSsh": True,
        "volume": "20.5Gi",
        "volumePath": "/data",
        "globalNetworking": True,
        "minCudaVersion": "12.8",
    }
    ports = [{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}]
    machine = {"gpu": {"type": "L4", "count": 8}, "disk": "50Gi", "region": "US-KS-2", "image": None, "ports": ports}
    request = asking(**machine, runpod=own)
    body = create_body(request, "NVIDIA L4")
    assert body.pop("env")["GPUWRIGHT_PORTS"] == "ssh=22/tcp,web=8888/http"
    assert body == {
        "name": request.name,
        "templateId": "30zmvf89kd",
        "gpu": {"id": "NVIDIA L4", "count": 8, "minCudaVersion": "12.8"},
        "cloud": "COMMUNITY",
        "dataCenterIds": ["US-KS-2"],
        "disk": 50,
        "mounts": {"persistent": {"size": 21, "path": "/data"}},
        "ports": ["22/tcp", "8888/http"],
        "args": "python train.py",
        "registry": "clz",
        "startSsh": True,
        "globalNetworking": True,
    }
    assert problems("CreatePodRequest", body) == ()


def test_a_network_volume_is_mounted_by_its_id() -> None:
    body = create_body(asking(runpod={"networkVolumeId": "agv6w2qcg7"}), "NVIDIA L4")
    assert body["mounts"] == {"network": [{"volumeId": "agv6w2qcg7", "path": "/workspace"}]}
    assert problems("CreatePodRequest", body) == ()


def test_keys_stand_where_images_of_runpods_look_for_them() -> None:
    body = create_body(asking(ssh_keys=("ssh-ed25519 AAAAC3Nza me", "ssh-rsa AAAAB3Nza")), "NVIDIA L4")
    lines = "ssh-ed25519 AAAAC3Nza me\nssh-rsa AAAAB3Nza"
    assert (body["env"]["PUBLIC_KEY"], body["env"]["SSH_PUBLIC_KEY"]) == (lines, lines)
    assert problems("CreatePodRequest", body) == ()


@pytest.mark.parametrize("name", ["PUBLIC_KEY", "SSH_PUBLIC_KEY"])
def test_keys_and_a_variable_of_their_name_are_one_too_many(name: str) -> None:
    one = Wishes(wishes().machine, env={name: "ssh-rsa AAAA"})
    check(one)
    with pytest.raises(Rejected, match=r"leave them out of bootstrap\.env"):
        check(replace(one, ssh_keys=("ssh-rsa AAAAB3Nza",)))


def test_nobody_can_pass_for_another_owner_by_a_tag_or_a_variable() -> None:
    forged = Wishes(wishes().machine, tags={"gpuwright.dev/owner-uid": "x"}, env={"GPUWRIGHT_LABELS": "{}"})
    body = create_body(request_for(OWNER, forged, 1, 1, 0), "NVIDIA L4")
    assert '"gpuwright.dev/owner-uid":"uid-1"' in body["env"]["GPUWRIGHT_LABELS"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"gpu": None, "cpu": 8, "memory": "64Gi"}, "write machine.gpu"),
        ({"cpu": 8, "memory": "64Gi"}, "leave out machine.cpu and memory"),
        ({"purchase": "Spot"}, "leave out machine.purchase"),
        ({"zone": "a"}, "write its data center in machine.region"),
        ({"image": None}, "write machine.image, or machine.runpod.templateId"),
        ({"user_data": "#!/bin/sh"}, "use machine.runpod.args"),
        ({"imagePullSecretRef": {"name": "registry"}}, "kept there in machine.runpod.registryId"),
        ({"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}, "leave them out of machine.ports"),
    ],
    ids=["no gpu", "cores", "spot", "zone", "no image", "user data", "pull secret", "udp"],
)
def test_a_wish_that_cannot_be_had_is_told_with_what_to_write(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(wishes(**spec))
    assert words in caught.value.message
    assert caught.value.reason is Reason.REQUEST_REJECTED


@pytest.mark.parametrize(
    "spec", [{}, {"instanceType": "NVIDIA L4", "gpu": None}, {"image": None, "runpod": {"templateId": "a"}}]
)
def test_what_can_be_had_is_not_refused(spec: dict[str, Any]) -> None:
    check(wishes(**spec))
