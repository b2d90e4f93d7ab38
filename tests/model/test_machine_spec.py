"""ComputeInstance.spec.machine: the ways of saying what to buy."""

from typing import Any

import pytest
from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.instance_spec import InstanceSpec

Spec = dict[str, Any]


def refusal(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        InstanceSpec.model_validate(spec)
    return sentences(caught.value)


def buying(**machine: object) -> Spec:
    return {"providerRef": {"name": "gateway"}, "machine": machine}


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param({"gpu": {"type": "H100"}}, id="gpu alone"),
        pytest.param({"cpu": 8, "memory": "64Gi"}, id="cpu with memory"),
        pytest.param({"cpu": "8", "memory": "64Gi", "gpu": {"type": "H100"}}, id="cpu with memory and gpu"),
        pytest.param({"instanceType": "gpu.h100.1"}, id="type"),
        pytest.param({"instanceType": "gpu.h100.1", "gpu": {"type": "H100"}}, id="type and gpu"),
        pytest.param({"instanceType": "", "cpu": 8, "memory": "64Gi"}, id="type left empty by a template"),
    ],
)
def test_every_way_of_buying_is_taken(machine: Spec) -> None:
    InstanceSpec.model_validate(buying(**machine))


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        ({}, "say what to buy: instanceType, or size, or gpu, or cpu with memory"),
        ({"image": "a", "disk": "200Gi"}, "say what to buy: instanceType, or size, or gpu, or cpu with memory"),
        ({"cpu": "", "instanceType": ""}, "say what to buy: instanceType, or size, or gpu, or cpu with memory"),
        ({"cpu": 8}, "cpu is given without memory: add memory, such as 16Gi"),
        ({"memory": "64Gi", "gpu": {"type": "a"}}, 'memory is given without cpu: add cpu, such as "4"'),
        (
            {"instanceType": "a", "cpu": 8, "memory": "64Gi"},
            "instanceType stands beside cpu or memory: keep one way of saying what to buy",
        ),
    ],
    ids=["nothing", "only what comes with it", "all empty", "cpu alone", "memory alone", "two ways"],
)
def test_what_cannot_be_bought_is_refused_with_what_to_write(machine: Spec, sentence: str) -> None:
    assert refusal(buying(**machine)) == (f"spec.machine: {sentence}",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cpu", 0.5),
        ("cpu", "0.9m"),
        ("memory", 64),
        ("memory", "64GB"),
        ("disk", 200),
        ("disk", "1023Mi"),
        ("purchase", "spot"),
        ("purchase", ""),
        ("gpu", {"type": ""}),
        ("gpu", {"type": "H100", "count": 0}),
        ("gpu", {"type": "H100", "count": 257}),
        ("gpu", {"type": "H100", "count": "1"}),
        ("gpu", "H100:8"),
        ("image", "a" * 1025),
        ("region", False),
        ("gateway", {"metadata": {"a": 1}}),
        ("gateway", {"metadata": {"": "a"}}),
        ("gateway", {"metadata": {f"a{number}": "" for number in range(65)}}),
    ],
)
def test_a_bad_field_of_the_machine_is_refused_at_its_place(field: str, value: object) -> None:
    machine = {"cpu": 8, "memory": "64Gi", field: value}
    assert all(line.startswith(f"spec.machine.{field}") for line in refusal(buying(**machine)))
