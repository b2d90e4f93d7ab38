"""The EC2 adapter against moto's server behind the shim: the contract, and what is its own."""

from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.adapters import contract
from tests.adapters.adapter_stage import LARGEST_BODY
from tests.adapters.contract import (
    PowerContract,
    ReadingContract,
    TokenContract,
    Trouble,
    Verb,
    a_request,
    opened,
)
from tests.adapters.ec2_stage import IMAGE, MACHINE, Ec2Stage

from gpuwright import http_client
from gpuwright.adapters.contract import Deletion
from gpuwright.model.capabilities import CreateKey, PriceCeiling
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, NotCommitted, Rejected, Unknown
from gpuwright.model.machine import Absent, Present, Tombstone
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.ec2.answers import error
from gpuwright_sandbox.ec2.calls import Kind


@pytest.fixture(autouse=True)
def _ec2s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", LARGEST_BODY)
    monkeypatch.setattr(contract, "MACHINE", MACHINE)


@pytest.fixture
async def stage(moto: str) -> AsyncIterator[Ec2Stage]:
    async with Ec2Stage(moto) as stage:
        yield stage


class TestEc2(ReadingContract, PowerContract, TokenContract):
    """What every adapter keeps."""


def machine(**spec: Any) -> MachineSpec:
    return MachineSpec.model_validate({"instanceType": "g5.xlarge", "image": IMAGE, **spec})


def asking(spec: MachineSpec, **wishes: Any) -> MachineRequest:
    return replace(a_request(), wishes=Wishes(spec, **wishes))


def code(name: str, status: int = 400) -> dict[str, Any]:
    return {"answer": error(status, name), "carried_out": False}


async def test_its_limits_are_told(stage: Ec2Stage) -> None:
    capabilities = stage.adapter.capabilities
    assert capabilities.create_key is CreateKey.TOKEN
    assert "tags" in capabilities.limits


async def test_a_machine_of_another_cluster_is_not_in_our_list(stage: Ec2Stage) -> None:
    other = stage.adapter_for(cluster="cluster-2")
    await stage.adapter.create(a_request(), opened)
    assert await other.list() == ()
    assert await other.look(a_request().name, opened) == Absent()
    assert await other.delete(a_request().name, opened) is Deletion.NOT_FOUND
    assert stage.live() == [a_request().name]


async def test_nothing_is_left_that_bills_when_the_machine_is_gone(stage: Ec2Stage) -> None:
    await stage.adapter.create(asking(machine(disk="50Gi")), opened)
    assert stage.server.truth.volumes() == 1
    await stage.adapter.delete(a_request().name, opened)
    assert (stage.live(), stage.server.truth.volumes()) == ([], 0)


async def test_a_gpu_is_found_by_its_name_in_ec2s_own_table(stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", 2**26)
    created = await stage.adapter.create(asking(machine(instanceType="", gpu={"type": "L4"})), opened)
    assert created.machine.instance_type == "g6.xlarge"
    tables = [call for call in stage.server.calls if call.action == "DescribeInstanceTypes"]
    await stage.adapter.create(
        replace(a_request("b"), wishes=Wishes(machine(instanceType="", gpu={"type": "L4"}))), opened
    )
    assert [call for call in stage.server.calls if call.action == "DescribeInstanceTypes"] == tables


async def test_a_spot_machine_says_so_and_has_its_user_data(stage: Ec2Stage) -> None:
    created = await stage.adapter.create(asking(machine(purchase="Spot"), user_data="#!/bin/sh\n"), opened)
    (sent,) = [call for call in stage.server.calls if call.kind is Kind.CREATE]
    assert b64decode(sent.fields["UserData"]) == b"#!/bin/sh\n"
    assert sent.fields["ClientToken"] == a_request().token
    (instance,) = stage.server.truth.live()
    assert instance.spot
    assert created.machine.purchase == "Spot"


async def test_keys_go_along_for_cloud_init_and_ports_are_left_to_security_groups(stage: Ec2Stage) -> None:
    assert not stage.adapter.capabilities.ports
    keys = ("ssh-ed25519 AAAAC3Nza me@example",)
    await stage.adapter.create(asking(machine(ports=[{"name": "ssh", "port": 22}]), ssh_keys=keys), opened)
    (run,) = [call for call in stage.server.calls if call.action == "RunInstances"]
    assert keys[0] in b64decode(run.fields["UserData"]).decode()
    assert not [call.action for call in stage.server.calls if "SecurityGroup" in call.action]


async def test_keys_that_ec2_has_no_room_for_send_nothing(stage: Ec2Stage) -> None:
    keys = tuple(f"ssh-rsa AAAA{number:04}{'a' * 2000}" for number in range(9))
    with pytest.raises(Rejected, match="EC2 takes 16384"):
        await stage.adapter.create(asking(machine(), ssh_keys=keys), opened)
    assert not [call for call in stage.server.calls if call.action == "RunInstances"]


async def test_the_ceiling_of_a_spot_machine_is_sent_for_ec2_to_keep(stage: Ec2Stage) -> None:
    assert stage.adapter.capabilities.price_ceiling is PriceCeiling.SPOT
    await stage.adapter.create(asking(machine(purchase="Spot", maxPricePerHour="3.00")), opened)
    (sent,) = [call for call in stage.server.calls if call.kind is Kind.CREATE]
    assert sent.fields["InstanceMarketOptions.SpotOptions.MaxPrice"] == "3.00"


async def test_a_spot_price_above_its_ceiling_made_nothing(stage: Ec2Stage) -> None:
    too_low = error(400, "SpotMaxPriceTooLow")
    stage.fault(Kind.CREATE, answer=too_low, carried_out=False)
    with pytest.raises(NotCommitted) as caught:
        await stage.adapter.create(asking(machine(purchase="Spot", maxPricePerHour="3.00")), opened)
    assert caught.value.reason is Reason.PRICE_TOO_HIGH
    assert stage.live() == []


async def test_a_wish_that_cannot_be_had_sends_nothing(stage: Ec2Stage) -> None:
    with pytest.raises(Rejected):
        await stage.adapter.create(asking(machine(region="eu-west-1")), opened)
    assert stage.calls() == 0


async def test_an_image_that_ec2_does_not_know_is_a_persons_to_mend(stage: Ec2Stage) -> None:
    with pytest.raises(Rejected) as caught:
        await stage.adapter.create(asking(machine(image="ami-00000000")), opened)
    assert caught.value.reason is Reason.REQUEST_REJECTED
    assert stage.calls(Verb.CREATE) == 0


async def test_a_create_whose_image_cannot_be_read_was_never_sent(stage: Ec2Stage) -> None:
    stage.fault(Kind.OTHER, how=How.DROP, carried_out=False)
    with pytest.raises(NeverSent):
        await stage.adapter.create(a_request(), opened)
    assert stage.calls(Verb.CREATE) == 0


async def test_a_promise_that_was_broken_once_is_believed_no_more(stage: Ec2Stage) -> None:
    stage.spoil(Verb.CREATE, Trouble.NO_ROOM)
    with pytest.raises(Unknown):
        await stage.adapter_for(promises=False).create(a_request(), opened)


@pytest.mark.parametrize("resent", [False, True])
async def test_a_token_with_other_parameters_conflicts_only_once_it_was_sent_before(
    stage: Ec2Stage, resent: bool
) -> None:
    await stage.adapter.create(a_request(), opened)
    other = replace(asking(machine(instanceType="g5.2xlarge")), resent=resent)
    with pytest.raises(Unknown) as caught:
        await stage.adapter.create(other, opened)
    assert caught.value.conflict is resent
    assert len(stage.live()) == 1


async def test_an_instance_that_is_gone_before_its_terminate_arrives_is_not_found(stage: Ec2Stage) -> None:
    await stage.adapter.create(a_request(), opened)
    stage.fault(Kind.TERMINATE, **code("InvalidInstanceID.NotFound"))
    assert await stage.adapter.delete(a_request().name, opened) is Deletion.NOT_FOUND


async def test_a_terminate_ends_all_that_is_under_the_name(stage: Ec2Stage) -> None:
    first = a_request()
    await stage.adapter.create(first, opened)
    await stage.adapter.create(replace(first, token="another"), opened)
    assert len(stage.live()) == 2
    await stage.adapter.delete(first.name, opened)
    assert stage.live() == []


async def test_a_machine_made_by_hand_is_looked_at_and_ended_by_its_id(stage: Ec2Stage) -> None:
    await stage.adapter.create(a_request(), opened)
    identity = stage.instance(a_request().name).id
    sighting = await stage.adapter.look(identity, opened)
    assert isinstance(sighting, Present)
    assert sighting.machine.id == identity
    assert await stage.adapter.delete(identity, opened) is Deletion.ACCEPTED


async def test_of_two_machines_under_one_name_an_id_means_one(stage: Ec2Stage) -> None:
    first = await stage.adapter.create(a_request(), opened)
    second = await stage.adapter.create(replace(a_request(), token="another"), opened)
    for made in (first, second):
        sighting = await stage.adapter.look(made.machine.id, opened)
        assert isinstance(sighting, Present)
        assert (sighting.machine.id, sighting.machine.name) == (made.machine.id, a_request().name)
    assert await stage.adapter.delete(second.machine.id, opened) is Deletion.ACCEPTED
    assert [instance.id for instance in stage.server.truth.live()] == [first.machine.id]
    assert await stage.adapter.delete(second.machine.id, opened) is Deletion.ACCEPTED  # it is shutting down
    stage.advance(60)
    assert await stage.adapter.look(second.machine.id, opened) == Tombstone(second.machine.id)
    assert await stage.adapter.delete(second.machine.id, opened) is Deletion.NOT_FOUND
    assert [instance.id for instance in stage.server.truth.live()] == [first.machine.id]


async def test_a_spot_machine_that_cannot_be_stopped_is_told_to_a_person_and_runs_on(stage: Ec2Stage) -> None:
    await stage.adapter.create(asking(machine(purchase="Spot")), opened)
    stage.advance(60)
    words = "You can't stop the Spot Instance because it is associated with a one-time Spot Instance request."
    stage.fault(Kind.POWER, answer=error(400, "UnsupportedOperation", words), carried_out=False)
    with pytest.raises(Rejected, match="one-time Spot Instance request") as caught:
        await stage.adapter.power(a_request().name, on=False, gate=opened)
    assert caught.value.reason is Reason.REQUEST_REJECTED
    assert stage.instance(a_request().name).state == "running"
    assert stage.adapter.capabilities.power


class TestAnEmptyPageWithAToken:
    """EC2 may answer so where there are filters: nothing is concluded from it."""

    async def test_hides_no_machine_from_a_list(self, stage: Ec2Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.LIST, how=How.ALL_ON_THE_NEXT_PAGE)
        assert [found.name for found in await stage.adapter.list()] == [a_request().name]

    async def test_is_not_the_end_of_a_look(self, stage: Ec2Stage) -> None:
        created = await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.LOOK, how=How.ALL_ON_THE_NEXT_PAGE, page=1, times=2)
        stage.fault(Kind.LOOK, how=How.TRUNCATE, page=2, times=2)
        with pytest.raises(Blind):
            await stage.adapter.look(a_request().name, opened)
        sighting = await stage.adapter.look(a_request().name, opened)
        assert isinstance(sighting, Present)
        assert sighting.machine.id == created.machine.id

    async def test_is_not_taken_for_nothing_to_end(self, stage: Ec2Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.FIND, how=How.ALL_ON_THE_NEXT_PAGE)
        assert await stage.adapter.delete(a_request().name, opened) is Deletion.ACCEPTED
        assert stage.live() == []

    async def test_is_not_taken_for_nothing_to_switch_off(self, stage: Ec2Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.fault(Kind.FIND, how=How.ALL_ON_THE_NEXT_PAGE)
        await stage.adapter.power(a_request().name, on=False, gate=opened)
        assert stage.instance(a_request().name).state == "stopped"


class TestPagesThatGoRoundInCircles:
    @pytest.fixture(autouse=True)
    def _same_page(self, stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        async def same_page(*_arguments: object, **_more: object) -> dict[str, Any]:
            return {"Reservations": [], "NextToken": "again"}

        monkeypatch.setattr(stage.adapter._access, "call", same_page)

    async def test_are_blind_for_a_list(self, stage: Ec2Stage) -> None:
        with pytest.raises(Blind, match="does not end"):
            await stage.adapter.list()

    async def test_are_blind_for_a_look(self, stage: Ec2Stage) -> None:
        with pytest.raises(Blind, match="does not end"):
            await stage.adapter.look(a_request().name, opened)

    async def test_end_and_switch_nothing_that_is_known_of(self, stage: Ec2Stage) -> None:
        with pytest.raises(Unknown, match="does not end"):
            await stage.adapter.delete(a_request().name, opened)
        with pytest.raises(Unknown, match="does not end"):
            await stage.adapter.power(a_request().name, on=False, gate=opened)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Instances": []},
        {"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}]},
        {"Instances": [{"InstanceId": "i-1", "Tags": [{"Key": key, "Value": "x.y"} for key in (
            "gpuwright.dev/cluster", "gpuwright.dev/owner-uid", "gpuwright.dev/owner")]}]},
    ],
    ids=["nothing", "none", "two", "another owner's"],
)  # fmt: skip
async def test_an_answer_to_a_create_that_is_not_our_one_machine_is_unknown(
    stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    real = stage.adapter._access.call

    async def told(operation: str, *arguments: Any, **more: Any) -> Any:
        return answer if operation == "run_instances" else await real(operation, *arguments, **more)

    monkeypatch.setattr(stage.adapter._access, "call", told)
    with pytest.raises(Unknown):
        await stage.adapter.create(a_request(), opened)
