"""Opening, amending and closing alerts within the transaction of whatever decided it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain import synthetic
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.directory import Directory, Grouping
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import all_labels
from healthmgr.domain.routing_tree import GROUP_INTERVAL
from healthmgr.services.evaluating import ORIGIN
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.dispatch_rows import request_dispatches

_OPEN = text("""
INSERT INTO alerts (id, fingerprint, check_id, origin, name, group_key, labels, annotations, source_url, severity,
                    status, summary, is_flapping, started_at, opened_at, updated_at, ends_at)
SELECT n.id, n.fingerprint, n.check_id, n.origin, n.name, n.group_key, n.labels, n.annotations, n.source_url,
       n.severity, n.status, n.summary, n.is_flapping, n.started_at, :now, :now, n.ends_at
FROM jsonb_to_recordset(CAST(:alerts AS jsonb)) AS n(
    id uuid, fingerprint text, check_id uuid, origin text, name text, group_key text, labels jsonb, annotations jsonb,
    source_url text, severity text, status text, summary text, is_flapping boolean, started_at timestamptz,
    ends_at timestamptz)
ON CONFLICT (fingerprint) WHERE resolved_at IS NULL DO NOTHING
RETURNING id, fingerprint
""")

_CLOSE = text("""
UPDATE alerts SET resolved_at = :now, updated_at = :now, resolved_by = :resolved_by, resolution = COALESCE((
        SELECT 'recovered by runbook ' || r.runbook FROM runs r
        WHERE :resolution = 'recovered' AND r.check_id = alerts.check_id AND r.acted_at IS NOT NULL
          AND r.created_at > alerts.opened_at - interval '1 hour' AND r.ended_at IS NULL
        ORDER BY r.acted_at DESC LIMIT 1), :resolution),
                  status = COALESCE(:status, status)
WHERE id = ANY(:ids) AND resolved_at IS NULL
RETURNING id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_GROUPS = text("""
SELECT DISTINCT group_key FROM alerts WHERE id = ANY(:ids) AND resolved_at IS NULL ORDER BY group_key
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_OPEN_IDS = text("SELECT id FROM alerts WHERE check_id = ANY(:check_ids) AND resolved_at IS NULL").bindparams(
    bindparam("check_ids", type_=ARRAY(Uuid))
)

_SUPPRESSED = text("""
SELECT id, group_key, check_id FROM alerts WHERE suppressed_by_id = ANY(:ids) AND resolved_at IS NULL ORDER BY id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# Those that hung on a root that has just recovered are looked at again before anybody is told of them.
_PROBE_NOW = text("""
WITH wanted AS (
    SELECT check_id FROM check_schedules
    WHERE check_id = ANY(:ids) AND is_active AND lease_until IS NULL FOR UPDATE SKIP LOCKED
)
UPDATE check_schedules s SET next_due_at = LEAST(s.next_due_at, :now), cause = 'dependency'
FROM wanted WHERE s.check_id = wanted.check_id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


RECOVERY = "recovery"  # the origin of alerts that tell of runbooks where no incident is open; no door brings such
APPROVAL = "approval"  # their annotation that names what is asked: its number and its id


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert to open. `started_at` is when what it tells of began; `ends_at` when it is over unless it is renewed."""

    fingerprint: str
    labels: Mapping[str, str]
    severity: Severity
    status: Status
    summary: str
    started_at: datetime | None = None
    check_id: UUID | None = None
    origin: str = ORIGIN
    name: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    source_url: str = ""
    is_flapping: bool = False
    ends_at: datetime | None = None


class AlertRows:
    """Alerts within one transaction. The routes are read once, when the first alert is opened."""

    def __init__(self, connection: Connection, group_interval: timedelta = GROUP_INTERVAL) -> None:
        self._connection = connection
        self._group_interval = group_interval
        self._directory: Directory | None = None

    def open(self, new: NewAlert, reason: str, now: datetime) -> tuple[UUID | None, list[Due]]:
        """Open an alert and ask for its group to be judged; its id, or None when it is open already."""
        opened, dues = self.open_all([(new, reason)], now)
        return opened.get(new.fingerprint), dues

    def open_all(self, news: Sequence[tuple[NewAlert, str]], now: datetime) -> tuple[Mapping[str, UUID], list[Due]]:
        """Open alerts, each for a reason, in one statement; the ids by fingerprint of those that were not open before.

        The dispatch rows are always locked before the alerts', and in the order of their keys: all take them so.
        """
        placed = [(new, reason, self._grouping(new)) for new, reason in news]
        wanted = [(grouping.key, now + grouping.wait, reason) for _, reason, grouping in placed]
        dues = request_dispatches(self._connection, wanted, now)
        alerts = json.dumps([_document(new, grouping.key, now) for new, _, grouping in placed])
        rows = self._connection.execute(_OPEN, {"alerts": alerts, "now": now})
        return {row.fingerprint: row.id for row in rows}, dues

    def _grouping(self, new: NewAlert) -> Grouping:
        if new.origin == synthetic.ORIGIN:
            return synthetic.GROUPING
        if self._directory is None:
            self._directory = read_directory(self._connection).with_interval(self._group_interval)
        return self._directory.grouping(all_labels(new.labels, new.severity, new.origin), new.severity)


def _document(new: NewAlert, group_key: str, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "fingerprint": new.fingerprint,
        "check_id": str(new.check_id) if new.check_id else None,
        "origin": new.origin,
        "name": new.name,
        "group_key": group_key,
        "labels": dict(new.labels),
        "annotations": dict(new.annotations),
        "source_url": new.source_url,
        "severity": new.severity.value,
        "status": new.status.value,
        "summary": new.summary,
        "is_flapping": new.is_flapping,
        "started_at": (new.started_at or now).isoformat(),
        "ends_at": new.ends_at.isoformat() if new.ends_at else None,
    }


def close_alerts(
    connection: Connection,
    ids: Sequence[UUID],
    now: datetime,
    *,
    resolution: str,
    resolved_by: str | None = None,
    status: str | None = None,
    will_remind: bool = True,
) -> list[Due]:
    """Resolve open alerts; the dispatches of their groups, and of those they suppressed, are due now.

    `will_remind` as in `request_dispatch`.
    """
    groups = connection.execute(_GROUPS, {"ids": list(ids)}).scalars()
    wanted = [(group_key, now, resolution) for group_key in groups]
    dues = request_dispatches(connection, wanted, now, will_remind=will_remind)
    facts = {"now": now, "resolution": resolution, "resolved_by": resolved_by, "status": status}
    closed = connection.execute(_CLOSE, facts | {"ids": list(ids)}).scalars().all()
    suppressed = connection.execute(_SUPPRESSED, {"ids": list(closed)}).all()
    if suppressed:
        connection.execute(_PROBE_NOW, {"ids": [row.check_id for row in suppressed], "now": now})
    wanted = [(row.group_key, now, "root_resolved") for row in suppressed]
    return dues + request_dispatches(connection, wanted, now, will_remind=will_remind)


def close_alerts_of(connection: Connection, check_ids: Sequence[UUID], now: datetime, *, resolution: str) -> list[Due]:
    """Resolve the open alerts of checks that are no longer watched (paused, disabled, no longer defined).

    Whoever does that has no broker at hand: the next sweep reminds of what became due.
    """
    ids = connection.execute(_OPEN_IDS, {"check_ids": list(check_ids)}).scalars().all()
    return close_alerts(connection, ids, now, resolution=resolution, will_remind=False)
