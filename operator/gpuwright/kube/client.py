"""A client for the few verbs that we need: no hidden retries, and every write guarded by resourceVersion.

The API server ignores a wrong uid in a patch of /status (seen on 1.34 and 1.37), so resourceVersion is the guard and
the uid goes along as a second belt, which the server checks only outside /status.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson

from gpuwright.model.resources import Resource
from gpuwright.telemetry import Metrics

PAGE = 500  # objects a list page
READS = frozenset({"GET"})
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """A request that did not succeed; the subclass says what to do next. `body` is the server's Status object, or
    empty.
    """

    def __init__(self, message: str, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.body = body or {}


class Conflict(ApiError):
    """409: somebody was faster. Read again and decide again."""


class NotFound(ApiError):
    """404: the object is gone."""


class Invalid(ApiError):
    """422: our own write is wrong. Never repeat it as it is."""


class Forbidden(ApiError):
    """401 or 403: the operator's account lacks a right; the message names it."""


class NotLeading(ApiError):
    """Nothing was sent: this process does not hold the Lease, or not any more."""


class NoAnswer(ApiError):
    """Anything else, or no answer at all: a write counts as not made, but may have been. Read live before going on."""


_BY_STATUS: Mapping[int, type[ApiError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 422: Invalid}


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to prove who we are. `token` is asked at each request, so it may be re-read."""

    server: str
    context: ssl.SSLContext | None
    token: Callable[[], str | None]


class KubeClient:
    """One session to the API server. Use as an async context manager."""

    def __init__(
        self,
        connection: Connection,
        metrics: Metrics,
        *,
        limit: int = 32,
        timeout_seconds: float = 20,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_write` is asked right before the first byte of a write leaves; False means: send nothing."""
        self._connection = connection
        self._may_write = may_write
        # Put in front as it is: behind a proxy an API server has a path, which joining URLs would drop.
        self._server = connection.server.rstrip("/")
        self._metrics = metrics
        connector = aiohttp.TCPConnector(limit=limit, ssl=connection.context or True)
        # In spite of its name it is called before a byte of the request leaves, and after all waiting for a
        # connection (aiohttp 3.14, http_writer.py:StreamWriter.write_headers); what it raises goes to the caller.
        gate = aiohttp.TraceConfig()
        gate.on_request_headers_sent.append(self._gate)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[gate],
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            headers={"accept": "application/json", "user-agent": "gpuwright"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """Return the object as it is now (a quorum read). Raises ApiError."""
        return await self._request("GET", resource.path(namespace, name))

    async def pages(self, resource: Resource, namespace: str | None = None) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all objects, page by page, from one consistent list. Raises ApiError."""
        token = ""
        while True:
            query = {"limit": str(PAGE), **({"continue": token} if token else {})}
            answer = await self._request("GET", resource.path(namespace), query=query)
            yield answer.get("items") or []
            token = answer.get("metadata", {}).get("continue") or ""
            if not token:
                return

    async def pages_within(self, resource: Resource, namespaces: Sequence[str]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all objects of these namespaces; of all, where none is named or the kind has none. Raises ApiError."""
        scopes: Sequence[str | None] = namespaces if namespaces and resource.namespaced else [None]
        for namespace in scopes:
            async for page in self.pages(resource, namespace):
                yield page

    async def patch(
        self, resource: Resource, body: Mapping[str, Any], change: Mapping[str, Any], *, status: bool
    ) -> dict[str, Any]:
        """Merge `change` into the object of which `body` is the version it was decided on; return the new object.

        Raises:
            Conflict: it is not that version any more.
            ApiError: the other subclasses, as they say.
        """
        metadata = body["metadata"]
        guard = {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
        guarded = {**change, "metadata": {**change.get("metadata", {}), **guard}}
        path = resource.path(metadata.get("namespace"), metadata["name"], "status" if status else None)
        return await self._request("PATCH", path, body=guarded, content_type=MERGE_PATCH)

    async def post(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object. Raises ApiError."""
        return await self._request("POST", resource.path(namespace), body=body)

    async def _gate(
        self, _session: aiohttp.ClientSession, _context: object, request: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        if request.method not in READS and not self._may_write():
            raise NotLeading(f"{request.method} {request.url.path}: not sent, because this replica does not lead")

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        headers = {"content-type": content_type} if body is not None else {}
        token = self._connection.token()
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(
                method, self._server + path, params=query, data=data, headers=headers
            ) as response:
                answer = _parsed(await response.read())
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._metrics.api_requests.labels("<error>", method).inc()
            raise NoAnswer(f"{method} {path}: {type(error).__name__} {error}") from error
        self._metrics.api_requests.labels(str(status), method).inc()
        if 200 <= status < 300 and answer is not None:
            return answer
        message = f"{method} {path}: {status} {(answer or {}).get('message', '')}"
        raise _BY_STATUS.get(status, NoAnswer)(message, answer)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
