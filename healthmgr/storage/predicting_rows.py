"""Forecasts as rows, and the series that they are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.forecast import Forecast, ForecastRule, Measured, is_reset
from healthmgr.domain.forecast_telling import Foreseen, Memory, Told, identity
from healthmgr.errors import NotFound
from healthmgr.services.predicting_ports import Look, PredictingTransaction
from healthmgr.storage.series import Series

LOOKS_EVERY = timedelta(minutes=5)

_DEFINED = """
SELECT c.id AS check_id, f.key AS metric FROM checks c, jsonb_object_keys(c.forecasts) AS f(key) WHERE c.is_enabled
"""
_ADD = text(f"""
INSERT INTO forecasts (check_id, metric, due_at)
SELECT d.check_id, d.metric, :now FROM ({_DEFINED}) d ON CONFLICT DO NOTHING
""")  # noqa: S608 - composed of constants alone
_REMOVE = text(f"""
WITH gone AS (
    DELETE FROM forecasts f WHERE NOT EXISTS (
        SELECT 1 FROM ({_DEFINED}) d WHERE d.check_id = f.check_id AND d.metric = f.metric
    ) RETURNING f.check_id, f.metric, f.is_told
)
SELECT c.slug, gone.metric FROM gone JOIN checks c ON c.id = gone.check_id WHERE gone.is_told
""")  # noqa: S608 - composed of constants alone

_FACTS = """
c.slug, c.name, c.service, c.category, c.labels, c.forecasts -> f.metric AS rule, f.check_id, f.metric, f.crossing,
f.clear, f.is_told, f.told, f.words, f.due_at,
EXISTS (SELECT 1 FROM alerts a WHERE a.check_id = f.check_id AND a.resolved_at IS NULL) AS is_breached
"""
# What was told and has come true is not left waiting for its turn.
_CLAIM = text(f"""
WITH due AS (
    SELECT f.check_id, f.metric FROM forecasts f JOIN checks c ON c.id = f.check_id
    WHERE NOT c.is_paused AND (f.due_at <= :now OR (f.is_told AND EXISTS (
        SELECT 1 FROM alerts a WHERE a.check_id = f.check_id AND a.resolved_at IS NULL)))
    ORDER BY f.due_at LIMIT :limit FOR UPDATE OF f SKIP LOCKED
)
UPDATE forecasts f SET due_at = :next FROM due, checks c
WHERE f.check_id = due.check_id AND f.metric = due.metric AND c.id = f.check_id
RETURNING {_FACTS}
""")  # noqa: S608 - composed of constants alone
_FIND = text(f"""
SELECT {_FACTS} FROM forecasts f JOIN checks c ON c.id = f.check_id WHERE c.slug = :slug ORDER BY f.metric
""")  # noqa: S608 - composed of constants alone
_IS_THERE = text("SELECT 1 FROM checks WHERE slug = :slug")

_SAVE = text("""
UPDATE forecasts SET looked_at = :now, seen = :seen, told = :told, crossing = :crossing, clear = :clear,
    told_at = CASE WHEN NOT :is_told THEN NULL WHEN is_told THEN told_at ELSE :now END,
    is_told = :is_told, words = :words, detail = :detail
WHERE check_id = :check_id AND metric = :metric AND due_at = :due_at
""")
_LINK = text("""
UPDATE alerts SET annotations = annotations || jsonb_build_object('foretold', CAST(:words AS text)), updated_at = :now
WHERE check_id = :check_id AND resolved_at IS NULL
""")


class PredictingRows(PredictingTransaction):
    """Forecasts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def arrange(self, now: datetime) -> list[Mapping[str, str]]:
        self._connection.execute(_ADD, {"now": now})
        return [identity(row.slug, row.metric) for row in self._connection.execute(_REMOVE)]

    def claim(self, now: datetime, limit: int) -> list[Foreseen]:
        values = {"now": now, "next": now + LOOKS_EVERY, "limit": limit}
        return [_foreseen(row) for row in self._connection.execute(_CLAIM, values)]

    def find(self, slug: str) -> list[Foreseen]:
        if self._connection.execute(_IS_THERE, {"slug": slug}).one_or_none() is None:
            raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
        return [_foreseen(row) for row in self._connection.execute(_FIND, {"slug": slug})]

    def save(self, look: Look, now: datetime) -> bool:
        foreseen = look.foreseen
        is_over = look.told is Told.NOTHING and foreseen.is_breached
        values = {
            "check_id": foreseen.check_id,
            "metric": foreseen.rule.metric,
            "due_at": foreseen.due_at,
            "now": now,
            "seen": look.forecast.seen.value,
            "told": foreseen.told if is_over else look.told.value,
            "crossing": look.memory.crossing,
            "clear": look.memory.clear,
            "is_told": look.memory.is_told,
            "words": look.words,
            "detail": json.dumps(forecast_detail(look.forecast)),
        }
        if look.told is Told.TAKEN_OVER:
            self._connection.execute(_LINK, {"check_id": foreseen.check_id, "words": look.words, "now": now})
        return bool(self._connection.execute(_SAVE, values).rowcount)


class SeriesMeasurements:
    """The means of rollups: the middle of each step stands for it."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def read(
        self, check_id: UUID, metric: str, begin: datetime, end: datetime, step: timedelta, now: datetime
    ) -> Measured:
        """Means over steps, oldest first, without those of planned work."""
        points = self._series.read_series(check_id, metric, begin, end, step, now=now)
        means = ((min(point.at + step / 2, end), point.sketch.mean) for point in points)
        return [(at, mean) for at, mean in means if mean is not None]


def forecast_detail(forecast: Forecast) -> dict[str, Any]:
    """A forecast in numbers, for programs."""
    moments = {"crosses_at": forecast.crosses_at, "earliest": forecast.earliest, "latest": forecast.latest}
    return {
        "value": forecast.value,
        "per_hour": forecast.slope,
        "expected_at_horizon": forecast.expected,
        "r_squared": forecast.r_squared,
        "points": forecast.points,
        "span": forecast.span.total_seconds(),
        "left": forecast.left.total_seconds() if forecast.left else None,
        "dropped": forecast.dropped,
        "was_reset": is_reset(forecast),
        **{name: at.isoformat() if at else None for name, at in moments.items()},
    }


def _foreseen(row: Any) -> Foreseen:
    return Foreseen(
        check_id=row.check_id,
        slug=row.slug,
        name=row.name,
        labels=check_labels(row.slug, row.service, row.category, row.labels),
        rule=ForecastRule.from_document(row.metric, row.rule),
        memory=Memory(row.crossing, row.clear, row.is_told),
        told=row.told,
        words=row.words,
        is_breached=row.is_breached,
        due_at=row.due_at,
    )
