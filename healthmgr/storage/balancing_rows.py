"""Instances of services: what their checks say, out of the rows of checks, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from healthmgr.domain.balancing import LABEL, Belief, Instance, Key, Wanted, Wish
from healthmgr.domain.check import Status
from healthmgr.services.balancing_ports import BalancingTransaction
from healthmgr.storage.audit_rows import write_audit

# What was believed before "could not tell" is asked of the transitions alone where that is what is believed now.
_INSTANCES = text("""
WITH watching AS (
    SELECT id, slug, service, COALESCE(NULLIF(labels->>:label, ''), slug) AS instance, success_threshold, is_paused
    FROM checks WHERE is_enabled AND service <> '' AND (CAST(:service AS text) IS NULL OR service = :service)
)
SELECT w.service, w.instance, w.slug, w.success_threshold, w.is_paused,
       s.status, s.is_hard, s.hard_status, s.successes, s.since_at, s.last_result_at, a.status AS alert_status,
       e.new_status AS earlier_status,
       b.wanted, b.wanted_by, b.wanted_at, b.wanted_until, b.reason
FROM watching w
LEFT JOIN check_states s ON s.check_id = w.id
LEFT JOIN alerts a ON a.check_id = w.id AND a.resolved_at IS NULL AND s.successes < w.success_threshold
LEFT JOIN LATERAL (
    SELECT t.new_status FROM transitions t
    WHERE s.hard_status = 'unknown' AND t.check_id = w.id AND t.is_hard AND t.new_status <> 'unknown'
    ORDER BY t.at DESC, t.id DESC LIMIT 1
) e ON true
LEFT JOIN balancing b ON b.service = w.service AND b.instance = w.instance
ORDER BY w.service COLLATE "C", w.instance COLLATE "C", w.slug COLLATE "C"
""")

_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended('balancing ' || :service, 0))")

_STORE = text("""
INSERT INTO balancing (service, instance, wanted, reason, wanted_by, wanted_at, wanted_until)
VALUES (:service, :instance, :wanted, :reason, :by, :at, :until)
ON CONFLICT (service, instance) DO UPDATE SET
    wanted = EXCLUDED.wanted, reason = EXCLUDED.reason, wanted_by = EXCLUDED.wanted_by,
    wanted_at = EXCLUDED.wanted_at, wanted_until = EXCLUDED.wanted_until
""")


_DRAINED = text("""
SELECT service || '/' || instance FROM balancing WHERE wanted = 'drained' AND wanted_by = :by ORDER BY service, instance
""")


def read_drained(connection: Connection, by: str) -> list[str]:
    """What this one took out of service and nobody has put back, as "service/instance"."""
    return list(connection.execute(_DRAINED, {"by": by}).scalars())


class BalancingRows(BalancingTransaction):
    """The rows of one transaction about instances."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def instances(self, service: str | None = None) -> Sequence[Instance]:
        rows = self._connection.execute(_INSTANCES, {"service": service, "label": LABEL})
        found = []
        for (service_name, name), group in groupby(rows, key=lambda row: (row.service, row.instance)):
            members = list(group)
            beliefs = tuple(_to_belief(row) for row in members)
            found.append(Instance(Key(service_name, name), beliefs, _to_wish(members[0])))
        return found

    def hold(self, service: str) -> None:
        self._connection.execute(_HOLD, {"service": service})

    def store(self, key: Key, wish: Wish) -> None:
        values = {"wanted": wish.wanted.value, "reason": wish.reason, "by": wish.by, "at": wish.at, "until": wish.until}
        self._connection.execute(_STORE, {"service": key.service, "instance": key.instance, **values})

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


def _to_belief(row: Any) -> Belief:
    return Belief(
        check=row.slug,
        status=Status(row.status or Status.UNKNOWN),
        is_hard=bool(row.is_hard),
        hard_status=Status(row.hard_status or Status.UNKNOWN),
        was_probed=row.since_at is not None,
        successes=row.successes or 0,
        success_threshold=row.success_threshold,
        is_paused=row.is_paused,
        earlier_status=Status(row.earlier_status) if row.earlier_status else None,
        alert_status=Status(row.alert_status) if row.alert_status else None,
        last_result_at=row.last_result_at,
    )


def _to_wish(row: Any) -> Wish | None:
    if row.wanted is None:
        return None
    return Wish(Wanted(row.wanted), row.wanted_by, row.wanted_at, row.wanted_until, row.reason)
