"""What each answer means: recorded payloads in, outcomes out (2-protocol.md, 2.2: first match wins)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuwright.adapters.gateway_answers import (
    STATES,
    Refusal,
    holder,
    machine_of,
    raise_for_create,
    raise_for_delete,
    refusal_of,
)
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.provider_spec import GatewaySpec

PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"

LEAF = st.sampled_from(
    [None, True, 0, -1, 2**70, 0.5, "", "no", "yes", "capacity", "quota", "running", "\u00e9\ud7ff", "x" * 2000]
)
WORD = st.sampled_from(["error", "code", "message", "committed", "id", "name", "state", "labels", "instance", ""])
INNER = LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(WORD, LEAF, max_size=4)
JSON = INNER | st.lists(INNER, max_size=2) | st.dictionaries(WORD, INNER, max_size=4)


def spec(**changes: Any) -> GatewaySpec:
    """Return a gateway with the promises that are the default."""
    body = {"endpoint": "https://gateway.example", "credentialsSecretRef": {"name": "gateway", "key": "token"}}
    return GatewaySpec.model_validate({**body, **changes})


def error(code: str, committed: str = "", **beside: Any) -> dict[str, Any]:
    """Return an error in the gateway's own shape."""
    fields = {"code": code, "message": f"because of {code}", **({"committed": committed} if committed else {})}
    return {"error": fields, **beside}


@dataclass(frozen=True, slots=True)
class Row:
    """One answer to a create, and what it means."""

    status: int
    body: Any
    means: type[ProviderError]
    reason: Reason
    headers: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] | None = None
    unhealthy: bool = False
    resent: bool = False
    tokens: bool = False


NOTHING_PROMISED: Mapping[str, str] = {}
LOST = Reason.OUTCOME_UNKNOWN
FAILED = Reason.PLACEMENT_FAILED

ROWS = {
    # `committed` in the body comes first, whatever the status says.
    "committed yes, 500": Row(500, error("internal", "yes"), Unknown, LOST),
    "committed yes, capacity": Row(503, error("capacity", "yes"), Unknown, LOST),
    "committed yes, 429": Row(429, error("rate_limited", "yes"), Unknown, LOST),
    "committed yes, 400": Row(400, error("invalid_spec", "yes"), Unknown, LOST),
    "committed unknown, 500": Row(500, error("internal", "unknown"), Unknown, LOST),
    "committed unknown, 401": Row(401, error("unauthorized", "unknown"), Unknown, LOST),
    "committed no, 502": Row(502, error("internal", "no"), NotCommitted, FAILED),
    "committed no, 504": Row(504, error("internal", "no"), NotCommitted, FAILED),
    "committed no, 500 unpromised": Row(500, error("internal", "no"), NotCommitted, FAILED, outcomes=NOTHING_PROMISED),
    "committed no, 408": Row(408, error("timeout", "no"), NotCommitted, FAILED),
    "committed no, 409 of another code": Row(409, error("busy", "no"), NotCommitted, FAILED),
    "committed no, capacity": Row(503, error("capacity", "no"), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
    "committed no, 429": Row(429, error("rate_limited", "no"), Throttled, Reason.THROTTLED),
    "committed no, 400": Row(400, error("invalid_spec", "no"), Rejected, Reason.REQUEST_REJECTED),
    "committed is no word that we know": Row(502, error("internal", "maybe"), Unknown, LOST, unhealthy=True),
    # Then the code.
    "capacity": Row(503, error("capacity"), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
    "no_placement": Row(503, error("no_placement"), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
    "capacity, nothing promised": Row(
        503, error("capacity"), NotCommitted, Reason.CAPACITY_UNAVAILABLE, outcomes=NOTHING_PROMISED
    ),
    "capacity with Retry-After": Row(
        503, error("capacity"), NotCommitted, Reason.CAPACITY_UNAVAILABLE, {"retry-after": "9"}
    ),
    "quota, 403": Row(403, error("quota"), NotCommitted, Reason.QUOTA_EXCEEDED),
    "quota, 429": Row(429, error("quota"), NotCommitted, Reason.QUOTA_EXCEEDED),
    # Then throttling.
    "429": Row(429, error("rate_limited"), Throttled, Reason.THROTTLED),
    "429, a page": Row(429, PAGE, Throttled, Reason.THROTTLED),
    "503 with Retry-After, promised": Row(503, error("internal"), Throttled, Reason.THROTTLED, {"retry-after": "2"}),
    "503 with Retry-After, not promised": Row(
        503, error("internal"), Unknown, LOST, {"retry-after": "2"}, NOTHING_PROMISED, unhealthy=True
    ),
    # Then what the provider object says is promised.
    "500, promised": Row(500, error("internal"), NotCommitted, FAILED),
    "503, promised": Row(503, error("internal"), NotCommitted, FAILED),
    "502, promised": Row(502, error("internal"), NotCommitted, FAILED, outcomes={"502": "NotCommitted"}),
    "500, said to be unknown": Row(500, error("internal"), Unknown, LOST, outcomes={"500": "Unknown"}, unhealthy=True),
    "500, not promised": Row(500, error("internal"), Unknown, LOST, outcomes=NOTHING_PROMISED, unhealthy=True),
    "502": Row(502, error("internal"), Unknown, LOST, unhealthy=True),
    "502, a page": Row(502, PAGE, Unknown, LOST, unhealthy=True),
    "504, a page": Row(504, PAGE, Unknown, LOST, unhealthy=True),
    "501": Row(501, error("not_supported"), Unknown, LOST, unhealthy=True),
    "599": Row(599, error("internal"), Unknown, LOST, unhealthy=True),
    # Then the status.
    "400": Row(400, error("invalid_spec"), Rejected, Reason.REQUEST_REJECTED),
    "402": Row(402, error("payment"), Rejected, Reason.REQUEST_REJECTED),
    "403 on one create": Row(403, error("unauthorized"), Rejected, Reason.CREDENTIALS_REJECTED),
    "404": Row(404, error("not_found"), Rejected, Reason.REQUEST_REJECTED),
    "422": Row(422, error("invalid_spec"), Rejected, Reason.REQUEST_REJECTED),
    "401": Row(401, error("unauthorized"), Unauthenticated, Reason.CREDENTIALS_REJECTED),
    "422 to a name that was sent before": Row(
        422, error("invalid_spec"), Rejected, Reason.REQUEST_REJECTED, resent=True
    ),
    "422 to a token that was sent before": Row(422, error("invalid_spec"), Unknown, LOST, resent=True, tokens=True),
    "422 to a token that was never sent": Row(
        422, error("invalid_spec"), Rejected, Reason.REQUEST_REJECTED, tokens=True
    ),
    # Whatever no table lists is Unknown.
    **{f"{status}, a page": Row(status, PAGE, Unknown, LOST) for status in (400, 401, 402, 403, 404, 409, 410, 422)},
    "404, JSON of something else": Row(404, {"detail": "Not Found"}, Unknown, LOST),
    "404, an error that is a text": Row(404, {"error": "no such thing"}, Unknown, LOST),
    "404, a code that is a number": Row(404, {"error": {"code": 404}}, Unknown, LOST),
    "404, a list": Row(404, [error("not_found")], Unknown, LOST),
    "400, nothing": Row(400, None, Unknown, LOST),
    "408": Row(408, error("timeout"), Unknown, LOST),
    "409 of another code": Row(409, error("busy"), Unknown, LOST),
    "410": Row(410, error("gone"), Unknown, LOST),
    "418": Row(418, error("teapot"), Unknown, LOST),
    "425": Row(425, error("early"), Unknown, LOST),
    "301": Row(301, None, Unknown, LOST),
    "307": Row(307, PAGE, Unknown, LOST),
    "304": Row(304, None, Unknown, LOST),
    "199": Row(199, None, Unknown, LOST),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_create_that_was_not_confirmed_means(row: Row) -> None:
    gateway = spec(idempotencyKeys=row.tokens, **({} if row.outcomes is None else {"outcomes": dict(row.outcomes)}))
    refusal = refusal_of(Answer(row.status, row.headers, row.body))
    with pytest.raises(ProviderError) as caught:
        raise_for_create(refusal, gateway, resent=row.resent, promises=True)
    assert type(caught.value) is row.means
    assert caught.value.reason is row.reason
    assert caught.value.unhealthy is row.unhealthy
    assert str(row.status) in caught.value.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, error("internal"), id="500"),
        pytest.param(503, error("internal"), id="503"),
        pytest.param(500, error("internal", "no"), id="500 that says no"),
        pytest.param(502, error("internal", "no"), id="502 that says no"),
        pytest.param(408, error("timeout", "no"), id="408 that says no"),
    ],
)
def test_a_gateway_that_broke_a_promise_is_not_believed_any_more(status: int, body: Any) -> None:
    with pytest.raises(Unknown):
        raise_for_create(refusal_of(Answer(status, {}, body)), spec(), resent=False, promises=False)


@pytest.mark.parametrize("value", ["2", DATE])
def test_a_503_of_a_gateway_that_broke_a_promise_is_no_throttling(value: str) -> None:
    refusal = refusal_of(Answer(503, {"retry-after": value, "date": DATE}, error("internal")))
    with pytest.raises(Unknown):
        raise_for_create(refusal, spec(), resent=False, promises=False)


@settings(max_examples=60)
@given(st.integers(100, 599), JSON, st.booleans(), st.booleans(), st.booleans())
def test_any_answer_to_a_create_has_a_meaning_and_nothing_is_promised_by_accident(
    status: int, body: Any, resent: bool, promises: bool, tokens: bool
) -> None:
    gateway = spec(idempotencyKeys=tokens, outcomes={})
    with pytest.raises(ProviderError) as caught:
        raise_for_create(refusal_of(Answer(status, {}, body)), gateway, resent=resent, promises=promises)
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        assert isinstance(caught.value, Throttled if status == 429 else Unknown)


DELETES = {
    "429": (429, PAGE, Throttled, Reason.THROTTLED, False),
    "401": (401, error("unauthorized"), NotExecuted, Reason.CREDENTIALS_REJECTED, False),
    "401, a page": (401, PAGE, NotExecuted, Reason.CREDENTIALS_REJECTED, False),
    "403": (403, error("unauthorized"), NotExecuted, Reason.CREDENTIALS_REJECTED, False),
    "403, a page": (403, PAGE, Unknown, LOST, False),
    "400": (400, error("invalid_spec"), Rejected, Reason.REQUEST_REJECTED, False),
    "404, a page": (404, PAGE, Unknown, LOST, False),
    "409": (409, error("busy"), Unknown, LOST, False),
    "501": (501, error("not_supported"), Rejected, Reason.REQUEST_REJECTED, False),
    "501, a page": (501, PAGE, Unknown, LOST, True),
    "500": (500, error("internal"), Unknown, LOST, True),
    "500 that says no": (500, error("internal", "no"), Unknown, LOST, True),
    "502, a page": (502, PAGE, Unknown, LOST, True),
    "503 with Retry-After": (503, error("internal"), Unknown, LOST, True),
    "307": (307, None, Unknown, LOST, False),
}


@pytest.mark.parametrize(("status", "body", "means", "reason", "unhealthy"), DELETES.values(), ids=list(DELETES))
def test_a_terminate_or_power_call_that_was_not_accepted_means(
    status: int, body: Any, means: type[ProviderError], reason: Reason, unhealthy: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        raise_for_delete(refusal_of(Answer(status, {"retry-after": "2"}, body)))
    assert (type(caught.value), caught.value.reason, caught.value.unhealthy) == (means, reason, unhealthy)


@pytest.mark.parametrize(("given_value", "waits"), [(None, 1.0), ("soon", 1.0), ("2", 2.0), ("1000", 300.0)])
@pytest.mark.parametrize("verb", ["create", "delete"])
def test_a_throttled_call_waits_as_long_as_its_header_says(verb: str, given_value: str | None, waits: float) -> None:
    headers = {} if given_value is None else {"retry-after": given_value}
    refusal = refusal_of(Answer(429, headers, error("rate_limited")))
    with pytest.raises(Throttled) as caught:
        _raise(verb, refusal)
    assert caught.value.retry_after == waits


class TestAMachine:
    RECORDED: Mapping[str, Any] = {
        "id": "i-42",
        "name": "trainer-0",
        "state": "running",
        "image": "registry.example/trainer:1",
        "cpu": 8,
        "memory_gb": 64,
        "gpu": {"type": "H100", "count": 1},
        "region": "local",
        "zone": "local-a",
        "instance_type": "gpu.h100.1",
        "purchase": "OnDemand",
        "labels": {"gpuwright.dev/owner-uid": "u-1", "team": "vision", "odd": 7},
        "metadata": {"orgId": "7"},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.7"}],
        "endpoints": [
            {"name": "ssh", "port": 22, "address": "203.0.113.9", "external_port": 31022},
            {"name": "web", "port": 8888, "url": "https://web.example"},
        ],
        "price_per_hour": 2.1,
        "currency": "USD",
        "created_at": "2026-11-22T10:00:00.000Z",
    }

    def test_is_read_from_its_representation(self) -> None:
        assert machine_of(self.RECORDED) == Machine(
            id="i-42",
            name="trainer-0",
            state=MachineState.RUNNING,
            word="running",
            labels={"gpuwright.dev/owner-uid": "u-1", "team": "vision"},
            addresses=({"type": "InternalIP", "address": "10.0.0.7"},),
            endpoints=(
                MachineEndpoint("ssh", 22, "203.0.113.9", 31022),
                MachineEndpoint("web", 8888, url="https://web.example"),
            ),
            region="local",
            zone="local-a",
            instance_type="gpu.h100.1",
            purchase="OnDemand",
            created="2026-11-22T10:00:00.000Z",
            price_per_hour="2.1",
            currency="USD",
        )

    @pytest.mark.parametrize(("word", "state"), STATES.items())
    def test_has_the_state_of_its_word(self, word: str, state: MachineState) -> None:
        assert self._with(state=word).state is state

    @pytest.mark.parametrize("word", ["hibernating", "RUNNING", "terminated", "gone", "", None, 7, ["running"]])
    def test_of_a_word_that_nobody_knows_is_alive(self, word: object) -> None:
        machine = self._with(state=word)
        assert machine.state is MachineState.UNKNOWN
        assert machine.alive

    @pytest.mark.parametrize("field_name", ["id", "name"])
    @pytest.mark.parametrize("value", [None, "", 42, ["i-42"], {"id": "i-42"}, True])
    def test_needs_an_id_and_a_name(self, field_name: str, value: object) -> None:
        assert machine_of({**self.RECORDED, field_name: value}) is None

    @pytest.mark.parametrize("body", [None, "i-42", 42, [], [RECORDED], True, {}], ids=repr)
    def test_is_not_read_from_something_else(self, body: object) -> None:
        assert machine_of(body) is None
        assert holder(body) is None

    @pytest.mark.parametrize(
        ("price", "read"), [(2.1, "2.1"), (3, "3"), ("2.10", "2.10"), (True, ""), (None, ""), ([2.1], ""), (0, "0")]
    )
    def test_has_a_price_only_where_there_is_one(self, price: object, read: str) -> None:
        assert self._with(price_per_hour=price).price_per_hour == read

    @pytest.mark.parametrize(
        "addresses",
        [None, "10.0.0.7", {"type": "InternalIP"}, [None, 7, {}, {"type": 1, "address": "x"}, {"type": "x"}]],
    )
    def test_leaves_out_addresses_that_are_none(self, addresses: object) -> None:
        assert self._with(addresses=addresses).addresses == ()

    @pytest.mark.parametrize(("count", "kept"), [(15, 15), (16, 16), (17, 16)])
    def test_keeps_sixteen_addresses(self, count: int, kept: int) -> None:
        entries = [{"type": "InternalIP", "address": f"10.0.0.{number}"} for number in range(count)]
        assert len(self._with(addresses=entries).addresses) == kept

    @pytest.mark.parametrize(
        "endpoints",
        [
            None,
            "22",
            {"port": 22},
            [None, 7, {}],
            [{"port": 22}],
            [{"address": "203.0.113.9"}],
            [{"port": port, "address": "203.0.113.9"} for port in (0, -1, 65536, True, "22", 22.5, 2**70)],
            [{"port": 22, "address": 7, "url": ["x"]}],
        ],
    )
    def test_leaves_out_endpoints_that_lead_nowhere(self, endpoints: object) -> None:
        assert self._with(endpoints=endpoints).endpoints == ()

    def test_leaves_out_a_port_outside_that_is_none(self) -> None:
        told = [{"port": 65535, "address": "203.0.113.9", "external_port": 2**70}]
        assert self._with(endpoints=told).endpoints == (MachineEndpoint("", 65535, "203.0.113.9"),)

    @pytest.mark.parametrize(("count", "kept"), [(31, 31), (32, 32), (33, 32)])
    def test_keeps_as_many_endpoints_as_the_status_holds(self, count: int, kept: int) -> None:
        entries = [{"port": number + 1, "url": "https://web.example"} for number in range(count)]
        assert len(self._with(endpoints=entries).endpoints) == kept

    @pytest.mark.parametrize(("length", "kept"), [(999, 999), (1000, 1000), (1001, 1000)])
    def test_has_no_word_that_the_status_would_not_hold(self, length: int, kept: int) -> None:
        assert len(self._with(region="r" * length).region) == kept

    def test_is_cut_between_characters(self) -> None:
        assert self._with(region="r" + "ü" * 1000).region == "r" + "ü" * 499

    def test_that_holds_a_name_is_read_from_the_conflict(self) -> None:
        found = holder(error("name_conflict", instance=dict(self.RECORDED)))
        assert found is not None
        assert found.id == "i-42"

    @settings(max_examples=50)
    @given(JSON)
    def test_is_read_from_anything_without_a_crash(self, body: Any) -> None:
        machine_of(body)
        machine_of({"id": "i", "name": "n", "state": body, "labels": body, "addresses": [body], "price_per_hour": body})
        machine_of({"id": "i", "name": "n", "endpoints": [body, {"port": body, "address": body, "url": body}]})
        holder({"instance": body})

    def _with(self, **changes: object) -> Machine:
        machine = machine_of({**self.RECORDED, **changes})
        assert machine is not None
        return machine


class TestARefusal:
    def test_is_read_field_by_field(self) -> None:
        body = error("gone", id="i-42", name="trainer-0")
        assert refusal_of(Answer(410, {"retry-after": "3"}, body)) == Refusal(
            status=410,
            shaped=True,
            code="gone",
            message="because of gone",
            committed="",
            id="i-42",
            retry_after=3.0,
        )

    @pytest.mark.parametrize(("length", "kept"), [(255, 255), (256, 256), (257, 256)])
    def test_has_a_short_message(self, length: int, kept: int) -> None:
        body = {"error": {"code": "internal", "message": "x" * length}}
        assert len(refusal_of(Answer(500, {}, body)).message) == kept

    @settings(max_examples=40)
    @given(st.integers(100, 599), JSON)
    def test_is_read_from_anything(self, status: int, body: Any) -> None:
        json.dumps(refusal_of(Answer(status, {}, body)).message)


def _raise(verb: str, refusal: Refusal) -> None:
    if verb == "create":
        raise_for_create(refusal, spec(), resent=False, promises=True)
    raise_for_delete(refusal)
