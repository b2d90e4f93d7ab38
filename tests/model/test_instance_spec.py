"""ComputeInstance.spec as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from decimal import Decimal
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import SecretKeyRef, sentences
from gpuwright.model.instance_spec import (
    ONE_OR_SEVERAL,
    CreatePolicy,
    Deadlines,
    DeletionPolicy,
    InstanceSpec,
    OnLoss,
    PowerState,
)
from gpuwright.model.machine_spec import Gpu, Purchase
from gpuwright.model.placement_spec import ProviderKind

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
    assert spec.provider_ref is not None
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


@pytest.mark.parametrize(
    ("field", "sentence"),
    [("providerRef", f"spec: {ONE_OR_SEVERAL}"), ("machine", "spec.machine: Field required")],
)
def test_what_is_required_must_be_there(field: str, sentence: str) -> None:
    spec = {name: value for name, value in MINIMAL.items() if name != field}
    assert refusal(spec) == (sentence,)


def test_an_older_operator_reads_what_a_newer_crd_has_defaulted() -> None:
    spec = yaml.safe_load(yaml.safe_dump({**MINIMAL, "deadlines": {"launchSeconds": 60, "registrationSeconds": 900}}))
    assert InstanceSpec.model_validate(spec).deadlines.launch_seconds == 60
