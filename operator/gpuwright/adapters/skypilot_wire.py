"""Calls to a SkyPilot API server: a version in every header, requests that are taken now and answered later.

A POST is answered at once with `null` and, in a header, the id of a request. Every answer carries such a header; only
that of the POST itself names its request. Texts in answers that are pickles are passed over, never opened.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Gate
from gpuwright.adapters.skypilot_answers import Failure, Refusal, failure_of, refusal_of
from gpuwright.adapters.skypilot_machines import RequestState, requests_in
from gpuwright.http_client import Answer, HttpClient, Interrupted

API_VERSION = 62
VERSION = "0.14.1"
"""What we speak: the version of SkyPilot, and of its API, against which this was run."""
REQUEST_ID = "x-skypilot-request-id"
FIELDS = ("request_id", "name", "status", "cluster_name", "created_at", "finished_at")
"""Of a request no more is asked for: its body would hold the secrets of a launch."""

_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


class Refused(Exception):
    """The server, or something in between, did not take a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


class Unreadable(Exception):
    """An answer that says it is well, and is not what was asked for."""


class Failed(Exception):
    """A request that the server had taken ended in an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


class Wire:
    """One server with one token.

    Besides the exceptions above, its methods raise those of HttpClient.
    """

    def __init__(self, http: HttpClient, token: BearerToken) -> None:
        self._http = http
        self._headers = {
            **token.header,
            "x-skypilot-api-version": str(API_VERSION),
            "x-skypilot-version": VERSION,
        }

    async def submit(self, path: str, body: Mapping[str, Any], gate: Gate) -> str:
        """Send once, over a connection of its own, and return the id of the request."""
        return _request_id(
            await self._http.call_once("POST", path, headers=self._headers, body=dict(body), gate=gate), path
        )

    async def ask(self, path: str, body: Mapping[str, Any], gate: Gate) -> str:
        """As `submit`, for what may be repeated: once more after a connection that broke."""
        answer = await _again(lambda: self._http.call("POST", path, headers=self._headers, body=dict(body), gate=gate))
        return _request_id(answer, path)

    async def get(self, path: str, gate: Gate, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Return the body of a read."""
        answer = await self._got(path, gate, query)
        if answer.status != 200:
            raise Refused(refusal_of(answer))
        return answer.json

    async def requests(self, gate: Gate, **query: str) -> tuple[RequestState, ...]:
        """Return requests: the active ones, or what the query names. Raises Blind too."""
        wanted = [*query.items(), *(("fields", field) for field in FIELDS)]
        return requests_in(await self.get("/api/status", gate, wanted))

    async def result(self, request_id: str, gate: Gate) -> Any:
        """Wait until a request is over, and return its value; the wait ends with the client's time-out."""
        answer = await self._got("/api/get", gate, [("request_id", request_id)])
        body = answer.json if isinstance(answer.json, Mapping) else {}
        ended = body.get("detail") if answer.status == 500 else body
        if answer.status == 500 and isinstance(ended, Mapping) and "error" in ended:
            raise Failed(failure_of(ended["error"]))
        if answer.status != 200:
            raise Refused(refusal_of(answer))
        if not isinstance(ended, Mapping) or ended.get("status") != "SUCCEEDED":
            raise Unreadable("SkyPilot answered with something that is no request that succeeded")
        try:
            return orjson.loads(ended["return_value"])
        except (KeyError, TypeError, orjson.JSONDecodeError) as error:
            raise Unreadable("SkyPilot's request has a value that cannot be read") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _got(self, path: str, gate: Gate, query: Sequence[tuple[str, str]]) -> Answer:
        whole = f"{path}?{urlencode(query)}" if query else path
        return await _again(lambda: self._http.call("GET", whole, headers=self._headers, gate=gate))


def _request_id(answer: Answer, path: str) -> str:
    if answer.status != 200:
        raise Refused(refusal_of(answer))
    found = answer.headers.get(REQUEST_ID, "")
    if answer.content != b"null" or not _ID.fullmatch(found):
        raise Unreadable(f"SkyPilot answered {path} with something that is no request")
    return found


async def _again(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call, and once more after a connection that broke: a kept-alive one may have been closed under us."""
    attempts = AsyncRetrying(
        stop=stop_after_attempt(2),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        retry=retry_if_exception(lambda error: isinstance(error, Interrupted) and not error.timed_out),
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            return await call()
    raise AssertionError("tenacity ends by a result or an exception")
