"""The same ComputeInstance at EC2: the operator as a process, a real API server, moto's server behind the shim."""

from collections.abc import Iterator

import pytest
from tests.e2e.elsewhere import Elsewhere, elsewhere, wait_another
from tests.e2e.stage import Stage

from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.ec2.calls import Call, Kind
from gpuwright_sandbox.ec2.double import Ec2Double
from gpuwright_sandbox.ec2.fates import Pace

pytestmark = pytest.mark.cluster

IMAGE = "ami-0a1b2c3d4e5f60718"
MACHINE = {"instanceType": "g5.xlarge", "image": IMAGE, "disk": "20Gi"}
CREDENTIALS = "[default]\naws_access_key_id = AKIASANDBOX\naws_secret_access_key = s3cret\n"


@pytest.fixture(scope="module")
def ec2() -> Iterator[Ec2Double]:
    with Ec2Double(Pace(0.5, 0.5, 0.5)) as double:
        yield double


@pytest.fixture(scope="module")
def provider(stage: Stage, ec2: Ec2Double) -> Iterator[Elsewhere]:
    """A ComputeProvider of type EC2, and its Secret."""
    block = {"region": "us-east-1", "endpoint": ec2.url}
    with elsewhere(stage, "EC2", block, {"credentials": CREDENTIALS}, MACHINE) as made:
        yield made


def creates(ec2: Ec2Double) -> list[Call]:
    return [call for call in ec2.server.calls if call.kind is Kind.CREATE]


def test_a_machine_at_ec2_comes_up_and_nothing_of_it_is_left(provider: Elsewhere, ec2: Ec2Double) -> None:
    made = provider.create("trainer", bootstrap={"env": [{"name": "RUN_ID", "value": "42"}]})
    made.wait_ready()
    status = made.status()
    (instance,) = ec2.server.truth.live()
    assert status["machine"]["id"] == instance.id
    assert status["machine"]["instanceType"] == "g5.xlarge"
    assert instance.tags["gpuwright.dev/owner-uid"] == made.uid
    (call,) = creates(ec2)
    assert call.fields["ClientToken"] == status["launch"]["token"]
    assert provider.provider()["status"]["capabilities"]["createKey"] == "Token"
    made.delete()
    made.wait_gone()
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)


def test_a_create_whose_answer_is_lost_is_found_and_not_bought_twice(provider: Elsewhere, ec2: Ec2Double) -> None:
    before = len(creates(ec2))
    ec2.server.faults.faults.append(Fault(frozenset({Kind.CREATE}), How.DROP))
    made = provider.create("unheard")
    made.wait_ready()
    assert len(creates(ec2)) == before + 1
    assert len(ec2.server.truth.live()) == 1
    made.delete()
    made.wait_gone()
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)


def test_a_spot_machine_that_ec2_takes_away_is_replaced(provider: Elsewhere, ec2: Ec2Double) -> None:
    made = provider.create("spot", machine={**MACHINE, "purchase": "Spot"})
    made.wait_ready()
    (first,) = ec2.server.truth.live()
    assert first.spot
    ec2.server.truth.terminate(first.id)
    ec2.server.fates.preempt(first.id)
    wait_another(made, first.id)
    made.wait_ready()
    assert len(ec2.server.truth.live()) == 1
    assert made.status()["attempts"][0]["reason"] == "Preempted"
    made.delete()
    made.wait_gone()
    assert (ec2.server.truth.live(), ec2.server.truth.volumes()) == ([], 0)
