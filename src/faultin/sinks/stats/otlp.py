# SPDX-License-Identifier: Apache-2.0
"""OTLP: counters as metrics of OpenTelemetry, sent to a collector while they grow and once
more at the end.

In: tables, when it asks for one, and the final one. Out: requests. Keys are attributes. All
sums are cumulative since the trace began. Invariant: neither the trace nor its report waits
for the collector; what could not be sent is told once.
"""

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from faultin.aggregate.counters import Counter, percentile
from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Table
from faultin.event import Summary
from faultin.sinks.stats.live import LiveTable, Snapshot
from faultin.sinks.stats.report import Report
from faultin.sinks.text_values import bare_of
from faultin.telemetry import Endpoint, Failures, resource, scope

INTERVAL = 10.0  # seconds between two requests
_SUMS = ("count", "sum")
_MOST = 1 << 63


class Metrics:
    """MissingExtra if OpenTelemetry's packages are not there. tell: is given what went wrong."""

    def __init__(
        self, to: Endpoint, tell: Callable[[str], None], interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._exporter, self._failures = to.exporter("metrics"), Failures()
        self._resource, self._scope, self._url = resource(), scope(), to.url
        self._tell, self._interval, self._clock = tell, interval, clock
        self._began, self._due = time.time_ns(), clock() + interval
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faultin-otlp")
        self._sending: Future | None = None

    def offer(self, snapshot: Callable[[], Snapshot]) -> None:
        """Sends what it gives, if it is time and nothing is under way."""
        now = self._clock()
        if now < self._due or (self._sending and not self._sending.done()):
            return
        self._due = now + self._interval
        self._send(*snapshot())

    def _send(self, table: Table, lost: Mapping[str, int]) -> None:
        data = metrics_data(table, lost, self._began, self._resource, self._scope)
        self._sending = self._thread.submit(self._exporter.export, data)

    def finish(self, table: Table, lost: Mapping[str, int]) -> None:
        """Sends the final table, and waits for it. What failed before and is in it now is
        nothing that was lost: sums are cumulative."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        self._send(table, lost)
        assert self._sending
        if self._sending.result() is not MetricExportResult.SUCCESS:
            self._tell(f"--otlp {self._url}: the counters were not sent: {self._failures.reason}")
        self._thread.shutdown()


class Sent:
    """A Report that is sent, too, when it is written."""

    def __init__(self, report: Report, metrics: Metrics) -> None:
        self._report, self._metrics = report, metrics
        self.view = report.view

    def write(self, table: Table, summary: Summary) -> None:
        self._report.write(table, summary)
        self._metrics.finish(table, summary.lost)


class LiveAndSent:
    """A live table, if there is one, beside metrics."""

    def __init__(self, live: LiveTable | None, metrics: Metrics) -> None:
        self._live, self._metrics = live, metrics

    def offer(self, snapshot: Callable[[], Snapshot]) -> None:
        if self._live:
            self._live.offer(snapshot)
        self._metrics.offer(snapshot)

    def stop(self) -> None:
        if self._live:
            self._live.stop()


# A table as metrics


def metrics_data(table: Table, lost: Mapping[str, int], began: int, of: Any, scope: Any) -> Any:
    """opentelemetry.sdk.metrics.export.MetricsData of a table and of what was lost."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics

    rows, span = table.rows(), (began, time.time_ns())
    keys = [
        {f"faultin.{name}": bare_of(part) for name, part in zip(table.keys, row.key, strict=True)}
        for row in rows
    ]
    found = []
    for index, counter in enumerate(table.counters):
        results = [(row.results[index], key) for row, key in zip(rows, keys, strict=True)]
        found.append(_metric(counter, results, span))
    if lost:
        causes = [(count, {"faultin.cause": cause}) for cause, count in lost.items()]
        found.append(_sum("faultin.lost", "events that were lost, by cause", "", causes, span))
    scoped = ScopeMetrics(scope=scope, metrics=found, schema_url="")
    return MetricsData([ResourceMetrics(resource=of, scope_metrics=[scoped], schema_url="")])


Results = list[tuple[Any, dict[str, str]]]  # a result, with its attributes
Span = tuple[int, int]  # ns since 1970


def metric_name(counter: str) -> str:
    """sum(iov.len) -> faultin.sum.iov.len; an instrument's name has no brackets."""
    return "faultin." + re.sub(r"[^A-Za-z0-9_]+", ".", counter).strip(".")


def _metric(counter: Counter, results: Results, span: Span) -> Any:
    name, of = metric_name(counter.name), counter.function
    if of.shown is Shown.BARS:
        return _histogram(name, counter, results, span)
    if of.shown is Shown.QUANTILES:
        parts = [
            (value, key | {"quantile": percentile(part)})
            for result, key in results
            for part, value in zip(counter.params, result, strict=True)
        ]
        return _gauge(name, counter, parts, span)
    if of.name in _SUMS:
        return _sum(name, counter.name, counter.unit, results, span, of.name == "count")
    return _gauge(name, counter, results, span)


def _number(value: int | float) -> int | float:
    """OTLP has integers of 64 bits with a sign."""
    return float(value) if isinstance(value, int) and not -_MOST <= value < _MOST else value


def _points(results: Results, span: Span) -> list[Any]:
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    began, now = span
    return [
        NumberDataPoint(attributes=key, start_time_unix_nano=began, time_unix_nano=now,
                        value=_number(value), exemplars=[])
        for value, key in results if value is not None
    ]  # fmt: skip


def _sum(
    name: str, text: str, unit: str, results: Results, span: Span, rises: bool = True
) -> Any:
    """rises: it never falls; a sum of amounts with a sign may."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Metric, Sum

    data = Sum(_points(results, span), AggregationTemporality.CUMULATIVE, rises)
    return Metric(name=name, description=text, unit=unit, data=data)


def _gauge(name: str, counter: Counter, results: Results, span: Span) -> Any:
    from opentelemetry.sdk.metrics.export import Gauge, Metric

    data = Gauge(_points(results, span))
    return Metric(name=name, description=counter.name, unit=counter.unit, data=data)


def _histogram(name: str, counter: Counter, results: Results, span: Span) -> Any:
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Histogram, Metric

    points = [_histogram_point(result, key, span) for result, key in results if result]
    data = Histogram(points, AggregationTemporality.CUMULATIVE)
    return Metric(name=name, description=counter.name, unit=counter.unit, data=data)


def _histogram_point(bars: list[Any], key: dict[str, str], span: Span) -> Any:
    """A bound is the greatest amount that a bar holds. OTLP wants a sum, which bars have not:
    it is absent."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    bounds = [float(bar.last) for bar in bars if bar.last is not None]
    counts = [bar.count for bar in bars]
    if bars[0].first is not None:  # nothing is below the first bar
        bounds, counts = [float(bars[0].first - 1), *bounds], [0, *counts]
    if bars[-1].last is not None:  # nor above the last
        counts = [*counts, 0]
    return HistogramDataPoint(
        attributes=key, start_time_unix_nano=span[0], time_unix_nano=span[1], exemplars=[],
        count=sum(counts), sum=None, bucket_counts=counts, explicit_bounds=bounds,
        min=None, max=None,
    )  # fmt: skip
