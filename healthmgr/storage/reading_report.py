"""All that is known of an incident, for a report on it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.report import Affected, Facts, Happened, Sent, Task
from healthmgr.storage.reading_incidents import incident
from healthmgr.storage.surroundings_rows import read_changes
from healthmgr.views_incidents import IncidentView, LinkView

# By the probe that first failed where it is one of ours, else as its source says.
_BEGAN = text("""
SELECT LEAST(
    (SELECT min(problem_at) FROM notifications WHERE incident_id = :id),
    (SELECT min(started_at) FROM alerts WHERE incident_id = :id AND check_id IS NULL)
)
""")

_SAID_OF = {"caused": "It caused", "caused_by": "It was caused by", "took_in": "It took in", "merged_into": "It is in"}


def read_facts(connection: Connection, incident_id: UUID, now: datetime) -> Facts:
    """What a report on an incident is drafted from; raises NotFound."""
    view = incident(connection, incident_id)
    return Facts(
        number=view.number,
        title=view.title,
        severity=view.severity,
        opened_at=view.opened_at,
        now=now,
        resolved_at=view.resolved_at,
        assignee=view.assignee or "",
        began_at=connection.execute(_BEGAN, {"id": view.id}).scalar(),
        alerts=_alerts(view),
        timeline=[Happened(e.at, e.kind, e.reason, e.actor, e.detail) for e in view.timeline],
        sent=_sent(view),
        changes=[(change.at, change.what) for change in read_changes(connection, view.id, view.opened_at, now)],
        roles=[(role.role, role.person) for role in view.roles],
        tasks=[Task(task.title, task.assignee, task.done_at is not None) for task in view.tasks],
        linked=[_linked(link) for link in view.linked],
    )


def _alerts(view: IncidentView) -> list[Affected]:
    return [
        Affected(
            name=alert.check_name or alert.check,
            severity=alert.severity,
            summary=alert.summary,
            opened_at=alert.opened_at,
            resolved_at=alert.resolved_at,
            service=alert.service,
            is_impact=alert.suppressed_by is not None,
        )
        for alert in view.members
    ]


def _sent(view: IncidentView) -> list[Sent]:
    return [
        Sent(
            recipient=each.recipient,
            channel=each.channel,
            kind=each.kind,
            at=each.created_at,
            sent_at=each.sent_at if each.state == "sent" else None,
            outcome=each.state_reason or ("" if each.state == "sent" else each.state),
        )
        for each in view.notifications
    ]


def _linked(link: LinkView) -> str:
    about = f" ({link.title})" if link.title else ""
    return f"{_SAID_OF[link.kind]} incident #{link.number}{about}"
