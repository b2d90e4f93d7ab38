"""What guards a write: asked of the real API server, and of the one in memory that other tests believe."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.engine.manual_clock import ManualClock
from tests.kube.fake_api import FakeApi, a_cluster_provider, an_instance

from gpuwright import handlers
from gpuwright.kube import client as client_module
from gpuwright.kube.client import Conflict, Invalid, KubeClient, NotFound
from gpuwright.kube.events import Recorder
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.resources import CLUSTER_PROVIDERS, EVENTS, INSTANCES, key_of, version_of
from gpuwright.telemetry import Metrics
from gpuwright_sandbox.controlplane.plane import ControlPlane

FINALIZER = "gpuwright.dev/machine"


@dataclass(frozen=True, slots=True)
class Server:
    """An API server, and a namespace in it."""

    client: KubeClient
    namespace: str
    delete: Callable[[str], None]

    async def create(self, name: str = "trainer-0", **metadata: Any) -> dict[str, Any]:
        """Return a stored ComputeInstance."""
        body = an_instance(name, self.namespace)
        body["metadata"].update(metadata)
        return await self.client.post(INSTANCES, self.namespace, body)

    async def read(self, name: str = "trainer-0") -> dict[str, Any]:
        """Return the ComputeInstance as it is now."""
        return await self.client.get(INSTANCES, self.namespace, name)


@pytest.fixture
async def real(control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.admin_kubeconfig()))

    def delete(name: str) -> None:
        told = control_plane.kubectl("delete", "computeinstances.gpuwright.dev", name, "-n", namespace, "--wait=false")
        assert told.returncode == 0, told.stderr

    async with KubeClient(handlers.connection(time.monotonic), Metrics()) as client:
        yield Server(client, namespace, delete)


@pytest.fixture
def fake() -> Server:
    api = FakeApi()
    return Server(api, "team-a", lambda name: api.delete(INSTANCES, "team-a", name))


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.cluster)])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


STATUS = {"status": {"summary": "Running"}}
BOTH = pytest.mark.parametrize("status", [True, False], ids=["status", "object"])


def a_change(*, status: bool) -> dict[str, Any]:
    return STATUS if status else {"metadata": {"finalizers": [FINALIZER]}}


@BOTH
async def test_a_write_on_the_newest_version_is_made(server: Server, status: bool) -> None:
    body = await server.create()
    answer = await server.client.patch(INSTANCES, body, a_change(status=status), status=status)
    assert version_of(answer) > version_of(body)
    assert answer["metadata"]["uid"] == body["metadata"]["uid"]
    assert await server.read() == answer
    assert (answer.get("status", {}).get("summary") == "Running") is status
    assert (answer["metadata"].get("finalizers") == [FINALIZER]) is not status


@BOTH
async def test_a_write_on_an_older_version_is_a_conflict(server: Server, status: bool) -> None:
    body = await server.create()
    await server.client.patch(INSTANCES, body, STATUS, status=True)
    with pytest.raises(Conflict):
        await server.client.patch(INSTANCES, body, a_change(status=status), status=status)


@BOTH
async def test_a_write_to_what_is_gone_is_not_found(server: Server, status: bool) -> None:
    body = await server.create()
    server.delete("trainer-0")
    with pytest.raises(NotFound):
        await server.client.patch(INSTANCES, body, a_change(status=status), status=status)


@BOTH
async def test_a_write_to_another_object_of_the_same_name_is_a_conflict(server: Server, status: bool) -> None:
    old = await server.create()
    server.delete("trainer-0")
    new = await server.create()
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    with pytest.raises(Conflict):
        await server.client.patch(INSTANCES, old, a_change(status=status), status=status)
    assert await server.read() == new


async def test_the_uid_alone_guards_the_object_and_not_its_status(server: Server) -> None:
    body = await server.create()
    mixed_up = {"metadata": {**body["metadata"], "uid": "11111111-1111-1111-1111-111111111111"}}
    with pytest.raises(Invalid):
        await server.client.patch(INSTANCES, mixed_up, a_change(status=False), status=False)
    await server.client.patch(INSTANCES, mixed_up, STATUS, status=True)


async def test_a_write_of_the_object_leaves_its_status_and_the_other_way_round(server: Server) -> None:
    body = await server.create()
    both = {**STATUS, "metadata": {"annotations": {"a": "b"}}}
    body = await server.client.patch(INSTANCES, body, both, status=False)
    assert body.get("status", {}).get("summary") != "Running"
    body = await server.client.patch(INSTANCES, body, {**STATUS, "spec": {"maxReplacements": 7}}, status=True)
    assert body["status"]["summary"] == "Running"
    assert body["spec"].get("maxReplacements") != 7


async def test_a_write_that_changes_nothing_makes_no_new_version(server: Server) -> None:
    body = await server.client.patch(INSTANCES, await server.create(), STATUS, status=True)
    again = await server.client.patch(INSTANCES, body, STATUS, status=True)
    assert version_of(again) == version_of(body)


async def test_the_generation_moves_with_the_spec_only(server: Server) -> None:
    body = await server.create()
    body = await server.client.patch(INSTANCES, body, STATUS, status=True)
    body = await server.client.patch(INSTANCES, body, {"metadata": {"labels": {"a": "b"}}}, status=False)
    assert body["metadata"]["generation"] == 1
    body = await server.client.patch(INSTANCES, body, {"spec": {"maxReplacements": 7}}, status=False)
    assert body["metadata"]["generation"] == 2


async def test_a_field_is_removed_by_null_and_a_list_is_replaced_whole(server: Server) -> None:
    change = {"status": {"summary": "Running", "residue": [a_residue("a"), a_residue("b")]}}
    body = await server.client.patch(INSTANCES, await server.create(), change, status=True)
    body = await server.client.patch(
        INSTANCES, body, {"status": {"summary": None, "residue": [a_residue("c")]}}, status=True
    )
    assert "summary" not in body["status"]
    assert [entry["name"] for entry in body["status"]["residue"]] == ["c"]


class TestADeletedObject:
    async def test_stays_until_its_last_finalizer_goes(self, server: Server) -> None:
        await server.create(finalizers=[FINALIZER, "another.example/one"])
        server.delete("trainer-0")
        body = await server.read()
        assert "deletionTimestamp" in body["metadata"]
        change = {"metadata": {"finalizers": ["another.example/one"]}}
        body = await server.client.patch(INSTANCES, body, change, status=False)
        assert (await server.read())["metadata"]["finalizers"] == ["another.example/one"]
        await server.client.patch(INSTANCES, body, {"metadata": {"finalizers": []}}, status=False)
        with pytest.raises(NotFound):
            await server.read()

    async def test_takes_no_new_finalizer(self, server: Server) -> None:
        await server.create(finalizers=["another.example/one"])
        server.delete("trainer-0")
        body = await server.read()
        change = {"metadata": {"finalizers": ["another.example/one", FINALIZER]}}
        with pytest.raises(Invalid):
            await server.client.patch(INSTANCES, body, change, status=False)

    async def test_still_takes_a_status(self, server: Server) -> None:
        await server.create(finalizers=[FINALIZER])
        server.delete("trainer-0")
        body = await server.client.patch(INSTANCES, await server.read(), STATUS, status=True)
        assert body["status"]["summary"] == "Running"
        await server.client.patch(INSTANCES, body, {"metadata": {"finalizers": []}}, status=False)


async def test_a_list_comes_in_pages_and_misses_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    for number in range(5):
        await server.create(f"trainer-{number}")
    pages = [page async for page in server.client.pages(INSTANCES, server.namespace)]
    assert [len(page) for page in pages] == [2, 2, 1]
    keys = [key_of(INSTANCES.kind, body) for page in pages for body in page]
    assert [key.name for key in keys] == [f"trainer-{number}" for number in range(5)]


@pytest.mark.cluster
async def test_a_status_that_the_schema_refuses_is_invalid_and_says_where(real: Server) -> None:
    body = await real.create()
    with pytest.raises(Invalid) as caught:
        await real.client.patch(INSTANCES, body, {"status": {"launch": {"attempt": "two"}}}, status=True)
    causes = caught.value.body["details"]["causes"]
    assert any("attempt" in cause["field"] for cause in causes)


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["trainer-0", "a" * 199 + "-" + "b" * 53], ids=["short", "long"])
async def test_events_are_taken_by_the_real_server(real: Server, name: str) -> None:
    body = await real.create(name)
    recorder = Recorder(real.client, ManualClock(), Metrics(), "0123456789abcdef")
    for number in range(30):
        recorder.emit(body, EventReason.LOST, f"note {number} " + "ü" * 1000, "Warning")
    await recorder.flush()
    found = [event async for page in real.client.pages(EVENTS, real.namespace) for event in page]
    assert len(found) == 21
    assert sum("(and 9 more of this kind)" in event["note"] for event in found) == 1


@pytest.mark.cluster
async def test_a_series_is_taken_by_the_real_server(real: Server) -> None:
    body = await real.create()
    clock = ManualClock()
    recorder = Recorder(real.client, clock, Metrics(), "0123456789abcdef")
    for _ in range(3):
        recorder.emit(body, EventReason.LOST, "it is gone", "Warning")
        await recorder.flush()
        clock.advance(61)
    (event,) = [event async for page in real.client.pages(EVENTS, real.namespace) for event in page]
    assert event["series"]["count"] == 3


@pytest.mark.cluster
async def test_an_event_about_a_cluster_provider_is_taken_by_the_real_server(
    real: Server, control_plane: ControlPlane
) -> None:
    name = f"shared-{real.namespace}"
    body = await real.client.post(CLUSTER_PROVIDERS, "", a_cluster_provider("https://gateway.example", name))
    recorder = Recorder(real.client, ManualClock(), Metrics(), "0123456789abcdef")
    recorder.emit(body, EventReason.PROVIDER_ONLINE, "the provider answers again")
    await recorder.flush()
    events = [event async for page in real.client.pages(EVENTS, "default") for event in page]
    assert [event["reason"] for event in events if event["regarding"]["name"] == name] == ["ProviderOnline"]
    control_plane.kubectl("delete", "clustercomputeproviders.gpuwright.dev", name, "--wait=false")


def a_residue(name: str) -> dict[str, Any]:
    return {"name": name, "providerRef": {"kind": "ComputeProvider", "name": "gateway"}, "place": "p", "placement": 0}
