"""A shop whose response times are watched: a day of points, the last ones strange, told and open."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from healthmgr.domain.anomaly_points import packed, point_document
from healthmgr.domain.anomaly_watch import Lesson, SeenPoint
from tests.builders import make_check

RULE = {"response_time": {"step": "5m", "severity": "medium", "threshold": "8.5", "points": "3", "of": "5"}}
WORDS = "response time 812 ms, where 120 to 180 ms is usual at this hour"
STEP = timedelta(minutes=5)


def make_watched(engine: Engine, now: datetime, slug: str = "shop") -> str:
    """The id of the alert. The last three of 100 points are strange, the one before was in maintenance."""
    make_check(engine, slug, anomalies=RULE)
    begin = now - 100 * STEP
    points = [_point(begin + n * STEP, n) for n in range(100)]
    with engine.begin() as connection:

        def execute(sql: str, **values: Any) -> Any:
            return connection.execute(text(sql), {"slug": slug, **values})

        execute(
            "INSERT INTO anomaly_series (check_id, metric, due_at, step, seen_until, told, told_since, words,"
            " is_learning, latest) SELECT id, 'response_time', :due, interval '5 min', :now, 'still_unlike_its_past',"
            " :since, :words, false, CAST(:latest AS jsonb) FROM checks WHERE slug = :slug",
            due=now + STEP,
            now=now,
            since=now - 3 * STEP,
            words=WORDS,
            latest=json.dumps(point_document(points[-1])),
        )
        for at, block in packed(points).items():
            execute(
                "INSERT INTO anomaly_points SELECT id, 'response_time', :at, :block FROM checks WHERE slug = :slug",
                at=at,
                block=block,
            )
        alert_id = execute(
            "INSERT INTO alerts (id, fingerprint, origin, name, group_key, labels, severity, status, summary,"
            " opened_at, updated_at) VALUES (gen_random_uuid(), 'f' || :slug, 'anomaly', 'shop', 'g',"
            " '{\"check\": \"shop\"}', 'medium', 'unhealthy', :words, :now, :now) RETURNING id",
            words=WORDS,
            now=now,
        ).scalar_one()
        execute(
            "INSERT INTO anomaly_happenings (alert_id, check_id, metric, began_at, words)"
            " SELECT :alert, id, 'response_time', :since, :words FROM checks WHERE slug = :slug",
            alert=alert_id,
            since=now - 3 * STEP,
            words=WORDS,
        )
    return str(alert_id)


def _point(at: datetime, number: int) -> SeenPoint:
    is_strange = number >= 97
    lesson = Lesson.PLANNED if number == 96 else Lesson.LEARNED
    value, score = (0.812, 12.3456) if is_strange else (0.15, 1.0)
    return SeenPoint(at, value, score, (0.12, 0.18), lesson, is_strange, False)
