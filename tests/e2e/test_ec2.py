"""The same ComputeInstance at EC2: the operator as a process, a real API server, moto's server behind the shim."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.cluster import INSTANCES, PROVIDERS, SECRETS, Body, condition, wait_for
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.ec2.calls import Call, Kind
from gpuwright_sandbox.ec2.double import Ec2Double
from gpuwright_sandbox.ec2.fates import Pace

pytestmark = pytest.mark.cluster

PATIENCE_SECONDS = 120.0
IMAGE = "ami-0a1b2c3d4e5f60718"
MACHINE = {"instanceType": "g5.xlarge", "image": IMAGE, "disk": "20Gi"}
CREDENTIALS = "[default]\naws_access_key_id = AKIASANDBOX\naws_secret_access_key = s3cret\n"
TIMES = {
    "timeouts": {"connectSeconds": 2, "requestSeconds": 10},
    "settleSeconds": 12,
    "poll": {"periodSeconds": 1},
    "probe": {"periodSeconds": 1},
}


@pytest.fixture(scope="module")
def ec2() -> Iterator[Ec2Double]:
    with Ec2Double(Pace(0.5, 0.5, 0.5)) as double:
        yield double


@pytest.fixture(scope="module")
def provider(stage: Stage, ec2: Ec2Double) -> Iterator[str]:
    """A ComputeProvider of type EC2, and its Secret."""
    place = {"name": "ec2", "namespace": stage.home}
    stage.cluster.create(SECRETS, {"metadata": place, "stringData": {"credentials": CREDENTIALS}})
    block = {"region": "us-east-1", "endpoint": ec2.url, "credentialsSecretRef": {"name": "ec2", "key": "credentials"}}
    spec = {"type": "EC2", "ec2": block, **TIMES}
    body = {"apiVersion": "gpuwright.dev/v1alpha1", "kind": "ComputeProvider", "metadata": place, "spec": spec}
    stage.cluster.create(PROVIDERS, body)
    yield "ec2"
    stage.cluster.delete(PROVIDERS, stage.home, "ec2")
    stage.cluster.delete(SECRETS, stage.home, "ec2")


def create(stage: Stage, provider: str, name: str, **spec: Any) -> Body:
    manifest = {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": stage.home},
        "spec": {"providerRef": {"name": provider}, "machine": MACHINE, **spec},
    }
    return stage.cluster.create(INSTANCES, manifest)


def body(stage: Stage, name: str) -> Body:
    return stage.cluster.get(INSTANCES, stage.home, name) or {}


def wait_ready(stage: Stage, name: str) -> Body:
    def ready() -> bool:
        return condition(body(stage, name), "Ready")[0] == "True"

    wait_for(f"{name} Ready", ready, PATIENCE_SECONDS, lambda: body(stage, name).get("status"))
    return dict(body(stage, name)["status"])


def delete(stage: Stage, name: str) -> None:
    stage.cluster.delete(INSTANCES, stage.home, name)
    wait_for(f"{name} gone", lambda: not body(stage, name), PATIENCE_SECONDS, lambda: body(stage, name).get("status"))


def creates(ec2: Ec2Double) -> list[Call]:
    return [call for call in ec2.server.calls if call.kind is Kind.CREATE]


def test_a_machine_at_ec2_comes_up_and_nothing_of_it_is_left(stage: Stage, provider: str, ec2: Ec2Double) -> None:
    made = create(stage, provider, "trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    status = wait_ready(stage, "trainer")
    (instance,) = ec2.server.truth.live()
    assert status["machine"]["id"] == instance.id
    assert status["machine"]["instanceType"] == "g5.xlarge"
    assert instance.tags["gpuwright.dev/owner-uid"] == made["metadata"]["uid"]
    (call,) = creates(ec2)
    assert call.fields["ClientToken"] == status["launch"]["token"]
    seen = stage.cluster.get(PROVIDERS, stage.home, provider) or {}
    assert seen["status"]["capabilities"]["createKey"] == "Token"
    delete(stage, "trainer")
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)


def test_a_create_whose_answer_is_lost_is_found_and_not_bought_twice(
    stage: Stage, provider: str, ec2: Ec2Double
) -> None:
    before = len(creates(ec2))
    ec2.server.faults.faults.append(Fault(frozenset({Kind.CREATE}), How.DROP))
    create(stage, provider, "unheard")
    wait_ready(stage, "unheard")
    assert len(creates(ec2)) == before + 1
    assert len(ec2.server.truth.live()) == 1
    delete(stage, "unheard")
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)


def test_a_spot_machine_that_ec2_takes_away_is_replaced(stage: Stage, provider: str, ec2: Ec2Double) -> None:
    create(stage, provider, "spot", machine={**MACHINE, "purchase": "Spot"})
    wait_ready(stage, "spot")
    (first,) = ec2.server.truth.live()
    assert first.spot
    ec2.server.truth.terminate(first.id)
    ec2.server.fates.preempt(first.id)

    def replaced() -> bool:
        status = body(stage, "spot").get("status") or {}
        other = (status.get("machine") or {}).get("id") not in {"", None, first.id}
        return other and condition(body(stage, "spot"), "Ready")[0] == "True"

    wait_for("another machine", replaced, PATIENCE_SECONDS, lambda: body(stage, "spot").get("status"))
    assert len(ec2.server.truth.live()) == 1
    assert body(stage, "spot")["status"]["attempts"][0]["reason"] == "Preempted"
    delete(stage, "spot")
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)
