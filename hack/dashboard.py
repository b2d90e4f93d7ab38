"""Write the dashboard of the chart from hack/dashboard_panels.py; with --check, only say whether it is up to date."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hack.dashboard_panels import ROWS, Panel, Query, Row
from hack.generated import Generated, command

TARGET = Path(__file__).resolve().parents[1] / "charts" / "gpuwright" / "files" / "dashboard.json"
COLUMNS = 24  # of Grafana's grid
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


def dashboard() -> Json:
    """Return the dashboard as Grafana imports it, from 11 on."""
    return {
        "uid": "gpuwright",
        "title": "gpuwright",
        "description": "ComputeInstances and their machines. Metrics: docs/metrics.md, alerts: docs/runbooks.md.",
        "tags": ["gpuwright", "kubernetes"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[Json]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    yield _variable("job", "Job", "label_values(gpuwright_build_info, job)")
    yield _variable("provider", "Provider", 'label_values(gpuwright_provider_online{job=~"$job"}, provider)')


def _variable(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        # What is let go of a provider that nobody knows any more has an empty label.
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[Json]:
    number, top = 1, 0
    for row in ROWS:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        }
        number, top = number + 1, top + 1
        for panel, place in zip(row.panels, _places(row, top), strict=True):
            yield _panel(number, panel, place)
            number += 1
        top = place["y"] + HEIGHT


def _places(row: Row, top: int) -> Iterator[Json]:
    """Yield the place of each panel: up to four side by side, else three."""
    across = len(row.panels) if len(row.panels) <= 4 else 3
    width = COLUMNS // across
    for index in range(len(row.panels)):
        line, column = divmod(index, across)
        yield {"h": HEIGHT, "w": width, "x": column * width, "y": top + line * HEIGHT}


def _panel(number: int, panel: Panel, place: Json) -> Json:
    stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    custom = {"lineWidth": 1, "fillOpacity": 30 if panel.stacked else 5, "showPoints": "never", "stacking": stacking}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [_target(index, query) for index, query in enumerate(panel.queries)],
    }


def _target(index: int, query: Query) -> Json:
    reference = chr(ord("A") + index)
    return {"refId": reference, "datasource": SOURCE, "expr": query.promql(), "legendFormat": query.name, "range": True}


def wanted() -> str:
    """Return the file's text."""
    return f"{json.dumps(dashboard(), indent=2)}\n"


def generated() -> Generated:
    """Return the chart's file as it is to be."""
    return Generated(TARGET.parent, {TARGET.name: wanted()})


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when --check finds a difference."""
    advice = "charts/gpuwright/files/dashboard.json is not what hack/dashboard_panels.py gives: run `make dashboard`"
    return command(arguments, __doc__, lambda: [generated()], advice)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
