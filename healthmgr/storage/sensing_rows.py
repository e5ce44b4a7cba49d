"""Watched metrics as rows: what is known of each, what was thought of its points, and what was told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.anomaly_points import BLOCK, KEPT_FOR, packed, point_document, point_from_document, unpacked
from healthmgr.domain.anomaly_rule import AnomalyRule
from healthmgr.domain.anomaly_telling import identity
from healthmgr.domain.anomaly_watch import Happening, Look, Measurement, SeenPoint, Span, Watched
from healthmgr.domain.rollup import floor
from healthmgr.errors import NotFound
from healthmgr.services.sensing_ports import Part, SensingTransaction
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.sensing_measured import read_bad, read_measured, read_settled

_DEFINED = """
SELECT c.id AS check_id, a.key AS metric FROM checks c, jsonb_object_keys(c.anomalies) AS a(key)
WHERE c.is_enabled AND c.anomalies <> '{}'
"""
_ADD = text(f"""
INSERT INTO anomaly_series (check_id, metric, due_at)
SELECT d.check_id, d.metric, :now FROM ({_DEFINED}) d
WHERE NOT EXISTS (SELECT 1 FROM anomaly_series s WHERE s.check_id = d.check_id AND s.metric = d.metric)
ON CONFLICT DO NOTHING
""")  # noqa: S608 - composed of constants alone
_REMOVE = text(f"""
WITH gone AS (
    DELETE FROM anomaly_series s WHERE NOT EXISTS (
        SELECT 1 FROM ({_DEFINED}) d WHERE d.check_id = s.check_id AND d.metric = s.metric
    ) RETURNING s.check_id, s.metric, s.told_since
)
SELECT c.slug, gone.metric FROM gone JOIN checks c ON c.id = gone.check_id WHERE gone.told_since IS NOT NULL
""")  # noqa: S608 - composed of constants alone
_FORGET = text("DELETE FROM anomaly_points WHERE at < :before")

_FACTS = """
c.slug, c.name, c.service, c.category, c.labels, c.anomalies -> s.metric AS rule, s.check_id, s.metric, s.due_at,
s.step, s.seen_until, s.state, s.told, s.told_since, s.words, s.is_learning, s.latest
"""
_CLAIM = text(f"""
WITH due AS (
    SELECT s.check_id, s.metric FROM anomaly_series s JOIN checks c ON c.id = s.check_id
    WHERE s.due_at <= :now AND NOT c.is_paused AND c.anomalies ? s.metric
    ORDER BY s.due_at, s.check_id, s.metric LIMIT :limit FOR UPDATE OF s SKIP LOCKED
)
UPDATE anomaly_series s SET due_at = :until FROM due, checks c
WHERE s.check_id = due.check_id AND s.metric = due.metric AND c.id = s.check_id
RETURNING {_FACTS}
""")  # noqa: S608 - composed of constants alone
_FIND = text(f"""
SELECT {_FACTS} FROM anomaly_series s JOIN checks c ON c.id = s.check_id
WHERE c.slug = :slug AND c.anomalies ? s.metric ORDER BY s.metric
""")  # noqa: S608 - composed of constants alone
# Of many series, without what their detectors know: kilobytes each.
_ALL = text(f"""
SELECT {_FACTS.replace("s.state", "CAST(NULL AS bytea) AS state")}
FROM anomaly_series s JOIN checks c ON c.id = s.check_id
WHERE c.anomalies ? s.metric ORDER BY c.slug, s.metric
""")  # noqa: S608 - composed of constants alone
_IS_THERE = text("SELECT 1 FROM checks WHERE slug = :slug")

_SAVE = text("""
UPDATE anomaly_series SET due_at = :next, step = :step, seen_until = :seen_until, state = :state, told = :told,
    told_since = :told_since, words = :words, is_learning = :is_learning, latest = CAST(:latest AS jsonb)
WHERE check_id = :check_id AND metric = :metric AND due_at = :due_at
""")
_KEEP_POINTS = text("""
INSERT INTO anomaly_points AS p (check_id, metric, at, points) VALUES (:check_id, :metric, :at, :points)
ON CONFLICT (check_id, metric, at) DO UPDATE SET points = p.points || EXCLUDED.points
""")
_DROP_POINTS = text("DELETE FROM anomaly_points WHERE check_id = :check_id AND metric = :metric")
_TEACH = text("""
UPDATE anomaly_series SET due_at = :now, state = :state, told = :told, told_since = :told_since,
    words = :words
WHERE check_id = :check_id AND metric = :metric
""")
_TAUGHT = text("UPDATE anomaly_happenings SET is_taught = true WHERE alert_id = :alert_id")

_TOLD = text("""
INSERT INTO anomaly_happenings (alert_id, check_id, metric, began_at, words, evidence)
VALUES (:alert_id, :check_id, :metric, :began_at, :words, CAST(:evidence AS jsonb))
ON CONFLICT (alert_id) DO UPDATE SET words = EXCLUDED.words, evidence = EXCLUDED.evidence, ended_at = NULL
""")
_ENDED = text("""
UPDATE anomaly_happenings SET ended_at = :now WHERE check_id = :check_id AND metric = :metric AND ended_at IS NULL
""")
_HAPPENINGS = """
h.alert_id, h.began_at, h.ended_at, h.words AS happened, h.evidence, h.is_taught, f.alert_id IS NOT NULL AS is_false
"""
_MARKED = text(f"""
SELECT {_FACTS}, {_HAPPENINGS}
FROM anomaly_happenings h JOIN false_alerts f ON f.alert_id = h.alert_id
JOIN anomaly_series s ON s.check_id = h.check_id AND s.metric = h.metric JOIN checks c ON c.id = h.check_id
WHERE NOT h.is_taught AND c.anomalies ? s.metric
ORDER BY f.marked_at, h.alert_id LIMIT 1 FOR UPDATE OF h, s SKIP LOCKED
""")  # noqa: S608 - composed of constants alone
_LATEST = text(f"""
SELECT {_HAPPENINGS} FROM anomaly_happenings h LEFT JOIN false_alerts f ON f.alert_id = h.alert_id
WHERE h.check_id = :check_id AND h.metric = :metric ORDER BY h.began_at DESC, h.alert_id DESC LIMIT :limit
""")  # noqa: S608 - composed of constants alone
_POINTS = text("""
SELECT at, points FROM anomaly_points
WHERE check_id = :check_id AND metric = :metric AND at >= :begin AND at < :end ORDER BY at
""")


class SensingRows(AdmittingRows, SensingTransaction):
    """Watched metrics and the alerts of them within one transaction."""

    def arrange(self, now: datetime) -> list[Mapping[str, str]]:
        self._connection.execute(_ADD, {"now": now})
        self._connection.execute(_FORGET, {"before": floor(now - KEPT_FOR, BLOCK)})
        return [identity(row.slug, row.metric) for row in self._connection.execute(_REMOVE)]

    def claim(self, now: datetime, until: datetime, limit: int) -> list[Watched]:
        values = {"now": now, "until": until, "limit": limit}
        return [_watched(row) for row in self._connection.execute(_CLAIM, values)]

    def settled_until(self, now: datetime) -> datetime | None:
        return read_settled(self._connection, now)

    def measured(self, parts: Sequence[Part]) -> list[list[Measurement]]:
        return read_measured(self._connection, parts)

    def bad(self, parts: Sequence[Part]) -> Mapping[UUID, Sequence[Span]]:
        return read_bad(self._connection, parts)

    def save(self, look: Look, due_at: datetime, now: datetime) -> bool:
        watched = look.watched
        values = _key(watched) | {
            "due_at": look.before.due_at,
            "next": due_at,
            "step": watched.rule.step,
            "seen_until": watched.seen_until,
            "state": watched.state,
            "told": watched.told,
            "told_since": watched.told_since,
            "words": watched.words,
            "is_learning": watched.is_learning,
            "latest": json.dumps(point_document(watched.latest)) if watched.latest else None,
        }
        if not self._connection.execute(_SAVE, values).rowcount:
            return False
        if look.before.seen_until is None:  # begun anew: what was thought before is of other steps
            self._connection.execute(_DROP_POINTS, _key(watched))
        recent = [point for point in look.points if point.at >= now - KEPT_FOR]
        for at, points in packed(recent).items():
            self._connection.execute(_KEEP_POINTS, _key(watched) | {"at": at, "points": points})
        return True

    def told(self, watched: Watched, alert_id: UUID, evidence: Mapping[str, float]) -> None:
        facts = {"alert_id": alert_id, "began_at": watched.told_since, "words": watched.words}
        self._connection.execute(_TOLD, _key(watched) | facts | {"evidence": json.dumps(dict(evidence))})

    def ended(self, watched: Watched, now: datetime) -> None:
        self._connection.execute(_ENDED, _key(watched) | {"now": now})

    def marked(self) -> tuple[Watched, Happening] | None:
        row = self._connection.execute(_MARKED).one_or_none()
        return (_watched(row), _happening(row)) if row else None

    def teach(self, watched: Watched, alert_id: UUID, now: datetime) -> None:
        known = {"state": watched.state, "told": watched.told, "told_since": watched.told_since, "words": watched.words}
        self._connection.execute(_TEACH, _key(watched) | known | {"now": now})
        self._connection.execute(_TAUGHT, {"alert_id": alert_id})

    def find(self, slug: str) -> list[Watched]:
        if self._connection.execute(_IS_THERE, {"slug": slug}).one_or_none() is None:
            raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
        return [_watched(row) for row in self._connection.execute(_FIND, {"slug": slug})]

    def all(self) -> list[Watched]:
        return [_watched(row) for row in self._connection.execute(_ALL)]

    def points(self, watched: Watched, begin: datetime, end: datetime) -> list[SeenPoint]:
        values = _key(watched) | {"begin": floor(begin, BLOCK), "end": end}
        rows = self._connection.execute(_POINTS, values)
        return [point for row in rows for point in unpacked(row.at, row.points) if begin <= point.at < end]

    def happenings(self, watched: Watched, limit: int) -> list[Happening]:
        rows = self._connection.execute(_LATEST, _key(watched) | {"limit": limit})
        return [_happening(row) for row in rows]


def _key(watched: Watched) -> dict[str, Any]:
    return {"check_id": watched.check_id, "metric": watched.rule.metric}


def _happening(row: Any) -> Happening:
    return Happening(row.alert_id, row.began_at, row.ended_at, row.happened, row.evidence, row.is_false, row.is_taught)


def _watched(row: Any) -> Watched:
    """What is known of it; of points by other steps than its rule's nothing is."""
    rule = AnomalyRule.from_document(row.metric, row.rule)
    is_known = row.step == rule.step
    return Watched(
        check_id=row.check_id,
        slug=row.slug,
        name=row.name,
        labels=check_labels(row.slug, row.service, row.category, row.labels),
        rule=rule,
        due_at=row.due_at,
        state=bytes(row.state) if is_known and row.state is not None else None,
        seen_until=row.seen_until if is_known else None,
        told=row.told,
        told_since=row.told_since,
        words=row.words,
        is_learning=row.is_learning if is_known else True,
        latest=point_from_document(row.latest) if is_known else None,
    )
