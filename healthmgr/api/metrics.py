"""Prometheus metrics, read from the database at every scrape, so that any number of API processes tell the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from healthmgr import __version__
from healthmgr.api.metrics_promises import PromisesCollector
from healthmgr.api.metrics_telling import gauge, of_telling, plain
from healthmgr.api.metrics_watched import WatchedCollector
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.security import Viewer
from healthmgr.domain.check import Severity, Status
from healthmgr.storage.reading import Reading
from healthmgr.storage.reading_alerts import NOTIFICATION_STATES
from healthmgr.storage.reading_metrics import Numbers
from healthmgr.views import HealthView, PartView

router = APIRouter(tags=["health"])

_QUEUE = "queue "
_OPEN_STATES = ("firing", "acknowledged", "suppressed")


class RowsCollector:
    """Metrics of one moment; their labels are bounded by the words of the domain, never by what is watched."""

    def __init__(self, reading: Reading, is_idempotent: Callable[[str], bool], now: datetime) -> None:
        self._reading = reading
        self._is_idempotent = is_idempotent
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family, with a sample for each label also where it is 0."""
        yield InfoMetricFamily("healthmgr_build", "The version that answers.", {"version": __version__})
        numbers = self._reading.numbers(self._now)
        yield from _of_rows(numbers)
        yield from of_telling(numbers, self._is_idempotent, self._now)
        yield from _of_parts(self._reading.health(self._now))


_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": 'healthmgr_checks{status="healthy"} 9.0\n'}}}
}


@router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse, responses=_SHOWN)
def metrics(request: Request, parts: PartsDep, _: Viewer) -> PlainTextResponse:
    """Text or OpenMetrics, as the scraper asks. Prometheus sends its token by its `authorization` setting."""
    registry = CollectorRegistry()
    is_idempotent = partial(parts.registry.is_channel_that, trait="is_idempotent")
    registry.register(RowsCollector(parts.reading, is_idempotent, parts.clock.now()))
    registry.register(PromisesCollector(parts.promising, parts.clock.now()))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return PlainTextResponse(encode(registry), headers={"content-type": content_type})


def all_families(parts: Parts, now: datetime) -> Iterator[Metric]:
    """Everything that both addresses tell, at one moment."""
    is_idempotent = partial(parts.registry.is_channel_that, trait="is_idempotent")
    yield from RowsCollector(parts.reading, is_idempotent, now).collect()
    yield from WatchedCollector(parts.measuring.watched.watched()).collect()


def _of_rows(found: Numbers) -> Iterator[Metric]:
    statuses = [*(status.value for status in Status), "paused"]
    yield gauge("checks", "Enabled checks.", ["status"], (((s,), found.checks.get(s, 0)) for s in statuses))
    yield gauge(
        "open_alerts",
        "Alerts that are not resolved.",
        ["severity", "state"],
        (((v.value, s), found.open_alerts.get((v.value, s), 0)) for v in Severity for s in _OPEN_STATES),
    )
    yield plain("open_incidents", "Incidents that are not resolved.", found.open_incidents)
    yield gauge(
        "notifications",
        "Notifications that are kept.",
        ["state"],
        (((s,), found.notifications.get(s, 0)) for s in NOTIFICATION_STATES),
    )
    yield plain("notification_lag_seconds", "How long the longest due notification waits.", found.notification_lag)
    yield plain("schedule_lag_seconds", "How long the longest due check waits to be claimed.", found.schedule_lag)
    yield plain("rollup_lag_seconds", "Since all results that there were had been rolled up.", found.rollup_lag)
    yield CounterMetricFamily("healthmgr_probes", "Probes ordered for the checks that exist.", found.probes_total)
    yield CounterMetricFamily("healthmgr_pings", "Pings taken by the checks that exist.", found.pings_total)


def _of_parts(health: HealthView) -> Iterator[Metric]:
    by_name = {part.name: part for part in health.parts}
    queues = {name.removeprefix(_QUEUE): part for name, part in by_name.items() if name.startswith(_QUEUE)}
    yield plain("well", "1 while every part of healthmgr itself is well.", float(health.is_well))
    for name in ("beat", "sweep", "auditor"):
        yield plain(f"{name}_age_seconds", f"Since the last sign of life of the {name}.", by_name[name].age)
    yield gauge(
        "queue_age_seconds",
        "Since a worker last consumed a pulse from the queue.",
        ["queue"],
        (((name,), part.age) for name, part in queues.items() if part.age is not None),
    )
    depths = ((name, _depth(part)) for name, part in queues.items())
    yield gauge(
        "queue_depth",
        "Messages that waited in the queue at its last pulse.",
        ["queue"],
        (((name,), depth) for name, depth in depths if depth is not None),
    )
    workers = [part for name, part in by_name.items() if name.startswith("worker ")]
    counts = ((("well",), sum(w.is_well for w in workers)), (("silent",), sum(not w.is_well for w in workers)))
    yield gauge("workers", "Workers heard of within the last hour.", ["state"], counts)


def _depth(part: PartView) -> float | None:
    depth = part.detail.get("depth")
    return float(depth) if isinstance(depth, int | float) else None
