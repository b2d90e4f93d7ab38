"""Amazon EC2: the block of a provider of type EC2, and what only its machines have."""

from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    ApiModel,
    Rule,
    SecretKeyRef,
    crd,
    final_text,
    must_match,
)
from gpuwright.model.endpoint_spec import ENDPOINT_IS_FINAL, OptionalEndpoint

REGION_IS_FINAL = "the region cannot be changed, because machines are recorded under it: create another provider"
SETTLE_SECONDS = 300
"""EC2 may need minutes until a new machine is in its lists and may be found by its tags."""
SETTLES_SLOWLY = (
    "settleSeconds must be at least 300 for type EC2, because a new machine can stay unlisted there for minutes: "
    "write settleSeconds: 300"
)

_Subnet = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=24),
        must_match("(subnet-[0-9a-f]{8,17})?", "must be the id of a subnet, such as subnet-0a1b2c3d4e5f60718"),
    ]
    | None,
    EMPTY_IS_ABSENT,
]
_Group = Annotated[
    str,
    StringConstraints(max_length=20),
    must_match("sg-[0-9a-f]{8,17}", "must be the id of a security group, such as sg-0a1b2c3d4e5f60718"),
]
_Word = Annotated[Annotated[str, StringConstraints(max_length=255)] | None, EMPTY_IS_ABSENT]


class Ec2Machine(ApiModel):
    """What only a machine at EC2 has. What is left out comes from the provider's defaults."""

    subnet_id: _Subnet = Field(
        None,
        description="Such as subnet-0a1b2c3d4e5f60718. Where in the network the machine stands. Default: the "
        "provider's, or else the default subnet.",
    )
    security_group_ids: Annotated[list[_Group], Field(max_length=16)] = Field(
        [],
        description="Such as [sg-0a1b2c3d4e5f60718]. Who may reach the machine; at most 16. Default: the provider's, "
        "or else the network's default group.",
        json_schema_extra=crd(list_type="atomic"),
    )
    key_name: _Word = Field(
        None,
        description="Such as ops. The key pair whose owner may log in. Default: the provider's, or else none.",
    )


class Ec2Defaults(Ec2Machine):
    """What machines get that do not say otherwise, and what only the owner of the credentials may give them."""

    image: _Word = Field(
        None,
        description="Such as ami-0a1b2c3d4e5f60718. The disk image of machines that name none. Default: none.",
    )
    iam_instance_profile: _Word = Field(
        None,
        description="Such as trainer. Name of the instance profile that every machine gets; tenants cannot choose it. "
        "Default: none.",
    )


_REGION = "[a-z]{2,}(-[a-z]+)+-[0-9]+"


class Ec2Spec(ApiModel):
    """Which region of EC2, and with which credentials."""

    region: Annotated[
        str,
        StringConstraints(max_length=64),
        must_match(_REGION, "must be the name of a region, such as us-east-1, not of a zone such as us-east-1a"),
    ] = Field(
        description="Such as us-east-1. One provider is one region; it cannot be changed. Required.",
        json_schema_extra=crd(
            parent_rules=[Rule("self.region == oldSelf.region", REGION_IS_FINAL, "region", forbids=True)]
        ),
    )
    credentials_secret_ref: SecretKeyRef = Field(
        description="Such as {name: aws, key: credentials}. A text as in ~/.aws/credentials, with aws_access_key_id, "
        "aws_secret_access_key and, if need be, aws_session_token and role_arn: a Secret in this namespace, or for a "
        "cluster provider in the operator's. Required."
    )
    endpoint: OptionalEndpoint = Field(
        None,
        description="Such as https://vpce-0a1b.ec2.us-east-1.vpce.amazonaws.com. Where EC2 is called, if not at its "
        "public endpoint of the region; it cannot be changed. Default: the public one.",
        json_schema_extra=final_text("endpoint", ENDPOINT_IS_FINAL),
    )
    sts_endpoint: OptionalEndpoint = Field(
        None,
        description="Such as https://vpce-0a1b.sts.us-east-1.vpce.amazonaws.com. Where a role is assumed, if the "
        "credentials name one. Default: the public one of the region.",
    )
    defaults: Ec2Defaults | None = Field(
        None,
        description="Such as {image: ami-0a1b2c3d4e5f60718}. What machines get that do not say otherwise. "
        "Default: none.",
    )

    @property
    def url(self) -> str:
        """Return where EC2 is called."""
        return self.endpoint or f"https://ec2.{self.region}.{_domain(self.region)}"

    @property
    def sts_url(self) -> str:
        """Return where a role is assumed."""
        return self.sts_endpoint or f"https://sts.{self.region}.{_domain(self.region)}"


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
