"""/metrics, /healthz and /readyz, asked over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gpuwright.http_server import HttpServer
from gpuwright.telemetry import Metrics
from gpuwright_sandbox.gateway.door import PortReservation


@dataclass
class Ground:
    """A server and what it is told."""

    metrics: Metrics = field(default_factory=Metrics)
    sick: str = ""
    busy: str = ""
    refreshed: int = 0
    port: int = 0

    def refresh(self) -> None:
        self.refreshed += 1
        self.metrics.unsettled.set(self.refreshed)

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Return status, content type and body."""
        async with aiohttp.request(method, f"http://127.0.0.1:{self.port}{path}") as response:
            return response.status, response.headers.get("content-type", ""), await response.text()


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    ground = Ground()
    server = HttpServer(ground.metrics, refresh=ground.refresh, healthy=lambda: ground.sick, ready=lambda: ground.busy)
    with PortReservation() as reserved:
        ground.port = reserved.port
    await server.start("127.0.0.1", ground.port)
    yield ground
    await server.stop()


async def test_metrics_are_served_as_prometheus_reads_them(ground: Ground) -> None:
    ground.metrics.creates.labels("gateway", "Committed").inc()
    status, kind, body = await ground.ask("/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    (sample,) = (s for s in families["gpuwright_creates"].samples if s.name == "gpuwright_creates_total")
    assert (sample.value, sample.labels) == (1.0, {"provider": "gateway", "outcome": "Committed"})


async def test_metrics_are_counted_anew_for_each_scrape(ground: Ground) -> None:
    for count in (1, 2):
        _status, _kind, body = await ground.ask("/metrics")
        assert f"gpuwright_creates_unsettled {count}.0" in body


@pytest.mark.parametrize(("path", "field_name"), [("/healthz", "sick"), ("/readyz", "busy")])
async def test_a_check_answers_ok_or_what_is_wrong(ground: Ground, path: str, field_name: str) -> None:
    assert await ground.ask(path) == (200, "text/plain; charset=utf-8", "ok")
    setattr(ground, field_name, "nothing heard from the API server for 901 s")
    status, _kind, body = await ground.ask(path)
    assert (status, body) == (503, "nothing heard from the API server for 901 s")


async def test_a_sick_process_is_told_apart_from_a_busy_one(ground: Ground) -> None:
    ground.busy = "stopping"
    assert (await ground.ask("/healthz"))[0] == 200
    assert (await ground.ask("/readyz"))[0] == 503


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/debug", "GET", 404), ("/metrics", "POST", 405)]
)
async def test_nothing_else_is_served(ground: Ground, path: str, method: str, status: int) -> None:
    assert (await ground.ask(path, method))[0] == status


async def test_a_port_that_is_taken_is_an_error(ground: Ground) -> None:
    server = HttpServer(Metrics(), refresh=lambda: None, healthy=lambda: "", ready=lambda: "")
    with pytest.raises(OSError, match="in use"):
        await server.start("127.0.0.1", ground.port)
    await server.stop()


async def test_stopping_what_never_started_is_harmless() -> None:
    await HttpServer(Metrics(), refresh=lambda: None, healthy=lambda: "", ready=lambda: "").stop()
