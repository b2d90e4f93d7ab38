"""The user in the benchmark: posts and deletes objects over 32 connections, and watches what becomes of them."""

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import orjson

from gpuwright_sandbox.bench.errors import BenchError

PARALLEL = 32
_GLANCE_SECONDS = 0.02
_WATCH_SECONDS = 3600
_LINE_BYTES = 2**22

Body: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Sightings:
    """What the watch has shown: names that exist, and when each was first seen Ready or gone, in epoch seconds."""

    exist: dict[str, str] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)
    watches_ended: int = 0

    def take_all(self, bodies: Iterable[Mapping[str, Any]], at: float) -> None:
        """Note a whole list: what it does not show is gone."""
        shown = {body["metadata"]["name"]: body for body in bodies}
        for name in [name for name in self.exist if name not in shown]:
            self._forget(name, at)
        for body in shown.values():
            self.take("ADDED", body, at)

    def take(self, kind: str, body: Mapping[str, Any], at: float) -> None:
        """Note one event of the watch: its type and the object."""
        name = body["metadata"]["name"]
        if kind == "DELETED":
            self._forget(name, at)
            return
        self.exist[name] = body["metadata"]["uid"]
        self.summaries[name] = str((body.get("status") or {}).get("summary", ""))
        if is_true(body, "Ready"):
            self.ready.setdefault(name, at)

    def standing(self) -> str:
        """Return how many there are by summary, with one name of each, and how many are or were Ready."""
        names: dict[str, list[str]] = {}
        for name, summary in self.summaries.items():
            names.setdefault(summary, []).append(name)
        counts = (f"{len(group)} {summary} (such as {group[0]})" for summary, group in names.items())
        return f"{len(self.ready)} were Ready, {len(self.exist)} exist: {', '.join(counts)}"

    def _forget(self, name: str, at: float) -> None:
        self.exist.pop(name, None)
        self.summaries.pop(name, None)
        self.gone[name] = at


class Driver:
    """One session to the API server, for the objects of one namespace. Use `opened`."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self._session = session
        self._path = f"/apis/gpuwright.dev/v1alpha1/namespaces/{namespace}"
        self.seen = Sightings()

    async def post_all(self, bodies: Iterable[Body]) -> None:
        """Create all instances. Raises BenchError when one is refused."""
        await _in_parallel(bodies, lambda body: self._do("POST", f"{self._path}/computeinstances", body))

    async def delete_all(self, names: Iterable[str]) -> None:
        """Ask that all of these instances be deleted. Raises BenchError when that is refused."""
        await _in_parallel(names, lambda name: self._do("DELETE", f"{self._path}/computeinstances/{name}"))

    async def instances(self) -> list[Body]:
        """Return all instances as they are now."""
        items: list[Body] = (await self._do("GET", f"{self._path}/computeinstances"))["items"]
        return items

    async def provider(self, name: str) -> Body:
        """Return a provider as it is now."""
        return await self._do("GET", f"{self._path}/computeproviders/{name}")

    async def follow(self) -> None:
        """Watch all instances, until cancelled; a watch that the server ends is begun anew with a list."""
        while True:
            listed = await self._do("GET", f"{self._path}/computeinstances")
            self.seen.take_all(listed["items"], time.time())
            await self._watch(listed["metadata"]["resourceVersion"])
            self.seen.watches_ended += 1

    async def _watch(self, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        patience = aiohttp.ClientTimeout(total=None)
        path = f"{self._path}/computeinstances"
        with suppress(aiohttp.ClientPayloadError):
            async with self._session.get(path, params=query, timeout=patience) as stream:
                async for line in stream.content:
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        return
                    self.seen.take(event["type"], event["object"], time.time())

    async def _do(self, method: str, path: str, body: Body | None = None) -> Body:
        async with self._session.request(method, path, data=None if body is None else orjson.dumps(body)) as response:
            content = await response.read()
        if response.status >= 300:
            raise BenchError(f"{method} {path}: {response.status} {content.decode(errors='replace')}")
        answer: Body = orjson.loads(content)
        return answer


@asynccontextmanager
async def opened(kubeconfig: Path, namespace: str) -> AsyncIterator[Driver]:
    """Open a driver that follows its namespace's instances from now on."""
    server, context = _credentials(kubeconfig)
    session = aiohttp.ClientSession(
        base_url=server,
        connector=aiohttp.TCPConnector(limit=PARALLEL + 4, ssl=context),
        headers={"content-type": "application/json", "user-agent": "gpuwright-bench"},
        read_bufsize=_LINE_BYTES,
        timeout=aiohttp.ClientTimeout(total=60),
    )
    async with session, asyncio.TaskGroup() as group:
        driver = Driver(session, namespace)
        following = group.create_task(driver.follow())
        yield driver
        following.cancel()


async def until(what: str, holds: Callable[[], bool], seconds: float, show: Callable[[], object] = str) -> None:
    """Return once it holds. Raises BenchError after so many seconds; `show` then says how things are."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError(f"not within {seconds:.0f} s: {what}. {show()}")
        await asyncio.sleep(_GLANCE_SECONDS)


def is_true(body: Mapping[str, Any], condition: str) -> bool:
    """Return whether a condition of the object is True."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


async def _in_parallel(items: Iterable[Any], do: Callable[[Any], Any]) -> None:
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(PARALLEL):
            group.create_task(work())


def _credentials(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """Return the server's URL, and what proves who it and we are."""
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    # ssl takes a client certificate from a file only.
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]))
        pair.write(base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return cluster["server"], context
