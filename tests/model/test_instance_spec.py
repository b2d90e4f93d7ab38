"""ComputeInstance.spec as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from decimal import Decimal
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import SecretKeyRef, sentences
from gpuwright.model.bootstrap_spec import Bootstrap, EnvVar
from gpuwright.model.instance_spec import (
    CreatePolicy,
    Deadlines,
    DeletionPolicy,
    InstanceSpec,
    OnLoss,
    PowerState,
    ProviderKind,
)
from gpuwright.model.machine_spec import Gpu, Purchase

Spec = dict[str, Any]
MINIMAL: Spec = example("instance-minimal.yaml", "trainer-0")["spec"]
FULL: Spec = example("instance-full.yaml", "trainer-full")["spec"]
TYPED: Spec = example("instance-full.yaml", "trainer-typed")["spec"]


def buying(**machine: object) -> Spec:
    return {"providerRef": {"name": "gateway"}, "machine": machine}


def told(**bootstrap: object) -> Spec:
    return {**MINIMAL, "bootstrap": bootstrap}


def refusal(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        InstanceSpec.model_validate(spec)
    return sentences(caught.value)


def test_the_minimal_manifest_has_every_default() -> None:
    spec = InstanceSpec.model_validate(MINIMAL)
    assert (spec.provider_ref.kind, spec.provider_ref.name) == (ProviderKind.COMPUTE_PROVIDER, "gateway")
    assert spec.machine.gpu == Gpu(type="H100", count=1)
    assert spec.machine.purchase is Purchase.ON_DEMAND
    assert (spec.machine.cpu, spec.machine.memory, spec.machine.disk, spec.machine.gateway) == (None,) * 4
    assert spec.bootstrap is None
    assert spec.power_state is PowerState.RUNNING
    assert spec.create_policy == CreatePolicy(max_attempts=3, retry_base_delay_milliseconds=250)
    assert spec.deadlines == Deadlines(capacity_seconds=0, launch_seconds=1800)
    assert spec.on_loss is OnLoss.RECREATE
    assert (spec.max_replacements, spec.expire_after_seconds) == (3, 0)
    assert spec.deletion_policy is DeletionPolicy.DELETE
    assert spec.tags == {}


def test_the_full_manifest_arrives_in_every_field() -> None:
    spec = InstanceSpec.model_validate(FULL)
    assert (spec.machine.cpu, spec.machine.memory) == (Decimal(8), Decimal(2**36))
    assert spec.machine.disk == 200 * 2**30
    assert (spec.machine.region, spec.machine.zone) == ("us-east-1", "us-east-1a")
    assert spec.machine.gateway is not None
    assert spec.machine.gateway.metadata == {"orgId": "7"}
    assert spec.bootstrap is not None
    assert [entry.name for entry in spec.bootstrap.env] == ["RUN_ID", "TOKEN"]
    assert spec.bootstrap.env[0].value == "42"
    assert spec.bootstrap.env[1].value_from is not None
    assert spec.bootstrap.env[1].value_from.secret_key_ref == SecretKeyRef(name="trainer-secrets", key="token")
    assert spec.expire_after_seconds == 86400
    assert spec.tags == {"team": "vision"}


def test_the_other_way_of_buying_and_of_telling_arrives_as_well() -> None:
    spec = InstanceSpec.model_validate(TYPED)
    assert spec.machine.instance_type == "gpu.h100.1"
    assert spec.bootstrap is not None
    assert spec.bootstrap.user_data_secret_ref == SecretKeyRef(name="trainer-secrets", key="user-data")


def test_empty_strings_are_the_same_as_leaving_out() -> None:
    empty = dict.fromkeys(("instanceType", "cpu", "memory", "disk", "image", "region", "zone"), "")
    spec = {**buying(gpu={"type": "H100"}, **empty), "bootstrap": {"userData": "", "env": [{"name": "A", "value": ""}]}}
    left_out = {**buying(gpu={"type": "H100"}), "bootstrap": {"env": [{"name": "A"}]}}
    assert InstanceSpec.model_validate(spec) == InstanceSpec.model_validate(left_out)


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
        ({}, "say what to buy: instanceType, or gpu, or cpu with memory"),
        ({"image": "a", "disk": "200Gi"}, "say what to buy: instanceType, or gpu, or cpu with memory"),
        ({"cpu": "", "instanceType": ""}, "say what to buy: instanceType, or gpu, or cpu with memory"),
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


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"": "a"}, "keys are 1 to 128 characters long, such as team"),
        ({"a" * 129: "a"}, "keys are 1 to 128 characters long, such as team"),
        (
            {"gpuwright.dev/owner-uid": "mine"},
            "keys that begin with gpuwright.dev/ say whose the machine is, and belong to the operator: choose another",
        ),
    ],
    ids=["empty key", "long key", "identity"],
)
def test_a_bad_tag_is_refused_with_what_to_write(tags: Spec, sentence: str) -> None:
    assert refusal({**MINIMAL, "tags": tags}) == (f"spec.tags: {sentence}",)


@pytest.mark.parametrize(
    "change",
    [
        {"providerRef": {"name": "Gateway"}},
        {"providerRef": {"kind": "Provider", "name": "a"}},
        {"powerState": True},
        {"powerState": ""},
        {"createPolicy": {"maxAttempts": 0}},
        {"createPolicy": {"maxAttempts": 11}},
        {"createPolicy": {"retryBaseDelayMilliseconds": 10_001}},
        {"deadlines": {"launchSeconds": "15m"}},
        {"deadlines": {"capacitySeconds": -1}},
        {"onLoss": "Restart"},
        {"maxReplacements": 1001},
        {"expireAfterSeconds": 315_360_001},
        {"deletionPolicy": "Orphan"},
        {"tags": {"a": 1}},
    ],
    ids=str,
)
def test_a_bad_field_of_the_spec_is_refused_at_its_place(change: Spec) -> None:
    (field,) = change
    assert all(line.startswith(f"spec.{field}") for line in refusal({**MINIMAL, **change}))


@pytest.mark.parametrize("field", ["providerRef", "machine"])
def test_what_is_required_must_be_there(field: str) -> None:
    spec = {name: value for name, value in MINIMAL.items() if name != field}
    assert refusal(spec) == (f"spec.{field}: Field required",)


def test_an_older_operator_reads_what_a_newer_crd_has_defaulted() -> None:
    spec = yaml.safe_load(yaml.safe_dump({**MINIMAL, "deadlines": {"launchSeconds": 60, "registrationSeconds": 900}}))
    assert InstanceSpec.model_validate(spec).deadlines.launch_seconds == 60
