"""A door before the API server and one before the gateway: every effect passes here, and may be stopped here.

The operator speaks plain HTTP to both; behind the first is TLS with the operator's certificate.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp
import yaml
from aiohttp import web
from tests.campaign.l3_effects import READS, Counting, Exchange, api_label, gateway_label
from tests.e2e.api_proxy import LOOPBACK, client_context

_HOP = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding"})
_LONGEST_LINE = 2**20


class Plan(Protocol):
    """What is done to the effects that pass. Each may wait, and may do something to the operator."""

    async def before(self, exchange: Exchange) -> bool:
        """Return whether the request may go on."""
        ...

    async def after(self, exchange: Exchange) -> bool:
        """Return whether the answer may go on."""
        ...

    async def done(self, exchange: Exchange) -> None:
        """Take note that the answer is on its way."""
        ...


class LetPass:
    """Nothing is done to anything."""

    async def before(self, exchange: Exchange) -> bool:
        """See Plan."""
        return True

    async def after(self, exchange: Exchange) -> bool:
        """See Plan."""
        return True

    async def done(self, exchange: Exchange) -> None:
        """See Plan."""

    def join(self) -> None:
        """See Disturbance."""


Lines = AsyncIterator[bytes]
Stream = Callable[[web.Request, Lines], Lines]
"""What becomes of the lines of a watch."""


def unspoiled(request: web.Request, lines: Lines) -> Lines:
    """Return the lines of a watch as they came."""
    return lines


class Door:
    """Both doors of one namespace's operators, in a thread of its own. As a context manager, opened and closed.

    Attributes:
        plan: what is done to the effects that pass.
        stream: what is done to watches.
        exchanges: what has passed since `clear`.
    """

    def __init__(self, kubeconfig: Path, gateway: str) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        self._server = str(content["clusters"][0]["cluster"]["server"])
        self._context = client_context(content)
        self._gateway = gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)
        self._runners: list[web.ServerRunner] = []
        self._session: aiohttp.ClientSession | None = None
        self._counting = Counting()
        self._armed_at = 0
        self._who: Callable[[int, int], str] = lambda port, door: "?"
        self.plan: Plan = LetPass()
        self.stream: Stream = unspoiled
        self.exchanges: list[Exchange] = []
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._on_loop(self._open_gateway())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def clear(self) -> None:
        """Forget what has passed."""
        self.exchanges = []
        self._armed_at = 0

    def arm(self, plan: Plan) -> None:
        """Count effects anew, and do this to those that pass from now on."""
        self._counting = Counting()
        self._armed_at = len(self.exchanges)
        self.plan = plan

    def since_armed(self) -> list[Exchange]:
        """Return what has passed since `arm`."""
        return self.exchanges[self._armed_at :]

    def is_quiet(self, seconds: float) -> bool:
        """Return whether nothing was written or called for so long; reads go on for ever."""
        since = time.time() - seconds
        return not any(made.at > since and made.effect and made.label not in READS for made in self.exchanges[-50:])

    def tell_who(self, who: Callable[[int, int], str]) -> None:
        """Learn how to tell the process that calls the gateway by the two ports of its connection, its own first."""
        self._who = who

    def write_kubeconfig(self, path: Path, who: Callable[[], str]) -> Path:
        """Write a kubeconfig that leads through a door of its own; `who` tells the process that comes through it."""

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            return await self._api(request, who())

        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "door",
            "clusters": [{"name": "door", "cluster": {"server": self._on_loop(self._serve(serve))}}],
            "users": [{"name": "door", "user": {}}],
            "contexts": [{"name": "door", "context": {"cluster": "door", "user": "door"}}],
        }
        path.write_text(json.dumps(content))
        return path

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open_gateway(self) -> str:
        silent = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=silent, auto_decompress=False, read_bufsize=_LONGEST_LINE
        )
        return await self._serve(self._call)

    async def _serve(self, handler: Callable[[web.BaseRequest], Any]) -> str:
        runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        return f"http://{LOOPBACK}:{runner.addresses[0][1]}"

    async def _close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        # Watches and requests that are being held would wait for ever.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        # Connections with TLS, and those that were cut, are closed some turns of the loop later.
        for _turn in range(10):
            await asyncio.sleep(0.01)
        await asyncio.get_running_loop().shutdown_default_executor()

    async def _call(self, request: web.BaseRequest) -> web.StreamResponse:
        label = gateway_label(request.method, request.path)
        # Who reads is of no interest, and reads are many.
        process = self._caller(request) if request.method != "GET" else ""
        return await self._exchange(request, "gateway", process, label)

    def _caller(self, request: web.BaseRequest) -> str:
        link = request.transport
        if link is None:
            return ""
        return self._who(link.get_extra_info("peername")[1], link.get_extra_info("sockname")[1])

    async def _api(self, request: web.BaseRequest, process: str) -> web.StreamResponse:
        if request.query.get("watch") in {"true", "1"}:
            return await self._watch(request)
        body = _parsed(await request.read())
        return await self._exchange(request, "api", process, api_label(request.method, request.path, body))

    async def _exchange(self, request: web.BaseRequest, side: str, process: str, label: str) -> web.StreamResponse:
        raw = await request.read()
        effect = self._counting.next(label)
        made = Exchange(time.time(), process, side, request.method, request.path, label, effect, _parsed(raw))
        made.token = request.headers.get("idempotency-key", "")
        self.exchanges.append(made)
        plan = self.plan
        if not await plan.before(made):
            return _cut(request)
        try:
            status, headers, answer = await self._ask(request, side, raw)
        except (aiohttp.ClientError, OSError):
            return _cut(request)
        made.answered, made.status = time.time(), status
        if made.label not in {"list", "probe"}:
            made.answer = _parsed(answer)
        if not await plan.after(made):
            return _cut(request)
        response = web.Response(status=status, headers=headers, body=answer)
        await response.prepare(request)
        try:
            await response.write_eof()
            made.delivered = True
        except ConnectionError:
            pass
        await plan.done(made)
        return response

    async def _ask(self, request: web.BaseRequest, side: str, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        async with self._request(request, side, raw) as answer:
            return answer.status, _passed_on(answer.headers), await answer.read()

    def _request(self, request: web.BaseRequest, side: str, raw: bytes) -> Any:
        assert self._session is not None, "the door is not open"
        base = self._server if side == "api" else self._gateway
        headers = {**_passed_on(request.headers), "accept-encoding": "identity"}
        return self._session.request(
            request.method,
            base + request.raw_path,
            data=raw or None,
            headers=headers,
            ssl=self._context,
            allow_redirects=False,
            skip_auto_headers=("content-type", "user-agent", "accept"),
        )

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        try:
            async with self._request(request, "api", b"") as answer:
                response.set_status(answer.status)
                response.content_type = "application/json"
                await response.prepare(request)
                async for line in self.stream(request, answer.content):  # type: ignore[arg-type]
                    await response.write(line)
                    if not line.endswith(b"\n"):
                        return _cut(request)
                await response.write_eof()
        except (aiohttp.ClientError, OSError, ValueError):
            return _cut(request)
        return response


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}


def _cut(request: web.BaseRequest) -> web.Response:
    """End the connection without a word; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
