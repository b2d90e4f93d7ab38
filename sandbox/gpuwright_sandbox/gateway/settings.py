"""What can be set about the gateway, at its start or while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from gpuwright_sandbox.gateway.shapes import FieldError, Json, read

DEFAULT_TOKEN = "sandbox"
DEFAULT_ACCOUNT = "default"


class Dialect(StrEnum):
    """How much of the API there is; CreateOnly has POST, DELETE and the health check, and no reads."""

    FULL = "Full"
    CREATE_ONLY = "CreateOnly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The gateway's settings; all durations are seconds on the gateway's own clock.

    Attributes:
        tokens: accepted bearer tokens and the account of each; an account sees only its own machines. Empty = nobody.
        idempotency: whether Idempotency-Key is honoured; else it is ignored.
        page_size: default and largest page of a list.
        boot_seconds: from the commit to running, a fifth of it pending; `metadata.sandboxBootSeconds` wins.
        delete_seconds: from DELETE to gone; `metadata.sandboxDeleteSeconds` wins.
        tombstone_seconds: how long a deleted name answers 410 before it is forgotten (404); None = for ever.
        name_reuse: whether the name of a machine that is gone may be given to a new one; else 409.
        hide_holder: a 409 does not say who holds the name.
        max_machines: live machines an account may have; None = any number. Beyond: `quota_status`, code quota.
        capacity: live machines that fit, by instance type or GPU type; one that is not listed fits always.
        power: whether machines can be stopped and started; else 501.
        healthz: whether /healthz exists; else 404 as for any unknown path.
        skew_seconds: added to every time that clients are told.
        requests_kept: how many of the last requests `/_sandbox/requests` remembers.
    """

    dialect: Dialect = Dialect.FULL
    tokens: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_TOKEN: DEFAULT_ACCOUNT})
    idempotency: bool = False
    page_size: int = 500
    boot_seconds: float = 1.5
    stop_seconds: float = 0.3
    start_seconds: float = 0.3
    delete_seconds: float = 0.5
    snapshot_seconds: float = 0.2
    tombstone_seconds: float | None = None
    name_reuse: bool = True
    hide_holder: bool = False
    max_machines: int | None = None
    quota_status: int = 403
    capacity: Mapping[str, int] = field(default_factory=dict)
    power: bool = True
    healthz: bool = True
    skew_seconds: float = 0.0
    requests_kept: int = 100_000

    @property
    def hides_holder(self) -> bool:
        """Whether a 409 leaves the holder out; a gateway that cannot read cannot show it either."""
        return self.hide_holder or self.dialect is Dialect.CREATE_ONLY


def changed(settings: Settings, changes: Json) -> Settings:
    """Return the settings with the given ones replaced; null takes a setting back to its default.

    `tokens` may also be a list, all of them for the default account.

    Raises:
        FieldError: a setting is unknown or has a wrong type.
    """
    if not isinstance(changes, dict):
        raise FieldError("", "must be an object")
    tokens = changes.get("tokens")
    if isinstance(tokens, list):
        changes = {**changes, "tokens": {str(token): DEFAULT_ACCOUNT for token in tokens}}
    parsed = read(Settings, changes)
    if parsed.page_size < 1:
        raise FieldError("page_size", "must be at least 1")
    kept = {item.name: getattr(settings, item.name) for item in fields(Settings) if item.name not in changes}
    given = {name: getattr(parsed, name) for name in changes}
    return Settings(**kept, **given)
