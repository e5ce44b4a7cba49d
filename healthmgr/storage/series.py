"""Series of metrics as they are read: steps of any length, sums over windows, the latest single measurements.

Everything takes a check by its slug or id. What was measured while a maintenance window was open is left out unless it
is asked for: it is no measure of how things are usually.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from healthmgr.domain.check import Status
from healthmgr.domain.rollup import (
    DAY,
    STATUS,
    Kept,
    Point,
    Progress,
    RawPoint,
    Statuses,
    Stretch,
    Tier,
    cover,
    floor,
    settle_step,
)
from healthmgr.domain.sketch import Sketch
from healthmgr.errors import NotFound
from healthmgr.storage.planned_rows import read_planned
from healthmgr.storage.transactions import transaction

_TABLES: Mapping[Tier, str] = {Tier.MINUTE: "metric_minutes", Tier.HOUR: "metric_hours", Tier.DAY: "metric_days"}
MOST_POINTS = 5000

# What takes a tenth of a second is worth no compiling, and no helpers, which are slow to come while everybody is busy.
_ALONE = text("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off")
_PROGRESS = text("SELECT hours_until, days_until, rolled_at FROM metric_progress WHERE name = 'results'")
_CHECK = text("SELECT id FROM checks WHERE slug = :name OR CAST(id AS text) = :name")
_METRICS = text("SELECT metric FROM metric_series WHERE check_id = :check_id AND metric <> :status ORDER BY metric")
_IDS = text("SELECT id, check_id FROM metric_series WHERE check_id = ANY(:checks) AND metric = :metric")
_LATEST = text("""
SELECT started_at, status,
       CASE WHEN :metric = 'response_time' THEN response_time
            WHEN jsonb_typeof(metrics -> :metric) = 'number' THEN (metrics ->> :metric)::double precision END AS value
FROM results
WHERE check_id = :check_id AND started_at < :before AND (:metric = 'response_time' OR metrics ? :metric)
ORDER BY started_at DESC, sequence DESC LIMIT :amount
""")


class Series:
    """What there is to read of metrics."""

    def __init__(self, engine: Engine, kept: Kept) -> None:
        self._engine = engine
        self._kept = kept

    def metrics(self, check: str | UUID) -> list[str]:
        """The names of all metrics that the check was ever seen with, response_time among them. Raises NotFound."""
        with transaction(self._engine) as connection:
            values = {"check_id": find_check(connection, check), "status": STATUS}
            return list(connection.execute(_METRICS, values).scalars())

    def read_series(
        self,
        check: str | UUID,
        metric: str,
        begin: datetime,
        end: datetime,
        step: timedelta,
        *,
        now: datetime,
        with_planned: bool = False,
    ) -> list[Point]:
        """A metric in steps, by time; a step in which nothing was measured is left out. Raises NotFound.

        Steps begin at multiples of their length since the epoch, and are longer than asked for where nothing finer is
        kept any more: `point.at` of the next says so.
        """
        with transaction(self._engine) as connection:
            progress = read_progress(connection, self._kept, now)
            length, tier = settle_step(max(step, (end - begin) / MOST_POINTS), begin, progress)
            stretches = cover(floor(begin, length), end, progress, tier)
            ids = _series_ids(connection, [find_check(connection, check)], metric)
            found = _sketches(connection, ids, stretches, f"{int(length.total_seconds())} seconds", with_planned)
        return [Point(at, sketch) for (_, at), sketch in sorted(found.items())]

    def summary(
        self,
        checks: Iterable[UUID],
        metric: str,
        begin: datetime,
        end: datetime,
        *,
        now: datetime,
        with_planned: bool = False,
    ) -> dict[UUID, Sketch]:
        """A metric of many checks over a window, each as one sketch: quantiles, mean, ends. One query."""
        with transaction(self._engine) as connection:
            return read_summary(connection, checks, metric, begin, end, self._kept, now=now, with_planned=with_planned)

    def statuses(
        self, checks: Iterable[UUID], begin: datetime, end: datetime, *, now: datetime, with_planned: bool = False
    ) -> dict[UUID, Statuses]:
        """What the regular results of many checks said over a window."""
        found = self.summary(checks, STATUS, begin, end, now=now, with_planned=with_planned)
        return {check_id: Statuses.of(sketch) for check_id, sketch in found.items()}

    def statuses_by_day(
        self, checks: Iterable[UUID], begin: datetime, end: datetime, *, now: datetime
    ) -> dict[tuple[UUID, datetime], Statuses]:
        """The same by check and day, each day named by its beginning in UTC."""
        with transaction(self._engine) as connection:
            ids = _series_ids(connection, checks, STATUS)
            stretches = cover(floor(begin, DAY), end, read_progress(connection, self._kept, now))
            found = _sketches(connection, ids, stretches, f"{int(DAY.total_seconds())} seconds", False)
        return {place: Statuses.of(sketch) for place, sketch in found.items()}

    def latest(self, check: str | UUID, metric: str, amount: int, *, before: datetime) -> list[RawPoint]:
        """The latest single measurements before an instant, oldest first. Raises NotFound."""
        with transaction(self._engine) as connection:
            check_id = find_check(connection, check)
            values = {"check_id": check_id, "metric": metric, "before": before, "amount": amount}
            rows = [row for row in connection.execute(_LATEST, values) if row.value is not None][::-1]
            if not rows:
                return []
            planned = [
                one
                for one in read_planned(connection, rows[0].started_at, rows[-1].started_at)
                if one.check_id == check_id
            ]
        return [
            RawPoint(
                row.started_at,
                row.value,
                Status(row.status),
                any(one.starts_at <= row.started_at < one.ends_at for one in planned),
            )
            for row in rows
        ]

    def rolled_at(self) -> datetime | None:
        """When all results that there were had last been rolled up."""
        with transaction(self._engine) as connection:
            row = connection.execute(_PROGRESS).one_or_none()
        return row.rolled_at if row else None


def find_check(connection: Connection, check: str | UUID) -> UUID:
    """The id of a check. Raises NotFound."""
    if isinstance(check, UUID):
        return check
    found: UUID | None = connection.execute(_CHECK, {"name": check}).scalar()
    if found is None:
        raise NotFound(f"There is no check {check!r}: `healthmgr checks list` shows those that exist")
    return found


def read_progress(connection: Connection, kept: Kept, now: datetime) -> Progress:
    """How far rolling up has come, and from when on each tier is kept."""
    row = connection.execute(_PROGRESS).one_or_none()
    longest_ago = datetime.fromtimestamp(0, now.tzinfo)
    return Progress(
        hours_until=(row and row.hours_until) or longest_ago,
        days_until=(row and row.days_until) or longest_ago,
        minutes_from=now - kept.minutes,
        hours_from=now - kept.hours,
    )


def read_summary(
    connection: Connection,
    checks: Iterable[UUID],
    metric: str,
    begin: datetime,
    end: datetime,
    kept: Kept,
    *,
    now: datetime,
    with_planned: bool = False,
) -> dict[UUID, Sketch]:
    """A metric of many checks over a window, within a transaction of the caller's."""
    ids = _series_ids(connection, checks, metric)
    stretches = cover(begin, end, read_progress(connection, kept, now))
    found = _sketches(connection, ids, stretches, None, with_planned)
    return {check_id: sketch for (check_id, _), sketch in found.items()}


def _series_ids(connection: Connection, checks: Iterable[UUID], metric: str) -> dict[int, UUID]:
    rows = connection.execute(_IDS, {"checks": list(checks), "metric": metric})
    return {row.id: row.check_id for row in rows}


def _sketches(
    connection: Connection,
    ids: Mapping[int, UUID],
    stretches: Sequence[Stretch],
    step: str | None,
    with_planned: bool,
) -> dict[tuple[UUID, datetime], Sketch]:
    """The sketches of series by check and step; without a step all are of one, named by the window's beginning."""
    if not ids or not stretches:
        return {}
    query, values = _query(stretches, step, with_planned)
    connection.execute(_ALONE)
    rows = connection.execute(text(query), values | {"ids": list(ids), "begin": stretches[0].begin})
    return {
        (ids[row.series_id], row.step_at): Sketch(
            row.amount, row.total, row.lowest, row.highest, dict(zip(row.keys, row.counts, strict=True))
        )
        for row in rows
    }


def _query(stretches: Sequence[Stretch], step: str | None, with_planned: bool) -> tuple[str, dict[str, Any]]:
    """One query over all tiers: a row for each series and step."""
    values: dict[str, Any] = {}
    parts = []
    for number, stretch in enumerate(stretches):
        values |= {f"begin{number}": stretch.begin, f"end{number}": stretch.end}
        parts.append(
            f"SELECT * FROM {_TABLES[stretch.tier]} WHERE series_id = ANY(:ids) AND at >= :begin{number}"  # noqa: S608
            f" AND at < :end{number}{'' if with_planned else ' AND NOT is_planned'}"
        )
    at = "CAST(:begin AS timestamptz)" if step is None else "date_bin(CAST(:step AS interval), at, timestamptz 'epoch')"
    if step is not None:
        values["step"] = step
    rollups = " UNION ALL ".join(parts)
    query = f"""
WITH rollups AS NOT MATERIALIZED (
    SELECT series_id, {at} AS step_at, amount, total, lowest, highest, keys, counts FROM ({rollups}) AS parts
), buckets AS (
    SELECT series_id, step_at, unnest(keys) AS key, unnest(counts)::integer AS count FROM rollups WHERE keys IS NOT NULL
    UNION ALL
    SELECT series_id, step_at, metric_key(lowest), amount::integer FROM rollups WHERE keys IS NULL
), counted AS (
    SELECT series_id, step_at, key, sum(count) AS count FROM buckets GROUP BY 1, 2, 3
), sketches AS (
    SELECT series_id, step_at, array_agg(key) AS keys, array_agg(count) AS counts FROM counted GROUP BY 1, 2
), numbers AS (
    SELECT series_id, step_at, sum(amount)::bigint AS amount, sum(total) AS total, min(lowest) AS lowest,
           max(highest) AS highest
    FROM rollups GROUP BY 1, 2
)
SELECT series_id, step_at, amount, total, lowest, highest, keys, counts
FROM numbers JOIN sketches USING (series_id, step_at)
"""  # noqa: S608 - composed of constants
    return query, values
