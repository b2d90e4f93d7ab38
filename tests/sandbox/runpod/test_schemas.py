"""RunPod's own words: what keeps to them, and that what leaves them is noticed."""

from typing import Any

import pytest

from gpuwright_sandbox.runpod.catalogue import gpus
from gpuwright_sandbox.runpod.pods import Fleet, Pace
from gpuwright_sandbox.runpod.schemas import LeftTheSchema, check_answer, operations, problems

ASKED = {"name": "a", "image": "b", "gpu": {"id": "NVIDIA L4", "count": 1}}
# The example of RunPod's own page on creating a pod, by its facts (docs.runpod.io/api-reference-v2, 2026-08-20).
PUBLISHED: dict[str, Any] = {
    "id": "7h9k2m4n6p",
    "name": "pytorch-training",
    "image": "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404",
    "args": "",
    "disk": 50,
    "ports": ["8888/http", "22/tcp"],
    "env": {"MODEL_NAME": "llama-3"},
    "registry": None,
    "status": "PROVISIONING",
    "actions": ["start", "terminate"],
    "mounts": {"persistent": {"size": 20, "path": "/workspace"}},
    "gpu": {"id": "NVIDIA GeForce RTX 4090", "count": 1},
    "cloud": "SECURE",
    "dataCenterId": "US-KS-2",
    "cudaVersion": "12.8",
    "ssh": {"proxy": None, "direct": None},
    "template": "9x4m2p7v",
    "cost": 0.44,
    "locked": False,
    "globalNetworking": {"enabled": False},
    "runtime": {},
    "createdAt": "2026-06-01T12:00:00Z",
    "startedAt": None,
}


def a_pod(**changes: Any) -> dict[str, Any]:
    fleet = Fleet(lambda: 0.0, Pace())
    return {**fleet.shown(fleet.make(ASKED)), **changes}


def test_what_the_double_says_of_a_pod_is_what_runpod_would_say() -> None:
    assert problems("Pod", a_pod()) == ()
    assert problems("Pod", PUBLISHED) == ()
    assert problems("ListGpuTypesResponse", gpus()) == ()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"status": "HIBERNATING"}, "$.status"),
        ({"cost": "0.44"}, "$.cost"),
        ({"env": {"A": 7}}, "$.env.A"),
        ({"createdAt": "yesterday"}, "$.createdAt"),
        ({"createdAt": "2026-06-01T12:00:00"}, "$.createdAt"),
        ({"mounts": {"other": {}}}, "$.mounts"),
        ({"actions": ["explode"]}, "$.actions[0]"),
        ({"gpu": {"count": 1}}, "$.gpu"),
    ],
)
def test_an_answer_that_leaves_the_schema_fails(changes: dict[str, Any], place: str) -> None:
    pod = a_pod(**changes)
    assert [line.split(": ")[0] for line in problems("Pod", pod)] == [place]
    with pytest.raises(LeftTheSchema, match="createPod 201"):
        check_answer(operations()["createPod"], 201, pod)
    with pytest.raises(LeftTheSchema, match="listPods 200"):
        check_answer(operations()["listPods"], 200, {"pods": [pod]})


@pytest.mark.parametrize("field", sorted(PUBLISHED))
def test_a_field_that_runpod_always_sends_cannot_be_left_out(field: str) -> None:
    pod = a_pod()
    del pod[field]
    left_out = problems("Pod", pod)
    assert bool(left_out) is (field != "gpu"), "a pod without a GPU is a CPU pod"


@pytest.mark.parametrize(
    "changes",
    [
        {"interruptible": True},
        {"name": ""},
        {"name": None},
        {"image": 7},
        {"gpu": {"id": "NVIDIA L4", "kind": "x"}},
        {"gpu": {"id": "NVIDIA L4", "count": 0}},
        {"disk": 0},
        {"disk": 1.5},
        {"cloud": "Secure"},
        {"env": {"A": None}},
        {"mounts": {"persistent": {"size": 9, "path": "/a"}}},
        {"mounts": {"network": [{"volumeId": "a", "path": "/a"}] * 2}},
    ],
    ids=str,
)
def test_a_request_that_leaves_the_schema_fails(changes: dict[str, Any]) -> None:
    assert problems("CreatePodRequest", ASKED) == ()
    assert problems("CreatePodRequest", {**ASKED, **changes}) != ()


def test_an_image_is_needed_unless_a_template_has_one() -> None:
    without = {key: value for key, value in ASKED.items() if key != "image"}
    assert problems("CreatePodRequest", without) != ()
    assert problems("CreatePodRequest", {**without, "templateId": "30zmvf89kd"}) == ()


def test_an_answer_without_a_body_has_none() -> None:
    check_answer(operations()["deletePod"], 204, None)
    with pytest.raises(LeftTheSchema, match="there is a body"):
        check_answer(operations()["deletePod"], 204, {})
    with pytest.raises(LeftTheSchema):
        check_answer(operations()["deletePod"], 500, {"error": "no shape of RunPod's"})
