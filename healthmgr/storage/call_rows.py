"""Failings that runbooks may answer, written in the commit of the evaluation that saw them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.dispatch import Due, Work, patience

# Hangs on no row of the statement that it stands in: it is evaluated once, and gives NULL where no runbook starts by
# itself.
CALLED_AT = """(
    SELECT array_agg(DISTINCT COALESCE(CAST(document #>> '{trigger,attempt}' AS int), 0)) FROM runbooks
    WHERE is_enabled AND automation <> 'manual'
)"""

_CALL = text("""
INSERT INTO recovery_calls (id, check_id, attempt, at, due_at, armed_until, arm_count)
VALUES (:id, :check_id, :attempt, :now, :now, :armed_until, 1)
""")


def call_recovery(connection: Connection, calls: Iterable[tuple[UUID, int]], now: datetime) -> list[Due]:
    """Have somebody look which runbooks answer these; the reminders to send."""
    rows = [
        {"id": uuid7(), "check_id": check_id, "attempt": attempt, "now": now, "armed_until": now + patience(0)}
        for check_id, attempt in dict.fromkeys(calls)
    ]
    connection.execute(_CALL, rows)
    return [Due(Work.CALL, str(row["id"]), 0, now) for row in rows]
