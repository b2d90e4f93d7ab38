"""The dashboard: on metrics that exist, all of them, and with queries that Prometheus understands as we do."""

import json
import math
import os
import re
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hack.dashboard_panels import JOB, PROVIDER, ROWS, Query, panels
from hack.dashboard_series import Recording, increase, quantile, values
from prometheus_client import generate_latest
from tests.docs.pages import page

from gpuwright.telemetry import Metrics
from hack import dashboard, programs, reference

QUERIES = [query for panel in panels() for query in panel.queries]
METRICS = {metric.name: metric for metric in reference.metrics()}
# Money comes in currencies, which no panel may add up, and its picture would need a gateway with prices.
NOT_SHOWN = {"gpuwright_cost_total", "gpuwright_price_per_hour"}
STEP, SAMPLES, WINDOW = 15, 40, 120.0
LABELS = {"provider": ("team-a/gateway", "shared"), "result": ("ok", "unknown"), "le": ("0.5", "2.0", "+Inf")}
each_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.shape} {query.metric}")


def test_the_committed_dashboard_is_what_the_panels_give() -> None:
    assert dashboard.TARGET.read_text() == dashboard.wanted()


@each_query
def test_a_query_asks_for_a_metric_that_exists_with_labels_that_it_has(query: Query) -> None:
    metric = METRICS[query.metric]
    assert {*query.by, *query.where} <= {*metric.labels}
    assert query.has_provider == ("provider" in metric.labels)
    assert (query.shape == "quantile") == (metric.type == "histogram")
    assert (query.shape in {"rate", "increase"}) == (metric.type == "counter")


def test_every_metric_is_on_the_dashboard() -> None:
    assert METRICS.keys() - {query.metric for query in QUERIES} == NOT_SHOWN


def test_the_label_namespace_is_not_used() -> None:
    """Prometheus renames it where a target has one of its own, as every pod has."""
    assert [query for query in QUERIES if "namespace" in query.by] == []


def test_every_alert_that_a_panel_names_exists() -> None:
    named = {word for panel in panels() for word in re.findall(r"Gpuwright\w+", panel.help)}
    alerts = {words for level, words in page("runbooks.md").headings if level == 3}
    assert named <= alerts
    assert alerts - named == set(), "and each alert has a panel that shows what it is about"


def test_no_two_panels_share_a_title_or_a_place() -> None:
    shown = [panel for panel in json.loads(dashboard.TARGET.read_text())["panels"] if panel["type"] != "row"]
    assert len({panel["title"] for panel in shown}) == len(shown) == sum(len(row.panels) for row in ROWS)
    cells = [
        (x, y)
        for panel in shown
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len({*cells}) == len(cells)
    assert max(x for x, _y in cells) < dashboard.COLUMNS


def test_every_series_can_be_told_from_the_others_of_its_panel() -> None:
    for panel in panels():
        for query in panel.queries:
            assert all(f"{{{{{label}}}}}" in query.name for label in query.by), panel.title


def recording() -> tuple[Recording, list[dict[str, str]]]:
    """Return scrapes with every metric of the dashboard, and the same as promtool takes it."""
    made, inputs, random = Recording(), [], Random(7)
    made.times = [float(STEP * number) for number in range(SAMPLES)]
    for query in {query.metric: query for query in QUERIES}.values():
        metric = METRICS[query.metric]
        name = f"{metric.name}_bucket" if metric.type == "histogram" else metric.name
        wanted = {label: LABELS.get(label, ("x", "y")) for label in metric.labels}
        wanted |= {"le": LABELS["le"]} if metric.type == "histogram" else {}
        for labels in _combined(wanted):
            numbers = _numbers(metric.type, labels.get("le", ""), random)
            if metric.name == "gpuwright_leader":
                numbers = [1.0] * SAMPLES
            points = list(zip(made.times, numbers, strict=True))
            made.series.setdefault(name, {})[frozenset(labels.items())] = points
            written = ", ".join(f'{key}="{value}"' for key, value in {"job": "g", "instance": "a", **labels}.items())
            inputs.append({"series": f"{name}{{{written}}}", "values": " ".join(map(str, numbers))})
    return made, inputs


def _combined(wanted: dict[str, tuple[str, ...]]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [{}]
    for label, each in wanted.items():
        found = [known | {label: value} for known in found for value in each]
    return found


def _numbers(kind: str, bound: str, random: Random) -> list[float]:
    """Return values of a gauge, of a counter that is set back once, or of a bucket that holds those before it."""
    if kind == "gauge":
        return [float(random.randrange(9)) for _ in range(SAMPLES)]
    if bound:
        steps = {"0.5": 1, "2.0": 3, "+Inf": 4}[bound]
        return [float(number * steps) for number in range(SAMPLES)]
    grown = [float(sum(random.randrange(3) for _ in range(number))) for number in range(SAMPLES)]
    grown = [max(grown[: number + 1]) for number in range(SAMPLES)]
    return [value if number < 30 else value - grown[30] for number, value in enumerate(grown)]


def expected(query: Query, made: Recording, at: float) -> list[dict[str, Any]]:
    """Return what our own tool makes of a query, as promtool is to be told."""
    samples = []
    for group, value in values(query, made, at, WINDOW).items():
        labels = ", ".join(f'{label}="{text}"' for label, text in zip(query.by, group, strict=True) if text)
        samples.append({"labels": f"{{{labels}}}", "value": value if not math.isnan(value) else "NaN"})
    return samples


def as_typed(query: Query) -> str:
    """Return a query with what Grafana puts in for its variables."""
    text = query.promql(f"{WINDOW:.0f}s")
    assert JOB in text
    assert (PROVIDER in text) == query.has_provider
    return text.replace("$job", ".*").replace("$provider", ".*")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    made, inputs = recording()
    moments = (STEP * 20, STEP * 37 + 4)
    cases = [
        {"expr": as_typed(query), "eval_time": f"{at}s", "exp_samples": expected(query, made, float(at))}
        for query in QUERIES
        for at in moments
    ]
    return promtool(inputs, cases, tmp_path_factory.mktemp("queries"))


def promtool(inputs: Any, cases: Any, folder: Path) -> "subprocess.CompletedProcess[str]":
    test = {"interval": f"{STEP}s", "input_series": inputs, "promql_expr_test": cases}
    whole = {"rule_files": [], "evaluation_interval": "15s", "fuzzy_compare": True, "tests": [test]}
    (folder / "queries.yaml").write_text(yaml.safe_dump(whole))
    command = (str(programs.find("promtool", os.environ)), "test", "rules", "queries.yaml")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_prometheus_understands_every_query_as_we_do(said: "subprocess.CompletedProcess[str]") -> None:
    assert said.returncode == 0, (said.stdout + said.stderr)[:3000]


def test_another_answer_would_be_found(tmp_path: Path) -> None:
    made, inputs = recording()
    query = QUERIES[0]
    wrong = [sample | {"value": sample["value"] + 1} for sample in expected(query, made, 300.0)]
    cases = [{"expr": as_typed(query), "eval_time": "300s", "exp_samples": wrong}]
    assert promtool(inputs, cases, tmp_path).returncode != 0


def test_a_scrape_of_the_operator_is_read() -> None:
    metrics, made = Metrics(), Recording()
    metrics.provider_online.labels("team-a/gateway").set(1)
    metrics.leader.set(1)
    made.add(10.0, generate_latest(metrics.registry).decode())
    metrics.drop_provider("team-a/gateway")
    made.add(11.0, generate_latest(metrics.registry).decode())
    online = Query("max", "gpuwright_provider_online", ("provider",))
    assert values(online, made, 10.5, WINDOW) == {("team-a/gateway",): 1.0}
    assert values(online, made, 11.0, WINDOW) == {}, "what is gone is not drawn on"
    assert values(online, made, 9.0, WINDOW) == {}


def test_what_a_replica_sees_that_stands_by_is_not_counted() -> None:
    made = Recording()
    machines = Query("of the leader", "gpuwright_machines", ("summary",))
    for time, leads in ((1.0, 0), (2.0, 1)):
        made.add(time, f'gpuwright_leader {leads}\ngpuwright_machines{{summary="Running"}} 3\n')
    assert values(machines, made, 1.0, WINDOW) == {}
    assert values(machines, made, 2.0, WINDOW) == {("Running",): 3.0}


@pytest.mark.parametrize(
    ("points", "grown"),
    [
        pytest.param([(0.0, 0.0), (60.0, 6.0)], 6.0, id="the whole window"),
        pytest.param([(30.0, 3.0), (60.0, 6.0)], 6.0, id="it began before it was first seen"),
        pytest.param([(0.0, 5.0), (30.0, 1.0), (60.0, 2.0)], 2.0, id="it was set back"),
        pytest.param([(0.0, 4.0), (60.0, 4.0)], 0.0, id="nothing"),
    ],
)
def test_an_increase(points: list[tuple[float, float]], grown: float) -> None:
    assert increase(points, 0.0, 60.0) == pytest.approx(grown)


def test_a_quantile_of_nothing_is_no_number() -> None:
    assert math.isnan(quantile(0.9, {0.5: 0.0, math.inf: 0.0}))
