"""Claiming notifications and recording what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain import synthetic
from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.bundling import hold_back
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.dispatch import EARLY_BY, Due, Work, rank
from healthmgr.domain.links import LinkMaker
from healthmgr.domain.message import Message, MessageKind
from healthmgr.domain.notice import NOTICE
from healthmgr.domain.notification import AfterAttempt, Fail, Hold, Reason, Retry, Sent
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.ports import Receipt
from healthmgr.services.notifying import Claimed, NotifyingTransaction
from healthmgr.storage import bundling_rows
from healthmgr.storage.falling_back_rows import fall_back, hurry_next_round
from healthmgr.storage.message_rows import compose
from healthmgr.storage.mute_holding_rows import hold_muted
from healthmgr.storage.notice_rows import compose_notice, is_told_elsewhere
from healthmgr.storage.timeline_rows import note

_LOCK = text("""
SELECT n.id, n.token, n.attempts, n.state, n.state_reason, n.due_at, n.lease_until, n.created_at, n.position,
       n.incident_id, n.recipient, n.channel, n.address, n.kind, n.reason, n.severity, n.level, n.round, n.episode,
       n.content,
       n.actor, c.kind AS channel_kind, c.config AS channel_config, i.acknowledged_at IS NOT NULL AS is_in_hand,
       i.resolved_at IS NOT NULL AS is_over,
       EXISTS (
           SELECT 1 FROM notifications earlier
           WHERE earlier.incident_id = n.incident_id AND earlier.recipient = n.recipient
             AND earlier.channel = n.channel AND earlier.position < n.position
             AND earlier.state IN ('pending', 'sending')
       ) AS waits
FROM notifications n JOIN channels c ON c.name = n.channel JOIN incidents i ON i.id = n.incident_id
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

_HOLD = text("""
UPDATE notifications SET
    state = 'pending', state_reason = :reason, due_at = :until, lease_until = NULL, armed_until = NULL, arm_count = 0
WHERE id = :id
""")

_WITHDRAW = text("""
UPDATE notifications SET
    state = 'superseded', state_reason = :reason, due_at = NULL, lease_until = NULL, token = token + 1
WHERE id = :id
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

_NEXT = text("""
SELECT id, token, due_at, kind FROM notifications
WHERE incident_id = :incident_id AND recipient = :recipient AND channel = :channel
  AND state = 'pending' AND due_at <= :now AND id <> :id
ORDER BY position LIMIT 1
""")

_ALERTING_LOOKED_AT_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sending:
    """What holds for all sending. `is_exempt` knows the kinds of channel that every incident has to reach by itself."""

    rules: AlertingRules = field(default_factory=AlertingRules)
    links: LinkMaker = field(default_factory=LinkMaker)
    is_exempt: Callable[[str], bool] = lambda kind: False  # noqa: ARG005


class NotifyingRows(NotifyingTransaction):
    """Notifications and their ledger within one transaction of notifying."""

    def __init__(self, connection: Connection, sending: Sending | None = None) -> None:
        self._connection = connection
        self._sending = sending or Sending()

    def concurrency(self, channel: str) -> int:
        return self._connection.execute(_CONCURRENCY, {"channel": channel}).scalar() or 1

    def renew(self, claims: Sequence[Claimed], lease_until: datetime) -> None:
        for claimed in sorted(claims, key=lambda c: c.id):
            values = {"id": claimed.id, "token": claimed.token, "lease_until": lease_until}
            renewed = self._connection.execute(_RENEW, values)
            if renewed.rowcount and claimed.bundle:
                bundling_rows.renew(self._connection, claimed.id, lease_until)

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
        withdrawn = self._withdrawn(row)
        if withdrawn is not None:
            self._connection.execute(_WITHDRAW, {"id": notification_id, "reason": withdrawn.value})
            self._note(row.incident_id, EntryKind.NOT_TOLD, withdrawn.value, row, now)
            return withdrawn
        hold = self._hold(row, now)
        if hold is not None:
            values = {"id": notification_id, "reason": hold.reason.value, "until": hold.until}
            self._connection.execute(_HOLD, values)
            self._note(row.incident_id, EntryKind.NOT_TOLD, hold.reason.value, row, now, once=True)
            return hold.reason
        return self._take(row, now, lease_until, worker)

    def _withdrawn(self, row: Any) -> Reason | None:
        if row.level == NOTICE:
            return Reason.TOLD_ELSEWHERE if is_told_elsewhere(self._connection, row) else None
        return _withdrawn(row)

    def _hold(self, row: Any, now: datetime) -> Hold | None:
        """Why this is not sent now: alerting is off, all that it tells of is muted, or there is too much."""
        if not self._sending.rules.is_telling:
            return Hold(now + _ALERTING_LOOKED_AT_AFTER, Reason.ALERTING_OFF)
        if row.recipient == synthetic.RECIPIENT or row.level == NOTICE:
            return None
        if row.kind in (MessageKind.PROBLEM, MessageKind.UPDATE):
            muted = hold_muted(self._connection, row, now)
            if muted is not None:
                return muted
        # What was held for a digest and is due now goes into it.
        if row.state_reason == Reason.BUNDLED or self._sending.is_exempt(row.channel_kind):
            return None
        recent = bundling_rows.read_recent(self._connection, row.channel, row.address, now)
        return hold_back(recent, self._sending.rules, now)

    def _take(self, row: Any, now: datetime, lease_until: datetime, worker: str) -> Claimed:
        bundle: list[UUID] = []
        if row.state_reason == Reason.BUNDLED:
            bundle = bundling_rows.take_waiting(self._connection, row, lease_until, now)
        claim = self._connection.execute(_CLAIM, {"id": row.id, "lease_until": lease_until}).one()
        begun = {"notification_id": row.id, "attempt": claim.attempts, "now": now, "worker": worker}
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
            message=self._compose(row, claim.attempts, bundle, now),
            bundle=tuple(bundle),
        )

    def _compose(self, row: Any, attempt: int, bundle: Sequence[UUID], now: datetime) -> Message:
        links = self._sending.links
        if row.level == NOTICE:
            return compose_notice(row, attempt, links, now)
        return compose(self._connection, row, attempt, bundle, links, now)

    def record(self, claimed: Claimed, after: AfterAttempt, detail: str, receipt: Receipt, now: datetime) -> bool:
        state, reason, due_at, outcome = _outcome(after)
        is_digest = bool(claimed.bundle)
        if state == "pending" and is_digest:
            reason = Reason.BUNDLED.value
        values = {"id": claimed.id, "token": claimed.token, "state": state, "reason": reason, "due_at": due_at}
        written = self._connection.execute(_RECORD, values | {"now": now}).rowcount == 1
        ended = {"id": claimed.id, "attempt": claimed.attempt, "outcome": outcome, "now": now}
        self._connection.execute(_END, ended | {"detail": detail[:2000], "provider_id": receipt.provider_id})
        if written and is_digest:
            told = Reason.DIGEST.value if state == "sent" else reason
            bundling_rows.release(self._connection, claimed.id, state, told, due_at, now)
        if written:
            kind = EntryKind.SENT if state == "sent" else EntryKind.NOT_SENT
            facts = {"recipient": claimed.message.recipient, "channel": claimed.channel_name, "detail": detail[:300]}
            entry = Entry(kind, reason or outcome, "", facts | {"attempt": claimed.attempt})
            note(self._connection, claimed.incident_id, entry, now)
        return written

    def fall_back(self, claimed: Claimed, now: datetime) -> list[Due]:
        return fall_back(self._connection, claimed.incident_id, [claimed.id, *claimed.bundle], now)

    def hurry_next_round(self, claimed: Claimed, at: datetime, now: datetime) -> None:
        if not claimed.message.is_notice:
            hurry_next_round(self._connection, claimed.incident_id, claimed.id, at, now)

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

    def _note(
        self, incident_id: UUID, kind: EntryKind, reason: str, row: Any, now: datetime, *, once: bool = False
    ) -> None:
        detail = {"recipient": row.recipient, "channel": row.channel}
        note(self._connection, incident_id, Entry(kind, reason, "", detail), now, once=once)


def _withdrawn(row: Any) -> Reason | None:
    """Why a message is not tried again: during an earlier attempt its incident was answered, or it is over."""
    if row.is_over and row.kind in (MessageKind.PROBLEM, MessageKind.UPDATE):
        return Reason.RESOLVED
    is_page = row.kind == MessageKind.PROBLEM and row.level != BY_NAME
    return Reason.ACKNOWLEDGED if row.is_in_hand and is_page else None


def _outcome(after: AfterAttempt) -> tuple[str, str, datetime | None, str]:
    """State, reason, due time and the ledger's word."""
    match after:
        case Sent():
            return "sent", "", None, "accepted"
        case Retry(at=at, is_ambiguous=is_ambiguous):
            return "pending", "", at, "unknown" if is_ambiguous else "retry"
        case Fail(reason=reason, is_ambiguous=is_ambiguous):
            return "failed", reason.value, None, "unknown" if is_ambiguous else "refused"
