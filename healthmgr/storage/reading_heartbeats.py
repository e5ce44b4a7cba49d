"""What the jobs behind heartbeat checks told last."""

from __future__ import annotations

from sqlalchemy import Engine, select

from healthmgr.storage.tables import checks, heartbeats
from healthmgr.views_board import HeartbeatView


def read_heartbeat(engine: Engine, slug: str) -> HeartbeatView | None:
    """None for a check that is none."""
    query = (
        select(*(heartbeats.c[name] for name in HeartbeatView.model_fields))
        .select_from(heartbeats.join(checks, checks.c.id == heartbeats.c.check_id))
        .where(checks.c.slug == slug)
    )
    with engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else HeartbeatView.model_validate(row)
