"""What people and programs read of metrics over time: series, uptime, and how long telling and mending take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, text

from healthmgr.domain.rollup import Statuses
from healthmgr.errors import NotFound
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import transaction
from healthmgr.views_measuring import SeriesView, ServiceUptimeView, TimesView, UptimeView

Grouping = Literal["check", "service", "team", "total"]

_CHECK = text("SELECT id, slug, extract(epoch FROM interval)::float8 AS seconds FROM checks WHERE slug = :slug")
_CHECKS = text("""
SELECT id, slug, service, extract(epoch FROM interval)::float8 AS seconds FROM checks
WHERE is_enabled AND (CAST(:service AS text) IS NULL OR service = :service) ORDER BY slug
""")
_NAMES = {
    "check": "COALESCE(c.slug, a.name)",
    "service": "COALESCE(NULLIF(a.labels->>'service', ''), '-')",
    "team": "COALESCE(NULLIF(a.labels->>'team', ''), '-')",
    "total": "'total'",
}
# An acknowledgement that was there before the alert was meant for others of its incident.
_TIMES = {
    by: text(f"""
    SELECT {name} AS name, count(*) AS alerts,
        avg(extract(epoch FROM a.opened_at - a.started_at)) FILTER (WHERE a.started_at <= a.opened_at) AS mttd,
        avg(extract(epoch FROM answered.at - a.opened_at)) FILTER (WHERE answered.at >= a.opened_at) AS mtta,
        avg(extract(epoch FROM a.resolved_at - COALESCE(a.started_at, a.opened_at))) AS mttr,
        count(*) FILTER (WHERE answered.at >= a.opened_at) AS acknowledged, count(a.resolved_at) AS resolved
    FROM alerts a LEFT JOIN checks c ON c.id = a.check_id
    LEFT JOIN incidents i ON i.id = a.incident_id
    CROSS JOIN LATERAL (SELECT COALESCE(a.acknowledged_at, i.acknowledged_at) AS at) AS answered
    WHERE a.opened_at >= :since AND a.origin <> 'synthetic' AND a.suppressed_by_id IS NULL
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :limit
    """)  # noqa: S608 - constants
    for by, name in _NAMES.items()
}


class MeasuringReading:
    """Questions about metrics over time. A check that is not there raises NotFound."""

    def __init__(self, engine: Engine, series: Series) -> None:
        self._engine = engine
        self._series = series

    def series(
        self,
        slug: str,
        metric: str,
        begin: datetime,
        end: datetime,
        step: timedelta,
        *,
        now: datetime,
        with_maintenance: bool = True,
    ) -> SeriesView:
        """A metric in steps. Raises NotFound for a metric that was never seen, too."""
        metrics = self._series.metrics(slug)
        if metric not in metrics:
            known = ", ".join(metrics) if metrics else "nothing is rolled up yet"
            raise NotFound(f"{slug} was never seen with a metric {metric!r}: there is {known}")
        points = self._series.read_series(slug, metric, begin, end, step, now=now, with_planned=with_maintenance)
        return SeriesView.of(slug, metric, (begin, end), metrics, points)

    def uptime(self, slug: str, windows: Sequence[timedelta], now: datetime) -> list[UptimeView]:
        """How a check was found over each of these windows."""
        with transaction(self._engine) as connection:
            check = connection.execute(_CHECK, {"slug": slug}).one_or_none()
        if check is None:
            raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
        return [view for window in windows for view in self._uptimes([check], window, now)]

    def uptimes(self, window: timedelta, now: datetime, service: str | None = None) -> list[UptimeView]:
        """How all checks, or those of a service, were found over a window, by slug."""
        with transaction(self._engine) as connection:
            checks = connection.execute(_CHECKS, {"service": service}).all()
        return self._uptimes(checks, window, now)

    def service_uptimes(self, window: timedelta, now: datetime) -> list[ServiceUptimeView]:
        """How the checks of each service were found over a window, by its name; those of none are left out."""
        with transaction(self._engine) as connection:
            checks = [row for row in connection.execute(_CHECKS, {"service": None}) if row.service]
        ids = [check.id for check in checks]
        outside = self._series.statuses(ids, now - window, now, now=now)
        everything = self._series.statuses(ids, now - window, now, now=now, with_planned=True)
        found = []
        for service in sorted({check.service for check in checks}):
            own = [check for check in checks if check.service == service]
            seen, all_seen = (
                [(check.seconds, statuses.get(check.id, Statuses())) for check in own]
                for statuses in (outside, everything)
            )
            found.append(ServiceUptimeView.of(service, window, now, seen, all_seen))
        return found

    def times(self, by: Grouping, since: datetime, limit: int = 100) -> list[TimesView]:
        """How long it took to find, to answer and to mend what opened since; those with the most alerts first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_TIMES[by], {"since": since, "limit": limit}).mappings()
            return [TimesView.model_validate(dict(row)) for row in rows]

    def _uptimes(self, checks: Sequence[Any], window: timedelta, now: datetime) -> list[UptimeView]:
        ids = [check.id for check in checks]
        outside = self._series.statuses(ids, now - window, now, now=now)
        everything = self._series.statuses(ids, now - window, now, now=now, with_planned=True)
        return [
            UptimeView.of(
                check.slug,
                check.seconds,
                window,
                now,
                outside.get(check.id, Statuses()),
                everything.get(check.id, Statuses()),
            )
            for check in checks
        ]
