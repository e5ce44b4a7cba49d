"""What a check hangs on, and what hangs on it, one step each way, with how they are."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, func, select

from healthmgr.domain.check import Status
from healthmgr.storage.tables import alerts, check_dependencies, check_states, checks
from healthmgr.views_board import NeighbourLine, Neighbours

_root = alerts.alias("root")
_root_check = checks.alias("root_check")


def neighbours(engine: Engine, slug: str) -> Neighbours:
    """Both sides of one check, and what its open alert is held back because of."""
    with engine.connect() as connection:
        return Neighbours(
            parents=_side(connection, slug, check_dependencies.c.check_id, check_dependencies.c.parent_id),
            children=_side(connection, slug, check_dependencies.c.parent_id, check_dependencies.c.check_id),
            suppressed_by=_suppressed_by(connection, slug),
        )


def _side(connection: Connection, slug: str, near: object, far: object) -> list[NeighbourLine]:
    this = checks.alias("this")
    query = (
        select(
            checks.c.slug, checks.c.name, checks.c.is_paused, check_dependencies.c.redundancy_group,
            func.coalesce(check_states.c.status, Status.UNKNOWN.value).label("status"),
        )
        .select_from(check_dependencies.join(checks, checks.c.id == far).join(this, this.c.id == near))
        .outerjoin(check_states, check_states.c.check_id == checks.c.id)
        .where(this.c.slug == slug, checks.c.is_enabled)
        .order_by(checks.c.slug)
    )  # fmt: skip
    return [NeighbourLine.model_validate(row) for row in connection.execute(query).mappings()]


def _suppressed_by(connection: Connection, slug: str) -> str:
    query = (
        select(_root_check.c.slug)
        .select_from(
            alerts.join(checks, checks.c.id == alerts.c.check_id)
            .join(_root, _root.c.id == alerts.c.suppressed_by_id)
            .join(_root_check, _root_check.c.id == _root.c.check_id)
        )
        .where(checks.c.slug == slug, alerts.c.resolved_at.is_(None))
    )
    return connection.execute(query).scalar() or ""
