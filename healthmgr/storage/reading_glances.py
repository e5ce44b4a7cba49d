"""How checks did over the last day, for a line each on a board: one query over the rollups, however many they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from healthmgr.domain.rollup import DAY, HOUR, RESPONSE_TIME, STATUS, Kept, Statuses, Tier, cover, floor
from healthmgr.domain.sketch import Sketch
from healthmgr.storage.series import read_progress
from healthmgr.views_board import GlanceView

_TABLES = {Tier.MINUTE: "metric_minutes", Tier.HOUR: "metric_hours"}
# A quick query for which compiling, or waiting for helpers, takes longer than it does itself.
_ALONE = text("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off")
_RESPONSES = """
SELECT series_id, date_bin(interval '1 hour', at, timestamptz 'epoch') AS step_at, NULL::integer AS key,
       sum(amount)::bigint AS amount, sum(total) AS total
FROM {table} WHERE series_id = ANY (ARRAY(SELECT id FROM wanted WHERE metric = :response_time))
  AND at >= :begin{number} AND at < :end{number} AND NOT is_planned
GROUP BY 1, 2
"""
# Where all of a rollup are the same number, it keeps that number alone.
_STATUSES = """
SELECT series_id, NULL::timestamptz, bucket.key, sum(bucket.count)::bigint, 0
FROM {table}, unnest(COALESCE(keys, ARRAY[metric_key(lowest)]), COALESCE(counts, ARRAY[amount])) AS bucket (key, count)
WHERE series_id = ANY (ARRAY(SELECT id FROM wanted WHERE metric = :status))
  AND at >= :begin{number} AND at < :end{number} AND NOT is_planned
GROUP BY 1, 3
"""
_GLANCES = """
WITH wanted AS (
    SELECT id, check_id, metric FROM metric_series
    WHERE check_id = ANY (:checks) AND metric IN (:response_time, :status)
)
SELECT wanted.check_id, parts.step_at, parts.key, parts.amount, parts.total
FROM wanted JOIN ({parts}) AS parts ON parts.series_id = wanted.id
"""


def read_glances(connection: Connection, checks: Sequence[UUID], now: datetime) -> dict[UUID, GlanceView]:
    """The last 24 hours of each: what share of its looks found it up, and its mean response time hour by hour.

    What was measured while a maintenance window was open is left out, as it is of uptimes elsewhere.
    """
    if not checks:
        return {}
    begin = now - DAY
    query = []
    values: dict[str, Any] = {"checks": list(checks), "response_time": RESPONSE_TIME, "status": STATUS}
    for number, part in enumerate(cover(begin, now, read_progress(connection, Kept(), now), Tier.HOUR)):
        values |= {f"begin{number}": part.begin, f"end{number}": part.end}
        query += [kind.format(table=_TABLES[part.tier], number=number) for kind in (_RESPONSES, _STATUSES)]
    connection.execute(_ALONE)
    statement = text(_GLANCES.format(parts=" UNION ALL ".join(query)))
    rows = connection.execute(statement.bindparams(bindparam("checks", type_=ARRAY(Uuid))), values)
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.check_id, []).append(row)
    return {check_id: _glance(parts, floor(begin, HOUR), now) for check_id, parts in found.items()}


def _glance(rows: Sequence[Row[Any]], begin: datetime, now: datetime) -> GlanceView:
    amounts = [0] * (int((now - begin) / HOUR) + 1)
    totals = [0.0] * len(amounts)
    buckets: dict[int, int] = {}
    for row in rows:
        if row.key is not None:
            buckets[row.key] = buckets.get(row.key, 0) + row.amount
            continue
        hour = int((row.step_at - begin) / HOUR)
        if 0 <= hour < len(amounts):
            amounts[hour] += row.amount
            totals[hour] += row.total
    means = [total / amount if amount else None for amount, total in zip(amounts, totals, strict=True)]
    return GlanceView(uptime=Statuses.of(Sketch(buckets=buckets)).uptime, means=means)
