"""A client for the tests: it says what came back, and never raises on a status."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import pytest
from yarl import URL

from gpuwright_sandbox.gateway.calls import Call, read_call
from gpuwright_sandbox.gateway.shapes import FieldError, Json, dump, parse

TOKEN = {"Authorization": "Bearer sandbox"}


def machine_body(name: str, **changes: Json) -> dict[str, Json]:
    """Return the body of a create that fits, with some fields changed."""
    return {"name": name, "image": "example/train:1", "cpu": 2, "memory_gb": 8, **changes}


def owned(uid: str) -> dict[str, Json]:
    """Return the labels of a machine of this owner."""
    return {"gpuwright.dev/owner-uid": uid}


def create_call(name: str, key: str = "", **changes: Json) -> Call:
    """Return a create as the gateway reads it."""
    return read_call("POST", "/api/instances", {**TOKEN, "Idempotency-Key": key}, dump(machine_body(name, **changes)))


def call(method: str, path: str, body: Json = None) -> Call:
    """Return any call as the gateway reads it, with the token that it accepts."""
    return read_call(method, path, TOKEN, b"" if body is None else dump(body))


def at(body: object, *path: str | int) -> Json:
    """Return what stands in some JSON at this path; fails if there is no such place."""
    found = body
    for step in path:
        match step, found:
            case int(), list():
                found = found[step]
            case str(), dict():
                found = found[step]
            case _:
                pytest.fail(f"nothing at {step!r} of {found!r}")
    plain: Json = found  # type: ignore[assignment]  # whatever stands inside JSON is JSON
    return plain


def names(body: Json) -> list[Json]:
    """Return the names in a list's answer."""
    items = at(body, "items")
    assert isinstance(items, list)
    return [at(item, "name") for item in items]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Json:
        """The body as JSON; the text of what is none."""
        try:
            return parse(self.content)
        except FieldError:
            return self.content.decode()

    def at(self, *path: str | int) -> Json:
        """Return what stands in the body at this path."""
        return at(self.body, *path)


class Client:
    """Asks a gateway once for each call, over a new connection."""

    def __init__(self, url: str, token: str = "sandbox") -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        # aiohttp repeats a lost GET or DELETE by itself, which hides what these tests are about.
        self._session._retry_connection = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> Reply:
        """Return the answer; raises what aiohttp raises when there is none."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with self._session.request(
            method,
            # Encoded already: a name may hold a slash.
            URL(self.url + path, encoded=True),
            data=None if body is None else dump(body),
            headers={**self._headers, "Content-Type": "application/json", **(headers or {})},
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def create(self, name: str, **changes: Json) -> Reply:
        """POST a machine."""
        return await self.ask("POST", "/api/instances", machine_body(name, **changes))

    async def get(self, name: str) -> Reply:
        """GET a machine by name."""
        return await self.ask("GET", f"/api/instances/{name}")

    async def list(self, query: str = "") -> Reply:
        """GET a list."""
        return await self.ask("GET", f"/api/instances?{query}")

    async def delete(self, name: str) -> Reply:
        """DELETE a machine by name."""
        return await self.ask("DELETE", f"/api/instances/{name}")
