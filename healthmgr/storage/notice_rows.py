"""Notices as notifications: written, withdrawn and composed; they lie on the incident that no list shows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.links import LinkMaker
from healthmgr.domain.message import AlertFacts, Message, MessageKind
from healthmgr.domain.notice import NOTICE, Notice
from healthmgr.domain.notification import Reason
from healthmgr.domain.synthetic import INCIDENT_NUMBER
from healthmgr.storage.notification_rows import new_id
from healthmgr.storage.synthetic_rows import make_own_incident

# Each has a round of its own; the sweep finds those that are due.
_INSERT = text("""
INSERT INTO notifications (id, incident_id, episode, level, round, kind, reason, severity, recipient, channel,
                           address, content, state, created_at, due_at)
SELECT :id, i.id, 0, :level, :round, :kind, :reason, :severity, :recipient, :channel, :address,
       CAST(:content AS jsonb), 'pending', :now, :due_at
FROM incidents i WHERE i.number = :number
""")

_ROUND = text("SELECT nextval('dispatch_tokens') % 2147483647")

_WITHDRAW = text("""
UPDATE notifications SET state = 'superseded', state_reason = :reason, due_at = NULL, token = token + 1
WHERE incident_id = (SELECT id FROM incidents WHERE number = :number)
  AND level = :level AND state = 'pending' AND content->>'swap' = :swap
""")

_TOLD_ELSEWHERE = text("""
SELECT EXISTS (
    SELECT 1 FROM notifications WHERE incident_id = :incident_id AND level = :level AND round = :round
      AND recipient = :recipient AND state = 'sent' AND id <> :id
)
""")


def insert_notice(connection: Connection, notice: Notice, now: datetime) -> None:
    """One notification for each contact, due in its turn."""
    make_own_incident(connection, now)
    values = {
        "number": INCIDENT_NUMBER,
        "level": NOTICE,
        "round": connection.execute(_ROUND).scalar_one(),
        "kind": MessageKind.UPDATE.value,
        "reason": notice.reason.value,
        "severity": Severity.LOW.value,
        "content": json.dumps(notice.content),
        "now": now,
    }
    for target, due_at in notice.due_at.items():
        of_target = {"recipient": target.recipient, "channel": target.channel, "address": target.address}
        connection.execute(_INSERT, values | of_target | {"id": new_id(), "due_at": due_at})


def withdraw_notices(connection: Connection, swap_id: UUID) -> None:
    """Withdraw what nobody has begun to send about a swap."""
    values = {"number": INCIDENT_NUMBER, "level": NOTICE, "swap": str(swap_id)}
    connection.execute(_WITHDRAW, values | {"reason": Reason.SWAP_ANSWERED.value})


def is_told_elsewhere(connection: Connection, row: Any) -> bool:
    """Whether a notice that only tells has reached its recipient over an earlier contact."""
    if row.content["asks"]:
        return False
    values = {"incident_id": row.incident_id, "level": NOTICE, "round": row.round, "recipient": row.recipient}
    return bool(connection.execute(_TOLD_ELSEWHERE, values | {"id": row.id}).scalar_one())


def compose_notice(row: Any, attempt: int, links: LinkMaker, now: datetime) -> Message:
    """The message of a row of notifications that is a notice."""
    content = row.content
    swap_id = UUID(content["swap"])
    alert = AlertFacts(
        id=swap_id,
        check_slug="",
        check_name=content["title"],
        severity=Severity.LOW,
        status=Status.HEALTHY,
        summary=content["summary"],
        opened_at=row.created_at,
    )
    return Message(
        notification_id=row.id,
        kind=MessageKind.UPDATE,
        reason=row.reason,
        incident_id=swap_id,
        incident_number=INCIDENT_NUMBER,
        severity=Severity.LOW,
        opened_at=row.created_at,
        composed_at=now,
        recipient=row.recipient,
        thread_key=f"{swap_id}.{row.recipient}",
        is_first_of_thread=True,
        alerts=(alert,),
        attempt=attempt,
        is_notice=True,
        choices=links.choices(swap_id, row.recipient, now) if content["asks"] else (),
    )
