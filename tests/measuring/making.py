"""Results put straight into their table, as evaluation stores them, and what rolls them up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from healthmgr.domain.rollup import Kept
from healthmgr.services.rolling import Rolling
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.rolling_rows import RollingRows
from healthmgr.storage.transactions import Transactions

NOW = datetime(2026, 5, 20, 13, 37, 12, tzinfo=UTC)
KEPT = Kept()

_STORE = text("""
INSERT INTO results (check_id, started_at, sequence, status, message, response_time, metrics, cause, worker)
VALUES (:check_id, :at, :sequence, :status, '', :took, :metrics, :cause, 'test')
""")


@dataclass(frozen=True)
class Made:
    """A result as a test says it."""

    at: datetime
    took: float = 0.1
    status: str = "healthy"
    metrics: Mapping[str, object] = field(default_factory=dict)
    cause: str = "slot"
    sequence: int = 0


def rolling(engine: Engine) -> Rolling:
    """What rolls up."""
    return Rolling(
        Transactions(engine, RollingRows), DayTables(engine, "metric_minutes", "at"), KEPT, timedelta(days=7)
    )


def store(connection: Connection, check_id: UUID, *made: Made) -> None:
    """Store results within a transaction of the caller's."""
    for number, one in enumerate(made):
        connection.execute(
            _STORE,
            {
                "check_id": check_id,
                "at": one.at,
                "sequence": one.sequence or number + 1,
                "status": one.status,
                "took": one.took,
                "metrics": json.dumps(dict(one.metrics)),
                "cause": one.cause,
            },
        )
