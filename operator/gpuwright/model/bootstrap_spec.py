"""What a machine is told at birth: ComputeInstance.spec.bootstrap."""

from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    ApiModel,
    Must,
    SecretKeyRef,
    at_most_bytes,
    crd,
    distinct,
    given,
    must_match,
    rule,
)
from gpuwright.model.ssh_key_spec import SshKeys

MAX_ENV = 64
MAX_ENV_BYTES = 8192
MAX_USER_DATA_BYTES = 16384


class EnvSource(ApiModel):
    """Where the value of an environment variable comes from."""

    secret_key_ref: SecretKeyRef = Field(
        description="Such as {name: hub, key: token}. One value of a Secret in this namespace. Required."
    )


OPERATORS_OWN_ENV = "GPUWRIGHT_"


class EnvVar(ApiModel):
    """One environment variable of the machine."""

    name: Annotated[
        str,
        StringConstraints(max_length=253),
        must_match(
            "[A-Za-z_][A-Za-z0-9_]*",
            "must be letters, digits and '_', and begin with no digit, such as RUN_ID",
        ),
        Must(
            f"!self.startsWith('{OPERATORS_OWN_ENV}')",
            lambda name: not name.startswith(OPERATORS_OWN_ENV),
            f"names that begin with {OPERATORS_OWN_ENV} are set by the operator: choose another name",
        ),
    ] = Field(description="Such as RUN_ID. Name of the variable. Required.")
    value: Annotated[
        Annotated[
            str,
            StringConstraints(max_length=MAX_ENV_BYTES),
            at_most_bytes(MAX_ENV_BYTES, "put what is larger where the machine can fetch it"),
        ]
        | None,
        EMPTY_IS_ABSENT,
    ] = Field(
        None,
        repr=False,
        description='Such as "42". The value as text, at most 8 KiB; numbers and booleans need quotes. Default: empty.',
    )
    value_from: EnvSource | None = Field(
        None,
        description="Such as {secretKeyRef: {name: hub, key: token}}. Takes the value from elsewhere instead of value. "
        "Default: none.",
    )

    @rule(
        f"!has(self.valueFrom) || !{given('value')}",
        "value and valueFrom are given: keep one of them",
    )
    def _has_one_source(self) -> bool:
        return self.value_from is None or self.value is None


def _name_of(entry: EnvVar) -> str:
    return entry.name


class Bootstrap(ApiModel):
    """What the machine is told at birth."""

    env: Annotated[
        list[EnvVar],
        Field(max_length=MAX_ENV),
        distinct(_name_of, "each name may stand there once"),
    ] = Field(
        [],
        description='Such as [{name: RUN_ID, value: "42"}]. Environment variables, at most 64. Default: none.',
        json_schema_extra=crd(list_type="map", map_keys=["name"]),
    )
    ssh_authorized_keys: SshKeys = Field(
        [],
        description="Such as [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@example]. Public keys that may log in over SSH, at "
        "most 32; whom they log in as is the image's and the provider's to say. Default: none.",
        json_schema_extra=crd(list_type="set"),
    )
    user_data: Annotated[
        Annotated[
            str,
            StringConstraints(max_length=MAX_USER_DATA_BYTES),
            at_most_bytes(MAX_USER_DATA_BYTES, "let the script fetch the rest"),
        ]
        | None,
        EMPTY_IS_ABSENT,
    ] = Field(
        None,
        repr=False,
        description="Such as a cloud-init document or a script that begins with #!. Handed over as it is, at most "
        "16 KiB. Everybody who may read this object can read it: secrets belong into userDataSecretRef. Default: none.",
    )
    user_data_secret_ref: SecretKeyRef | None = Field(
        None,
        description="Such as {name: trainer-init, key: user-data}. Takes the user data from a Secret in this namespace "
        "instead of userData. Default: none.",
    )

    @rule(
        f"!has(self.userDataSecretRef) || !{given('userData')}",
        "userData and userDataSecretRef are given: keep one of them",
    )
    def _has_one_user_data(self) -> bool:
        return self.user_data_secret_ref is None or self.user_data is None
