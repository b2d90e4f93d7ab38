"""The Lease as the API server has it: every write guarded, and what others wrote into it left alone."""

import pytest
from tests.kube.fake_api import FakeApi

from gpuwright.kube.client import Conflict, Invalid
from gpuwright.kube.lease import NAME, LeaseStore, record_of
from gpuwright.model.election import Election, LeaseRecord, released
from gpuwright.model.resources import LEASES

MOMENT = "2026-11-22T10:00:00.000000Z"


async def created(api: FakeApi) -> tuple[LeaseStore, LeaseRecord]:
    store = LeaseStore(api, "gpuwright-system")
    return store, await store.create(Election("me").claim(MOMENT))


async def test_there_is_none_at_first() -> None:
    assert await LeaseStore(FakeApi(), "gpuwright-system").read() is None


async def test_what_was_created_is_read() -> None:
    store, record = await created(FakeApi())
    assert await store.read() == record
    assert (record.holder, record.seconds, record.transitions) == ("me", 15, 0)
    assert record.acquired == record.renewed == MOMENT


async def test_a_second_create_is_a_conflict() -> None:
    store, _record = await created(FakeApi())
    with pytest.raises(Conflict):
        await store.create(Election("other").claim(MOMENT))


async def test_a_change_moves_the_version_and_keeps_what_it_does_not_name() -> None:
    api = FakeApi()
    store, record = await created(api)
    api.change(LEASES, "gpuwright-system", NAME, {"metadata": {"labels": {"team": "a"}}})
    found = await store.read()
    assert found is not None
    after = await store.change(found, released(MOMENT))
    assert after.version != record.version
    assert (after.holder, after.seconds, after.transitions) == ("", 1, 0)
    body = api.now(LEASES, "gpuwright-system", NAME)
    assert body is not None
    assert body["metadata"]["labels"] == {"team": "a"}


async def test_a_change_of_what_somebody_else_has_changed_is_a_conflict() -> None:
    api = FakeApi()
    store, record = await created(api)
    api.change(LEASES, "gpuwright-system", NAME, {"spec": {"holderIdentity": "other"}})
    with pytest.raises(Conflict):
        await store.change(record, Election("me").claim(MOMENT))
    found = await store.read()
    assert found is not None
    assert found.holder == "other"


async def test_a_change_of_one_that_was_deleted_and_made_anew_is_refused() -> None:
    api = FakeApi()
    store, record = await created(api)
    api.delete(LEASES, "gpuwright-system", NAME)
    await store.create(Election("other").claim(MOMENT))
    with pytest.raises((Conflict, Invalid)):
        await store.change(record, Election("me").claim(MOMENT))


def test_a_lease_with_nothing_in_it_is_one_that_was_given_back() -> None:
    record = record_of({"metadata": {"uid": "u", "resourceVersion": "5"}})
    assert record == LeaseRecord("u", "5", "", 0)
