"""The Kubernetes client against a small server: what each answer means, and what is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from tests.adapters.raw_server import RawServer, answer_bytes, closed_port

from gpuwright.kube.client import (
    ApiError,
    Conflict,
    Connection,
    Forbidden,
    Invalid,
    KubeClient,
    NoAnswer,
    NotFound,
    NotLeading,
)
from gpuwright.model.resources import CLUSTER_PROVIDERS, EVENTS, INSTANCES, SECRETS, Resource
from gpuwright.telemetry import Metrics

BODY = {"metadata": {"name": "trainer-0", "namespace": "team-a", "uid": "uid-1", "resourceVersion": "7"}}
ROOT = "/apis/gpuwright.dev/v1alpha1/namespaces/team-a/computeinstances"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """A server that answers as it is told and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, Any]] = []
        self.url = ""
        self.metrics = Metrics()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.path_qs, headers, json.loads(data) if data else None))
        status, body = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())

    def client(self, *, path: str = "", token: Callable[[], str | None] = lambda: "t0ken") -> KubeClient:
        return KubeClient(Connection(self.url + path, None, token), self.metrics)

    @property
    def requests(self) -> list[str]:
        return [f"{method} {path}" for method, path, _headers, _body in self.asked]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def _listed(client: KubeClient) -> list[dict[str, Any]]:
    return [body async for page in client.pages(INSTANCES, "team-a") for body in page]


ANSWERS = {
    "400": (400, NoAnswer),
    "401": (401, Forbidden),
    "403": (403, Forbidden),
    "404": (404, NotFound),
    "405": (405, NoAnswer),
    "409": (409, Conflict),
    "410": (410, NoAnswer),
    "415": (415, NoAnswer),
    "422": (422, Invalid),
    "429": (429, NoAnswer),
    "500": (500, NoAnswer),
    "503": (503, NoAnswer),
    "504": (504, NoAnswer),
}
VERBS: dict[str, Callable[[KubeClient], Awaitable[Any]]] = {
    "get": lambda client: client.get(INSTANCES, "team-a", "trainer-0"),
    "list": _listed,
    "patch": lambda client: client.patch(INSTANCES, BODY, {"spec": {}}, status=False),
    "patch of status": lambda client: client.patch(INSTANCES, BODY, {"status": {}}, status=True),
    "post": lambda client: client.post(EVENTS, "team-a", {"metadata": {"name": "e", "namespace": "team-a"}}),
}


class TestAnAnswer:
    @pytest.mark.parametrize(("status", "kind"), ANSWERS.values(), ids=list(ANSWERS))
    async def test_that_is_no_success_is_an_error_of_its_kind_and_nothing_is_repeated(
        self, api: Api, status: int, kind: type[ApiError]
    ) -> None:
        said = {"kind": "Status", "message": "because", "reason": "Whatever", "code": status}
        api.answers = [(status, said)] * len(VERBS)
        async with api.client() as client:
            for verb in VERBS.values():
                with pytest.raises(ApiError, match=f"{status} because") as caught:
                    await verb(client)
                assert type(caught.value) is kind
                assert caught.value.body == said
        assert len(api.asked) == len(VERBS)

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"null", b'{"a": '], ids=repr)
    @pytest.mark.parametrize("status", [200, 404, 409])
    async def test_that_is_no_object_is_none_or_an_error_by_its_status(
        self, api: Api, status: int, body: bytes
    ) -> None:
        api.answers = [(status, body)]
        async with api.client() as client:
            with pytest.raises({200: NoAnswer, 404: NotFound, 409: Conflict}[status]) as caught:
                await client.get(INSTANCES, "team-a", "trainer-0")
        assert caught.value.body == {}

    async def test_is_counted_by_code_and_method(self, api: Api) -> None:
        api.answers = [(200, {}), (409, {}), (409, {})]
        async with api.client() as client:
            await VERBS["get"](client)
            for _ in range(2):
                with pytest.raises(Conflict):
                    await VERBS["patch"](client)
        assert _counted(api.metrics, "200", "GET") == 1
        assert _counted(api.metrics, "409", "PATCH") == 2


class TestNoAnswer:
    @pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
    async def test_comes_of_a_refused_connection(self, verb: Callable[[KubeClient], Awaitable[Any]]) -> None:
        metrics = Metrics()
        async with KubeClient(_connection(f"http://127.0.0.1:{closed_port()}"), metrics) as client:
            with pytest.raises(NoAnswer):
                await verb(client)
        assert sum(_counted(metrics, "<error>", method) for method in ("GET", "PATCH", "POST")) == 1

    @pytest.mark.parametrize("end", ["close", "reset"])
    @pytest.mark.parametrize("verb", ["patch", "patch of status", "post"])
    async def test_to_a_write_is_not_followed_by_another_try(self, verb: str, end: str) -> None:
        async with RawServer() as server, KubeClient(_connection(server.url), Metrics()) as client:
            # On a connection that is kept, where HTTP libraries like to try again.
            first = asyncio.ensure_future(VERBS["get"](client))
            peer = await server.accept()
            await peer.read_request()
            await peer.answer(200, {})
            await first
            write = asyncio.ensure_future(VERBS[verb](client))
            assert await peer.read_request()
            getattr(peer, end)()
            with pytest.raises(NoAnswer):
                await write
            assert server.is_untouched()

    async def test_comes_of_a_body_that_breaks_off(self) -> None:
        async with RawServer() as server, KubeClient(_connection(server.url), Metrics()) as client:
            write = asyncio.ensure_future(VERBS["patch"](client))
            peer = await server.accept()
            await peer.read_request()
            await peer.send(answer_bytes(200, {"metadata": {}})[:-3])
            peer.close()
            with pytest.raises(NoAnswer):
                await write

    @pytest.mark.parametrize("verb", ["get", "patch"])
    async def test_comes_of_waiting_too_long(self, verb: str) -> None:
        async with RawServer() as server, KubeClient(_connection(server.url), Metrics(), timeout_seconds=0.1) as client:
            asked = asyncio.ensure_future(VERBS[verb](client))
            await (await server.accept()).read_request()
            with pytest.raises(NoAnswer, match="TimeoutError"):
                await asked

    async def test_is_no_word_for_being_cancelled(self) -> None:
        async with RawServer() as server, KubeClient(_connection(server.url), Metrics()) as client:
            asked = asyncio.ensure_future(VERBS["patch"](client))
            await (await server.accept()).read_request()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked


class TestAPatch:
    @pytest.mark.parametrize("status", [True, False], ids=["of status", "of the object"])
    async def test_is_a_merge_patch_that_carries_the_guard(self, api: Api, status: bool) -> None:
        async with api.client() as client:
            await client.patch(INSTANCES, BODY, {"status": {"summary": "Running"}}, status=status)
        ((method, path, headers, body),) = api.asked
        assert (method, path) == ("PATCH", f"{ROOT}/trainer-0" + ("/status" if status else ""))
        assert headers["content-type"] == "application/merge-patch+json"
        assert body == {"status": {"summary": "Running"}, "metadata": {"resourceVersion": "7", "uid": "uid-1"}}

    async def test_keeps_what_it_changes_in_metadata_beside_the_guard(self, api: Api) -> None:
        async with api.client() as client:
            await client.patch(INSTANCES, BODY, {"metadata": {"finalizers": ["a"]}}, status=False)
        assert api.asked[0][3] == {"metadata": {"finalizers": ["a"], "resourceVersion": "7", "uid": "uid-1"}}

    async def test_cannot_be_sent_without_its_guard(self, api: Api) -> None:
        change = {"metadata": {"resourceVersion": None, "uid": None}}
        async with api.client() as client:
            await client.patch(INSTANCES, BODY, change, status=True)
            with pytest.raises(KeyError):
                await client.patch(INSTANCES, {"metadata": {"name": "trainer-0", "uid": "uid-1"}}, {}, status=True)
        assert [body for _method, _path, _headers, body in api.asked] == [
            {"metadata": {"resourceVersion": "7", "uid": "uid-1"}}
        ]

    async def test_of_a_cluster_scoped_object_names_no_namespace(self, api: Api) -> None:
        body = {"metadata": {"name": "shared", "uid": "uid-1", "resourceVersion": "7"}}
        async with api.client() as client:
            await client.patch(CLUSTER_PROVIDERS, body, {}, status=True)
        assert api.requests == ["PATCH /apis/gpuwright.dev/v1alpha1/clustercomputeproviders/shared/status"]


class TestPages:
    async def test_are_followed_to_the_last(self, api: Api) -> None:
        first = {"items": [{"a": 1}], "metadata": {"continue": "a b&c"}}
        api.answers = [
            (200, first),
            (200, {"items": None, "metadata": {"continue": "c2"}}),
            (200, {"items": [{"a": 2}]}),
        ]
        async with api.client() as client:
            assert await _listed(client) == [{"a": 1}, {"a": 2}]
        assert api.requests == [
            f"GET {ROOT}?limit=500",
            f"GET {ROOT}?limit=500&continue=a+b%26c",
            f"GET {ROOT}?limit=500&continue=c2",
        ]

    async def test_that_expire_are_an_error_and_never_an_end(self, api: Api) -> None:
        api.answers = [(200, {"items": [{}], "metadata": {"continue": "c1"}}), (410, {"message": "expired"})]
        async with api.client() as client:
            with pytest.raises(NoAnswer, match="410 expired"):
                await _listed(client)

    async def test_of_all_namespaces_name_none(self, api: Api) -> None:
        async with api.client() as client:
            assert [page async for page in client.pages(INSTANCES)] == [[]]
        assert api.requests == ["GET /apis/gpuwright.dev/v1alpha1/computeinstances?limit=500"]

    @pytest.mark.parametrize(
        ("resource", "namespaces", "asked"),
        [
            (INSTANCES, ("a", "b"), ["namespaces/a/computeinstances", "namespaces/b/computeinstances"]),
            (INSTANCES, (), ["computeinstances"]),
            (CLUSTER_PROVIDERS, ("a", "b"), ["clustercomputeproviders"]),
        ],
    )
    async def test_within_namespaces_are_asked_of_each_where_the_kind_has_them(
        self, api: Api, resource: Resource, namespaces: tuple[str, ...], asked: list[str]
    ) -> None:
        async with api.client() as client:
            assert [page async for page in client.pages_within(resource, namespaces)] == [[]] * len(asked)
        assert api.requests == [f"GET /apis/gpuwright.dev/v1alpha1/{path}?limit=500" for path in asked]


class TestWhoWeAre:
    async def test_is_asked_anew_for_each_request(self, api: Api) -> None:
        tokens = iter(["first", "second", None])
        async with api.client(token=lambda: next(tokens)) as client:
            for _ in range(3):
                await VERBS["get"](client)
        assert [headers.get("authorization") for _m, _p, headers, _b in api.asked] == [
            "Bearer first",
            "Bearer second",
            None,
        ]

    async def test_stands_in_no_error(self, api: Api) -> None:
        api.answers = [(403, {"message": "no"})]
        async with api.client(token=lambda: "canary-token") as client:
            with pytest.raises(Forbidden) as caught:
                await VERBS["get"](client)
        assert "canary-token" not in f"{caught.value!r} {caught.value}"


async def test_core_resources_are_found_below_api(api: Api) -> None:
    async with api.client() as client:
        await client.get(SECRETS, "team-a", "gateway-token")
    assert api.requests == ["GET /api/v1/namespaces/team-a/secrets/gateway-token"]


@pytest.mark.parametrize("path", ["/k8s/clusters/c-abc", "/k8s/clusters/c-abc/"])
async def test_an_api_server_behind_a_path_is_asked_below_that_path(api: Api, path: str) -> None:
    async with api.client(path=path) as client:
        await VERBS["get"](client)
        await VERBS["list"](client)
        await VERBS["patch of status"](client)
    assert [request.split("?")[0] for request in api.requests] == [
        f"GET /k8s/clusters/c-abc{ROOT}/trainer-0",
        f"GET /k8s/clusters/c-abc{ROOT}",
        f"PATCH /k8s/clusters/c-abc{ROOT}/trainer-0/status",
    ]


def _connection(url: str) -> Connection:
    return Connection(url, None, lambda: None)


def _counted(metrics: Metrics, code: str, method: str) -> float:
    labels = {"code": code, "method": method}
    return metrics.registry.get_sample_value("rest_client_requests_total", labels) or 0.0


class TestTheGate:
    @pytest.mark.parametrize("verb", ["patch", "patch of status", "post"])
    async def test_that_is_closed_keeps_writes_in(self, api: Api, verb: str) -> None:
        async with KubeClient(_connection(api.url), api.metrics, may_write=lambda: False) as client:
            with pytest.raises(NotLeading, match="this replica does not lead"):
                await VERBS[verb](client)
            assert api.asked == []
            await client.get(INSTANCES, "team-a", "trainer-0")
            assert len(api.asked) == 1, "reads change nothing"

    async def test_that_closes_while_a_write_waits_for_a_connection_lets_no_byte_out(self) -> None:
        is_open = True
        async with (
            RawServer() as server,
            KubeClient(_connection(server.url), Metrics(), limit=1, may_write=lambda: is_open) as client,
        ):
            first = asyncio.ensure_future(VERBS["get"](client))
            peer = await server.accept()
            await peer.read_request()
            write = asyncio.ensure_future(VERBS["patch"](client))
            await asyncio.sleep(0.05)
            is_open = False
            await peer.answer(200, {})
            await first
            with pytest.raises(NotLeading):
                await write
            assert await peer.ending() == "closed"
            assert peer.received == b""
            assert server.is_untouched()
