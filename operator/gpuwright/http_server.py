"""/metrics, /healthz and /readyz."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gpuwright.telemetry import Metrics


class HttpServer:
    """Serves the three paths. `healthy` and `ready` answer with what is wrong, or an empty string."""

    def __init__(
        self, metrics: Metrics, *, refresh: Callable[[], None], healthy: Callable[[], str], ready: Callable[[], str]
    ) -> None:
        self._metrics = metrics
        self._refresh = refresh
        self._healthy = healthy
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError where the address is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._serve_metrics),
                web.get("/healthz", self._serve_health),
                web.get("/readyz", self._serve_readiness),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        self._refresh()
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _serve_health(self, _request: web.Request) -> web.Response:
        return _plain(self._healthy())

    async def _serve_readiness(self, _request: web.Request) -> web.Response:
        return _plain(self._ready())


def _plain(problem: str) -> web.Response:
    return web.Response(text=problem or "ok", status=503 if problem else 200)
