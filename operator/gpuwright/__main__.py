"""Reads settings and the clock, builds every object once, and starts kopf."""

import asyncio
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from random import Random
from typing import Any
from uuid import uuid4

from gpuwright import handlers, uninstall
from gpuwright.assembly import Assembly
from gpuwright.kube.client import ApiError, Connection, Forbidden, KubeClient
from gpuwright.kube.lease import LeaseStore
from gpuwright.leadership import CALL_SECONDS, Leadership, NotPermitted
from gpuwright.model.clock import Clock
from gpuwright.model.resources import NAMESPACES
from gpuwright.settings import BadSettings, Settings, parse_settings
from gpuwright.telemetry import Metrics, configure_logging

LEASE_LOST = 3  # the exit code

log = logging.getLogger("gpuwright")


class SystemClock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    def boottime(self) -> float:
        """See Clock; where there is no such clock the monotonic one serves, beside the wall clock."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def wall(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


def main() -> None:
    """Run the operator until it is told to stop. Exit: 0 after a clean stop, 2 on a bad setting, 3 when the
    Lease is lost, 1 on anything else.
    """
    flags = sys.argv[1:]
    checking = flags[:1] == [uninstall.COMMAND]
    report_only = checking and flags[1:2] == [uninstall.REPORT_ONLY]
    try:
        settings = parse_settings(flags[checking + report_only :], os.environ)
    except BadSettings as error:
        for line in error.lines:
            print(f"gpuwright: {line}", file=sys.stderr)  # noqa: T201 - before there is a log
        sys.exit(2)
    configure_logging(settings.log_level, settings.log_format)
    try:
        clock = SystemClock()
        _run(check_uninstall(settings, clock, report_only=report_only) if checking else run(settings, clock))
    except BadSettings as error:
        for line in error.lines:
            log.error(line)  # noqa: TRY400 - a setting, no defect
        sys.exit(2)
    except ApiError as error:
        log.error("the Kubernetes API server cannot be used", extra={"error": str(error)})  # noqa: TRY400
        sys.exit(1)


def _run(program: Coroutine[Any, Any, None]) -> None:
    # Bodies live long and hold no cycles: with the default thresholds the collector walks over all of them again
    # and again.
    gc.set_threshold(50_000, 20, 20)
    if sys.platform == "win32":
        asyncio.run(program)
        return
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    uvloop.run(program)


async def check_uninstall(settings: Settings, clock: Clock, *, report_only: bool) -> None:
    """Say whether anything still needs the operator, and exit with 1 if so. Raises BadSettings, ApiError."""
    async with KubeClient(_connection(clock), Metrics()) as client:
        code, words = await uninstall.check(client, settings.watch_namespaces, report_only=report_only)
    print(f"gpuwright: {words}", flush=True)  # noqa: T201 - helm shows what the hook printed
    sys.exit(code)


async def run(settings: Settings, clock: Clock) -> None:
    """Build the operator and run it until a signal ends it. Raises BadSettings."""
    connection = _connection(clock)
    metrics = Metrics()
    metrics.build.labels(version("gpuwright")).set(1)
    async with KubeClient(connection, metrics, limit=2, timeout_seconds=CALL_SECONDS) as third:
        leadership = _leadership(settings, clock, third, metrics) if settings.leader_elect else None
        gate = leadership.may_send if leadership else _open
        metrics.leader.set(0 if leadership else 1)
        # Few connections: more than the API server can answer at once only makes every answer late.
        async with (
            KubeClient(connection, metrics, limit=12, may_write=gate) as client,
            KubeClient(connection, metrics, limit=8, may_write=gate) as urgent,
        ):
            cluster = settings.cluster_id or await _cluster_id(client)
            await Assembly(settings, clock, client, urgent, metrics, cluster, leadership, _failed).run()


def _open() -> bool:
    return True


def _leadership(settings: Settings, clock: Clock, client: KubeClient, metrics: Metrics) -> Leadership:
    def lost(reason: str) -> None:
        log.error("the Lease is lost: this replica ends at once, and sends nothing more", extra={"reason": reason})
        _exit(LEASE_LOST)

    me = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid4().hex[:12]}"
    store = LeaseStore(client, settings.namespace)
    return Leadership(store, clock, metrics, me=me, random=Random().random, lost=lost)  # noqa: S311 - jitter, no secret


def _failed(error: Exception) -> None:
    """End where no replica can go on: this is told from within a task, to which nobody listens."""
    if isinstance(error, BadSettings | NotPermitted):
        log.error(str(error))
        _exit(2)
    log.error("the election broke", exc_info=error)
    _exit(1)


def _exit(code: int) -> None:
    """End now. Whatever would be tidied up first would be asked of a cluster that somebody else looks after."""
    logging.shutdown()
    os._exit(code)


def _connection(clock: Clock) -> Connection:
    try:
        return handlers.connection(clock.monotonic)
    except LookupError as error:
        raise BadSettings([str(error)]) from error


async def _cluster_id(client: KubeClient) -> str:
    try:
        namespace = await client.get(NAMESPACES, None, "kube-system")
    except Forbidden as error:
        words = f"--cluster-id is needed, because the namespace kube-system cannot be read: {error}"
        raise BadSettings([words]) from error
    return str(namespace["metadata"]["uid"])


if __name__ == "__main__":
    main()
