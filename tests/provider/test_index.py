"""Who refers to which provider, and what they have there: as their status says, and kept up with it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kube.fake_api import an_instance

from gpuwright.model.resources import Key
from gpuwright.provider.index import Holding, InstanceIndex, expected_in_lists, provider_key

GATEWAY = Key("ComputeProvider", "team-a", "gateway")
OTHER = Key("ComputeProvider", "team-a", "other")
SHARED = Key("ClusterComputeProvider", "", "shared")
KEY = Key("ComputeInstance", "team-a", "trainer-0")


def ref(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "name": key.name}


def a_launch(provider: Key = GATEWAY, **changes: Any) -> dict[str, Any]:
    return {"providerRef": ref(provider), "send": 1, "outcome": "Committed", "settled": True, **changes}


def body(status: dict[str, Any] | None = None, provider: Key = GATEWAY, **metadata: Any) -> dict[str, Any]:
    made = an_instance(providerRef=ref(provider))
    made["metadata"].update({"uid": "uid-1", **metadata})
    return {**made, "status": status or {}}


def holding_of(status: dict[str, Any] | None = None, **more: Any) -> Holding:
    index = InstanceIndex()
    index.update(KEY, body(status, **more))
    found = index.get(KEY)
    assert found is not None
    return found


class TestAProvidersKey:
    @pytest.mark.parametrize(
        ("reference", "key"),
        [
            pytest.param({"name": "gateway"}, GATEWAY, id="kind left out"),
            pytest.param({"kind": "", "name": "gateway"}, GATEWAY, id="kind empty"),
            pytest.param({"kind": "ComputeProvider", "name": "gateway"}, GATEWAY, id="namespaced"),
            pytest.param({"kind": "ClusterComputeProvider", "name": "shared"}, SHARED, id="cluster-scoped"),
        ],
    )
    def test_is_found_from_the_namespace_of_who_asks(self, reference: dict[str, str], key: Key) -> None:
        assert provider_key(reference, "team-a") == key


class TestAHolding:
    def test_of_a_fresh_instance_is_a_reference_and_nothing_on_record(self) -> None:
        found = holding_of()
        assert (found.refs, found.recorded) == (frozenset({GATEWAY}), frozenset())
        assert not any((found.machine_id, found.shown, found.ending, found.ready, found.creating))

    def test_begins_with_the_intent(self) -> None:
        found = holding_of({"launch": a_launch(outcome="Intended", settled=False)})
        assert (found.recorded, found.creating) == (frozenset({GATEWAY}), True)

    @pytest.mark.parametrize(
        ("outcome", "creating"),
        [("Intended", True), ("Unknown", True), ("Committed", False), ("NotCommitted", False), ("NotExecuted", False)],
    )
    def test_is_creating_while_nobody_knows_what_became_of_it(self, outcome: str, creating: bool) -> None:
        assert holding_of({"launch": a_launch(outcome=outcome)}).creating is creating

    def test_of_a_record_that_was_never_sent_holds_nothing(self) -> None:
        """A provider that cannot be read: the record comes before the finalizer (2-protocol.md, 2.3.2)."""
        assert holding_of({"launch": a_launch(send=0, outcome="NotExecuted")}).recorded == frozenset()

    def test_is_at_every_provider_where_something_may_be_left(self) -> None:
        status = {"launch": a_launch(SHARED), "residue": [{"name": "a", "providerRef": ref(OTHER)}]}
        found = holding_of(status)
        assert found.recorded == {SHARED, OTHER}
        assert found.refs == {SHARED, OTHER, GATEWAY}

    @pytest.mark.parametrize("settled", [True, False])
    def test_tells_whether_a_look_has_shown_the_machine(self, settled: bool) -> None:
        found = holding_of({"launch": a_launch(settled=settled), "machine": {"id": "i-1"}})
        assert (found.machine_id, found.shown) == ("i-1", settled)

    @pytest.mark.parametrize(
        ("reason", "ends"),
        [("Deleted", True), ("Lost", True), ("Expired", True), ("PowerOff", False), ("Duplicate", False)],
    )
    def test_tells_whether_its_machine_is_to_go(self, reason: str, ends: bool) -> None:
        assert holding_of({"launch": a_launch(ending={"reason": reason})}).ending is ends

    def test_of_a_deleted_instance_is_to_go(self) -> None:
        assert holding_of({"launch": a_launch()}, deletionTimestamp="2026-11-22T10:00:00Z").ending

    @pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
    def test_tells_whether_it_is_ready(self, status: str, ready: bool) -> None:
        assert holding_of({"conditions": [{"type": "Ready", "status": status}]}).ready is ready


class TestWhatListsMustShow:
    NOW = 1_795_000_000.0

    def expected(self, **launch: Any) -> tuple[frozenset[str], frozenset[str]]:
        age = launch.pop("age", 0.0)
        deleted = {"deletionTimestamp": "2026-11-22T10:00:00Z"} if launch.pop("deleted", False) else {}
        intended = datetime.fromtimestamp(self.NOW - age, UTC).isoformat()
        status = {"launch": a_launch(intendedTime=intended, **launch), "machine": {"id": "i-1"}}
        return expected_in_lists([holding_of(status, **deleted)], GATEWAY, self.NOW, settle_seconds=60.0)

    @pytest.mark.parametrize(
        ("launch", "due"),
        [
            pytest.param({"settled": True}, True, id="a look has shown it"),
            pytest.param({"settled": False}, False, id="just made"),
            pytest.param({"settled": False, "age": 60.0}, False, id="not settled yet"),
            pytest.param({"settled": False, "age": 61.0}, True, id="settled long ago"),
        ],
    )
    def test_is_what_was_shown_or_has_settled(self, launch: dict[str, Any], due: bool) -> None:
        ours = frozenset({"i-1"})
        assert self.expected(**launch) == ((ours, frozenset()) if due else (frozenset(), ours))

    @pytest.mark.parametrize(
        "launch",
        [
            pytest.param({"deleted": True}, id="is to go"),
            pytest.param({"ending": {"reason": "Expired"}}, id="ends"),
            pytest.param({"adopted": True}, id="carries no tag of ours"),
        ],
    )
    def test_is_not_what(self, launch: dict[str, Any]) -> None:
        assert self.expected(**launch) == (frozenset(), frozenset())


class TestADamagedStatus:
    """Whoever may write a status can write anything there; it must not stop the operator, which serves others, too."""

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param({"residue": [{"name": "a"}]}, id="residue of nowhere"),
            pytest.param({"residue": [{"providerRef": {}}]}, id="residue at nobody's"),
            pytest.param({"residue": [{"providerRef": {"kind": "ComputeProvider"}}]}, id="residue without a name"),
            pytest.param({"launch": {"providerRef": {}}}, id="a launch at nobody's"),
            pytest.param({"launch": {"ending": {}}}, id="an ending without a reason"),
            pytest.param({"launch": None, "machine": None, "residue": None, "conditions": None}, id="nulls"),
            pytest.param({"conditions": [{}]}, id="a condition of nothing"),
        ],
    )
    def test_holds_nothing(self, status: dict[str, Any]) -> None:
        found = holding_of(status)
        assert (found.recorded, found.refs) == (frozenset(), frozenset({GATEWAY}))

    @pytest.mark.parametrize("status", [{"launch": {"send": 1}}, {"machine": {"id": "i-1"}}], ids=repr)
    def test_that_speaks_of_a_machine_holds_it_where_the_spec_says(self, status: dict[str, Any]) -> None:
        assert holding_of(status).recorded == {GATEWAY}


class TestALane:
    def test_of_an_instance_is_its_providers(self) -> None:
        index = InstanceIndex()
        index.update(KEY, body(provider=GATEWAY))
        assert index.lane(KEY) == frozenset({GATEWAY})
        index.update(KEY, body({"launch": a_launch(OTHER)}, provider=GATEWAY))
        assert index.lane(KEY) == frozenset({GATEWAY, OTHER}), "it may wait for either"

    @pytest.mark.parametrize("key", [GATEWAY, SHARED, KEY], ids=["a provider", "a cluster provider", "never heard of"])
    def test_of_anything_else_is_its_own(self, key: Key) -> None:
        assert InstanceIndex().lane(key) == key


class TestAnIndex:
    def test_finds_instances_by_provider(self) -> None:
        index = InstanceIndex()
        index.update(KEY, body())
        assert index.of(GATEWAY) == (KEY,)
        assert index.of(OTHER) == ()
        assert list(index.holdings(GATEWAY)) == [], "nothing is on record there yet"

    def test_follows_changes(self) -> None:
        index = InstanceIndex()
        index.update(KEY, body({"launch": a_launch(OTHER)}))
        index.update(KEY, body())
        assert index.of(OTHER) == ()
        assert index.of(GATEWAY) == (KEY,)

    def test_forgets_what_is_gone(self) -> None:
        index = InstanceIndex()
        index.update(KEY, body({"launch": a_launch()}))
        index.update(KEY, None)
        index.update(KEY, None)
        assert (index.get(KEY), index.of(GATEWAY), list(index.everything())) == (None, (), [])

    @settings(max_examples=50)
    @given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([None, GATEWAY, OTHER, SHARED])), max_size=40))
    def test_agrees_with_a_search(self, changes: list[tuple[int, Key | None]]) -> None:
        index, bodies = InstanceIndex(), dict[Key, dict[str, Any]]()
        for number, provider in changes:
            key = Key("ComputeInstance", "team-a", f"trainer-{number}")
            bodies.pop(key, None)
            if provider is not None:
                bodies[key] = body({"launch": a_launch(provider)} if number % 2 else {}, provider)
            index.update(key, bodies.get(key))
        for provider in (GATEWAY, OTHER, SHARED):
            users = {
                key for key, made in bodies.items() if provider_key(made["spec"]["providerRef"], "team-a") == provider
            }
            assert set(index.of(provider)) == users
            assert {key for key, _holding in index.holdings(provider)} == {
                key for key in users if int(key.name[-1]) % 2
            }
