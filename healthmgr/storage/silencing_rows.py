"""Silences as rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from healthmgr.domain.silence import Silence
from healthmgr.services.silencing import Grouped, SilencingTransaction
from healthmgr.storage.hit_rows import HitRows
from healthmgr.storage.muting_rows import to_matchers
from healthmgr.storage.tables import silences

_STORE = text("""
INSERT INTO silences (id, matchers, starts_at, ends_at, created_by, comment, annotations, created_at, updated_at)
VALUES (:id, :matchers, :starts_at, :ends_at, :created_by, :comment, :annotations, :created_at, :updated_at)
ON CONFLICT (id) DO UPDATE SET
    matchers = EXCLUDED.matchers, starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at,
    created_by = EXCLUDED.created_by, comment = EXCLUDED.comment, annotations = EXCLUDED.annotations,
    updated_at = EXCLUDED.updated_at
""")

_FORGET = text("DELETE FROM silences WHERE ends_at < :before")
_INCIDENT = text("SELECT number, labels, resolved_at IS NOT NULL AS is_resolved FROM incidents WHERE id = :id")


class SilencingRows(HitRows, SilencingTransaction):
    """The rows of one transaction about silences."""

    def silence(self, silence_id: UUID, *, will_change: bool = False) -> Silence | None:
        query = select(silences).where(silences.c.id == silence_id)
        row = self._connection.execute(query.with_for_update() if will_change else query).one_or_none()
        return _to_silence(row) if row else None

    def silences(self) -> Sequence[Silence]:
        return [_to_silence(row) for row in self._connection.execute(select(silences))]

    def store(self, silence: Silence) -> None:
        values = {
            "id": silence.id,
            "matchers": json.dumps([matcher.to_document() for matcher in silence.matchers]),
            "starts_at": silence.starts_at,
            "ends_at": silence.ends_at,
            "created_by": silence.created_by,
            "comment": silence.comment,
            "annotations": json.dumps(dict(silence.annotations)),
            "created_at": silence.created_at,
            "updated_at": silence.updated_at,
        }
        self._connection.execute(_STORE, values)

    def forget(self, before: datetime) -> int:
        return self._connection.execute(_FORGET, {"before": before}).rowcount

    def incident(self, incident_id: UUID) -> Grouped | None:
        row = self._connection.execute(_INCIDENT, {"id": incident_id}).one_or_none()
        return Grouped(row.number, dict(row.labels), row.is_resolved) if row else None


def _to_silence(row: Any) -> Silence:
    return Silence(**{**row._mapping, "matchers": to_matchers(row.matchers)})
