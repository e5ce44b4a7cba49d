"""What falls with the checks of an incident that are broken, as it is drawn, with how each of them is."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine, Select, func, select

from healthmgr.domain.blast import blast
from healthmgr.domain.check import Status
from healthmgr.storage.dependency_rows import read_graph_below
from healthmgr.storage.tables import alerts, check_states, checks
from healthmgr.storage.transactions import transaction
from healthmgr.views_blast import BlastLine, BlastNode, BlastView


class BlastReading:
    """Reads it. Raises Unavailable while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_incident(self, incident_id: UUID, most: int) -> BlastView:
        """At most `most` checks side by side; no columns where nothing falls."""
        with transaction(self._engine) as connection:
            failed = list(connection.scalars(_failed(incident_id)))
            drawn = blast(read_graph_below(connection, failed), failed, most)
            nodes = _nodes(connection, [slug for column in drawn.columns for slug in column])
        return BlastView(
            columns=[[nodes[slug] for slug in column if slug in nodes] for column in drawn.columns],
            left_out=list(drawn.left_out),
            lines=[BlastLine(parent=one.parent, check=one.check, redundancy_group=one.group) for one in drawn.lines],
        )


def _failed(incident_id: UUID) -> Select[str]:
    return (
        select(checks.c.slug)
        .join(alerts, alerts.c.check_id == checks.c.id)
        .where(alerts.c.incident_id == incident_id, alerts.c.resolved_at.is_(None), alerts.c.suppressed_by_id.is_(None))
        .distinct()
        .order_by(checks.c.slug)
    )


def _nodes(connection: Connection, slugs: list[str]) -> dict[str, BlastNode]:
    status = func.coalesce(check_states.c.status, Status.UNKNOWN.value).label("status")
    query = (
        select(checks.c.slug, checks.c.name, checks.c.is_paused, status)
        .outerjoin(check_states, check_states.c.check_id == checks.c.id)
        .where(checks.c.slug.in_(slugs))
    )
    rows = connection.execute(query).mappings() if slugs else ()
    return {row["slug"]: BlastNode.model_validate(dict(row)) for row in rows}
