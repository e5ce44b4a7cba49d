"""How some checks are at present, by slug: for pictures of many."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, func, select

from healthmgr.domain.check import Status
from healthmgr.storage.reading_status import CHECKS_WITH_STATE
from healthmgr.storage.tables import check_states, checks
from healthmgr.views_board import StateLine


def read_states(engine: Engine, slugs: Collection[str]) -> dict[str, StateLine]:
    """Those that are enabled."""
    query = (
        select(
            *(checks.c[name] for name in ("slug", "name", "service", "is_paused")),
            func.coalesce(check_states.c.status, Status.UNKNOWN.value).label("status"),
        )
        .select_from(CHECKS_WITH_STATE)
        .where(checks.c.is_enabled, checks.c.slug == func.any(list(slugs)))
    )
    with engine.connect() as connection:
        return {row["slug"]: StateLine.model_validate(row) for row in connection.execute(query).mappings()}
