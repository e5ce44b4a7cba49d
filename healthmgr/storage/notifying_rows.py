"""Claiming notifications and recording what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import EARLY_BY, Due, Work, rank
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import AfterAttempt, Fail, Reason, Retry, Sent
from healthmgr.domain.route import Plan
from healthmgr.ports import Receipt
from healthmgr.services.notifying import Claimed, NotifyingTransaction
from healthmgr.services.routing import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.message_rows import compose

_LOCK = text("""
SELECT n.id, n.token, n.attempts, n.state, n.due_at, n.lease_until, n.created_at, n.position, n.incident_id,
       n.recipient, n.channel, n.address, n.kind, n.reason, n.severity, n.round, n.episode, n.content,
       c.kind AS channel_kind, c.config AS channel_config,
       EXISTS (
           SELECT 1 FROM notifications earlier
           WHERE earlier.incident_id = n.incident_id AND earlier.recipient = n.recipient
             AND earlier.channel = n.channel AND earlier.position < n.position
             AND earlier.state IN ('pending', 'sending')
       ) AS waits
FROM notifications n JOIN channels c ON c.name = n.channel
WHERE n.id = :id
FOR UPDATE OF n SKIP LOCKED
""")

# The lease is the next due time: when it expires unrenewed, the sweep offers the row again.
_CLAIM = text("""
UPDATE notifications SET
    state = 'sending', token = token + 1, attempts = attempts + 1, lease_until = :lease_until,
    due_at = :lease_until, armed_until = NULL, arm_count = 0
WHERE id = :id
RETURNING token, attempts
""")

_BEGIN = text("""
INSERT INTO deliveries (id, notification_id, attempt, started_at, outcome, worker)
VALUES (:id, :notification_id, :attempt, :now, 'started', :worker)
""")

_LOST = text("""
UPDATE deliveries SET outcome = 'unknown', finished_at = :now, detail = 'the worker did not report back'
WHERE notification_id = :id AND outcome = 'started'
""")

_RECORD = text("""
UPDATE notifications SET
    state = :state, state_reason = :reason, due_at = :due_at, lease_until = NULL, armed_until = NULL, arm_count = 0,
    sent_at = CASE WHEN :state = 'sent' THEN CAST(:now AS timestamptz) END
WHERE id = :id AND token = :token AND state = 'sending'
""")

_END = text("""
UPDATE deliveries SET outcome = :outcome, finished_at = :now, detail = :detail, provider_id = :provider_id
WHERE notification_id = :id AND attempt = :attempt
""")

_RENEW = text("""
UPDATE notifications SET lease_until = :lease_until, due_at = :lease_until
WHERE id = :id AND token = :token AND state = 'sending'
""")

_CONCURRENCY = text("SELECT max_concurrency FROM channels WHERE name = :channel")

_INCIDENT = text("SELECT plan, episode, round, severity, resolved_at FROM incidents WHERE id = :id FOR UPDATE")

_TRIED = text("""
SELECT recipient, channel, address FROM notifications
WHERE incident_id = :incident_id AND episode = :episode AND round = :round AND kind = :kind
""")

_HURRY = text("""
UPDATE incidents i SET due_at = LEAST(i.due_at, :at), token = i.token + 1, armed_until = NULL, arm_count = 0
WHERE i.id = :id AND i.due_at IS NOT NULL
  AND NOT EXISTS (
      SELECT 1 FROM notifications n WHERE n.incident_id = i.id AND n.episode = i.episode
        AND n.state IN ('sent', 'pending', 'sending')
  )
""")

_NEXT = text("""
SELECT id, token, due_at, kind FROM notifications
WHERE incident_id = :incident_id AND recipient = :recipient AND channel = :channel
  AND state = 'pending' AND due_at <= :now AND id <> :id
ORDER BY position LIMIT 1
""")


class NotifyingRows(NotifyingTransaction):
    """Notifications and their ledger within one transaction of notifying."""

    def __init__(self, connection: Connection, public_url: str) -> None:
        self._connection = connection
        self._public_url = public_url

    def concurrency(self, channel: str) -> int:
        return self._connection.execute(_CONCURRENCY, {"channel": channel}).scalar() or 1

    def renew(self, claims: Sequence[Claimed], lease_until: datetime) -> None:
        for claimed in sorted(claims, key=lambda c: c.id):
            values = {"id": claimed.id, "token": claimed.token, "lease_until": lease_until}
            self._connection.execute(_RENEW, values)

    def claim(self, notification_id: UUID, now: datetime, lease_until: datetime, worker: str) -> Claimed | Reason:
        row = self._connection.execute(_LOCK, {"id": notification_id}).one_or_none()
        if row is None or row.due_at is None or row.state not in ("pending", "sending"):
            return Reason.NOT_MINE
        if row.due_at > now + EARLY_BY or (row.state == "sending" and row.lease_until > now):
            return Reason.TOO_EARLY
        if row.waits:
            return Reason.WAITS_ITS_TURN
        if row.state == "sending":
            self._connection.execute(_LOST, {"id": notification_id, "now": now})
        claim = self._connection.execute(_CLAIM, {"id": notification_id, "lease_until": lease_until}).one()
        begun = {"notification_id": notification_id, "attempt": claim.attempts, "now": now, "worker": worker}
        self._connection.execute(_BEGIN, begun | {"id": uuid7()})
        return Claimed(
            id=row.id,
            token=claim.token,
            attempt=claim.attempts,
            created_at=row.created_at,
            incident_id=row.incident_id,
            channel_name=row.channel,
            channel_kind=row.channel_kind,
            channel_config=row.channel_config,
            address=row.address,
            message=compose(self._connection, row, self._public_url, now),
        )

    def record(self, claimed: Claimed, after: AfterAttempt, detail: str, receipt: Receipt, now: datetime) -> bool:
        state, reason, due_at, outcome = _outcome(after)
        written = self._connection.execute(
            _RECORD,
            {"id": claimed.id, "token": claimed.token, "state": state, "reason": reason, "due_at": due_at, "now": now},
        ).rowcount
        self._connection.execute(
            _END,
            {
                "id": claimed.id,
                "attempt": claimed.attempt,
                "outcome": outcome,
                "now": now,
                "detail": detail[:2000],
                "provider_id": receipt.provider_id,
            },
        )
        return written == 1

    def fall_back(self, claimed: Claimed, now: datetime) -> list[Due]:
        incident = self._connection.execute(_INCIDENT, {"id": claimed.incident_id}).one()
        notification = self._notification(claimed.id)
        tried = {
            (row.channel, row.address)
            for row in self._connection.execute(
                _TRIED,
                {
                    "incident_id": claimed.incident_id,
                    "episode": notification["episode"],
                    "round": notification["round"],
                    "kind": notification["kind"],
                },
            )
        }
        targets = Plan.from_document(incident.plan).default.targets
        telling = Telling(
            incident_id=claimed.incident_id,
            episode=notification["episode"],
            level=notification["level"],
            round=notification["round"],
            kind=MessageKind(notification["kind"]),
            reason=Reason.FALLBACK,
            severity=Severity(notification["severity"]),
            targets=[target for target in targets if (target.channel, target.address) not in tried],
            content=notification["content"],
        )
        return notification_rows.insert(self._connection, telling, now)

    def hurry_next_round(self, claimed: Claimed, at: datetime) -> None:
        self._connection.execute(_HURRY, {"id": claimed.incident_id, "at": at})

    def next_in_line(self, claimed: Claimed, now: datetime) -> list[Due]:
        row = self._connection.execute(
            _NEXT,
            {
                "incident_id": claimed.incident_id,
                "recipient": claimed.message.recipient,
                "channel": claimed.channel_name,
                "id": claimed.id,
                "now": now,
            },
        ).one_or_none()
        if row is None:
            return []
        return [Due(Work.NOTIFICATION, str(row.id), row.token, row.due_at, claimed.channel_name, rank(row.kind))]

    def _notification(self, notification_id: UUID) -> Any:
        query = text("SELECT episode, level, round, kind, severity, content FROM notifications WHERE id = :id")
        return self._connection.execute(query, {"id": notification_id}).mappings().one()


def _outcome(after: AfterAttempt) -> tuple[str, str, datetime | None, str]:
    """State, reason, due time and the ledger's word."""
    match after:
        case Sent():
            return "sent", "", None, "accepted"
        case Retry(at=at):
            return "pending", "", at, "retry"
        case Fail(reason=reason):
            return "failed", reason.value, None, "refused"
