"""Condition types, reasons and summaries: each word stands here once, with a sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ConditionType(StrEnum):
    """Condition types in the order in which they are shown."""

    ACCEPTED = "Accepted"
    LAUNCHED = "Launched"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    DELETING = "Deleting"
    CREDENTIALS_VALID = "CredentialsValid"
    ONLINE = "Online"
    MASS_ABSENCE = "MassAbsence"
    PROMISE_BROKEN = "PromiseBroken"
    ORPHANED = "Orphaned"


class Status(StrEnum):
    """The three values that a condition can have."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Every reason that a condition of ours can carry; docs/reasons.md says what a person does about each."""

    # Accepted
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    PROVIDER_NOT_FOUND = "ProviderNotFound"
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed"
    LIMIT_REACHED = "LimitReached"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a word, no secret
    CRD_OUTDATED = "CRDOutdated"
    ENDPOINT_NOT_ALLOWED = "EndpointNotAllowed"
    # Launched
    CREATED = "Created"
    ADOPTED = "Adopted"
    INTENDED = "Intended"
    CREATING = "Creating"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    CAPACITY_UNAVAILABLE = "CapacityUnavailable"
    PLACEMENT_FAILED = "PlacementFailed"
    PRICE_TOO_HIGH = "PriceTooHigh"
    QUOTA_EXCEEDED = "QuotaExceeded"
    REQUEST_REJECTED = "RequestRejected"
    CREDENTIALS_REJECTED = "CredentialsRejected"
    NAME_CONFLICT = "NameConflict"
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    PROVIDER_DRAINING = "ProviderDraining"
    THROTTLED = "Throttled"
    LOST = "Lost"
    PREEMPTED = "Preempted"
    BROKEN = "Broken"
    EXPIRED = "Expired"
    # Ready
    RUNNING = "Running"
    STOPPED = "Stopped"
    PROVISIONING = "Provisioning"
    STARTING = "Starting"
    STOPPING = "Stopping"
    WAITING_FOR_OPERATOR = "WaitingForOperator"
    PAUSED = "Paused"
    READY = "Ready"
    DRAINING = "Draining"
    # Reconciling
    WORKING = "Working"
    WAITING = "Waiting"
    SETTLED = "Settled"
    # Stalled
    NOT_STALLED = "NotStalled"
    CAPACITY_DEADLINE_EXCEEDED = "CapacityDeadlineExceeded"
    LAUNCH_DEADLINE_EXCEEDED = "LaunchDeadlineExceeded"
    REPLACEMENTS_SPENT = "ReplacementsSpent"
    RECORD_LOST = "RecordLost"
    PLACE_CHANGED = "PlaceChanged"
    # Deleting
    TERMINATING_MACHINE = "TerminatingMachine"
    WAITING_FOR_SETTLEMENT = "WaitingForSettlement"
    PROVING_ABSENCE = "ProvingAbsence"
    LEDGER_FULL = "LedgerFull"
    # Providers
    AUTHENTICATED = "Authenticated"
    NOT_CHECKED = "NotChecked"
    ANSWERED = "Answered"
    UNREACHABLE = "Unreachable"
    VERSION_MISMATCH = "VersionMismatch"
    MACHINES_MISSING = "MachinesMissing"
    CREATED_DESPITE_PROMISE = "CreatedDespitePromise"
    ORPHANS_FOUND = "OrphansFound"
    TOO_MANY_ORPHANS = "TooManyOrphans"


class Summary(StrEnum):
    """The words of `status.summary` that are no reason of Ready; nothing decides on it."""

    DELETING = "Deleting"
    ONLINE = "Online"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as we want it to read, still without its times."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""


def timestamp(moment: datetime) -> str:
    """Return the moment as Kubernetes writes times: RFC 3339, whole seconds, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def cut(text: str, limit: int = 512) -> str:
    """Return the text cut to `limit` bytes of UTF-8 at a character's border, because the schema bounds messages."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def rendered(
    wanted: Sequence[Condition], before: Iterable[Mapping[str, Any]], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the conditions for the status: lastTransitionTime moves only where the status value changed."""
    old = {str(condition.get("type")): condition for condition in before}
    result = []
    for condition in wanted:
        previous = old.get(condition.type, {})
        same = previous.get("status") == condition.status
        result.append(
            {
                "type": str(condition.type),
                "status": str(condition.status),
                "reason": str(condition.reason),
                "message": cut(condition.message),
                "observedGeneration": generation,
                "lastTransitionTime": previous.get("lastTransitionTime") if same else timestamp(now),
            }
        )
    return result
