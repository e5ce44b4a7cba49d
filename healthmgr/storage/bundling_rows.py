"""What a destination was sent lately, and what waits for it to be told in a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.bundling import HOUR, MINUTE, Recent
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.storage.mute_holding_rows import ids_of_muted

MOST_BUNDLED = 500
_MUTABLE = (MessageKind.PROBLEM, MessageKind.UPDATE)

_RECENT = text("""
SELECT count(*) FILTER (WHERE sent_at > :minute) AS in_minute, count(*) AS in_hour,
       min(sent_at) FILTER (WHERE sent_at > :minute) AS first_in_minute_at, max(sent_at) AS last_at
FROM notifications
WHERE channel = :channel AND address = :address AND sent_at > :hour AND (bundle_id IS NULL OR bundle_id = id)
""")

# Also those of a digest whose worker died; what a mute holds back is judged by itself when that ends.
_WAITING = text("""
SELECT n.id, n.kind, n.content FROM notifications n JOIN incidents i ON i.id = n.incident_id
WHERE n.channel = :channel AND n.address = :address AND n.id <> :id
  AND (n.state = 'pending' OR (n.state = 'sending' AND n.lease_until <= :now))
  AND (n.state_reason = :reason OR (n.state_reason = '' AND n.due_at <= :now))
  AND (n.kind <> 'problem' OR i.acknowledged_at IS NULL)
ORDER BY n.position LIMIT :limit FOR UPDATE OF n SKIP LOCKED
""")

_BUNDLE = text("""
UPDATE notifications SET
    state = 'sending', token = token + 1, attempts = attempts + 1, lease_until = :lease_until, due_at = :lease_until,
    armed_until = NULL, arm_count = 0, bundle_id = :bundle_id
WHERE id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_RELEASE = text("""
UPDATE notifications SET
    state = :state, state_reason = :reason, due_at = :due_at, lease_until = NULL, armed_until = NULL, arm_count = 0,
    sent_at = CASE WHEN :state = 'sent' THEN CAST(:now AS timestamptz) END
WHERE bundle_id = :bundle_id AND id <> :bundle_id AND state = 'sending'
""")

_RENEW = text("""
UPDATE notifications SET lease_until = :lease_until, due_at = :lease_until
WHERE bundle_id = :bundle_id AND id <> :bundle_id AND state = 'sending'
""")

# The newest word about each incident of a bundle.
_HELD_BACK = text("""
SELECT DISTINCT ON (n.incident_id) n.id, n.incident_id, n.kind, n.severity, n.content, i.number, i.opened_at,
       i.resolved_at IS NOT NULL AS is_resolved
FROM notifications n JOIN incidents i ON i.id = n.incident_id
WHERE n.id = ANY(:ids)
ORDER BY n.incident_id, n.position DESC
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


def read_recent(connection: Connection, channel: str, address: str, now: datetime) -> Recent:
    """What this destination was sent within the last hour."""
    values = {"channel": channel, "address": address, "minute": now - MINUTE, "hour": now - HOUR}
    return Recent(**connection.execute(_RECENT, values).one()._mapping)


def take_waiting(connection: Connection, row: Any, lease_until: datetime, now: datetime) -> list[UUID]:
    """Claim what waits for the same destination as this notification, to be told in its digest."""
    values = {"channel": row.channel, "address": row.address, "id": row.id, "now": now, "limit": MOST_BUNDLED}
    waiting = connection.execute(_WAITING, values | {"reason": Reason.BUNDLED.value}).all()
    muted = ids_of_muted(connection, [each for each in waiting if each.kind in _MUTABLE], now) if waiting else set()
    ids = [each.id for each in waiting if each.id not in muted]
    if ids:
        connection.execute(_BUNDLE, {"ids": [row.id, *ids], "bundle_id": row.id, "lease_until": lease_until})
    return ids


def release(
    connection: Connection, bundle_id: UUID, state: str, reason: str, due_at: datetime | None, now: datetime
) -> None:
    """What became of a digest is what became of all that it told of."""
    values = {"bundle_id": bundle_id, "state": state, "reason": reason, "due_at": due_at, "now": now}
    connection.execute(_RELEASE, values)


def renew(connection: Connection, bundle_id: UUID, lease_until: datetime) -> None:
    """Prolong the leases of what a digest that is being sent tells of."""
    connection.execute(_RENEW, {"bundle_id": bundle_id, "lease_until": lease_until})


def read_held_back(connection: Connection, ids: Sequence[UUID]) -> list[Any]:
    """The newest notification of each incident of a bundle, with its incident's number; newest incident first."""
    rows = connection.execute(_HELD_BACK, {"ids": list(ids)}).all()
    return sorted(rows, key=lambda row: row.number, reverse=True)
