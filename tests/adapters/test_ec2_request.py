"""The parameters of RunInstances."""

from dataclasses import replace
from typing import Any

import pytest
from tests.adapters.contract import CLUSTER

from gpuwright.adapters.ec2_machines import TAG_NAME
from gpuwright.adapters.ec2_request import (
    Image,
    check,
    image_wanted,
    parameters,
)
from gpuwright.model.ec2_spec import Ec2Defaults
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.request import MachineRequest, Wishes, request_for

IMAGE = Image("ami-1", "/dev/sda1", "x86_64", (("/dev/sda1", 8), ("/dev/sdb", 0)))
OWNER = Owner(CLUSTER, "team-a", "trainer-0", "uid-1")
NO_DEFAULTS = Ec2Defaults()


def a_request(machine: dict[str, Any] | None = None, **wishes: Any) -> MachineRequest:
    spec = MachineSpec.model_validate({"instanceType": "g6.xlarge", **(machine or {})})
    return request_for(OWNER, Wishes(spec, **wishes), 1, 1, 0)


def built(request: MachineRequest, defaults: Ec2Defaults = NO_DEFAULTS) -> dict[str, Any]:
    return dict(parameters(request, IMAGE, "g6.xlarge", defaults))


def test_one_machine_is_asked_for_with_the_token_of_the_intent() -> None:
    request = a_request()
    body = built(request)
    assert (body["MinCount"], body["MaxCount"]) == (1, 1)
    assert body["ClientToken"] == request.token
    assert len(body["ClientToken"]) <= 64
    assert body["ClientToken"].isascii()


def test_the_same_request_has_the_same_parameters_and_resending_changes_none() -> None:
    request = a_request(env={"A": "1", "B": "2"}, user_data="#!/bin/sh\n")
    again = replace(request, wishes=replace(request.wishes, env={"B": "2", "A": "1"}), resent=True)
    assert built(request) == built(again)


def test_everything_that_bills_is_tagged_at_birth() -> None:
    request = a_request({"purchase": "Spot"}, tags={"team": "vision"})
    specifications = built(request)["TagSpecifications"]
    kinds = {entry["ResourceType"] for entry in specifications}
    assert kinds == {"instance", "volume", "network-interface", "spot-instances-request"}
    for entry in specifications:
        tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
        assert tags == {**request.labels, "Name": request.name, TAG_NAME: request.name}
        assert tags["team"] == "vision"


def test_a_tag_name_of_the_users_is_for_people_and_ours_stays() -> None:
    tags = {tag["Key"]: tag["Value"] for tag in built(a_request(tags={"Name": "mine"}))["TagSpecifications"][0]["Tags"]}
    assert tags["Name"] == "mine"
    assert tags[TAG_NAME] == a_request().name


def test_more_tags_than_ec2_takes_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(Rejected, match="keep 44"):
        built(a_request(tags={f"t{number}": "" for number in range(45)}))
    assert built(a_request(tags={f"t{number}": "" for number in range(44)}))


def test_no_volume_outlives_its_machine_whatever_the_image_says() -> None:
    disks = built(a_request())["BlockDeviceMappings"]
    assert disks == [
        {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": True, "VolumeSize": 8}},
        {"DeviceName": "/dev/sdb", "Ebs": {"DeleteOnTermination": True}},
    ]


def test_the_main_disk_has_the_wanted_size() -> None:
    disks = built(a_request({"disk": "200Gi"}))["BlockDeviceMappings"]
    assert disks[0] == {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": True, "VolumeSize": 200}}


def test_a_spot_machine_is_asked_for_once_and_ends_when_it_is_taken_away() -> None:
    market = built(a_request({"purchase": "Spot"}))["InstanceMarketOptions"]
    assert market["SpotOptions"] == {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    assert "InstanceMarketOptions" not in built(a_request())


def test_a_spot_machine_is_asked_for_with_its_ceiling_and_one_on_demand_has_none_there() -> None:
    limited = {"maxPricePerHour": "3.00"}
    options = built(a_request({"purchase": "Spot", **limited}))["InstanceMarketOptions"]["SpotOptions"]
    assert options["MaxPrice"] == "3.00"
    assert "InstanceMarketOptions" not in built(a_request(limited))


def test_a_machines_own_words_win_over_the_providers_and_the_profile_is_the_providers() -> None:
    defaults = Ec2Defaults(
        subnet_id="subnet-00000001",
        security_group_ids=["sg-00000001"],
        key_name="ops",
        iam_instance_profile="trainer",
        image="ami-9",
    )
    own = a_request({"ec2": {"subnetId": "subnet-00000002"}, "zone": "us-east-1a"})
    body = built(own, defaults)
    assert (body["SubnetId"], body["SecurityGroupIds"]) == ("subnet-00000002", ["sg-00000001"])
    assert (body["KeyName"], body["IamInstanceProfile"]) == ("ops", {"Name": "trainer"})
    assert body["Placement"] == {"AvailabilityZone": "us-east-1a"}
    bare = built(a_request())
    assert not {"SubnetId", "SecurityGroupIds", "KeyName", "IamInstanceProfile", "Placement"} & set(bare)


def test_an_image_must_be_named_by_the_machine_or_the_provider() -> None:
    machine = a_request().wishes.machine
    with pytest.raises(Rejected, match=r"spec\.machine\.image"):
        image_wanted(machine, NO_DEFAULTS)
    assert image_wanted(machine, Ec2Defaults(image="ami-9")) == "ami-9"
    assert image_wanted(a_request({"image": "ami-2"}).wishes.machine, Ec2Defaults(image="ami-9")) == "ami-2"


def test_another_region_is_refused_before_anything_is_sent() -> None:
    check(a_request({"region": "us-east-1"}).wishes.machine, "us-east-1")
    with pytest.raises(Rejected, match="this provider is region us-east-1"):
        check(a_request({"region": "us-east-2"}).wishes.machine, "us-east-1")


def test_a_login_for_an_image_is_refused_because_images_are_amis() -> None:
    with pytest.raises(Rejected, match=r"leave out spec\.machine\.imagePullSecretRef"):
        check(a_request({"imagePullSecretRef": {"name": "registry"}}).wishes.machine, "us-east-1")


def test_user_data_goes_along_where_there_is_some() -> None:
    assert "UserData" not in built(a_request())
    assert built(a_request(user_data="#!/bin/sh\n"))["UserData"] == "#!/bin/sh\n"
