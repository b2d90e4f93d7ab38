"""What /metrics showed over time, and what the dashboard's queries make of it.

Only the shapes of hack/dashboard_panels.py are worked out, by the rules of Prometheus; a test has promtool work out the
same.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hack.dashboard_panels import Query
from prometheus_client.parser import text_string_to_metric_families

HOUR_SECONDS = 3600.0

Labels = frozenset[tuple[str, str]]
Points = list[tuple[float, float]]
Group = tuple[str, ...]


@dataclass(slots=True)
class Recording:
    """Scrapes in order: when they were made, and by name and labels what they showed at those times."""

    times: list[float] = field(default_factory=list)
    series: dict[str, dict[Labels, Points]] = field(default_factory=dict)

    def add(self, time: float, text: str) -> None:
        """Take in one scrape of /metrics."""
        self.times.append(time)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                named = self.series.setdefault(sample.name, {})
                named.setdefault(frozenset(sample.labels.items()), []).append((time, float(sample.value)))

    def instant(self, name: str, at: float) -> Iterator[tuple[Labels, float]]:
        """Yield what the newest scrape until then showed; what it did not show any more is gone."""
        newest = bisect_right(self.times, at) - 1
        if newest < 0:
            return
        for labels, points in self.series.get(name, {}).items():
            place = bisect_left(points, (self.times[newest], -math.inf))
            if place < len(points) and points[place][0] == self.times[newest]:
                yield labels, points[place][1]

    def increases(self, name: str, at: float, window: float) -> Iterator[tuple[Labels, float]]:
        """Yield by how much each counter has grown in the window that ends then."""
        for labels, points in self.series.get(name, {}).items():
            inside = points[bisect_right(points, (at - window, math.inf)) : bisect_right(points, (at, math.inf))]
            if len(inside) >= 2:
                yield labels, increase(inside, at - window, at)


def increase(points: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Return the growth of a counter, drawn out to the ends of the window as Prometheus does (promql/functions.go,
    extrapolatedRate, read 2026-11-22).
    """
    grown = points[-1][1] - points[0][1]
    grown += sum(before for (_, before), (_, after) in pairwise(points) if after < before)
    sampled = points[-1][0] - points[0][0]
    between = sampled / (len(points) - 1)
    to_start, to_end = points[0][0] - start, end - points[-1][0]
    if to_start >= between * 1.1:
        to_start = between / 2
    if grown > 0 and points[0][1] >= 0:
        # A counter begins at nothing: it was not below that before it was first seen.
        to_start = min(to_start, sampled * points[0][1] / grown)
    if to_end >= between * 1.1:
        to_end = between / 2
    return grown * (sampled + to_start + to_end) / sampled


def quantile(wanted: float, buckets: Mapping[float, float]) -> float:
    """Return a quantile of a histogram, by its upper bounds and how much lies below each; NaN where it is empty."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]]
    if total == 0 or len(bounds) < 2:
        return math.nan
    rank = wanted * total
    index = next(place for place, bound in enumerate(bounds) if buckets[bound] >= rank)
    if bounds[index] == math.inf:
        return bounds[-2]
    lower, below = (bounds[index - 1], buckets[bounds[index - 1]]) if index else (0.0, 0.0)
    return lower + (bounds[index] - lower) * (rank - below) / (buckets[bounds[index]] - below)


def values(query: Query, recording: Recording, at: float, window: float) -> dict[Group, float]:
    """Return what a query gives at a time, by the values of its labels; `window` is what a rate looks back."""
    match query.shape:
        case "max" | "age":
            found = _grouped(query, recording.instant(query.metric, at))
            newest = {group: max(each) for group, each in found.items()}
            return {group: at - value for group, value in newest.items()} if query.shape == "age" else newest
        case "sum" | "of the leader":
            # A recording is of one replica; where it does not lead, its view of the fleet does not count.
            leads = any(value == 1 for _, value in recording.instant("gpuwright_leader", at))
            if query.shape == "of the leader" and not leads:
                return {}
            return _sums(query, recording.instant(query.metric, at))
        case "rate":
            grown = _sums(query, recording.increases(query.metric, at, window))
            return {group: value / window for group, value in grown.items()}
        case "increase":
            return _sums(query, recording.increases(query.metric, at, HOUR_SECONDS))
        case "quantile":
            return _quantiles(query, recording, at, window)


def _quantiles(query: Query, recording: Recording, at: float, window: float) -> dict[Group, float]:
    buckets: dict[Group, dict[float, float]] = {}
    for labels, grown in recording.increases(f"{query.metric}_bucket", at, window):
        known = dict(labels)
        group = buckets.setdefault(_group(query, labels), {})
        bound = float(known["le"])
        group[bound] = group.get(bound, 0.0) + grown / window
    return {group: quantile(query.quantile, found) for group, found in buckets.items()}


def _sums(query: Query, samples: Iterator[tuple[Labels, float]]) -> dict[Group, float]:
    return {group: sum(each) for group, each in _grouped(query, samples).items()}


def _grouped(query: Query, samples: Iterator[tuple[Labels, float]]) -> dict[Group, list[float]]:
    groups: dict[Group, list[float]] = {}
    for labels, value in samples:
        known = dict(labels)
        if all(known.get(label) in wanted for label, wanted in query.where.items()):
            groups.setdefault(_group(query, labels), []).append(value)
    return groups


def _group(query: Query, labels: Labels) -> Group:
    known = dict(labels)
    return tuple(known.get(label, "") for label in query.by)
