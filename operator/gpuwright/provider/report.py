"""PURE: what is known of a provider, as status and conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gpuwright.model.conditions import Condition, ConditionType, Reason, Status, Summary, rendered
from gpuwright.provider.account import Account
from gpuwright.provider.departure import without_what_is_gone
from gpuwright.provider.sweep import orphan_status, orphaned


@dataclass(frozen=True, slots=True)
class Counts:
    """How many instances a provider has: in all, ready, and creating."""

    total: int
    ready: int
    creating: int

    def body(self) -> dict[str, int]:
        """Return the counts as they stand in status."""
        return {"total": self.total, "ready": self.ready, "creating": self.creating}


def provider_status(
    account: Account, body: Mapping[str, Any], counts: Mapping[str, int], handled: str, now: datetime
) -> dict[str, Any]:
    """Return the whole status of a provider object; what the ledgers hold is kept until it is proven gone."""
    before = body.get("status") or {}
    # Of the spec that was looked at: the body may show a newer one by now.
    generation = account.generation
    wanted = provider_conditions(account, before)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "summary": _summary(wanted),
        "conditions": rendered(wanted, before.get("conditions") or (), generation, now),
        "breaker": _breaker(account),
        "instances": dict(counts),
    }
    optional = {
        "place": account.place,
        "credentialsVersion": account.confirmed_version,
        "capabilities": account.adapter.capabilities.body() if account.adapter else before.get("capabilities"),
        "lastHandledReconcileAt": handled,
        "unavailableOffers": account.no_room.body(),
    }
    status |= {name: value for name, value in optional.items() if value}
    return status | without_what_is_gone(before, account.sweep.watches) | orphan_status(account.sweep, before)


def _breaker(account: Account) -> dict[str, Any]:
    # Single failures while it is closed come and go: writing them would be noise.
    closed = account.breaker.closed
    body: dict[str, Any] = {"state": "Closed" if closed else "Open", "failures": 0}
    if not closed:
        threshold = account.spec.probe.failure_threshold if account.spec else 0
        body |= {"failures": threshold, "openedTime": account.breaker.opened}
    return body


def provider_conditions(account: Account, before: Mapping[str, Any]) -> list[Condition]:
    """Return the provider's conditions in their order."""
    accepted, valid, online = _accepted(account), _credentials(account), _online(account)
    ready = _ready(account, accepted, valid, online)
    stuck = accepted.status is Status.FALSE and accepted.reason is not Reason.SECRET_NOT_FOUND
    conditions = [
        accepted,
        valid,
        online,
        ready,
        _reconciling(ready, stuck=stuck),
        Condition(ConditionType.STALLED, Status.TRUE, accepted.reason, accepted.message)
        if stuck
        else Condition(ConditionType.STALLED, Status.FALSE, Reason.NOT_STALLED),
    ]
    return conditions + _occasional(account, before)


def _accepted(account: Account) -> Condition:
    kind = ConditionType.ACCEPTED
    if account.spec is None or account.spec_error:
        return Condition(kind, Status.FALSE, Reason.INVALID_SPEC, account.spec_error)
    if account.refused:
        return Condition(kind, Status.FALSE, Reason.ENDPOINT_NOT_ALLOWED, account.refused)
    if account.credentials.problem:
        return Condition(kind, Status.FALSE, Reason.SECRET_NOT_FOUND, account.credentials.problem)
    return Condition(kind, Status.TRUE, Reason.ACCEPTED, "the spec can be carried out")


def _credentials(account: Account) -> Condition:
    kind = ConditionType.CREDENTIALS_VALID
    credentials = account.credentials
    if credentials.problem:
        return Condition(kind, Status.FALSE, Reason.SECRET_NOT_FOUND, credentials.problem)
    if credentials.rejected:
        return Condition(kind, Status.FALSE, Reason.CREDENTIALS_REJECTED, credentials.rejected)
    if not credentials.checked:
        return Condition(kind, Status.UNKNOWN, Reason.NOT_CHECKED, "the provider has not been asked yet")
    return Condition(kind, Status.TRUE, Reason.AUTHENTICATED, "the provider takes our credentials")


def _online(account: Account) -> Condition:
    kind = ConditionType.ONLINE
    if account.reachable and account.spec is not None and account.spec.draining:
        return Condition(kind, Status.TRUE, Reason.DRAINING, "it answers; planned work: no new machines are made")
    if account.reachable:
        return Condition(kind, Status.TRUE, Reason.ANSWERED, "it answers")
    if not account.breaker.closed:
        return Condition(kind, Status.FALSE, Reason.UNREACHABLE, account.trouble or "it does not answer")
    return Condition(kind, Status.UNKNOWN, Reason.NOT_CHECKED, "it has not been asked yet")


def _ready(account: Account, accepted: Condition, valid: Condition, online: Condition) -> Condition:
    kind = ConditionType.READY
    for condition in (accepted, valid, online):
        if condition.status is not Status.TRUE:
            return Condition(kind, condition.status, condition.reason, condition.message)
    words = account.adapter.capabilities.limits if account.adapter else ""
    if account.spec is not None and account.spec.draining:
        return Condition(kind, Status.TRUE, Reason.DRAINING, words or "planned work: no new machines are made")
    return Condition(kind, Status.TRUE, Reason.READY, words or "machines can be made here")


def _reconciling(ready: Condition, *, stuck: bool) -> Condition:
    if ready.status is Status.TRUE or stuck:
        return Condition(ConditionType.RECONCILING, Status.FALSE, Reason.SETTLED, "nothing is being done")
    return Condition(ConditionType.RECONCILING, Status.TRUE, Reason.WAITING, ready.message)


def _occasional(account: Account, before: Mapping[str, Any]) -> list[Condition]:
    """Conditions that are there only once they have occurred."""
    known = {condition.get("type") for condition in before.get("conditions") or ()}
    found = []
    missing = account.absence.missing
    if missing:
        words = (
            f"{len(missing)} machines are missing from one list at once: nothing is concluded from it until they show "
            "again, or a person sets the annotation gpuwright.dev/reconcile-requested-at on this provider"
        )
        found.append(Condition(ConditionType.MASS_ABSENCE, Status.TRUE, Reason.MACHINES_MISSING, words))
    elif ConditionType.MASS_ABSENCE in known:
        found.append(Condition(ConditionType.MASS_ABSENCE, Status.FALSE, Reason.SETTLED, "none is missing any more"))
    if not account.promises:
        words = "a machine existed although an answer promised none: no such promise counts until the spec changes"
        found.append(Condition(ConditionType.PROMISE_BROKEN, Status.TRUE, Reason.CREATED_DESPITE_PROMISE, words))
    elif ConditionType.PROMISE_BROKEN in known:
        found.append(
            Condition(ConditionType.PROMISE_BROKEN, Status.FALSE, Reason.SETTLED, "the spec has changed since")
        )
    return [*found, *orphaned(account.sweep, account.spec.sweep if account.spec else None, before)]


def _summary(conditions: list[Condition]) -> str:
    ready = next(condition for condition in conditions if condition.type is ConditionType.READY)
    if ready.status is Status.TRUE and ready.reason is Reason.READY:
        return str(Summary.ONLINE)
    return str(ready.reason)
