"""What incidents are traced back by, and the causes that were found, as rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.cascade import Graph
from healthmgr.domain.cause import Cause, CauseKind, Changed, Evidence, EvidenceKind
from healthmgr.domain.observing import MINUTE, Minutes
from healthmgr.services.tracing_ports import Traced, TracingTransaction
from healthmgr.storage.changing_rows import read_changes
from healthmgr.storage.dependency_rows import read_graph
from healthmgr.storage.planned_rows import read_planned

# Minutes are rolled up every twenty seconds; what comes later makes the picture whole.
LOOKS = (timedelta(seconds=10), timedelta(seconds=45), timedelta(minutes=2), timedelta(minutes=10))
MOST_METRICS = 12  # of one check
MOST_CHANGES = 200
LEAST_SHARED, MOST_SHARED = 4, 0.5  # checks that a label puts together: so many, and not most of them all

_DUE = text("""
SELECT i.id, i.number, i.opened_at, COALESCE(f.looks, 0) AS looks, ARRAY(
    SELECT DISTINCT c.slug FROM alerts a JOIN checks c ON c.id = a.check_id WHERE a.incident_id = i.id
) AS symptoms
FROM incidents i LEFT JOIN incident_causes f ON f.incident_id = i.id
WHERE i.resolved_at IS NULL AND i.number <> 0 AND i.opened_at > :oldest AND i.opened_at <= CASE COALESCE(f.looks, 0)
    WHEN 0 THEN :first WHEN 1 THEN :second WHEN 2 THEN :third WHEN 3 THEN :fourth END
  AND EXISTS (SELECT 1 FROM alerts a WHERE a.incident_id = i.id AND a.check_id IS NOT NULL)
ORDER BY COALESCE(f.looks, 0), i.opened_at LIMIT :limit
""")
_FAILURES = text("""
SELECT c.id, c.slug, min(t.at) AS at FROM transitions t JOIN checks c ON c.id = t.check_id
WHERE t.at >= :begin AND t.at <= :end AND c.is_enabled
  AND t.new_status IN ('unhealthy', 'degraded') AND t.old_status <> t.new_status
GROUP BY c.id, c.slug ORDER BY c.slug
""")
_MINUTES = text("""
SELECT c.slug, s.metric, m.at, m.total / m.amount AS mean
FROM checks c JOIN metric_series s ON s.check_id = c.id JOIN metric_minutes m ON m.series_id = s.id
WHERE c.slug = ANY(:slugs) AND s.metric <> '(status)' AND m.at >= :begin AND m.at < :end AND NOT m.is_planned
  AND m.amount > 0
ORDER BY c.slug, s.metric, m.at
""").bindparams(bindparam("slugs", type_=ARRAY(Text)))
_LABELS = text("SELECT slug, category, labels FROM checks WHERE is_enabled")
_SAVE = text("""
INSERT INTO incident_causes (incident_id, found_at, looks, causes) VALUES (:id, :now, :looks, :causes)
ON CONFLICT (incident_id) DO UPDATE SET found_at = excluded.found_at, looks = excluded.looks, causes = excluded.causes
""")
_CAUSES = text("SELECT found_at, looks, causes FROM incident_causes WHERE incident_id = :id")


class TracingRows(TracingTransaction):
    """Causes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, now: datetime, limit: int) -> list[Traced]:
        names = ("first", "second", "third", "fourth")
        times: dict[str, Any] = {name: now - length for name, length in zip(names, LOOKS, strict=True)}
        rows = self._connection.execute(_DUE, times | {"oldest": now - timedelta(hours=2), "limit": limit})
        return [_traced(row) for row in rows]

    def graph(self) -> Graph:
        return read_graph(self._connection)

    def failures(self, begin: datetime, end: datetime) -> Mapping[str, datetime]:
        rows = self._connection.execute(_FAILURES, {"begin": begin, "end": end}).all()
        planned = read_planned(self._connection, begin, end) if rows else []
        held: defaultdict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
        for each in planned:
            held[each.check_id].append((each.starts_at, each.ends_at))
        return {row.slug: row.at for row in rows if not any(a <= row.at < b for a, b in held[row.id])}

    def minutes(self, slugs: Collection[str], begin: datetime, end: datetime) -> list[Minutes]:
        first = begin.astimezone(UTC).replace(second=0, microsecond=0)
        count = int((end - first) / MINUTE) + 1
        found: dict[tuple[str, str], list[float | None]] = {}
        metrics: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._connection.execute(_MINUTES, {"slugs": list(slugs), "begin": first, "end": end}):
            if row.metric not in metrics[row.slug] and len(metrics[row.slug]) >= MOST_METRICS:
                continue
            metrics[row.slug].add(row.metric)
            values = found.setdefault((row.slug, row.metric), [None] * count)
            values[int((row.at - first) / MINUTE)] = row.mean
        return [Minutes(slug, metric, first, values) for (slug, metric), values in found.items()]

    def changes(self, begin: datetime, end: datetime) -> Sequence[Changed]:
        found = read_changes(self._connection, "", begin, MOST_CHANGES)
        return [each.changed for each in found if each.changed.at <= end]

    def places(self) -> Mapping[str, frozenset[str]]:
        shared: defaultdict[str, set[str]] = defaultdict(set)
        rows = self._connection.execute(_LABELS).all()
        for row in rows:
            for name, value in row.labels.items():
                shared[f"{name}={value}"].add(row.slug)
        return {
            label: frozenset(slugs)
            for label, slugs in shared.items()
            if LEAST_SHARED <= len(slugs) <= MOST_SHARED * len(rows)
        }

    def save(self, traced: Traced, causes: Sequence[Cause], now: datetime) -> None:
        document = json.dumps([to_document(cause) for cause in causes])
        values = {"id": traced.incident_id, "now": now, "looks": traced.looks + 1, "causes": document}
        self._connection.execute(_SAVE, values)


def read_causes(connection: Connection, incident_id: UUID) -> tuple[datetime | None, list[Cause]]:
    """The causes that were found of an incident, the likeliest first, and when; None where none were looked for."""
    row = connection.execute(_CAUSES, {"id": incident_id}).one_or_none()
    return (row.found_at, [from_document(each) for each in row.causes]) if row else (None, [])


def to_document(cause: Cause) -> dict[str, Any]:
    """A cause as it is stored."""
    return {
        "kind": cause.kind.value,
        "subject": cause.subject,
        "service": cause.service,
        "score": cause.score,
        "at": cause.at.isoformat() if cause.at else None,
        "link": cause.link,
        "evidence": [{"kind": e.kind.value, "weight": round(e.weight, 3), "words": e.words} for e in cause.evidence],
    }


def from_document(document: Mapping[str, Any]) -> Cause:
    """What `to_document` made."""
    return Cause(
        CauseKind(document["kind"]),
        document["subject"],
        document["score"],
        tuple(Evidence(EvidenceKind(e["kind"]), e["weight"], e["words"]) for e in document["evidence"]),
        document["service"],
        datetime.fromisoformat(document["at"]) if document["at"] else None,
        document["link"],
    )


def _traced(row: Any) -> Traced:
    return Traced(row.id, row.number, row.opened_at, frozenset(row.symptoms), row.looks)
