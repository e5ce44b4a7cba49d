"""What surrounds an incident, as people read it: roles, tasks, subscribers, other incidents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.views_incidents import LinkView, RoleView, TaskView

_ROLES = text("""
SELECT role, person, assigned_by, assigned_at FROM incident_roles WHERE incident_id = :id ORDER BY assigned_at, role
""")

_TASKS = text("""
SELECT row_number() OVER (ORDER BY id) AS number, title, assignee, created_by, created_at, done_at, done_by
FROM incident_tasks WHERE incident_id = :id ORDER BY id
""")

_SUBSCRIBERS = text("SELECT person FROM incident_subscribers WHERE incident_id = :id ORDER BY since_at, person")

_LINKED = text("""
SELECT CASE WHEN l.kind = 'merged' THEN CASE WHEN l.incident_id = :id THEN 'took_in' ELSE 'merged_into' END
            WHEN l.incident_id = :id THEN 'caused' ELSE 'caused_by' END AS kind,
       i.number,
       COALESCE((SELECT COALESCE(c.name, a.name) FROM alerts a LEFT JOIN checks c ON c.id = a.check_id
                 WHERE a.incident_id = i.id AND a.suppressed_by_id IS NULL ORDER BY a.opened_at, a.id LIMIT 1),
                '') AS title
FROM incident_links l
JOIN incidents i ON i.id = CASE WHEN l.incident_id = :id THEN l.other_id ELSE l.incident_id END
WHERE l.incident_id = :id OR l.other_id = :id ORDER BY l.created_at, l.id
""")


def read_command(connection: Connection, incident_id: UUID) -> dict[str, Any]:
    """The fields of an IncidentView that are of incident command."""
    values = {"id": incident_id}
    return {
        "roles": [RoleView.model_validate(row) for row in connection.execute(_ROLES, values).mappings()],
        "tasks": [TaskView.model_validate(row) for row in connection.execute(_TASKS, values).mappings()],
        "subscribers": list(connection.execute(_SUBSCRIBERS, values).scalars()),
        "linked": [LinkView.model_validate(row) for row in connection.execute(_LINKED, values).mappings()],
    }
