"""Metrics pushed to a real OTLP/HTTP receiver, read as the protocol says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr.api.metrics import all_families
from healthmgr.api.otlp import Pushing
from tests.api.conftest import Whole

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
def received(httpserver: HTTPServer) -> list[ExportMetricsServiceRequest]:
    """All that the collector was sent."""
    found: list[ExportMetricsServiceRequest] = []

    def take(request: Request) -> Response:
        data = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            raise AssertionError("nobody asked for gzip")
        found.append(ExportMetricsServiceRequest.FromString(data))
        return Response(ExportMetricsServiceResponse().SerializeToString(), content_type="application/x-protobuf")

    httpserver.expect_request("/v1/metrics", method="POST").respond_with_handler(take)
    return found


def families(_: datetime) -> Iterator[Metric]:
    """A gauge with labels, and a counter."""
    gauge = GaugeMetricFamily("healthmgr_checks", "Enabled checks.", labels=("status",))
    gauge.add_metric(("healthy",), 3)
    gauge.add_metric(("unhealthy",), 1)
    yield gauge
    yield CounterMetricFamily("healthmgr_probes", "Probes.", 42)
    yield GaugeMetricFamily("healthmgr_nothing", "Without a sample.", labels=("a",))


def test_families_are_pushed_as_gauges_and_sums(
    httpserver: HTTPServer, received: list[ExportMetricsServiceRequest]
) -> None:
    pushing = Pushing(httpserver.url_for("/"), timedelta(seconds=60), families, lambda: NOW)
    assert pushing.push()
    (request,) = received
    (resource,) = request.resource_metrics
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert attributes["service.name"] == "healthmgr"
    checks, probes = resource.scope_metrics[0].metrics
    by_status = {point.attributes[0].value.string_value: point.as_double for point in checks.gauge.data_points}
    assert (checks.name, by_status) == ("healthmgr_checks", {"healthy": 3, "unhealthy": 1})
    (point,) = probes.sum.data_points
    assert (probes.name, point.as_double, probes.sum.is_monotonic) == ("healthmgr_probes", 42, True)
    assert point.time_unix_nano == int(NOW.timestamp() * 1e9)
    pushing.stop()


def test_a_whole_installation_pushes_what_it_tells_prometheus(
    httpserver: HTTPServer, received: list[ExportMetricsServiceRequest], whole: Whole
) -> None:
    pushing = Pushing(
        httpserver.url_for("/"), timedelta(seconds=60), partial(all_families, whole.healthmgr), whole.healthmgr.now
    )
    pushing.start()
    ends_at = time.monotonic() + 20
    while not received and time.monotonic() < ends_at:
        time.sleep(0.05)
    pushing.stop()
    names = {metric.name for metric in received[0].resource_metrics[0].scope_metrics[0].metrics}
    assert {"healthmgr_open_alerts", "healthmgr_probes", "healthmgr_check_state", "healthmgr_checks_left_out"} <= names


def test_what_cannot_be_pushed_is_said_once_and_holds_nothing_up(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_request("/v1/metrics").respond_with_data("no", status=400)

    def broken(_: datetime) -> Iterator[Metric]:
        raise ConnectionError("the database is away")

    refused = Pushing(httpserver.url_for("/"), timedelta(seconds=60), families, lambda: NOW)
    failing = Pushing(httpserver.url_for("/"), timedelta(seconds=60), broken, lambda: NOW)
    for pushing in (refused, refused, failing, failing):
        assert not pushing.push()
    said = [record.getMessage() for record in caplog.records if "metrics_not_pushed" in record.getMessage()]
    assert len(said) == 2
    assert "the database is away" in said[1]
