"""Everything a message tells, read when it is about to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.cascade import extent
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.links import LinkMaker
from healthmgr.domain.message import AlertFacts, Asking, Breach, HeldBack, Links, Message, MessageKind, ResultFacts
from healthmgr.domain.notification import Reason
from healthmgr.domain.threshold import RESPONSE_TIME, Thresholds
from healthmgr.domain.timeline import EntryKind
from healthmgr.storage.alert_rows import APPROVAL, RECOVERY
from healthmgr.storage.bundling_rows import read_held_back
from healthmgr.storage.dependency_rows import read_graph_below
from healthmgr.storage.surroundings_rows import read_changes, read_told
from healthmgr.storage.tracing_rows import read_causes

LAST_RESULTS = 10
MOST_CAUSES = 3
MOST_HANGING = 5  # alerts: for the first ones it is said what falls with each
MOST_ALERTS = 50  # are told of in one message; it says how many there are

_ANSWERS = [EntryKind.ACKNOWLEDGED.value, EntryKind.SNOOZED.value]

_NAMES = text("""
SELECT COALESCE(c.name, a.name) AS name, a.summary FROM alerts a LEFT JOIN checks c ON c.id = a.check_id
WHERE a.id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_INCIDENT = text("""
SELECT i.id, i.number, i.opened_at,
       (SELECT d.provider_id FROM notifications n JOIN deliveries d ON d.notification_id = n.id
        WHERE n.incident_id = i.id AND n.recipient = :recipient AND n.channel = :channel
          AND d.outcome = 'accepted' AND d.provider_id <> '' AND n.position < :position
        ORDER BY n.position LIMIT 1) AS first_provider_id,
       NOT EXISTS (
           SELECT 1 FROM notifications n WHERE n.incident_id = i.id AND n.recipient = :recipient
             AND n.channel = :channel AND n.position < :position AND n.attempts > 0
       ) AS is_first,
       (SELECT count(*) FROM incident_entries e
        WHERE e.incident_id = i.id AND e.kind = ANY(CAST(:answers AS text[])) AND e.at < (
            SELECT min(n.created_at) FROM notifications n
            WHERE n.incident_id = i.id AND n.episode = :episode AND n.kind = 'problem'
        )) AS answers
FROM incidents i WHERE i.id = :id
""")

_ALERTS = text("""
SELECT a.id, a.check_id, a.severity, a.status, a.summary, a.opened_at, a.resolved_at, a.resolution, a.resolved_by,
       a.is_flapping, a.labels, a.origin, a.annotations, a.source_url, COALESCE(c.slug, '') AS slug,
       COALESCE(c.name, a.name) AS name, COALESCE(c.service, a.labels->>'service', '') AS service,
       COALESCE(c.category, a.labels->>'category', '') AS category,
       COALESCE(c.description, a.annotations->>'description', '') AS description,
       COALESCE(c.runbook_url, a.annotations->>'runbook_url', '') AS runbook_url,
       COALESCE(c.thresholds, '{}') AS thresholds,
       st.last_metrics, st.last_response_time,
       (SELECT e.detail->>'comment' FROM audit_entries e WHERE e.target = CAST(a.id AS text)
          AND e.action = 'alert.resolve' ORDER BY e.at DESC LIMIT 1) AS comment,
       ARRAY(SELECT d.slug FROM check_dependencies cd JOIN checks d ON d.id = cd.check_id
             WHERE cd.parent_id = a.check_id AND d.is_enabled ORDER BY d.slug) AS dependents,
       ARRAY(SELECT d.slug FROM alerts child JOIN checks d ON d.id = child.check_id
             WHERE child.suppressed_by_id = a.id AND child.resolved_at IS NULL ORDER BY d.slug) AS impacted,
       COALESCE(a.annotations->>'foretold', (SELECT string_agg(f.words, '; ' ORDER BY f.metric) FROM forecasts f
           WHERE f.check_id = a.check_id AND f.is_told), '') AS foretold
FROM alerts a
LEFT JOIN checks c ON c.id = a.check_id
LEFT JOIN check_states st ON st.check_id = a.check_id
WHERE a.id = ANY(:ids)
ORDER BY a.resolved_at IS NOT NULL, a.opened_at, a.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_RESULTS = text("""
SELECT started_at, status, message, response_time FROM results
WHERE check_id = :check_id ORDER BY started_at DESC, sequence DESC LIMIT :limit
""")


_ROLES = text("""
SELECT role || ': ' || string_agg(person, ', ' ORDER BY assigned_at, person) FROM incident_roles
WHERE incident_id = :id GROUP BY role ORDER BY role
""")


def compose(
    connection: Connection,
    notification: Any,
    attempt: int,
    bundle: Sequence[UUID],
    links: LinkMaker,
    now: datetime,
) -> Message:
    """The message of a row of notifications, with the facts as they are now; a digest, where it stands for others.

    `attempt` counts its sendings; `bundle` are the notifications that wait for the same destination.
    """
    incident = connection.execute(
        _INCIDENT,
        {
            "id": notification.incident_id,
            "recipient": notification.recipient,
            "channel": notification.channel,
            "position": notification.position,
            "episode": notification.episode,
            "answers": _ANSWERS,
        },
    ).one()
    content = notification.content
    ids = [UUID(i) for i in (*content.get("firing", ()), *content.get("resolved", ()))]
    kind = MessageKind(notification.kind)
    alerts = _alerts(connection, ids[:MOST_ALERTS], kind)
    made = links.links(incident.id, incident.number, notification.recipient, now)
    message = Message(
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
        url=made.incident,
        how_to_acknowledge=f"healthmgr incidents ack {incident.number}" if kind is not MessageKind.RESOLUTION else "",
        round=0 if notification.level == BY_NAME else notification.round,
        actor=notification.actor,
        links=made,
        changes=read_changes(connection, incident.id, incident.opened_at, now),
        causes=_causes(connection, incident.id, kind),
        told=read_told(connection, notification.id),
        first_provider_id=incident.first_provider_id or "",
        attempt=attempt,
        more_alerts=max(0, len(ids) - MOST_ALERTS),
        words=content.get("words", ""),
        roles=tuple(connection.execute(_ROLES, {"id": incident.id}).scalars()),
        merged_into=content.get("merged_into", 0),
        answers=incident.answers,
        approval=_approval(content.get("approval") or _asked_by(alerts), links, notification.recipient, now),
    )
    return _digest(connection, message, [notification.id, *bundle]) if bundle else message


def _asked_by(alerts: Sequence[AlertFacts]) -> Mapping[str, Any] | None:
    """What an alert of recovery's own asks, where no incident was open to ask in; no door can bring such an alert."""
    own = (
        alert.annotations.get(APPROVAL, "") for alert in alerts if alert.origin == RECOVERY and not alert.resolved_at
    )
    number, _, approval_id = next(filter(None, own), "").partition(" ")
    return {"id": approval_id, "number": int(number)} if approval_id else None


def _approval(asked: Mapping[str, Any] | None, links: LinkMaker, recipient: str, now: datetime) -> Asking | None:
    if asked is None:
        return None
    approval_id = UUID(asked["id"])
    return Asking(approval_id, asked["number"], links.approval_choices(approval_id, recipient, now))


def _causes(connection: Connection, incident_id: UUID, kind: MessageKind) -> tuple[str, ...]:
    """The likeliest causes, as far as they were found by now; the end of it needs none."""
    if kind is MessageKind.RESOLUTION:
        return ()
    return tuple(cause.words for cause in read_causes(connection, incident_id)[1][:MOST_CAUSES])


def _digest(connection: Connection, message: Message, ids: Sequence[UUID]) -> Message:
    """One message for many: each incident in a line, and the newest one as its own."""
    rows = read_held_back(connection, ids)
    held = tuple(
        HeldBack(
            incident_number=row.number,
            severity=Severity(row.severity),
            title=_title(connection, row),
            opened_at=row.opened_at,
            is_resolved=row.is_resolved,
        )
        for row in rows
    )
    worst = min((each.severity for each in held), key=lambda severity: severity.rank, default=message.severity)
    return replace(
        message,
        kind=MessageKind.DIGEST,
        reason=Reason.DIGEST.value,
        severity=worst,
        thread_key=f"digest.{message.recipient}",
        is_first_of_thread=True,
        alerts=(),
        held_back=held,
        how_to_acknowledge="",
        links=Links(message.links.incident),
        changes=(),
        causes=(),
    )


def _title(connection: Connection, row: Any) -> str:
    ids = [UUID(i) for i in (*row.content.get("firing", ()), *row.content.get("resolved", ()))]
    found = connection.execute(_NAMES, {"ids": ids[:1]}).one_or_none()
    if found is None:
        return f"incident #{row.number}"
    more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
    return f"{found.name}{more}" if row.kind == MessageKind.RESOLUTION else f"{found.name}{more}: {found.summary}"[:200]


def _alerts(connection: Connection, ids: Sequence[UUID], kind: MessageKind) -> tuple[AlertFacts, ...]:
    rows = connection.execute(_ALERTS, {"ids": list(ids)}).mappings().all()
    hanging = _hanging(connection, rows, kind)
    return tuple(
        _facts(row, _last_results(connection, row["check_id"]), hanging.get(row["slug"], ""), kind) for row in rows
    )


def _hanging(connection: Connection, rows: Sequence[RowMapping], kind: MessageKind) -> dict[str, str]:
    """What falls with each check, as far as that is more than the checks right below it."""
    above = {
        row["slug"]: row for row in rows[:MOST_HANGING] if row["dependents"] and kind is not MessageKind.RESOLUTION
    }
    if not above:
        return {}
    graph = read_graph_below(connection, above)
    found = {slug: extent(graph, [slug]) for slug in above}
    return {slug: words for slug, (count, words) in found.items() if count > len(above[slug]["dependents"])}


def _last_results(connection: Connection, check_id: UUID | None) -> tuple[ResultFacts, ...]:
    if check_id is None:
        return ()
    rows = connection.execute(_RESULTS, {"check_id": check_id, "limit": LAST_RESULTS})
    return tuple(ResultFacts(row.started_at, Status(row.status), row.message, row.response_time) for row in rows)


def _facts(row: RowMapping, last_results: tuple[ResultFacts, ...], hanging: str, kind: MessageKind) -> AlertFacts:
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
        hanging=hanging,
        foretold="" if is_over else row["foretold"],
        origin=row["origin"] if row["check_id"] is None else "",
        source_url=row["source_url"],
        annotations=row["annotations"],
    )


def _resolution(row: RowMapping) -> str:
    if row["resolved_by"]:
        still = f", still {row['status']}" if row["status"] != Status.HEALTHY else ""
        said = f": {row['comment']}" if row["comment"] else ""
        return f"closed by {row['resolved_by']}{still}{said}"
    said = str(row["resolution"])
    # What names a runbook is words already, and the name is left as it is.
    return said if " " in said else said.replace("_", " ")


def _breaches(row: RowMapping) -> tuple[Breach, ...]:
    thresholds = Thresholds.parse(row["thresholds"])
    crossings = thresholds.crossings(row["last_response_time"] or 0.0, row["last_metrics"] or {})
    return tuple(
        Breach(
            metric=c.threshold.metric,
            value=f"{c.value:.3g} s" if c.threshold.metric == RESPONSE_TIME else f"{c.value:g}",
            threshold=c.threshold.text,
            status=Status.UNHEALTHY if c.is_critical else Status.DEGRADED,
        )
        for c in crossings
    )
