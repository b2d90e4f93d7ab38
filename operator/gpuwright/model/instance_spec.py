"""What a user asks for: ComputeInstance.spec, parsed once. The CRD is generated from these models."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    ApiModel,
    Must,
    ObjectName,
    Rule,
    SecondsOrNone,
    SecretKeyRef,
    at_most_bytes,
    crd,
    distinct,
    final_quantity,
    final_text,
    final_value,
    given,
    keys_at_most,
    must_match,
    rule,
)
from gpuwright.model.quantity import QuantityBetween

MAX_ENV = 64
MAX_ENV_BYTES = 8192
MAX_USER_DATA_BYTES = 16384

PROVIDER_IS_FINAL = (
    "where the machine lives cannot be changed, because a machine may already be there: "
    "delete this ComputeInstance and create another"
)
MACHINE_IS_FINAL = "what was bought cannot be changed, added or removed: delete this ComputeInstance and create another"
BOOTSTRAP_IS_FINAL = (
    "what a machine was told at birth cannot be changed, added or removed: "
    "delete this ComputeInstance and create another"
)
TAGS_ARE_FINAL = (
    "tags are put on the machine at birth and cannot be changed, added or removed: "
    "delete this ComputeInstance and create another"
)


class ProviderKind(StrEnum):
    """The two kinds of object that machines can come from."""

    COMPUTE_PROVIDER = "ComputeProvider"
    CLUSTER_COMPUTE_PROVIDER = "ClusterComputeProvider"


class Purchase(StrEnum):
    """How the machine is paid for. A spot machine can be taken away by its provider at any moment."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"


class PowerState(StrEnum):
    """Whether the machine is to be on."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class OnLoss(StrEnum):
    """What follows when a machine that was seen is proven gone."""

    RECREATE = "Recreate"
    FAIL = "Fail"


class DeletionPolicy(StrEnum):
    """What becomes of the machine when the ComputeInstance is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class ProviderRef(ApiModel):
    """Which provider the machine comes from."""

    kind: ProviderKind = Field(
        ProviderKind.COMPUTE_PROVIDER,
        description="ComputeProvider is one in this namespace, ClusterComputeProvider one of the whole cluster. "
        "Default: ComputeProvider.",
    )
    name: ObjectName = Field(description="Such as gateway. Name of the provider object. Required.")


Text = Annotated[str, StringConstraints(max_length=253)]
Word = Annotated[Text | None, EMPTY_IS_ABSENT]
Image = Annotated[Annotated[str, StringConstraints(max_length=1024)] | None, EMPTY_IS_ABSENT]
Cores = Annotated[
    Annotated[
        Decimal,
        QuantityBetween("1m", "10k", "8 or 500m", "write whole cores such as 8, or thousandths of a core such as 500m"),
    ]
    | None,
    EMPTY_IS_ABSENT,
]
Memory = Annotated[
    Annotated[Decimal, QuantityBetween("64Mi", "64Ti", "64Gi", "a plain number is bytes, so write 64Gi and not 64")]
    | None,
    EMPTY_IS_ABSENT,
]
Disk = Annotated[
    Annotated[Decimal, QuantityBetween("1Gi", "1Pi", "200Gi", "a plain number is bytes, so write 200Gi and not 200")]
    | None,
    EMPTY_IS_ABSENT,
]


class Gpu(ApiModel):
    """Which GPUs the machine has."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(
        description="Such as H100. The provider's own word for the GPU. Required."
    )
    count: Annotated[int, Field(strict=True, ge=1, le=256)] = Field(
        1, description="Such as 8. How many of them one machine has. Default: 1."
    )


class GatewayMachine(ApiModel):
    """What only a compute gateway has."""

    metadata: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=1024)]],
        Field(max_length=64),
        keys_at_most(253, "orgId"),
    ] = Field(
        {},
        description='Such as {orgId: "7"}. Handed to the gateway as it is, under metadata; at most 64 entries. '
        "Default: none.",
    )


class MachineSpec(ApiModel):
    """What to buy: one of instanceType, cpu with memory, or gpu alone; gpu may stand beside the other two."""

    instance_type: Word = Field(
        None,
        description="Such as gpu.h100.1. The provider's own word for a shape of machine. Default: none, the provider "
        "chooses by cpu, memory and gpu.",
        json_schema_extra=final_text("instanceType", MACHINE_IS_FINAL),
    )
    cpu: Cores = Field(
        None,
        description='Quantity, such as 8 or 500m or "0.5". Cores; a minimum where the provider sells shapes. '
        "Stands together with memory. Default: none.",
        json_schema_extra=final_quantity("cpu", MACHINE_IS_FINAL),
    )
    memory: Memory = Field(
        None,
        description="Quantity, such as 64Gi. Main memory, 64Mi to 64Ti; a plain number is bytes. A minimum where the "
        "provider sells shapes. Stands together with cpu. Default: none.",
        json_schema_extra=final_quantity("memory", MACHINE_IS_FINAL),
    )
    gpu: Gpu | None = Field(
        None,
        description="Such as {type: H100, count: 8}. Which GPUs the machine has. Default: none.",
        json_schema_extra=final_value("gpu", MACHINE_IS_FINAL),
    )
    disk: Disk = Field(
        None,
        description="Quantity, such as 200Gi. Size of the main disk, 1Gi to 1Pi; a plain number is bytes. "
        "Default: what the provider gives.",
        json_schema_extra=final_quantity("disk", MACHINE_IS_FINAL),
    )
    image: Image = Field(
        None,
        description="Such as registry.example/trainer:2026-11. What the machine runs, in the provider's own words: a "
        "container image, a disk image or a template. Default: what the provider gives.",
        json_schema_extra=final_text("image", MACHINE_IS_FINAL),
    )
    region: Word = Field(
        None,
        description="Such as us-east-1. The provider's own word for where. Default: the provider chooses.",
        json_schema_extra=final_text("region", MACHINE_IS_FINAL),
    )
    zone: Word = Field(
        None,
        description="Such as us-east-1a. The provider's own word for the part of a region. Default: the provider "
        "chooses.",
        json_schema_extra=final_text("zone", MACHINE_IS_FINAL),
    )
    purchase: Purchase = Field(
        Purchase.ON_DEMAND,
        description="OnDemand is kept until it is deleted; Spot is cheaper and can be taken away by the provider at "
        "any moment. Default: OnDemand.",
        json_schema_extra=final_text("purchase", MACHINE_IS_FINAL),
    )
    gateway: GatewayMachine | None = Field(
        None,
        description='Such as {metadata: {orgId: "7"}}. What only a provider of type Gateway understands. '
        "Default: none.",
        json_schema_extra=final_value("gateway", MACHINE_IS_FINAL),
    )

    @rule(
        f"has(self.gpu) || {given('instanceType')} || {given('cpu')} || {given('memory')}",
        "say what to buy: instanceType, or gpu, or cpu with memory",
    )
    def _says_what_to_buy(self) -> bool:
        return not (self.gpu is None and self.instance_type is None and self.cpu is None and self.memory is None)

    @rule(
        f"!{given('instanceType')} || !({given('cpu')} || {given('memory')})",
        "instanceType stands beside cpu or memory: keep one way of saying what to buy",
    )
    def _says_it_in_one_way(self) -> bool:
        return self.instance_type is None or (self.cpu is None and self.memory is None)

    @rule(f"!{given('cpu')} || {given('memory')}", "cpu is given without memory: add memory, such as 16Gi")
    def _has_memory_beside_cpu(self) -> bool:
        return self.cpu is None or self.memory is not None

    @rule(f"!{given('memory')} || {given('cpu')}", 'memory is given without cpu: add cpu, such as "4"')
    def _has_cpu_beside_memory(self) -> bool:
        return self.memory is None or self.cpu is not None


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


class CreatePolicy(ApiModel):
    """One burst of tries; after it the waits grow from 10 seconds to 5 minutes."""

    max_attempts: Annotated[int, Field(strict=True, ge=1, le=10)] = Field(
        3,
        description="Such as 3. How many names one burst tries when the provider promises that nothing was made. "
        "Default: 3.",
    )
    retry_base_delay_milliseconds: Annotated[int, Field(strict=True, ge=0, le=10_000)] = Field(
        250,
        description="Such as 250. The wait before the second try, in milliseconds; it grows by as much with each "
        "further try. Default: 250.",
    )


class Deadlines(ApiModel):
    """How long an incarnation may take; time in which the provider could not be reached does not count."""

    capacity_seconds: SecondsOrNone = Field(
        0,
        description="Whole seconds, 86400 is a day. How long to go on trying while the provider has no room; 0 is for "
        "ever. Default: 0.",
    )
    launch_seconds: SecondsOrNone = Field(
        1800,
        description="Whole seconds, 900 is 15 minutes. From the provider's yes until the machine runs; an overdue "
        "machine is terminated and replaced; 0 is for ever. Default: 1800.",
    )


class InstanceSpec(ApiModel):
    """Exactly one machine."""

    provider_ref: ProviderRef = Field(
        description="Such as {name: gateway}. Where the machine comes from; it cannot be changed. Required.",
        json_schema_extra=crd(
            parent_rules=[
                Rule("self.providerRef == oldSelf.providerRef", PROVIDER_IS_FINAL, "providerRef", forbids=True)
            ]
        ),
    )
    machine: MachineSpec = Field(
        description="Such as {gpu: {type: H100, count: 8}}. What to buy; it cannot be changed. Required."
    )
    bootstrap: Bootstrap | None = Field(
        None,
        description='Such as {env: [{name: RUN_ID, value: "42"}]}. What the machine is told at birth; it cannot be '
        "changed. Default: nothing.",
        json_schema_extra=final_value("bootstrap", BOOTSTRAP_IS_FINAL),
    )
    power_state: PowerState = Field(
        PowerState.RUNNING,
        description="Stopped switches the machine off and keeps it; Stopped at creation buys nothing until it is "
        "Running. Default: Running.",
    )
    create_policy: CreatePolicy = Field(
        CreatePolicy(),
        description="Such as {maxAttempts: 3}. How creation is tried again. Default: the defaults of its fields.",
    )
    deadlines: Deadlines = Field(
        Deadlines(),
        description="Such as {launchSeconds: 1800}. When to give up; each counts anew for a replacement. "
        "Default: the defaults of its fields.",
    )
    on_loss: OnLoss = Field(
        OnLoss.RECREATE,
        description="What to do when the machine is proven gone: Recreate makes another, Fail stalls. "
        "Default: Recreate.",
    )
    max_replacements: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(
        3,
        description="Such as 3. How often a lost, overdue or broken machine is replaced before the instance stalls. "
        "Default: 3.",
    )
    expire_after_seconds: SecondsOrNone = Field(
        0,
        description="Whole seconds, 86400 is a day. The machine is terminated at this age, and the instance ends as "
        "Expired; 0 is never. Default: 0.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="What deleting this object does: Delete terminates the machine, Retain leaves it running and "
        "billed. Default: Delete.",
    )
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]],
        Field(max_length=50),
        keys_at_most(128, "team"),
        Must(
            "self.all(key, !key.startsWith('gpuwright.dev/'))",
            lambda tags: not any(key.startswith("gpuwright.dev/") for key in tags),
            "keys that begin with gpuwright.dev/ say whose the machine is, and belong to the operator: choose another",
        ),
    ] = Field(
        {},
        description="Such as {team: vision}. Put on the machine where the provider can hold tags, at most 50; they "
        "cannot be changed. Default: none.",
        json_schema_extra=final_value("tags", TAGS_ARE_FINAL),
    )
