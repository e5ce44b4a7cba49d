"""What Prometheus is told, pushed to an OpenTelemetry collector as well: needs `pip install healthmgr[otel]`.

It is read from the rows, so that any number of API processes push the same. Headers, certificates and attributes of the
resource are what the variables of OpenTelemetry say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtlpMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric

from healthmgr import __version__

log = structlog.get_logger(__name__)

_GIVES_UP_AFTER = 5.0  # seconds, while it is being stopped
_TOTAL = "_total"


class Pushing:
    """Pushes families of metrics every interval, from a thread of its own, until it is stopped.

    `families` reads them at an instant. What a collector does not take is not kept: the next push tells it anew.
    """

    def __init__(
        self,
        endpoint: str,
        interval: timedelta,
        families: Callable[[datetime], Iterable[Metric]],
        now: Callable[[], datetime],
    ) -> None:
        self._exporter = OTLPMetricExporter(endpoint=f"{endpoint.rstrip('/')}/v1/metrics")
        self._interval = interval
        self._families = families
        self._now = now
        self._began_at = 0
        self._is_taken = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is on its way gets a few seconds."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_GIVES_UP_AFTER)
        self._exporter.shutdown()

    def push(self) -> bool:
        """Read and push once; whether it was taken. A refusal is logged once, until something is taken again."""
        try:
            at = self._now()
            nanoseconds = int(at.timestamp() * 1e9)
            self._began_at = self._began_at or nanoseconds
            data = to_otlp(self._families(at), self._began_at, nanoseconds)
            is_taken = self._exporter.export(data) is MetricExportResult.SUCCESS
            fault = "the collector did not take them"
        except Exception as error:
            is_taken, fault = False, f"{type(error).__name__}: {error}"
        if self._is_taken and not is_taken:
            log.warning("metrics_not_pushed", fault=fault)
        self._is_taken = is_taken
        return is_taken

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.push()
            self._stopped.wait(self._interval.total_seconds())


def to_otlp(families: Iterable[Metric], began_at: int, at: int) -> MetricsData:
    """The families as one push; times are nanoseconds since the epoch."""
    scope = ScopeMetrics(InstrumentationScope("healthmgr", __version__), list(_metrics(families, began_at, at)), "")
    resource = Resource.create({"service.name": "healthmgr", "service.version": __version__})
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metrics(families: Iterable[Metric], began_at: int, at: int) -> Iterator[OtlpMetric]:
    for family in families:
        is_counter = family.type == "counter"
        points = [
            NumberDataPoint(dict(sample.labels), began_at if is_counter else 0, at, float(sample.value))
            for sample in family.samples
            if not is_counter or sample.name.endswith(_TOTAL)
        ]
        if points:
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if is_counter else Gauge(points)
            yield OtlpMetric(family.name, family.documentation, "", data)
