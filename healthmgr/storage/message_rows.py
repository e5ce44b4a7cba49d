"""Everything a message tells, read when it is about to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import AlertFacts, Breach, Message, MessageKind, ResultFacts
from healthmgr.domain.threshold import RESPONSE_TIME, Thresholds

LAST_RESULTS = 10

_INCIDENT = text("""
SELECT i.id, i.number, i.opened_at,
       NOT EXISTS (
           SELECT 1 FROM notifications n WHERE n.incident_id = i.id AND n.recipient = :recipient
             AND n.channel = :channel AND n.position < :position AND n.attempts > 0
       ) AS is_first
FROM incidents i WHERE i.id = :id
""")

_ALERTS = text("""
SELECT a.id, a.check_id, a.severity, a.status, a.summary, a.opened_at, a.resolved_at, a.resolution, a.resolved_by,
       a.is_flapping, a.labels, c.slug, c.name, c.service, c.category, c.description, c.runbook_url, c.thresholds,
       st.last_metrics, st.last_response_time,
       (SELECT e.detail->>'comment' FROM audit_entries e WHERE e.target = CAST(a.id AS text)
          AND e.action = 'alert.resolve' ORDER BY e.at DESC LIMIT 1) AS comment,
       ARRAY(SELECT d.slug FROM check_dependencies cd JOIN checks d ON d.id = cd.check_id
             WHERE cd.parent_id = a.check_id AND d.is_enabled ORDER BY d.slug) AS dependents,
       ARRAY(SELECT d.slug FROM alerts child JOIN checks d ON d.id = child.check_id
             WHERE child.suppressed_by_id = a.id AND child.resolved_at IS NULL ORDER BY d.slug) AS impacted
FROM alerts a
JOIN checks c ON c.id = a.check_id
JOIN check_states st ON st.check_id = a.check_id
WHERE a.id = ANY(:ids)
ORDER BY a.resolved_at IS NOT NULL, a.opened_at, a.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_RESULTS = text("""
SELECT started_at, status, message, response_time FROM results
WHERE check_id = :check_id ORDER BY started_at DESC, sequence DESC LIMIT :limit
""")


def compose(connection: Connection, notification: Any, public_url: str, now: datetime) -> Message:
    """The message of a row of notifications, with the facts as they are now."""
    incident = connection.execute(
        _INCIDENT,
        {
            "id": notification.incident_id,
            "recipient": notification.recipient,
            "channel": notification.channel,
            "position": notification.position,
        },
    ).one()
    content = notification.content
    ids = [UUID(i) for i in (*content.get("firing", ()), *content.get("resolved", ()))]
    kind = MessageKind(notification.kind)
    alerts = _alerts(connection, ids, kind)
    return Message(
        notification_id=notification.id,
        kind=kind,
        reason=notification.reason,
        incident_id=incident.id,
        incident_number=incident.number,
        severity=Severity(notification.severity),
        opened_at=incident.opened_at,
        composed_at=now,
        recipient=notification.recipient,
        thread_key=f"{incident.id}.{notification.recipient}",
        is_first_of_thread=incident.is_first,
        alerts=alerts,
        url=f"{public_url}/" if public_url else "",
        how_to_acknowledge=f"healthmgr alerts ack {alerts[0].check_slug}" if kind is not MessageKind.RESOLUTION else "",
        round=notification.round,
    )


def _alerts(connection: Connection, ids: Sequence[UUID], kind: MessageKind) -> tuple[AlertFacts, ...]:
    rows = connection.execute(_ALERTS, {"ids": list(ids)}).mappings().all()
    return tuple(_facts(row, _last_results(connection, row["check_id"]), kind) for row in rows)


def _last_results(connection: Connection, check_id: UUID) -> tuple[ResultFacts, ...]:
    rows = connection.execute(_RESULTS, {"check_id": check_id, "limit": LAST_RESULTS})
    return tuple(ResultFacts(row.started_at, Status(row.status), row.message, row.response_time) for row in rows)


def _facts(row: RowMapping, last_results: tuple[ResultFacts, ...], kind: MessageKind) -> AlertFacts:
    is_over = kind is MessageKind.RESOLUTION
    return AlertFacts(
        id=row["id"],
        check_slug=row["slug"],
        check_name=row["name"],
        severity=Severity(row["severity"]),
        status=Status(row["status"]),
        summary=row["summary"],
        opened_at=row["opened_at"],
        resolved_at=row["resolved_at"],
        resolution=_resolution(row),
        is_flapping=row["is_flapping"],
        service=row["service"],
        category=row["category"],
        description=row["description"],
        runbook_url=row["runbook_url"],
        labels=row["labels"],
        breaches=() if is_over else _breaches(row),
        last_results=last_results,
        dependents=tuple(row["dependents"]),
        impacted=tuple(row["impacted"]),
    )


def _resolution(row: RowMapping) -> str:
    if row["resolved_by"]:
        still = f", still {row['status']}" if row["status"] != Status.HEALTHY else ""
        said = f": {row['comment']}" if row["comment"] else ""
        return f"closed by {row['resolved_by']}{still}{said}"
    return str(row["resolution"]).replace("_", " ")


def _breaches(row: RowMapping) -> tuple[Breach, ...]:
    thresholds = Thresholds.parse(row["thresholds"])
    crossings = thresholds.crossings(row["last_response_time"] or 0.0, row["last_metrics"])
    return tuple(
        Breach(
            metric=c.threshold.metric,
            value=f"{c.value:.3g} s" if c.threshold.metric == RESPONSE_TIME else f"{c.value:g}",
            threshold=c.threshold.text,
            status=Status.UNHEALTHY if c.is_critical else Status.DEGRADED,
        )
        for c in crossings
    )
