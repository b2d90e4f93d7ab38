"""The double of RunPod: its truth, and that it cannot drift from RunPod's schema."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from tests.engine.manual_clock import ManualClock

from gpuwright_sandbox.runpod.pods import Fleet, Pod, Status
from gpuwright_sandbox.runpod.schemas import LeftTheSchema
from gpuwright_sandbox.runpod.server import HOST_FULL, NO_ROOM, RunpodDouble

ASKED = {"name": "a", "image": "b", "gpu": {"id": "NVIDIA L4", "count": 1}}
KEY = {"Authorization": "Bearer rpa_sandbox"}


class Asking:
    """A client that says what was answered: status, JSON and headers."""

    def __init__(self, double: RunpodDouble, session: aiohttp.ClientSession) -> None:
        self.double = double
        self._session = session

    async def call(
        self, method: str, path: str, body: Any = None, key: Mapping[str, str] = KEY
    ) -> tuple[int, Any, Mapping[str, str]]:
        url = f"{self.double.url}{path}"
        async with self._session.request(method, url, json=body, headers=key) as answer:
            content = await answer.read()
            return answer.status, (await answer.json(content_type=None) if content else None), answer.headers


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    clock = ManualClock()
    async with RunpodDouble(clock=clock.monotonic) as double, aiohttp.ClientSession() as session:
        found = Asking(double, session)
        found.clock = clock  # type: ignore[attr-defined]
        yield found


async def test_a_pod_comes_up_stops_starts_and_vanishes(asking: Asking) -> None:
    status, pod, _ = await asking.call("POST", "/v2/pods", ASKED)
    assert (status, pod["status"]) == (201, "PROVISIONING")
    path = f"/v2/pods/{pod['id']}"
    seen = []
    for seconds in (2, 3):
        asking.clock.advance(seconds)  # type: ignore[attr-defined]
        seen.append((await asking.call("GET", path))[1]["status"])
    assert seen == ["STARTING", "RUNNING"]
    assert (await asking.call("POST", f"{path}/action", {"action": "stop"}))[1]["status"] == "EXITED"
    assert (await asking.call("GET", path))[1]["cost"] == 0.0
    assert (await asking.call("POST", f"{path}/action", {"action": "stop"}))[0] == 409
    assert (await asking.call("POST", f"{path}/action", {"action": "start"}))[1]["status"] == "STARTING"
    assert (await asking.call("DELETE", path))[0] == 204
    assert (await asking.call("DELETE", path))[0] == 404
    assert (await asking.call("GET", "/v2/pods"))[1] == {"pods": []}
    assert [gone.ended is not None for gone in asking.double.fleet.pods] == [True]


async def test_a_pod_that_breaks_says_whether_it_has_run_and_can_be_started(asking: Asking) -> None:
    _, pod, _ = await asking.call("POST", "/v2/pods", ASKED)
    found, path = asking.double.fleet.named("a"), f"/v2/pods/{pod['id']}"
    asking.double.fleet.halt(found, Status.ERROR)
    broken = (await asking.call("GET", path))[1]
    assert (broken["status"], broken["startedAt"], broken["actions"]) == ("ERROR", None, ["start", "terminate"])
    again = (await asking.call("POST", f"{path}/action", {"action": "start"}))[1]
    assert (again["status"], again["startedAt"]) == ("STARTING", None)
    asking.clock.advance(3)  # type: ignore[attr-defined]
    asking.double.fleet.halt(found, Status.ERROR)
    broken = (await asking.call("GET", path))[1]
    assert broken["status"] == "ERROR"
    assert broken["startedAt"] is not None
    again = (await asking.call("POST", f"{path}/action", {"action": "start"}))[1]
    assert (again["status"], again["startedAt"]) == ("STARTING", broken["startedAt"])


async def test_a_name_is_not_unique(asking: Asking) -> None:
    for _ in range(2):
        assert (await asking.call("POST", "/v2/pods", ASKED))[0] == 201
    assert [pod.name for pod in asking.double.fleet.live()] == ["a", "a"]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"interruptible": True}, 422, "Request validation failed."),
        ({"cpu": {"id": "cpu5c", "vcpuCount": 2}}, 400, "exactly one of gpu or cpu"),
        ({"gpu": {"id": "NVIDIA H100 NVL"}}, 400, NO_ROOM),
        ({"gpu": {"id": "NVIDIA H100 PCIe"}}, 403, "access denied"),
        ({"gpu": {"id": "TPU"}}, 400, "invalid gpu id"),
        ({"templateId": "none"}, 404, "template not found"),
        (
            {
                "mounts": {
                    "persistent": {"size": 10, "path": "/a"},
                    "network": [{"volumeId": "v", "path": "/a"}],
                }
            },
            400,
            "mutually exclusive",
        ),
    ],
    ids=["unknown field", "both kinds", "sold out", "closed to us", "unknown gpu", "unknown template", "both mounts"],
)
async def test_what_it_does_not_make(asking: Asking, changes: dict[str, Any], status: int, words: str) -> None:
    asking.double.sold_out.add("NVIDIA H100 NVL")
    asking.double.closed.add("NVIDIA H100 PCIe")
    answered, body, _ = await asking.call("POST", "/v2/pods", {**ASKED, **changes})
    assert (answered, asking.double.fleet.pods) == (status, [])
    assert words in body["detail"]


async def test_a_full_host_starts_nothing(asking: Asking) -> None:
    _, pod, _ = await asking.call("POST", "/v2/pods", ASKED)
    found = asking.double.fleet.named("a")
    asking.double.fleet.halt(found)
    found.host_full = True
    status, body, _ = await asking.call("POST", f"/v2/pods/{pod['id']}/action", {"action": "start"})
    assert (status, body["detail"]) == (400, HOST_FULL)


async def test_another_key_is_refused(asking: Asking) -> None:
    status, body, headers = await asking.call("GET", "/v2/pods", key={})
    assert (status, body["title"]) == (401, "Unauthorized")
    assert "RateLimit" not in headers, "only what is authenticated is counted"


async def test_calls_are_counted_and_every_answer_says_how_many_are_left(asking: Asking) -> None:
    asking.double.allowance.calls = 2
    said = [(await asking.call("GET", "/v2/pods"))[2]["RateLimit"].partition(",")[0] for _ in range(2)]
    assert said == ['"minute";r=1;t=60', '"minute";r=0;t=60']
    status, _, headers = await asking.call("GET", "/v2/pods")
    assert (status, headers["Retry-After"]) == (429, "60")
    assert headers["RateLimit-Policy"].startswith('"minute";q=2;w=60')
    asking.clock.advance(60)  # type: ignore[attr-defined]
    assert (await asking.call("GET", "/v2/pods"))[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v2/pods?name=a"), ("PUT", "/v2/pods"), ("GET", "/v1/pods"), ("GET", "/v2/pods/a/b")],
)
async def test_a_call_that_runpod_does_not_know_is_the_doubles_end(method: str, path: str) -> None:
    with pytest.raises(LeftTheSchema):
        async with RunpodDouble() as double, aiohttp.ClientSession() as session:
            assert (await Asking(double, session).call(method, path))[0] == 500


async def test_an_answer_that_leaves_the_schema_is_the_doubles_end(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Fleet.shown

    def drifted(self: Fleet, pod: Pod) -> dict[str, Any]:
        return {**real(self, pod), "cost": "cheap"}

    monkeypatch.setattr(Fleet, "shown", drifted)
    with pytest.raises(LeftTheSchema, match="cheap"):
        async with RunpodDouble() as double, aiohttp.ClientSession() as session:
            assert (await Asking(double, session).call("POST", "/v2/pods", ASKED))[0] == 500
