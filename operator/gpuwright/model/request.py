"""What a machine is asked for: the request, and its hash without secret values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner, attempt_name, canonical_hash, owner_labels, token
from gpuwright.model.registry_login import RegistryLogin, login_for

USER_DATA = "bootstrap.userDataSecretRef"  # with a point, as no variable of the environment has it
PULL_SECRET = "machine.imagePullSecretRef"  # noqa: S105 - the name of a field


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the spec asks for, with Secrets resolved. `secret_versions` stands for their values wherever a hash is
    taken.

    `env` has every variable, `open_env` those that come from no Secret. `env` and `user_data` may hold secrets: they
    are left out of repr, so that no traceback or log can show them. `ssh_keys` are sorted: the spec has them in no
    order. `logins` are for registries of images. Keys of `secret_versions`: the variable's name, or USER_DATA, or
    PULL_SECRET.
    """

    machine: MachineSpec
    tags: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_data: str | None = field(default=None, repr=False)
    ssh_keys: tuple[str, ...] = ()
    logins: tuple[RegistryLogin, ...] = ()
    open_env: Mapping[str, str] = field(default_factory=dict)
    secret_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def login(self) -> RegistryLogin | None:
        """Return the login for the image's registry; None where none is needed, or there is none for it."""
        return login_for(self.machine.image, self.logins) if self.machine.image else None


@dataclass(frozen=True, slots=True)
class MachineRequest:
    """One create, as an adapter gets it."""

    owner: Owner
    name: str
    token: str
    incarnation: int
    wishes: Wishes
    traceparent: str = ""
    resent: bool = False  # an earlier send of this name ended Unknown, so "taken" may mean: by us

    @property
    def labels(self) -> dict[str, str]:
        """Return the user's tags, overlaid by the identity labels: nobody can tag a machine as another's."""
        return {**self.wishes.tags, **owner_labels(self.owner, self.incarnation)}

    @property
    def env(self) -> dict[str, str]:
        """Return the environment: the spec's own, and the two names that every machine gets."""
        return {
            **self.wishes.env,
            "GPUWRIGHT_INSTANCE_NAME": self.name,
            "GPUWRIGHT_OWNER": f"{self.owner.namespace}/{self.owner.name}",
        }

    def fingerprint(self) -> str:
        """Return the hash of what would be sent, with the version of each Secret in place of its value."""
        return canonical_hash(
            {
                "name": self.name,
                "labels": self.labels,
                "machine": self.wishes.machine.model_dump(mode="json", exclude_none=True),
                "env": dict(self.wishes.open_env),
                "userData": None if USER_DATA in self.wishes.secret_versions else self.wishes.user_data,
                "secrets": dict(self.wishes.secret_versions),
                **({"sshAuthorizedKeys": list(self.wishes.ssh_keys)} if self.wishes.ssh_keys else {}),
            }
        )


def request_for(
    owner: Owner, wishes: Wishes, incarnation: int, attempt: int, placement: int, traceparent: str = ""
) -> MachineRequest:
    """Return the request of one attempt; the same arguments give the same name, token and body."""
    return MachineRequest(
        owner=owner,
        name=attempt_name(owner, incarnation, attempt),
        token=token(owner, incarnation, attempt, placement),
        incarnation=incarnation,
        wishes=wishes,
        traceparent=traceparent,
    )
