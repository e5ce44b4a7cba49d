"""What watched metrics are judged by: the settled means of many series at once, and when their checks were bad."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.anomaly_watch import Measurement, Span
from healthmgr.domain.check import Status
from healthmgr.domain.rollup import SETTLED_AFTER, STATUS, STATUS_NUMBERS
from healthmgr.services.sensing_ports import Part

_SETTLED = text("SELECT rolled_at FROM metric_progress WHERE name = 'results' AND rolled_at IS NOT NULL")

_ALONE = text("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off")

# One look into the minutes for each part. The bounds of all of them spare the tables of other days.
_PARTS = """
FROM jsonb_to_recordset(CAST(:parts AS jsonb)) AS w(
    n integer, check_id uuid, metric text, since timestamptz, until timestamptz, step interval)
JOIN metric_series s ON s.check_id = w.check_id AND s.metric = {metric}
CROSS JOIN LATERAL (
    SELECT date_bin(w.step, m.at, timestamptz 'epoch') AS at, {columns}
    FROM metric_minutes m
    WHERE m.series_id = s.id AND m.at >= w.since AND m.at < w.until AND m.at >= :oldest AND m.at < :newest
    GROUP BY 1 {having}
) b
"""
# Where all of a step was planned its mean is that, for drawing; nothing is learned of it.
_MEANS = text(
    "SELECT w.n, b.at, COALESCE(b.usual, b.whole) AS value, b.usual IS NULL AS is_planned"
    + _PARTS.format(
        metric="w.metric",
        columns="sum(m.total) FILTER (WHERE NOT m.is_planned)"
        " / NULLIF(sum(m.amount) FILTER (WHERE NOT m.is_planned), 0) AS usual, sum(m.total) / sum(m.amount) AS whole",
        having="",
    )
    + "ORDER BY w.n, b.at"
)
_DOUBTED = text(
    "SELECT w.n, b.at"
    + _PARTS.format(metric=":status", columns="max(m.highest) AS worst", having="HAVING max(m.highest) >= :unknown")
)

_HARD = text("""
SELECT c.id, t.at, t.new_status
FROM unnest(:checks) AS c(id) CROSS JOIN LATERAL (
    (SELECT at, new_status, sequence FROM transitions
     WHERE check_id = c.id AND is_hard AND at < :oldest ORDER BY at DESC, sequence DESC LIMIT 1)
    UNION ALL
    SELECT at, new_status, sequence FROM transitions
    WHERE check_id = c.id AND is_hard AND at >= :oldest AND at < :newest
) t ORDER BY c.id, t.at, t.sequence
""").bindparams(bindparam("checks", type_=ARRAY(Uuid)))


def read_settled(connection: Connection, now: datetime) -> datetime | None:
    """Up to when results are rolled up, and late ones as well."""
    rolled_at: datetime | None = connection.execute(_SETTLED).scalar()
    return None if rolled_at is None else min(rolled_at, now) - SETTLED_AFTER


def read_measured(connection: Connection, parts: Sequence[Part]) -> list[list[Measurement]]:
    """The means of each part, oldest first."""
    found: list[list[Measurement]] = [[] for _ in parts]
    wanted = [(n, part) for n, part in enumerate(parts) if part.begin < part.end]
    if not wanted:
        return found
    connection.execute(_ALONE)
    values = {
        "parts": _document(wanted),
        "oldest": min(part.begin for _, part in wanted),
        "newest": max(part.end for _, part in wanted),
    }
    in_doubt = {"status": STATUS, "unknown": STATUS_NUMBERS[Status.UNKNOWN]}
    doubted = {(row.n, row.at) for row in connection.execute(_DOUBTED, values | in_doubt)}
    for row in connection.execute(_MEANS, values):
        found[row.n].append(Measurement(row.at, row.value, row.is_planned, (row.n, row.at) in doubted))
    return found


def read_bad(connection: Connection, parts: Sequence[Part]) -> Mapping[UUID, Sequence[Span]]:
    """When the checks of these parts were bad for sure."""
    wanted = [part for part in parts if part.begin < part.end]
    if not wanted:
        return {}
    newest = max(part.end for part in wanted)
    values = {
        "checks": list({part.watched.check_id for part in wanted}),
        "oldest": min(part.begin for part in wanted),
        "newest": newest,
    }
    spans: defaultdict[UUID, list[Span]] = defaultdict(list)
    bad_since: dict[UUID, datetime] = {}
    for row in connection.execute(_HARD, values):
        if Status(row.new_status).is_bad:
            bad_since.setdefault(row.id, row.at)
        elif row.id in bad_since:
            spans[row.id].append((bad_since.pop(row.id), row.at))
    for check_id, since in bad_since.items():
        spans[check_id].append((since, newest))
    return spans


def _document(wanted: Sequence[tuple[int, Part]]) -> str:
    return json.dumps(
        [
            {
                "n": n,
                "check_id": str(part.watched.check_id),
                "metric": part.watched.rule.metric,
                "since": part.begin.isoformat(),
                "until": part.end.isoformat(),
                "step": seconds(part.watched.rule.step),
            }
            for n, part in wanted
        ]
    )


def seconds(length: timedelta) -> str:
    """A length as PostgreSQL reads it."""
    return f"{int(length.total_seconds())} seconds"
