"""A SkyPilot API server: the block of a provider of type SkyPilot, and what only its machines have."""

from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import EMPTY_IS_ABSENT, ApiModel, Rule, SecretKeyRef, crd, must_match
from gpuwright.model.endpoint_spec import ENDPOINT_IS_FINAL, CaBundle, Endpoint

SETTLE_SECONDS = 600
"""A launch may wait that long in the server's queue before anything of it shows."""
LOOPBACK = "http://127.0.0.1:"
"""Where no server but an emulator can be: the operator's own machine."""
SETTLES_SLOWLY = (
    "settleSeconds must be at least 600 for type SkyPilot, because a launch can wait for minutes in the server's "
    "queue: write settleSeconds: 1800"
)

_Cloud = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=64),
        must_match("([a-z][a-z0-9-]*)?", "must be SkyPilot's word for a cloud in lower case, such as aws"),
    ]
    | None,
    EMPTY_IS_ABSENT,
]


class SkyPilotMachine(ApiModel):
    """What only a machine of SkyPilot's has."""

    cloud: _Cloud = Field(
        None,
        description="Such as lambda. SkyPilot's word for the cloud; the provider's own where it names one. "
        "Default: the provider's, or else SkyPilot chooses the cheapest.",
    )
    autodown_idle_minutes: Annotated[int, Field(strict=True, ge=1, le=525_600)] | None = Field(
        None,
        description="Such as 60. SkyPilot itself ends the machine when neither a job of SkyPilot's nor an SSH session "
        "has been there for so long, in minutes; that counts as lost. Default: never.",
    )


class SkyPilotSpec(ApiModel):
    """How to reach a SkyPilot API server."""

    endpoint: Endpoint = Field(
        description="Such as https://skypilot.example. Base URL of the API server; it cannot be changed. Required.",
        json_schema_extra=crd(
            parent_rules=[Rule("self.endpoint == oldSelf.endpoint", ENDPOINT_IS_FINAL, "endpoint", forbids=True)]
        ),
    )
    credentials_secret_ref: SecretKeyRef = Field(
        description="Such as {name: skypilot, key: token}. The token of a service account, sky_...: a Secret in this "
        "namespace, or for a cluster provider in the operator's. Required."
    )
    ca_bundle: CaBundle = Field(
        None,
        description="Such as the text of ca.crt. Certificates in PEM that the server's own is checked against instead "
        "of the well-known ones; checking cannot be switched off. Default: none.",
    )
    cloud: _Cloud = Field(
        None,
        description="Such as aws. The only cloud that machines of this provider are bought from; machines can be "
        "switched off and on only where it is named, and can do that. Default: SkyPilot chooses the cheapest.",
    )

    @property
    def emulated(self) -> bool:
        """Return whether this can be no more than an emulator."""
        return self.endpoint.startswith(LOOPBACK)
