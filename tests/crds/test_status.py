"""Status takes whatever a provider says, and knows every field that the operator writes: nothing is cut silently."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from tests.crds.schema import BASES, CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, Manifest, changed, places
from tests.crds.server import Server

from gpuwright.instance.rules.launch import MAX_RESIDUE
from gpuwright.instance.rules.records import KEPT_ATTEMPTS
from gpuwright.model.capabilities import Capabilities, CreateKey
from gpuwright.model.conditions import Condition, ConditionType, Reason, Status, rendered
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.memory import Ending, EndingReason, Launch, Outcome, ProviderRef, Residue
from gpuwright.provider.breaker import BreakerState
from gpuwright.provider.ledger import MAX_LEAKS, MAX_RETAINED
from gpuwright.provider.sweep import MAX_ORPHANS

OUTSIDE = "<html>\n Ünknown 'wörd' \U0001f525 " + "x" * 5000
SAMPLES = {bool: True, int: 1, str: OUTSIDE}
LAUNCH_FIELDS: dict[str, Any] = {name: SAMPLES.get(kind) for name, kind in get_type_hints(Launch).items()} | {
    "provider": ProviderRef("ComputeProvider", "gateway"),
    "outcome": Outcome.COMMITTED,
    "ending": Ending(EndingReason.DELETED, ("a", "b"), "2026-11-22T00:00:00Z"),
}
LAUNCH = Launch(**LAUNCH_FIELDS)
"""A record with every field set, those of later versions too: what is at its zero is not written."""
RESIDUE = Residue("trainer-0-3f9a1c2b7d", ProviderRef("ComputeProvider", "gateway"), "0" * 16, 0, "")
MACHINE = Machine(
    id=OUTSIDE,
    name=OUTSIDE,
    state=MachineState.UNKNOWN,
    word=OUTSIDE,
    addresses=({"type": "WireGuard", "address": OUTSIDE},),
    endpoints=(MachineEndpoint(OUTSIDE, 65535, OUTSIDE, 65535, OUTSIDE),),
    region=OUTSIDE,
    zone=OUTSIDE,
    instance_type=OUTSIDE,
    purchase="Reserved",
    created="yesterday",
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONDITIONS = rendered(
    [Condition(kind, Status.UNKNOWN, Reason.WAITING, "é" * 600) for kind in ConditionType], [], 1, NOW
)
ATTEMPT = {
    "incarnation": 1,
    "attempt": 1,
    "name": "trainer-0-3f9a1c2b7d",
    "providerRef": {"kind": "ComputeProvider", "name": "gateway"},
    "outcome": "NotCommitted",
    "reason": "out-of-capacity",
    "message": OUTSIDE,
    "startedTime": "",
    "finishedTime": "",
    "placement": 1,
}
INSTANCE_STATUS: Manifest = {
    "observedGeneration": 1,
    "summary": OUTSIDE,
    "conditions": CONDITIONS,
    "launch": LAUNCH.body(),
    "attempts": [ATTEMPT] * 20,
    "residue": [RESIDUE.body()] * 64,
    "machine": {**MACHINE.recorded(), "providerID": OUTSIDE},
    "cost": {
        "currency": "credits",
        "pricePerHour": "2.10",
        "source": OUTSIDE,
        "accumulated": "0.35",
        "accumulatedTime": "",
    },
    "replacements": 3,
    "nextLookTime": "",
    "lastHandledReconcileAt": OUTSIDE,
}
PROVIDER_STATUS: Manifest = {
    "observedGeneration": 1,
    "summary": "Online",
    "conditions": CONDITIONS,
    "place": "0" * 16,
    "credentialsVersion": "12345",
    "breaker": {"state": "HalfOpen", "failures": 3, "openedTime": ""},
    "capabilities": Capabilities(CreateKey.UNIQUE_NAME, True, True, False, True, OUTSIDE).body(),
    "instances": {"total": 1, "ready": 1, "creating": 0},
    "unavailableOffers": [{"offer": OUTSIDE, "sinceTime": "", "untilTime": "", "message": OUTSIDE}] * 2,
    "orphans": [
        {
            "id": OUTSIDE,
            "name": OUTSIDE,
            "owner": "team-a/trainer-0",
            "ownerUID": "u",
            "firstSeenTime": "",
            "pricePerHour": OUTSIDE,
            "keptBecause": OUTSIDE,
            "endingTime": "",
        }
    ]
    * 20,
    "orphanCount": 21,
    "leaks": [
        {
            "id": OUTSIDE,
            "name": OUTSIDE,
            "owner": "team-a/trainer-0",
            "ownerUID": "u",
            "place": "",
            "reason": OUTSIDE,
            "sinceTime": "",
        }
    ]
    * 20,
    "leakCount": 21,
    "retained": [{"id": OUTSIDE[:100], "name": "a", "ownerUID": "u", "sinceTime": ""}] * 500,
    "lastHandledReconcileAt": OUTSIDE,
}


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("base", "status"),
    [
        pytest.param("trainer-typed", INSTANCE_STATUS, id="instance"),
        pytest.param("shared-gateway", PROVIDER_STATUS, id="provider"),
    ],
)
def test_whatever_a_provider_says_can_be_written_and_comes_back_whole(
    server: Server, base: str, status: Manifest
) -> None:
    manifest = changed(BASES[base], {"metadata.name": "talkative"})
    assert server.create(manifest, keep=True).accepted
    answer = server.patch_status(manifest, status)
    server.delete(manifest)
    assert answer.sentences == ()
    assert answer.stored is not None
    assert answer.stored["status"] == status


@pytest.mark.cluster
def test_an_empty_record_can_be_written(server: Server) -> None:
    manifest = changed(BASES["trainer-typed"], {"metadata.name": "empty"})
    assert server.create(manifest, keep=True).accepted
    blank = {"launch": {"name": "a"}, "machine": {"id": ""}, "residue": [{}], "attempts": [{}], "cost": {}}
    answer = server.patch_status(manifest, blank)
    server.delete(manifest)
    assert answer.sentences == ()


@pytest.mark.parametrize(
    ("plural", "status"),
    [
        pytest.param(INSTANCES, INSTANCE_STATUS, id="instance"),
        pytest.param(PROVIDERS, PROVIDER_STATUS, id="provider"),
        pytest.param(CLUSTER_PROVIDERS, PROVIDER_STATUS, id="cluster provider"),
    ],
)
def test_the_schema_has_every_field_that_is_written_and_no_other(plural: str, status: Manifest) -> None:
    assert set(written(status, "status")) == set(places(plural, "status"))


def test_the_schema_has_the_words_and_the_lengths_that_the_operator_keeps_to() -> None:
    instance, provider = places(INSTANCES, "status"), places(PROVIDERS, "status")
    assert instance["status.attempts"]["maxItems"] == KEPT_ATTEMPTS
    assert instance["status.residue"]["maxItems"] == MAX_RESIDUE
    assert provider["status.orphans"]["maxItems"] == MAX_ORPHANS
    assert provider["status.leaks"]["maxItems"] == MAX_LEAKS
    assert provider["status.retained"]["maxItems"] == MAX_RETAINED
    assert provider["status.breaker.state"]["enum"] == [str(state) for state in BreakerState]


def written(value: object, at: str) -> Iterator[str]:
    """Yield each place that this status has."""
    yield at
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from written(below, f"{at}.{name}")
    elif isinstance(value, list) and value:
        yield from written(value[0], f"{at}[]")
