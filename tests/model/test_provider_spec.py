"""The spec of providers as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import sentences
from gpuwright.model.provider_spec import (
    Adoption,
    ClusterProviderSpec,
    Dialect,
    GatewaySpec,
    Limits,
    PromisedOutcome,
    ProviderSpec,
    ProviderType,
)
from gpuwright.model.sweep_spec import Sweep, SweepMode

Spec = dict[str, Any]
MINIMAL: Spec = example("provider.yaml", "gateway")["spec"]
FULL: Spec = example("cluster-provider.yaml", "shared-gateway")["spec"]


def reaching(**gateway: object) -> Spec:
    return {**MINIMAL, "gateway": {**MINIMAL["gateway"], **gateway}}


def refusal(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        ClusterProviderSpec.model_validate(spec)
    return sentences(caught.value)


def test_the_minimal_manifest_has_every_default() -> None:
    spec = ClusterProviderSpec.model_validate(MINIMAL)
    assert spec.type is ProviderType.GATEWAY
    assert (spec.gateway.ca_bundle, spec.gateway.idempotency_keys, spec.gateway.dialect) == (None, False, Dialect.FULL)
    assert spec.gateway.outcomes == {500: PromisedOutcome.NOT_COMMITTED, 503: PromisedOutcome.NOT_COMMITTED}
    assert spec.draining is False
    assert spec.limits == Limits(max_instances=None, creates_per_minute=100, max_in_flight=8)
    assert (spec.timeouts.connect_seconds, spec.timeouts.request_seconds) == (5, 30)
    assert (spec.probe.period_seconds, spec.probe.failure_threshold) == (30, 3)
    assert (spec.poll.period_seconds, spec.settle_seconds) == (10, 60)
    assert spec.sweep == Sweep(mode=SweepMode.REPORT, period_seconds=120, min_age_seconds=600, max_per_pass=10)
    assert (spec.allowed_namespaces, spec.adoption) == (None, Adoption.DENIED)


def test_the_full_manifest_arrives_in_every_field() -> None:
    spec = ClusterProviderSpec.model_validate(FULL)
    assert spec.limits.max_instances == 20
    assert spec.gateway.ca_bundle is not None
    assert spec.allowed_namespaces is not None
    assert spec.allowed_namespaces.names == ["team-a"]


def test_a_namespaced_provider_is_opened_to_nobody_else() -> None:
    assert not hasattr(ProviderSpec.model_validate(FULL), "allowed_namespaces")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8700",
        "https://gateway.example",
        "https://gateway.example/",
        "https://gateway.example:65535/base/path%20x",
        "http://[::1]:1",
        "https://a",
    ],
)
def test_an_endpoint_is_taken(endpoint: str) -> None:
    assert GatewaySpec.model_validate(reaching(endpoint=endpoint)["gateway"]).endpoint == endpoint


SCHEME = "must begin with https:// or http://, such as https://gateway.example:8443"
NO_SECRETS = (
    "leave out '@', '?' and '#': the token stands in the Secret of credentialsSecretRef, and paths are added here"
)
HOST = "must name a host, and a port from 1 to 65535 if any, such as https://gateway.example:8443"


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("", SCHEME),
        ("gateway.example", SCHEME),
        ("HTTPS://gateway.example", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("https://me:secret@gateway.example", NO_SECRETS),
        ("https://gateway.example?token=secret", NO_SECRETS),
        ("https://gateway.example#top", NO_SECRETS),
        ("https://", HOST),
        ("https://:8443", HOST),
        ("https:///path", HOST),
        ("https://gateway.example:0", HOST),
        ("https://gateway.example:65536", HOST),
        ("https://gateway.example:", HOST),
        ("https://-a", HOST),
        ("https://gateway.example/a b", HOST),
        ("https://gateway.example\n", HOST),
        ("https://gäteway.example", HOST),
    ],
)
def test_what_is_no_endpoint_is_refused_with_what_to_write(endpoint: str, sentence: str) -> None:
    assert refusal(reaching(endpoint=endpoint)) == (f"spec.gateway.endpoint: {sentence}",)


@pytest.mark.parametrize(
    ("bundle", "sentence"),
    [
        (
            "LS0tLS1CRUdJTg==",
            "caBundle is the PEM text itself, not base64 of it: it begins with -----BEGIN CERTIFICATE-----",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB",
            "caBundle stops before -----END CERTIFICATE-----: give the whole PEM text",
        ),
    ],
    ids=["base64", "cut off"],
)
def test_a_bad_bundle_is_refused_with_what_to_write(bundle: str, sentence: str) -> None:
    assert refusal(reaching(caBundle=bundle)) == (f"spec.gateway.caBundle: {sentence}",)


def test_an_empty_bundle_is_none() -> None:
    assert ProviderSpec.model_validate(reaching(caBundle="")).gateway.ca_bundle is None


@pytest.mark.parametrize("code", ["429", "499", "600", "5xx", "50", "0500", " 500", "5000", "\u0665\u0660\u0660"])
def test_outcomes_are_promised_for_5xx_only(code: str) -> None:
    assert refusal(reaching(outcomes={code: "Unknown"}))


def test_outcomes_are_read_by_number() -> None:
    spec = ProviderSpec.model_validate(reaching(outcomes={"500": "Unknown", "599": "NotCommitted"}))
    assert spec.gateway.outcomes == {500: PromisedOutcome.UNKNOWN, 599: PromisedOutcome.NOT_COMMITTED}


def test_no_outcome_need_be_promised() -> None:
    assert ProviderSpec.model_validate(reaching(outcomes={})).gateway.outcomes == {}


def test_nothing_promises_that_a_machine_was_made() -> None:
    assert refusal(reaching(outcomes={"500": "Committed"}))


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"settleSeconds": 31}, True),
        ({"settleSeconds": 30}, False),
        ({"settleSeconds": 29}, False),
        ({"timeouts": {"requestSeconds": 59}}, True),
        ({"timeouts": {"requestSeconds": 60}}, False),
        ({"settleSeconds": 2, "timeouts": {"requestSeconds": 1}}, True),
    ],
    ids=str,
)
def test_a_create_must_have_ended_before_it_counts_as_settled(change: Spec, taken: bool) -> None:
    spec = {**MINIMAL, **change}
    if taken:
        ProviderSpec.model_validate(spec)
    else:
        assert refusal(spec)[0].startswith("spec: settleSeconds must be more than timeouts.requestSeconds")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "EC3"},
        {"type": ""},
        {"draining": "true"},
        {"limits": {"maxInstances": -1}},
        {"limits": {"createsPerMinute": 0}},
        {"limits": {"maxInFlight": 0}},
        {"timeouts": {"connectSeconds": 0}},
        {"probe": {"failureThreshold": 0}},
        {"poll": {"periodSeconds": 0}},
        {"sweep": {"mode": "Dry"}},
        {"sweep": {"mode": False}},
        {"sweep": {"periodSeconds": 0}},
        {"sweep": {"minAgeSeconds": 0}},
        {"sweep": {"maxPerPass": 0}},
        {"adoption": True},
        {"allowedNamespaces": ["team-a"]},
    ],
    ids=str,
)
def test_a_bad_field_is_refused_at_its_place(change: Spec) -> None:
    (field,) = change
    assert all(line.startswith(f"spec.{field}") for line in refusal({**MINIMAL, **change}))


def test_no_instance_at_all_may_be_the_limit() -> None:
    assert ProviderSpec.model_validate({**MINIMAL, "limits": {"maxInstances": 0}}).limits.max_instances == 0


EC2: Spec = {"region": "us-east-1", "credentialsSecretRef": {"name": "aws", "key": "credentials"}}
RUNPOD: Spec = {"credentialsSecretRef": {"name": "runpod", "key": "apiKey"}}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"type": "EC2"}, "the block ec2 and type EC2 belong together: write both, or neither"),
        ({**MINIMAL, "ec2": EC2}, "the block ec2 and type EC2 belong together: write both, or neither"),
        ({"type": "Gateway"}, "the block gateway and type Gateway belong together: write both, or neither"),
        ({**MINIMAL, "type": "EC2", "ec2": EC2}, "the block gateway and type Gateway belong together"),
        ({"type": "EC2", "ec2": EC2}, "settleSeconds must be at least 300 for type EC2"),
        ({"type": "RunPod"}, "the block runpod and type RunPod belong together: write both, or neither"),
        ({**MINIMAL, "runpod": RUNPOD}, "the block runpod and type RunPod belong together: write both, or neither"),
        ({"type": "RunPod", "runpod": RUNPOD}, "settleSeconds must be at least 100 for type RunPod"),
    ],
)
def test_a_type_without_its_block_or_with_anothers_is_refused(spec: Spec, sentence: str) -> None:
    assert sentence in " ".join(refusal(spec))


def test_the_block_of_another_type_cannot_be_read_by_mistake() -> None:
    gateway = ProviderSpec.model_validate(MINIMAL)
    ec2 = ProviderSpec.model_validate({"type": "EC2", "ec2": EC2, "settleSeconds": 300})
    assert ec2.ec2.region == "us-east-1"
    with pytest.raises(TypeError, match="no block ec2"):
        _ = gateway.ec2
    with pytest.raises(TypeError, match="no block gateway"):
        _ = ec2.gateway
    runpod = ProviderSpec.model_validate({"type": "RunPod", "runpod": RUNPOD, "settleSeconds": 100})
    assert runpod.runpod.endpoint == "https://api.runpod.io"
    with pytest.raises(TypeError, match="no block runpod"):
        _ = ec2.runpod


def test_an_emulator_of_ec2_may_settle_faster() -> None:
    emulated = {**EC2, "endpoint": "http://127.0.0.1:5000"}
    assert ProviderSpec.model_validate({"type": "EC2", "ec2": emulated}).settle_seconds == 60


def test_a_double_of_runpod_may_settle_faster() -> None:
    emulated = {**RUNPOD, "endpoint": "http://127.0.0.1:5000"}
    assert ProviderSpec.model_validate({"type": "RunPod", "runpod": emulated}).settle_seconds == 60
