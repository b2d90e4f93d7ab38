"""Every metric and log field, declared once; Event reasons are beside the condition reasons in model/."""

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """All metrics, in a registry of their own. The controller_runtime and rest_client names are those of stock
    dashboards.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declare_reconciles()
        self._declare_machines()
        self._declare_providers()
        self._declare_losses()
        self._declare_process()

    def _declare_reconciles(self) -> None:
        self.reconciles = Counter(
            "controller_runtime_reconcile_total",
            "Reconciles by controller and result.",
            ["controller", "result"],
            registry=self.registry,
        )
        self.reconcile_errors = Counter(
            "controller_runtime_reconcile_errors_total",
            "Reconciles that raised.",
            ["controller"],
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of a reconcile in seconds.",
            ["controller"],
            registry=self.registry,
        )
        self.active_workers = Gauge(
            "controller_runtime_active_workers",
            "Keys that are being worked on.",
            ["controller"],
            registry=self.registry,
        )
        self.api_requests = Counter(
            "rest_client_requests_total",
            "Kubernetes API requests by code and method.",
            ["code", "method"],
            registry=self.registry,
        )

    def _declare_machines(self) -> None:
        self.machines = Gauge(
            "gpuwright_machines",
            "ComputeInstances by namespace, provider and summary.",
            ["namespace", "provider", "summary"],
            registry=self.registry,
        )
        self.creates = Counter(
            "gpuwright_creates_total", "Creates by outcome.", ["provider", "outcome"], registry=self.registry
        )
        self.unsettled = Gauge(
            "gpuwright_creates_unsettled",
            "Creates of which nobody knows yet what became of them.",
            registry=self.registry,
        )
        self.unsettled_age = Gauge(
            "gpuwright_create_unsettled_oldest_seconds",
            "Age of the oldest unsettled create in seconds.",
            registry=self.registry,
        )
        self.deletion_age = Gauge(
            "gpuwright_deletion_oldest_seconds",
            "For how long the oldest deletion of a ComputeInstance has waited, in seconds.",
            ["provider"],
            registry=self.registry,
        )
        self.cost = Counter(
            "gpuwright_cost_total",
            "What machines have cost since this replica acts, as far as their prices are known.",
            ["namespace", "provider", "currency"],
            registry=self.registry,
        )
        self.price_per_hour = Gauge(
            "gpuwright_price_per_hour",
            "What the machines that exist cost an hour, as far as their prices are known.",
            ["namespace", "provider", "currency"],
            registry=self.registry,
        )
        self.time_to_ready = Histogram(
            "gpuwright_time_to_ready_seconds",
            "From a create's intent until its machine was seen running, in seconds.",
            ["provider"],
            buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800),
            registry=self.registry,
        )

    def _declare_providers(self) -> None:
        self.provider_calls = Counter(
            "gpuwright_provider_calls_total",
            "Calls to providers by verb and result (ok, blind, unknown, not_committed, not_executed).",
            ["provider", "verb", "result"],
            registry=self.registry,
        )
        self.provider_seconds = Histogram(
            "gpuwright_provider_call_seconds",
            "Length of provider calls in seconds.",
            ["provider", "verb"],
            registry=self.registry,
        )
        self.provider_online = Gauge(
            "gpuwright_provider_online",
            "1 while the provider answers, 0 while its breaker is open.",
            ["provider"],
            registry=self.registry,
        )
        self.credentials_rejected = Gauge(
            "gpuwright_provider_credentials_rejected",
            "1 while the provider refuses our credentials, else 0.",
            ["provider"],
            registry=self.registry,
        )
        self.missing = Gauge(
            "gpuwright_missing_machines",
            "Machines that one list missed at once; nothing is concluded from it.",
            ["provider"],
            registry=self.registry,
        )
        self.last_list = Gauge(
            "gpuwright_provider_last_list_timestamp_seconds",
            "When the provider last answered a list in full, in seconds since 1970.",
            ["provider"],
            registry=self.registry,
        )

    def _declare_losses(self) -> None:
        self.duplicates = Counter(
            "gpuwright_duplicates_terminated_total",
            "Second machines of one owner that were terminated.",
            ["provider"],
            registry=self.registry,
        )
        self.forgotten = Counter(
            "gpuwright_possible_leaks_total",
            "Machines let go without proof that they are gone.",
            ["provider"],
            registry=self.registry,
        )
        self.leaks = Gauge(
            "gpuwright_leaks",
            "What was let go without proof and is not yet proven gone.",
            ["provider"],
            registry=self.registry,
        )
        self.retained = Gauge(
            "gpuwright_retained_machines",
            "Machines let go on purpose that bill on.",
            ["provider"],
            registry=self.registry,
        )
        self.orphans = Gauge(
            "gpuwright_orphans",
            "Machines with our tag whose ComputeInstance is gone.",
            ["provider"],
            registry=self.registry,
        )
        self.swept = Counter(
            "gpuwright_orphans_terminated_total",
            "Machines that the sweep has terminated.",
            ["provider"],
            registry=self.registry,
        )
        self.last_sweep = Gauge(
            "gpuwright_sweep_last_timestamp_seconds",
            "When the last sweep was made, in seconds since 1970.",
            ["provider"],
            registry=self.registry,
        )

    def _declare_process(self) -> None:
        self.record_refused = Counter(
            "gpuwright_status_writes_refused_total",
            "Status writes that the API server found invalid.",
            registry=self.registry,
        )
        self.silence = Gauge(
            "gpuwright_api_silence_seconds",
            "For how long neither an event nor a resync was heard from the API server, in seconds.",
            registry=self.registry,
        )
        self.resync_corrections = Counter(
            "gpuwright_resync_corrections_total",
            "Objects that the watch had missed and a list found.",
            registry=self.registry,
        )
        self.events_dropped = Counter(
            "gpuwright_events_folded_total", "Events folded into another one's count.", registry=self.registry
        )
        self.leader = Gauge(
            "gpuwright_leader",
            "1 in the replica that acts, 0 in one that stands by. Metrics of machines and providers are the leader's.",
            registry=self.registry,
        )
        self.lease_transitions = Gauge(
            "gpuwright_lease_transitions",
            "How often the Lease has gone from one replica to another, as this replica has read it last.",
            registry=self.registry,
        )
        self.build = Gauge(
            "gpuwright_build_info", "Always 1; the version is in the label.", ["version"], registry=self.registry
        )

    def drop_provider(self, provider: str) -> None:
        """Drop what the gauges say of a provider that is gone, so that nobody is called for it any more."""
        for gauge in (
            self.provider_online,
            self.credentials_rejected,
            self.missing,
            self.last_list,
            self.leaks,
            self.retained,
            self.orphans,
            self.last_sweep,
        ):
            with suppress(KeyError):
                gauge.remove(provider)


LOG_FIELDS = (
    "instance",
    "uid",
    "provider",
    "machine_id",
    "names",
    "attempts",
    "outcome",
    "reason",
    "proof",
    "place",
    "event",
    "count",
    "error",
)
"""The only extra fields that a log line of ours can have; all of them are free of secrets."""


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that a record carries."""
    return {name: getattr(record, name) for name in LOG_FIELDS if hasattr(record, name)}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON: ts, level, logger, msg, then its fields and the traceback."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A line for people: time, level, message, then `field=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of text, its traceback below it."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        extra = "".join(f" {key}={value}" for key, value in fields(record).items())
        line = f"{moment} {record.levelname:<7} {record.getMessage()}{extra}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(level: str, form: Literal["json", "text"]) -> None:
    """Send the root logger's records to stderr in one of the two formats; kopf's own lines an event are left out."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("kopf.objects", "kopf", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
