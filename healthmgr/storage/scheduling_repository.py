"""Claiming due checks and periodic tasks: one statement each, so that any number of beats may run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Uuid

from healthmgr.domain.result import Cause, ProbeOrder
from healthmgr.storage.probe_views import read_views

# The slots of a check are phase + k * interval since the epoch; this is the smallest one after :now.
_NEXT_SLOT = """
    to_timestamp(
        (floor((extract(epoch FROM CAST(:now AS timestamptz)) - extract(epoch FROM s.phase))
               / extract(epoch FROM c.interval)) + 1) * extract(epoch FROM c.interval)
        + extract(epoch FROM s.phase))
"""

# A lease holds the wait in the queue (at least 5 s, so that a short check is not offered twice under load,
# at most 15 s, so that a lost one is soon probed again), the probe, and the way to the evaluation's commit.
_QUEUEING = "LEAST(GREATEST(c.interval, interval '5 seconds'), interval '15 seconds')"
_EVALUATING = "interval '2 seconds'"
_LEASE = f"{_QUEUEING} + c.timeout + {_EVALUATING}"

_CLAIM = text(f"""
WITH due AS (
    SELECT check_id FROM check_schedules
    WHERE is_active AND claim_at <= :now
    ORDER BY claim_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE check_schedules s SET
    sequence = s.sequence + 1,
    slot_at = CASE
        WHEN s.lease_until IS NOT NULL THEN s.slot_at
        WHEN s.cause = 'slot' THEN s.next_due_at
    END,
    next_due_at = CASE WHEN s.next_due_at <= :now THEN {_NEXT_SLOT} ELSE s.next_due_at END,
    cause = 'slot',
    lease_until = CAST(:now AS timestamptz) + {_LEASE}
FROM due
JOIN check_schedules before ON before.check_id = due.check_id
JOIN checks c ON c.id = due.check_id
WHERE s.check_id = due.check_id
RETURNING
    s.check_id, c.slug, c.kind, c.config, c.timeout, s.sequence, s.slot_at,
    s.lease_until - c.timeout - {_EVALUATING} AS start_by,
    CASE WHEN before.lease_until IS NOT NULL THEN 'lease_expired' ELSE before.cause END AS cause
""")  # noqa: S608 - composed of constants alone

_RELEASE = text("""
UPDATE check_schedules s SET lease_until = :now
FROM unnest(:ids, :sequences) AS claimed(check_id, sequence)
WHERE s.check_id = claimed.check_id AND s.sequence = claimed.sequence AND s.lease_until IS NOT NULL
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("sequences", type_=ARRAY(BigInteger)))

# The second's grace: beats carry the clock forward each by its own, and what one has just moved to the next
# slot must not look too far away to another that is a few milliseconds behind.
_PULL_BACK = text(f"""
UPDATE check_schedules s SET next_due_at = {_NEXT_SLOT}, cause = 'slot'
FROM checks c
WHERE c.id = s.check_id AND s.is_active AND s.next_due_at > CAST(:now AS timestamptz) + c.interval + interval '1 second'
""")  # noqa: S608 - composed of constants alone

_CLAIM_PERIODIC = text("""
WITH due AS (
    SELECT name FROM periodic_tasks WHERE next_due_at <= :now AND name = ANY(:names) FOR UPDATE SKIP LOCKED
)
UPDATE periodic_tasks p SET next_due_at = CAST(:now AS timestamptz) + p.interval, last_claimed_at = :now
FROM due WHERE p.name = due.name
RETURNING p.name
""")

_ENSURE_PERIODIC = text("""
INSERT INTO periodic_tasks (name, interval, next_due_at) VALUES (:name, :interval, :now)
ON CONFLICT (name) DO UPDATE SET
    interval = EXCLUDED.interval,
    next_due_at = LEAST(periodic_tasks.next_due_at, CAST(:now AS timestamptz) + EXCLUDED.interval)
WHERE periodic_tasks.interval IS DISTINCT FROM EXCLUDED.interval
""")


class SchedulingRepository:
    """The rows of check_schedules and periodic_tasks, as the scheduler needs them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim_due(self, now: datetime, limit: int) -> list[ProbeOrder]:
        """Claim up to `limit` checks whose slot or lease is due; no two callers ever get the same claim."""
        with self._engine.begin() as connection:
            rows = connection.execute(_CLAIM, {"now": now, "limit": limit}).mappings().all()
            views = read_views(connection, [(row["check_id"], row["kind"]) for row in rows])
        return [_to_order(row, views.get(row["check_id"], {})) for row in rows]

    def release(self, orders: Sequence[ProbeOrder], now: datetime) -> None:
        """Offer claims again at once, for orders that could not be published."""
        with self._engine.begin() as connection:
            ids, sequences = [o.check_id for o in orders], [o.sequence for o in orders]
            connection.execute(_RELEASE, {"now": now, "ids": ids, "sequences": sequences})

    def pull_back(self, now: datetime) -> int:
        """Bring due times that lie further away than one interval back to their next slot; how many."""
        with self._engine.begin() as connection:
            return connection.execute(_PULL_BACK, {"now": now}).rowcount

    def ensure_periodic(self, tasks: Sequence[tuple[str, timedelta]], now: datetime) -> None:
        """Make sure of a row for every periodic task, with its present interval."""
        with self._engine.begin() as connection:
            for name, interval in tasks:
                connection.execute(_ENSURE_PERIODIC, {"name": name, "interval": interval, "now": now})

    def claim_periodic(self, names: Sequence[str], now: datetime) -> list[str]:
        """Claim the periodic tasks that are due; missed turns are coalesced into one."""
        with self._engine.begin() as connection:
            return list(connection.execute(_CLAIM_PERIODIC, {"now": now, "names": list(names)}).scalars())


def _to_order(row: Any, view: Mapping[str, Any]) -> ProbeOrder:
    check_id: UUID = row["check_id"]
    return ProbeOrder(
        check_id=check_id,
        slug=row["slug"],
        kind=row["kind"],
        config=row["config"],
        timeout=row["timeout"],
        sequence=row["sequence"],
        start_by=row["start_by"],
        cause=Cause(row["cause"]),
        slot_at=row["slot_at"],
        view=view,
    )
