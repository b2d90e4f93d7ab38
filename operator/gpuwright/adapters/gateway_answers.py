"""What a gateway's answers mean: the table of docs/protocol.md, "Outcomes", as one pure function per verb.

First match wins: `committed` in the body, the error code, throttling, the provider object's `outcomes`, the status
code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gpuwright.adapters.retry_after import DEFAULT_RETRY_AFTER, retry_after
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason, cut
from gpuwright.model.errors import NotCommitted, NotExecuted, Rejected, Throttled, Unauthenticated, Unknown
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.machine_endpoint import MOST, MachineEndpoint, is_port
from gpuwright.model.provider_spec import GatewaySpec, PromisedOutcome

NAME_CONFLICT = "name_conflict"

STATES: Mapping[str, MachineState] = {
    "pending": MachineState.PENDING,
    "provisioning": MachineState.PROVISIONING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPING,
    "stopped": MachineState.STOPPED,
    "deleting": MachineState.DELETING,
    "failed": MachineState.FAILED,
    "preempted": MachineState.PREEMPTED,
}

_NO_ROOM = {
    "capacity": Reason.CAPACITY_UNAVAILABLE,
    "no_placement": Reason.CAPACITY_UNAVAILABLE,
    "quota": Reason.QUOTA_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `shaped`: it has the gateway's own error shape, so nothing in between made it."""

    status: int
    shaped: bool
    code: str
    message: str
    committed: str
    id: str
    retry_after: float | None


def refusal_of(answer: Answer) -> Refusal:
    """Return the answer as a refusal; whatever has the wrong type counts as not there."""
    body = answer.json if isinstance(answer.json, Mapping) else {}
    error = body.get("error")
    shaped = isinstance(error, Mapping) and isinstance(error.get("code"), str)
    fields = error if isinstance(error, Mapping) else {}
    return Refusal(
        status=answer.status,
        shaped=shaped,
        code=_text(fields.get("code")),
        message=cut(_text(fields.get("message")), 256),
        committed=_text(fields.get("committed")),
        id=_text(body.get("id")),
        retry_after=retry_after(answer.headers.get("retry-after"), answer.headers.get("date")),
    )


def raise_for_create(refusal: Refusal, spec: GatewaySpec, *, resent: bool, promises: bool) -> NoReturn:
    """Raise what a create that was not confirmed means; name conflicts are looked into before.

    `promises` is False where a machine existed although an answer promised none: then no such answer is believed.
    """
    words = f"the gateway answered {refusal.status} {refusal.code}: {refusal.message}".rstrip(": ")
    promised = promises and spec.outcomes.get(refusal.status) is PromisedOutcome.NOT_COMMITTED
    if refusal.committed in {"yes", "unknown"}:
        raise Unknown(words)
    if refusal.shaped and refusal.code in _NO_ROOM:
        if not promises:
            raise Unknown(words)
        raise NotCommitted(words, reason=_NO_ROOM[refusal.code])
    if refusal.status == 429 or (refusal.status == 503 and promised and refusal.retry_after is not None):
        raise Throttled(words, DEFAULT_RETRY_AFTER if refusal.retry_after is None else refusal.retry_after)
    if promised:
        raise NotCommitted(words)
    try:
        _raise_for_status(refusal, words, resent=resent, token=spec.idempotency_keys)
    except Unknown as error:
        if promises and refusal.committed == "no":
            raise NotCommitted(words) from error
        raise


def _raise_for_status(refusal: Refusal, words: str, *, resent: bool, token: bool) -> NoReturn:
    if not refusal.shaped or refusal.status not in {400, 401, 402, 403, 404, 422}:
        raise Unknown(words, unhealthy=refusal.status >= 500)
    if refusal.status == 401:
        raise Unauthenticated(words)
    if refusal.status == 403:
        raise Rejected(words, Reason.CREDENTIALS_REJECTED)  # may be about this one machine: others go on
    if refusal.status == 422 and resent and token:
        # The token may be known with other parameters, which speaks for a machine, not against one. When that has
        # settled too, the next attempt follows: the same token would be refused for ever.
        raise Unknown(words, conflict=True)
    raise Rejected(words, Reason.REQUEST_REJECTED)


def raise_for_delete(refusal: Refusal) -> NoReturn:
    """Raise what a terminate or power call that was not accepted means."""
    words = f"the gateway answered {refusal.status} {refusal.code}: {refusal.message}".rstrip(": ")
    if refusal.status == 429:
        raise Throttled(words, DEFAULT_RETRY_AFTER if refusal.retry_after is None else refusal.retry_after)
    if refusal.status == 401 or (refusal.status == 403 and refusal.shaped):
        raise NotExecuted(words, Reason.CREDENTIALS_REJECTED)
    if refusal.shaped and refusal.status in {400, 402, 404, 422, 501}:
        raise Rejected(words, Reason.REQUEST_REJECTED)
    raise Unknown(words, unhealthy=refusal.status >= 500)


def holder(body: Any) -> Machine | None:
    """Return the machine that a 409 names under `instance`, where it does."""
    return machine_of(body.get("instance")) if isinstance(body, Mapping) else None


def machine_of(body: Any) -> Machine | None:
    """Return the machine that a representation describes, or None where it is not one."""
    if not isinstance(body, Mapping) or not _text(body.get("id")) or not _text(body.get("name")):
        return None
    word = _text(body.get("state"))
    price = body.get("price_per_hour")
    return Machine(
        id=_text(body.get("id")),
        name=_text(body.get("name")),
        state=STATES.get(word, MachineState.UNKNOWN),
        word=word,
        labels=_texts(body.get("labels")),
        addresses=_addresses(body.get("addresses")),
        endpoints=_endpoints(body.get("endpoints")),
        region=_text(body.get("region")),
        zone=_text(body.get("zone")),
        instance_type=_text(body.get("instance_type")),
        purchase=_text(body.get("purchase")),
        created=_text(body.get("created_at")),
        price_per_hour=str(price) if isinstance(price, int | float | str) and not isinstance(price, bool) else "",
        currency=_text(body.get("currency")),
    )


def _text(value: Any) -> str:
    return cut(value, 1000) if isinstance(value, str) else ""


def _texts(value: Any) -> dict[str, str]:
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, Mapping) else {}


def _addresses(value: Any) -> tuple[dict[str, str], ...]:
    if not isinstance(value, list):
        return ()
    entries = [(_text(entry.get("type")), _text(entry.get("address"))) for entry in value if isinstance(entry, Mapping)]
    return tuple({"type": kind, "address": address} for kind, address in entries[:16] if kind and address)


def _endpoints(value: Any) -> tuple[MachineEndpoint, ...]:
    """Return what can be reached: an entry without a port, or without an address or URL, says nothing."""
    entries = value[:MOST] if isinstance(value, list) else []
    found = [_endpoint(entry) for entry in entries if isinstance(entry, Mapping)]
    return tuple(endpoint for endpoint in found if endpoint.port and (endpoint.address or endpoint.url))


def _endpoint(entry: Mapping[str, Any]) -> MachineEndpoint:
    port, external = entry.get("port"), entry.get("external_port")
    return MachineEndpoint(
        name=cut(_text(entry.get("name")), 63),
        port=port if is_port(port) else 0,
        address=cut(_text(entry.get("address")), 253),
        external_port=external if is_port(external) else 0,
        url=_text(entry.get("url")),
    )
