"""The body of a create, as 5-gateway.md writes it."""

from typing import Any

import pytest

from gpuwright.adapters.gateway_request import create_body
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.registry_login import RegistryLogin
from gpuwright.model.request import MachineRequest, Wishes, request_for

OWNER = Owner("cluster-1", "team-a", "trainer-0", "uid-1")


def a_request(machine: dict[str, Any], **wishes: Any) -> MachineRequest:
    return request_for(OWNER, Wishes(MachineSpec.model_validate(machine), **wishes), 2, 3, 0)


def body_of(**machine: Any) -> dict[str, Any]:
    return create_body(a_request({"image": "trainer:1", "cpu": "2", "memory": "8Gi", **machine}))


def test_everything_that_a_spec_can_say_is_sent() -> None:
    request = a_request(
        {
            "instanceType": "gpu.h100.1",
            "gpu": {"type": "H100", "count": 2},
            "disk": "200Gi",
            "image": "registry.example/trainer:1",
            "region": "us-east-1",
            "zone": "us-east-1a",
            "purchase": "Spot",
            "ports": [{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}],
            "gateway": {"metadata": {"orgId": "7"}},
        },
        tags={"team": "vision"},
        env={"RUN_ID": "42"},
        user_data="#!/bin/sh\n",
        ssh_keys=("ssh-ed25519 AAAAC3Nza me@example",),
        logins=(RegistryLogin("docker.io", "no", "no"), RegistryLogin("registry.example/trainer", "me", "hush")),
    )
    assert create_body(request) == {
        "name": request.name,
        "image": "registry.example/trainer:1",
        "env": {
            "RUN_ID": "42",
            "GPUWRIGHT_INSTANCE_NAME": request.name,
            "GPUWRIGHT_OWNER": "team-a/trainer-0",
        },
        "labels": {
            "team": "vision",
            "gpuwright.dev/cluster": "cluster-1",
            "gpuwright.dev/owner-uid": "uid-1",
            "gpuwright.dev/owner": "team-a.trainer-0",
            "gpuwright.dev/incarnation": "2",
        },
        "user_data": "#!/bin/sh\n",
        "registry_auth": {"server": "registry.example", "username": "me", "password": "hush"},
        "ssh_authorized_keys": ["ssh-ed25519 AAAAC3Nza me@example"],
        "instance_type": "gpu.h100.1",
        "cpu": 1,
        "memory_gb": 1,
        "disk_gb": 200,
        "gpu": {"type": "H100", "count": 2},
        "region": "us-east-1",
        "zone": "us-east-1a",
        "purchase": "Spot",
        "ports": [
            {"name": "ssh", "port": 22, "protocol": "TCP"},
            {"name": "web", "port": 8888, "protocol": "HTTP"},
        ],
        "metadata": {"orgId": "7"},
    }


def test_what_the_spec_leaves_out_is_left_out() -> None:
    assert set(body_of()) == {"name", "image", "env", "labels", "cpu", "memory_gb", "purchase", "metadata"}


@pytest.mark.parametrize(
    ("cpu", "sent"),
    [("2", 2), ("2.0", 2), ("500m", 0.5), ("0.5", 0.5), ("1500m", 1.5), ("1.0001", 1.001)],
)
def test_cores_are_sent_with_their_fractions(cpu: str, sent: float) -> None:
    cores = body_of(cpu=cpu)["cpu"]
    assert cores == sent
    assert isinstance(cores, type(sent))


@pytest.mark.parametrize(
    ("memory", "sent"),
    [
        pytest.param("8Gi", 8, id="whole"),
        pytest.param("8589934591", 8, id="a byte less"),
        pytest.param("8589934593", 9, id="a byte more"),
        pytest.param("64Mi", 1, id="less than one"),
        pytest.param("8G", 8, id="decimal"),
    ],
)
def test_memory_is_sent_in_whole_gib_and_never_less_than_asked_for(memory: str, sent: int) -> None:
    assert body_of(memory=memory)["memory_gb"] == sent


def test_a_disk_is_sent_in_whole_gib_too() -> None:
    assert body_of(disk="1073741825")["disk_gb"] == 2


def test_nobody_can_tag_a_machine_as_somebody_elses() -> None:
    request = a_request(
        {"cpu": "1", "memory": "1Gi"},
        tags={"gpuwright.dev/owner-uid": "another", "gpuwright.dev/cluster": "another"},
        env={"GPUWRIGHT_OWNER": "team-b/another"},
    )
    body = create_body(request)
    assert body["labels"]["gpuwright.dev/owner-uid"] == "uid-1"
    assert body["labels"]["gpuwright.dev/cluster"] == "cluster-1"
    assert body["env"]["GPUWRIGHT_OWNER"] == "team-a/trainer-0"


def test_the_same_attempt_is_always_asked_for_in_the_same_words() -> None:
    machine = {"gpu": {"type": "H100"}, "image": "trainer:1"}
    assert create_body(a_request(machine)) == create_body(a_request(machine))
