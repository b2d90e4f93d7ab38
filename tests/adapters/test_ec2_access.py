"""With the credentials of the Secret, or with those of the role that it names."""

from collections.abc import AsyncIterator

import pytest
from tests.adapters import contract
from tests.adapters.contract import Verb, a_request, closed, opened
from tests.adapters.ec2_stage import CREDENTIALS, MACHINE, Ec2Stage

from gpuwright.adapters import ec2_access
from gpuwright.adapters.contract import NotAsked
from gpuwright.adapters.ec2 import Ec2
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, Rejected
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.ec2.answers import error
from gpuwright_sandbox.ec2.calls import Kind

ROLE = f"{CREDENTIALS}role_arn = arn:aws:iam::123456789012:role/gpuwright\nexternal_id = ours\n"
STS = Kind.OTHER


@pytest.fixture(autouse=True)
def _ec2s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)


@pytest.fixture
async def stage(moto: str) -> AsyncIterator[Ec2Stage]:
    async with Ec2Stage(moto) as stage:
        yield stage


@pytest.fixture
def adapter(stage: Ec2Stage) -> Ec2:
    return stage.adapter_for(credentials=ROLE)


def assumed(stage: Ec2Stage) -> int:
    return sum(call.action == "AssumeRole" for call in stage.server.calls)


async def test_a_role_is_assumed_once_and_its_keys_sign_the_calls(stage: Ec2Stage, adapter: Ec2) -> None:
    await adapter.probe()
    await adapter.list()
    first, *others = stage.server.calls
    assert (first.action, first.fields["ExternalId"]) == ("AssumeRole", "ours")
    assert "Credential=AKIASANDBOX/" in first.headers["Authorization"]
    assert assumed(stage) == 1
    assert others
    assert all("Credential=AKIASANDBOX/" not in call.headers["Authorization"] for call in others)
    assert all(call.headers["X-Amz-Security-Token"] for call in others)


async def test_a_role_is_assumed_anew_before_its_keys_are_old(
    stage: Ec2Stage, adapter: Ec2, monkeypatch: pytest.MonkeyPatch
) -> None:
    await adapter.probe()
    monkeypatch.setattr(ec2_access, "RENEWED_AFTER", -1.0)
    await adapter.probe()
    assert assumed(stage) == 2


async def test_keys_that_ec2_calls_expired_are_used_no_more(stage: Ec2Stage, adapter: Ec2) -> None:
    await adapter.probe()
    stage.fault(Kind.LIST, answer=error(400, "RequestExpired"), carried_out=False)
    with pytest.raises(Blind):
        await adapter.list()
    await adapter.list()
    assert assumed(stage) == 2


@pytest.mark.parametrize("how", [How.DROP, How.HTML, How.EMPTY])
async def test_a_role_that_cannot_be_assumed_made_nothing_and_sent_nothing(
    stage: Ec2Stage, adapter: Ec2, how: How
) -> None:
    stage.fault(STS, how=how, carried_out=False)
    with pytest.raises(NeverSent):
        await adapter.create(a_request(), opened)
    assert stage.calls(Verb.CREATE) == 0


@pytest.mark.parametrize("code", ["InternalFailure", "Throttling"])
async def test_a_sick_or_busy_sts_is_no_answer_of_ec2s(stage: Ec2Stage, adapter: Ec2, code: str) -> None:
    stage.fault(STS, answer=error(500, code), carried_out=False)
    with pytest.raises(NeverSent):
        await adapter.create(a_request(), opened)


async def test_a_role_that_may_not_be_assumed_is_told_as_refused_credentials(stage: Ec2Stage, adapter: Ec2) -> None:
    stage.fault(STS, answer=error(403, "AccessDenied"), carried_out=False, times=2)
    with pytest.raises(Rejected) as caught:
        await adapter.create(a_request(), opened)
    assert caught.value.reason is Reason.CREDENTIALS_REJECTED
    with pytest.raises(Blind) as probe:
        await adapter.probe()
    assert probe.value.rejected


async def test_a_closed_gate_assumes_no_role(stage: Ec2Stage, adapter: Ec2) -> None:
    with pytest.raises(NotAsked):
        await adapter.create(a_request(), closed)
    assert stage.calls() == 0
