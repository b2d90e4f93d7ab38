"""What the dashboard shows: rows of panels, each with queries of a few shapes, and how a shape reads in PromQL.

A query is data, so that the same one can be written into the dashboard and worked out by our own tool for its picture
(hack/dashboard_series.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

JOB = 'job=~"$job"'
PROVIDER = 'provider=~"$provider"'
Shape = Literal["max", "sum", "of the leader", "rate", "increase", "quantile", "age"]


@dataclass(frozen=True, slots=True)
class Query:
    """One query: `by` are the labels that stay; `where` keeps series whose label is one of some values.

    Shapes: `max` and `sum` over replicas; `of the leader` leaves out replicas that stand by; `rate` a second;
    `increase` over an hour; `quantile` of a histogram; `age` is how long ago a timestamp was.
    """

    shape: Shape
    metric: str
    by: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quantile: float = 0.9
    legend: str = ""
    has_provider: bool = True

    @property
    def name(self) -> str:
        """Return what the series are called: a template over the labels that stay."""
        return self.legend or " ".join(f"{{{{{label}}}}}" for label in self.by) or self.metric

    @property
    def selector(self) -> str:
        """Return the labels in braces."""
        wanted = [f'{label}=~"{"|".join(values)}"' for label, values in self.where.items()]
        return "{" + ", ".join([JOB, *([PROVIDER] if self.has_provider else []), *wanted]) + "}"

    def promql(self, window: str = "$__rate_interval") -> str:
        """Return it in PromQL."""
        by = f" by ({', '.join(self.by)})" if self.by else ""
        series = f"{self.metric}{self.selector}"
        match self.shape:
            case "max" | "sum":
                return f"{self.shape}{by} ({series})"
            case "of the leader":
                return f"sum{by} ({series} and on (job, instance) (gpuwright_leader == 1))"
            case "rate":
                return f"sum{by} (rate({series}[{window}]))"
            case "increase":
                return f"sum{by} (increase({series}[1h]))"
            case "quantile":
                inner = f"sum by ({', '.join(('le', *self.by))}) (rate({self.metric}_bucket{self.selector}[{window}]))"
                return f"histogram_quantile({self.quantile}, {inner})"
            case "age":
                return f"time() - max{by} ({series})"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `help` is what its little (i) says. `unit` is Grafana's word."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    help: str = ""
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def ours(shape: Shape, metric: str, **rest: object) -> Query:
    """Return a query of a metric that has no provider."""
    return Query(shape, metric, has_provider=False, **rest)  # type: ignore[arg-type]  # as Query's own fields


ROWS = (
    Row(
        "How things are",
        (
            Panel(
                "Instances by what they say",
                (Query("of the leader", "gpuwright_machines", ("summary",)),),
                help="status.summary of every ComputeInstance, as the leader sees them.",
                stacked=True,
            ),
            Panel(
                "Providers that answer",
                (Query("max", "gpuwright_provider_online", ("provider",)),),
                help="0: nothing is bought there, and nothing can be terminated. Alert: GpuwrightProviderUnreachable.",
            ),
            Panel(
                "Replicas",
                (
                    ours("sum", "gpuwright_build_info", legend="running {{version}}", by=("version",)),
                    ours("sum", "gpuwright_leader", legend="leaders"),
                    ours("max", "gpuwright_lease_transitions", legend="take-overs ever"),
                ),
                help="One leader, always. Alerts: GpuwrightAbsent, GpuwrightNoLeader.",
            ),
        ),
    ),
    Row(
        "Money",
        (
            Panel(
                "Machines that may bill for nobody",
                (
                    Query("max", "gpuwright_orphans", ("provider",), legend="orphans {{provider}}"),
                    Query("max", "gpuwright_leaks", ("provider",), legend="leaks {{provider}}"),
                    Query("max", "gpuwright_retained_machines", ("provider",), legend="retained {{provider}}"),
                ),
                help="Retained ones were let go on purpose. Alerts: GpuwrightOrphansFound, GpuwrightLeaksUnproven.",
            ),
            Panel(
                "Should not happen (in an hour)",
                (
                    Query("increase", "gpuwright_possible_leaks_total", ("provider",), legend="let go {{provider}}"),
                    Query(
                        "increase",
                        "gpuwright_duplicates_terminated_total",
                        ("provider",),
                        legend="doubled {{provider}}",
                    ),
                    Query("increase", "gpuwright_orphans_terminated_total", ("provider",), legend="swept {{provider}}"),
                ),
                help="Alerts: GpuwrightPossibleLeak, GpuwrightDuplicateTerminated, GpuwrightOrphansTerminated.",
            ),
            Panel(
                "What waits longest",
                (
                    ours("max", "gpuwright_create_unsettled_oldest_seconds", legend="create without outcome"),
                    Query("max", "gpuwright_deletion_oldest_seconds", ("provider",), legend="deletion {{provider}}"),
                ),
                unit="s",
                help="Alerts: GpuwrightOutcomeUnknown after 15 minutes, GpuwrightDeletionStuck after 30.",
            ),
        ),
    ),
    Row(
        "Creates",
        (
            Panel(
                "Creates a second, by outcome",
                (Query("rate", "gpuwright_creates_total", ("outcome",)),),
                unit="ops",
                stacked=True,
            ),
            Panel(
                "From intent to running",
                (
                    Query("quantile", "gpuwright_time_to_ready_seconds", quantile=0.5, legend="half within"),
                    Query("quantile", "gpuwright_time_to_ready_seconds", quantile=0.9, legend="nine of ten within"),
                ),
                unit="s",
            ),
            Panel(
                "Creates whose outcome nobody knows yet",
                (ours("max", "gpuwright_creates_unsettled", legend="creates"),),
            ),
        ),
    ),
    Row(
        "Providers",
        (
            Panel(
                "Calls a second that did not end well",
                (
                    Query(
                        "rate",
                        "gpuwright_provider_calls_total",
                        ("verb", "result"),
                        where={"result": ("blind", "unknown", "not_committed", "not_executed", "error")},
                    ),
                ),
                unit="ops",
            ),
            Panel(
                "Nine of ten calls within",
                (Query("quantile", "gpuwright_provider_call_seconds", ("verb",)),),
                unit="s",
            ),
            Panel(
                "Refused credentials, missing machines",
                (
                    Query(
                        "max", "gpuwright_provider_credentials_rejected", ("provider",), legend="refused {{provider}}"
                    ),
                    Query("max", "gpuwright_missing_machines", ("provider",), legend="missing {{provider}}"),
                ),
                help="Alerts: GpuwrightCredentialsRejected, GpuwrightMassAbsence.",
            ),
            Panel(
                "Age of the newest list and sweep",
                (
                    Query(
                        "age",
                        "gpuwright_provider_last_list_timestamp_seconds",
                        ("provider",),
                        legend="list {{provider}}",
                    ),
                    Query("age", "gpuwright_sweep_last_timestamp_seconds", ("provider",), legend="sweep {{provider}}"),
                ),
                unit="s",
                help="Alerts: GpuwrightListStale, GpuwrightSweepStale.",
            ),
        ),
    ),
    Row(
        "The operator",
        (
            Panel(
                "Passes a second",
                (ours("rate", "controller_runtime_reconcile_total", by=("controller", "result")),),
                unit="ops",
            ),
            Panel(
                "Nine of ten passes within",
                (ours("quantile", "controller_runtime_reconcile_time_seconds", by=("controller",)),),
                unit="s",
            ),
            Panel(
                "Requests to the API server a second",
                (ours("rate", "rest_client_requests_total", by=("method", "code")),),
                unit="ops",
                help="409 is daily work: somebody was faster. Alert: GpuwrightApiErrors.",
            ),
            Panel(
                "Passes at work, passes that raised",
                (
                    ours("sum", "controller_runtime_active_workers", legend="at work"),
                    ours("increase", "controller_runtime_reconcile_errors_total", legend="raised in an hour"),
                ),
                help="Alert: GpuwrightReconcileErrors.",
            ),
            Panel(
                "Silence of the API server",
                (ours("max", "gpuwright_api_silence_seconds", legend="nothing heard for"),),
                unit="s",
                help="Up to ten minutes is quiet, fifteen is an ill process. Alert: GpuwrightWatchStale.",
            ),
            Panel(
                "Bookkeeping in an hour",
                (
                    ours("increase", "gpuwright_status_writes_refused_total", legend="status writes refused"),
                    ours("increase", "gpuwright_resync_corrections_total", legend="changes that the watch missed"),
                    ours("increase", "gpuwright_events_folded_total", legend="Events folded"),
                ),
                help="Alerts: GpuwrightStatusWritesRefused, GpuwrightWatchLosesEvents.",
            ),
        ),
    ),
)
"""The dashboard, from top to bottom."""


def panels() -> tuple[Panel, ...]:
    """Return all panels, in order."""
    return tuple(panel for row in ROWS for panel in row.panels)
