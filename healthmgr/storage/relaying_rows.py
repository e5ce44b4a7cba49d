"""Events on their way to webhooks: what is to be told, claims, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.dispatch import EARLY_BY, Due, Work
from healthmgr.domain.webhook import MOST_TRIES_KEPT, After, Disabled, State, Try, Webhook, Why
from healthmgr.services.escalating import BY_ITSELF
from healthmgr.services.eventing import PlacedEvent
from healthmgr.services.relaying import RelayingTransaction, Taken, Told
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.event_repository import read_after, read_last_position
from healthmgr.storage.reading_events import read_span
from healthmgr.storage.webhook_rows import count_waiting, drop_waiting, to_webhook, write_webhook

_LOST = "the worker did not report back"

_BEHIND = text("SELECT id FROM webhooks WHERE disabled = '' AND position <> :last ORDER BY position")

_TAKE = text("SELECT * FROM webhooks WHERE id = :id AND disabled = '' FOR UPDATE SKIP LOCKED")

# An event that another process has written a delivery of is not told of twice.
_TELL = text("""
INSERT INTO webhook_deliveries (id, webhook_id, position, name, body, state, created_at, due_at)
SELECT r.id, :webhook_id, r.position, r.name, r.body, 'pending', :now, :now
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, position bigint, name text, body jsonb)
ON CONFLICT (webhook_id, position) DO NOTHING
""")

_LOOKED = text("UPDATE webhooks SET position = :position WHERE id = :id")

_DUE = text("""
SELECT d.id, d.state, d.due_at, d.attempts, d.name, d.body, d.webhook_id, w.held_until
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE d.id = :id AND d.due_at IS NOT NULL AND w.disabled = ''
FOR UPDATE OF d SKIP LOCKED
""")

_HOLD = text("""
UPDATE webhook_deliveries SET
    state = 'pending', state_reason = :reason, due_at = :until, lease_until = NULL, armed_until = NULL, arm_count = 0
WHERE id = :id
""")

# The lease is the next due time: when it expires unrenewed, the sweep offers the row again.
_CLAIM = text("""
UPDATE webhook_deliveries SET
    state = 'sending', state_reason = '', token = token + 1, attempts = attempts + 1, lease_until = :lease_until,
    due_at = :lease_until, armed_until = NULL, arm_count = 0,
    tries = CASE WHEN state = 'sending' THEN tries || CAST(:lost AS jsonb) ELSE tries END
WHERE id = :id
RETURNING token, attempts
""")

_RENEW = text("""
UPDATE webhook_deliveries SET lease_until = :lease_until, due_at = :lease_until
WHERE id = :id AND token = :token AND state = 'sending'
""")

_WEBHOOK = text("SELECT * FROM webhooks WHERE id = :id")
_OF_CLAIM = text("""
SELECT w.* FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id
WHERE d.id = :id AND d.token = :token AND d.state = 'sending'
FOR UPDATE OF w
""")

_RECORD = text("""
UPDATE webhook_deliveries SET
    state = :state, state_reason = :reason, due_at = :due_at, lease_until = NULL, armed_until = NULL, arm_count = 0,
    finished_at = CASE WHEN CAST(:due_at AS timestamptz) IS NULL THEN CAST(:now AS timestamptz) END,
    tries = (
        SELECT coalesce(jsonb_agg(t.value ORDER BY t.place), '[]'::jsonb)
        FROM jsonb_array_elements(tries || CAST(:tried AS jsonb)) WITH ORDINALITY AS t (value, place)
        WHERE t.place > jsonb_array_length(tries) + 1 - :most
    )
WHERE id = :id AND token = :token
""")

# It works again: what was held for its sake need not wait longer.
_RELEASE = text("""
UPDATE webhook_deliveries SET due_at = :now, state_reason = '', armed_until = NULL, arm_count = 0
WHERE webhook_id = :webhook_id AND state = 'pending' AND state_reason = :held
""")

_FORGET = text("""
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE finished_at < :before ORDER BY finished_at LIMIT :limit
)
""")


class RelayingRows(RelayingTransaction):
    """The rows of one transaction of relaying."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def behind(self) -> Sequence[UUID]:
        last = read_last_position(self._connection)
        return list(self._connection.execute(_BEHIND, {"last": last}).scalars())

    def take_webhook(self, webhook_id: UUID) -> Webhook | None:
        row = self._connection.execute(_TAKE, {"id": webhook_id}).one_or_none()
        return to_webhook(row) if row is not None else None

    def waiting(self, webhook_id: UUID) -> int:
        return count_waiting(self._connection, webhook_id)

    def resume(self, position: int) -> tuple[int, bool]:
        return read_span(self._connection).resume(position)

    def events(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        return read_after(self._connection, position, limit)

    def tell(self, webhook: Webhook, what: Sequence[Told], position: int, now: datetime) -> list[Due]:
        rows = [
            {"id": str(uuid7()), "position": each.position, "name": each.name, "body": dict(each.body)} for each in what
        ]
        if rows:
            self._connection.execute(_TELL, {"rows": json.dumps(rows), "webhook_id": webhook.id, "now": now})
        self._connection.execute(_LOOKED, {"id": webhook.id, "position": position})
        return [Due(Work.WEBHOOK, str(row["id"]), 0, now, str(webhook.id)) for row in rows]

    def claim(self, delivery_id: UUID, now: datetime, lease_until: datetime) -> Taken | None:
        row = self._connection.execute(_DUE, {"id": delivery_id}).one_or_none()
        if row is None or row.due_at > now + EARLY_BY:
            return None
        if row.held_until is not None and row.held_until > now:
            values = {"id": delivery_id, "until": row.held_until, "reason": Why.HELD.value}
            self._connection.execute(_HOLD, values)
            return None
        webhook = to_webhook(self._connection.execute(_WEBHOOK, {"id": row.webhook_id}).one())
        lost = json.dumps([Try(now, None, _LOST, 0.0).to_document()])
        values = {"id": delivery_id, "lease_until": lease_until, "lost": lost}
        claim = self._connection.execute(_CLAIM, values).one()
        return Taken(delivery_id, claim.token, claim.attempts, webhook, row.name, row.body)

    def renew(self, taken: Sequence[Taken], lease_until: datetime) -> None:
        for each in sorted(taken, key=lambda t: t.id):
            self._connection.execute(_RENEW, {"id": each.id, "token": each.token, "lease_until": lease_until})

    def webhook_of(self, taken: Taken) -> Webhook | None:
        row = self._connection.execute(_OF_CLAIM, {"id": taken.id, "token": taken.token}).one_or_none()
        return to_webhook(row) if row is not None else None

    def record(self, taken: Taken, tried: Try, after: After, now: datetime) -> None:
        values: dict[str, Any] = {"id": taken.id, "token": taken.token, "state": after.state.value, "now": now}
        values |= {"due_at": after.due_at, "tried": json.dumps([tried.to_document()]), "most": MOST_TRIES_KEPT}
        values["reason"] = Why.GAVE_UP.value if after.state is State.FAILED else Why.NOTHING.value
        self._connection.execute(_RECORD, values)
        write_webhook(self._connection, after.webhook)
        if after.state is State.DELIVERED:
            self._connection.execute(_RELEASE, {"webhook_id": after.webhook.id, "held": Why.HELD.value, "now": now})
        if after.webhook.disabled is not Disabled.NO:
            drop_waiting(self._connection, after.webhook.id, now)
            detail = {"reason": after.webhook.disabled.value, "url": after.webhook.place, "answer": tried.words[:300]}
            target = str(after.webhook.id)
            write_audit(self._connection, BY_ITSELF, "system", "webhook.disable", target, detail, now)

    def forget(self, before: datetime, limit: int) -> int:
        return self._connection.execute(_FORGET, {"before": before, "limit": limit}).rowcount
