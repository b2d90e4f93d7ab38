"""RunPod: the block of a provider of type RunPod, and what only its machines have."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StringConstraints

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    ApiModel,
    Rule,
    SecretKeyRef,
    crd,
    given,
    must_match,
    rule,
)
from gpuwright.model.endpoint_spec import ENDPOINT_IS_FINAL, Endpoint
from gpuwright.model.quantity import QuantityBetween

PUBLIC_ENDPOINT = "https://api.runpod.io"
SETTLE_SECONDS = 100
"""RunPod says nowhere how late a fresh pod may show in its list; 300 is what we advise, and less than this is refused
(docs/providers/runpod.md, "How far the promise goes").
"""
SETTLES_SLOWLY = (
    "settleSeconds must be at least 100 for type RunPod, because a new pod can stay unlisted there for a while, and "
    "nothing else tells whether it was made: write settleSeconds: 300"
)

_Word = Annotated[Annotated[str, StringConstraints(max_length=253)] | None, EMPTY_IS_ABSENT]
_Arguments = Annotated[Annotated[str, StringConstraints(max_length=4096)] | None, EMPTY_IS_ABSENT]
_Volume = Annotated[
    Annotated[Decimal, QuantityBetween("10Gi", "1Pi", "20Gi", "RunPod makes none below 10Gi; a plain number is bytes")]
    | None,
    EMPTY_IS_ABSENT,
]
_Path = Annotated[
    str,
    StringConstraints(max_length=253),
    must_match("/[!-~]*", "must be a path inside the container that begins with '/', such as /workspace"),
]
_Version = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=16),
        must_match("([0-9]+[.][0-9]+)?", "must be a version with one point, such as 12.8"),
    ]
    | None,
    EMPTY_IS_ABSENT,
]


class Cloud(StrEnum):
    """Whose hardware it is."""

    SECURE = "Secure"
    COMMUNITY = "Community"


class RunpodMachine(ApiModel):
    """What only a pod at RunPod has. Placements have it, too, so the schema has no defaults: every apply would be a
    change.
    """

    cloud: Cloud | None = Field(
        None,
        description="Whose hardware it is: Secure is RunPod's own data centers, Community is other people's. "
        "Default: Secure.",
    )
    template_id: _Word = Field(
        None,
        description="Such as 30zmvf89kd. The template whose settings the pod begins with; what is written here wins. "
        "Default: none.",
    )
    registry_id: _Word = Field(
        None,
        description="Such as clzdaifot0001l90809257ynb. The credentials for a private image, as they are kept at "
        "RunPod. Default: none.",
    )
    args: _Arguments = Field(
        None, description="Such as python train.py. Arguments for the image's entrypoint. Default: none."
    )
    start_ssh: StrictBool | None = Field(
        None,
        description="Whether the public keys of the RunPod account are put into the pod; images that honor them start "
        "an SSH server. Default: false.",
    )
    volume: _Volume = Field(
        None,
        description="Quantity, such as 20Gi. A disk of the host machine that outlives a stop of the pod, and ends with "
        "the pod; 10Gi to 1Pi. Default: none.",
    )
    network_volume_id: _Word = Field(
        None,
        description="Such as agv6w2qcg7. A network volume that exists already; it outlives the pod. Default: none.",
    )
    volume_path: _Path | None = Field(
        None,
        description="Such as /workspace. Where the pod sees the volume or the network volume. Default: /workspace.",
    )
    global_networking: StrictBool | None = Field(
        None,
        description="Whether the pod gets a private address that other pods of the account reach from any data center. "
        "Default: false.",
    )
    min_cuda_version: _Version = Field(
        None, description="Such as 12.8. The oldest version of CUDA that the host machine may have. Default: any."
    )

    @property
    def hardware(self) -> Cloud:
        """Return whose hardware it is, where nothing is written too."""
        return self.cloud or Cloud.SECURE

    @property
    def mount_path(self) -> str:
        """Return where the pod sees its volume, where nothing is written too."""
        return self.volume_path or "/workspace"

    @rule(
        f"!{given('networkVolumeId')} || !{given('volume')}",
        "networkVolumeId and volume are given: RunPod mounts one of them, so keep one",
    )
    def _mounts_one_volume(self) -> bool:
        return self.network_volume_id is None or self.volume is None


class RunpodSpec(ApiModel):
    """Which account of RunPod."""

    credentials_secret_ref: SecretKeyRef = Field(
        description="Such as {name: runpod, key: apiKey}. The API key: a Secret in this namespace, or for a cluster "
        "provider in the operator's. Required."
    )
    endpoint: Endpoint = Field(
        PUBLIC_ENDPOINT,
        description="Such as https://api.runpod.io. Where RunPod is called; it cannot be changed. "
        "Default: https://api.runpod.io.",
        json_schema_extra=crd(
            parent_rules=[Rule("self.endpoint == oldSelf.endpoint", ENDPOINT_IS_FINAL, "endpoint", forbids=True)]
        ),
    )
