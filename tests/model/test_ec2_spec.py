"""The block of type EC2 as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import sentences
from gpuwright.model.ec2_spec import Ec2Machine, Ec2Spec

FULL: dict[str, Any] = example("ec2-cluster-provider.yaml", "shared-ec2")["spec"]["ec2"]
MINIMAL: dict[str, Any] = example("ec2-provider.yaml", "ec2")["spec"]["ec2"]


def test_the_full_manifest_arrives_in_every_field() -> None:
    spec = Ec2Spec.model_validate(FULL)
    assert spec.defaults is not None
    assert spec.defaults.iam_instance_profile == "trainer"
    assert spec.defaults.security_group_ids == ["sg-0a1b2c3d4e5f60718"]
    assert spec.url == "https://vpce-0a1b.ec2.us-east-1.vpce.amazonaws.com"
    assert spec.sts_url == "https://vpce-0a1b.sts.us-east-1.vpce.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://ec2.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "https://ec2.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_public_endpoint_is_that_of_the_region(region: str, url: str) -> None:
    spec = Ec2Spec.model_validate({**MINIMAL, "region": region})
    assert spec.url == url
    assert spec.sts_url == url.replace("ec2.", "sts.", 1)


@pytest.mark.parametrize("region", ["us-east-1a", "US-EAST-1", "us", "", "us-east-1.evil.example/", "us east-1"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(ValidationError):
        Ec2Spec.model_validate({**MINIMAL, "region": region})


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        ({"subnetId": "vpc-0a1b2c3d"}, "must be the id of a subnet"),
        ({"securityGroupIds": ["ops"]}, "must be the id of a security group"),
    ],
)
def test_what_is_no_id_is_refused_with_what_to_write(machine: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Ec2Machine.model_validate(machine)
    assert sentence in sentences(caught.value)[0]


def test_a_tenant_cannot_give_a_machine_an_instance_profile() -> None:
    assert "iam_instance_profile" not in Ec2Machine.model_fields
