"""ComputeInstance.spec.bootstrap: what a machine is told at birth."""

from typing import Any

import pytest
from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.bootstrap_spec import Bootstrap, EnvVar
from gpuwright.model.instance_spec import InstanceSpec

Spec = dict[str, Any]


def refusal(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        InstanceSpec.model_validate(spec)
    return sentences(caught.value)


def buying(**machine: object) -> Spec:
    return {"providerRef": {"name": "gateway"}, "machine": machine}


def told(**bootstrap: object) -> Spec:
    return {**buying(gpu={"type": "H100"}), "bootstrap": bootstrap}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"name": "9A"}, "env.0.name: must be letters, digits and '_', and begin with no digit, such as RUN_ID"),
        ({"name": ""}, "env.0.name: must be letters, digits and '_', and begin with no digit, such as RUN_ID"),
        (
            {"name": "GPUWRIGHT_OWNER"},
            "env.0.name: names that begin with GPUWRIGHT_ are set by the operator: choose another name",
        ),
        (
            {"name": "A", "value": "é" * 4097},
            "env.0.value: must be at most 8192 bytes: put what is larger where the machine can fetch it",
        ),
        (
            {"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            "env.0: value and valueFrom are given: keep one of them",
        ),
        ({"name": "A", "valueFrom": {}}, "env.0.valueFrom.secretKeyRef: Field required"),
        ({"name": "A", "value": 42}, "env.0.value: Input should be a valid string"),
    ],
    ids=["digit first", "empty", "reserved", "too many bytes", "two sources", "no source", "number"],
)
def test_a_bad_variable_is_refused_with_what_to_write(entry: Spec, sentence: str) -> None:
    assert refusal(told(env=[entry])) == (f"spec.bootstrap.{sentence}",)


def test_a_variable_stands_there_once() -> None:
    assert refusal(told(env=[{"name": "A"}, {"name": "A"}])) == ("spec.bootstrap.env: each name may stand there once",)


def test_there_are_at_most_64_variables() -> None:
    entries = [{"name": f"A{number}"} for number in range(65)]
    InstanceSpec.model_validate(told(env=entries[:64]))
    assert refusal(told(env=entries))


def test_user_data_comes_from_one_place() -> None:
    reference = {"name": "s", "key": "k"}
    InstanceSpec.model_validate(told(userData="", userDataSecretRef=reference))
    assert refusal(told(userData="#!/bin/sh", userDataSecretRef=reference)) == (
        "spec.bootstrap: userData and userDataSecretRef are given: keep one of them",
    )


def test_user_data_is_counted_in_bytes() -> None:
    InstanceSpec.model_validate(told(userData="é" * 8192))
    assert refusal(told(userData="é" * 8193)) == (
        "spec.bootstrap.userData: must be at most 16384 bytes: let the script fetch the rest",
    )


def test_what_the_machine_is_told_stands_in_no_repr() -> None:
    bootstrap = Bootstrap(env=[EnvVar(name="TOKEN", value="hunter2")], user_data="hunter2")
    assert "hunter2" not in repr(bootstrap)
