"""A door before the API server that can be held shut at one request, or at one answer: an operator is killed there.

The operator speaks plain HTTP to it, so that requests can be read; behind it is TLS with the operator's certificate.
"""

import asyncio
import base64
import json
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

LOOPBACK = "127.0.0.1"
REACHED_SECONDS = 30.0
_LARGEST = 16 * 2**20


class When(Enum):
    """Where a request is held: not yet passed on, or carried out and not yet answered."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True, eq=False)
class Hold:
    """One request that is to be held: the first whose method, path and body fit.

    Attributes:
        path: what the path ends with.
        words: all that the body has in it, without regard to blanks.
    """

    when: When
    method: str
    path: str
    words: tuple[str, ...]
    _reached: threading.Event = field(default_factory=threading.Event)
    _verdict: "Future[bool]" = field(default_factory=Future)

    @property
    def is_reached(self) -> bool:
        """Whether a request is being held, or was."""
        return self._reached.is_set()

    def wait(self) -> None:
        """Return once a request is being held. Raises AssertionError."""
        assert self._reached.wait(REACHED_SECONDS), f"no request came: {self.method} {self.path} {self.words}"

    def release(self) -> None:
        """Let the request, or its answer, go on."""
        self._verdict.set_result(True)

    def drop(self) -> None:
        """Cut the connection instead; nothing more goes through it."""
        if not self._verdict.done():
            self._verdict.set_result(False)

    def fits(self, method: str, path: str, body: bytes) -> bool:
        """Return whether this request is the one."""
        return not self.is_reached and method == self.method and path.endswith(self.path) and self._has_words(body)

    def _has_words(self, body: bytes) -> bool:
        text = body.decode(errors="replace").replace(" ", "")
        return all(word in text for word in self.words)

    async def held(self) -> bool:
        """Say that it is reached, and return whether it may go on, once that is known."""
        self._reached.set()
        return await asyncio.wrap_future(self._verdict)


class ApiProxy:
    """The door, in a thread of its own. As a context manager, opened and closed."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        self._server = urlsplit(content["clusters"][0]["cluster"]["server"])
        self._context = client_context(content)
        self._holds: list[Hold] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-proxy", daemon=True)
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listener = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self, when: When, method: str, path: str, *words: str) -> Hold:
        """Return a hold for the next request that fits."""
        made = Hold(when, method, path, words)
        self._holds.append(made)
        return made

    def hold_status(self, when: When, instance: str, *words: str) -> Hold:
        """Return a hold for the next write of an instance's status that has these words."""
        return self.hold(when, "PATCH", f"/computeinstances/{instance}/status", *words)

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads here; whoever uses it is the one whose kubeconfig was given."""
        assert self._listener is not None, "the proxy is not open"
        port = self._listener.sockets[0].getsockname()[1]
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://{LOOPBACK}:{port}"}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        }
        path.write_text(json.dumps(content))
        return path

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, 0, limit=_LARGEST)

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for hold in self._holds:
            hold.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._pass_on(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self._server.hostname), self._server.port
        far_reader, far_writer = await asyncio.open_connection(host, port, ssl=self._context)
        line = _Line()
        answers = asyncio.create_task(_pass_answers(far_reader, writer, line))
        requests = asyncio.create_task(self._pass_requests(reader, far_writer, line))
        try:
            await asyncio.wait((answers, requests), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answers.cancel()
            requests.cancel()
            await asyncio.gather(answers, requests, return_exceptions=True)
            far_writer.close()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter, line: "_Line"
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            method, path = head.decode(errors="replace").split(" ", 2)[:2]
            hold = next((hold for hold in self._holds if hold.fits(method, path, body)), None)
            if hold is not None and hold.when is When.BEFORE and not await hold.held():
                return
            line.hold = hold if hold is not None and hold.when is When.AFTER else None
            far_writer.write(head + body)
            await far_writer.drain()


@dataclass(slots=True)
class _Line:
    """What is known of one connection: whose answer comes next."""

    hold: Hold | None = None


async def _pass_answers(far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: _Line) -> None:
    while data := await far_reader.read(65536):
        hold, line.hold = line.hold, None
        if hold is not None and not await hold.held():
            return
        writer.write(data)
        await writer.drain()


def _length(head: bytes) -> int:
    for entry in head.split(b"\r\n"):
        name, _, value = entry.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def client_context(content: Any) -> ssl.SSLContext:
    """Return what a client of this kubeconfig shows and trusts."""
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with NamedTemporaryFile() as pair:
        # ssl takes a client certificate from files only; it is gone again before this returns.
        pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context
