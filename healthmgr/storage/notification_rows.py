"""Inserting and withdrawing notifications, shared by routing, escalating, notifying and responding."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.command import BY_NAME
from healthmgr.domain.dispatch import HORIZON, Due, Work, patience, rank
from healthmgr.domain.notification import Reason
from healthmgr.services.routing_ports import Telling

_INSERT = text("""
INSERT INTO notifications (id, incident_id, episode, level, round, kind, reason, severity, recipient, channel,
                           address, content, problem_at, actor, state, created_at, due_at, armed_until, arm_count)
VALUES (:id, :incident_id, :episode, :level, :round, :kind, :reason, :severity, :recipient, :channel,
        :address, :content, :problem_at, :actor, 'pending', :now, :due_at,
        CASE WHEN CAST(:due_at AS timestamptz) <= :horizon THEN CAST(:due_at AS timestamptz) + :patience END,
        CASE WHEN CAST(:due_at AS timestamptz) <= :horizon THEN 1 ELSE 0 END)
ON CONFLICT (incident_id, episode, level, round, kind, recipient, channel) DO NOTHING
RETURNING id
""")

# Only what is pending: a message that is being sent is under way, and its fate is not ours to decide. What a person
# had told by name is no page to everybody, and no answer makes it needless.
_SUPERSEDE = text("""
UPDATE notifications SET state = 'superseded', state_reason = :reason, due_at = NULL, token = token + 1
WHERE incident_id = :incident_id AND state = 'pending' AND kind <> 'resolution'
  AND (level <> :by_name OR :reason <> 'acknowledged')
""")


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def insert(connection: Connection, telling: Telling, now: datetime, *, will_remind: bool = True) -> list[Due]:
    """One notification a target, due now or at its own time; what is there already (the same round) is left alone.

    With `will_remind` the caller sends the reminders after its commit; otherwise the next sweep does.
    """
    dues = []
    for target in telling.targets:
        due_at = telling.due_at.get(target, now)
        notification_id = connection.execute(
            _INSERT,
            {
                "id": new_id(),
                "incident_id": telling.incident_id,
                "episode": telling.episode,
                "level": telling.level,
                "round": telling.round,
                "kind": telling.kind.value,
                "reason": telling.reason.value,
                "severity": telling.severity.value,
                "recipient": target.recipient,
                "channel": target.channel,
                "address": target.address,
                "content": json.dumps(telling.content),
                # What is to wait for its turn says nothing of how fast telling is.
                "problem_at": telling.problem_at if due_at <= now else None,
                "actor": telling.actor,
                "now": now,
                "due_at": due_at,
                # Nothing lies before this horizon: the row is left unarmed.
                "horizon": now + HORIZON if will_remind else datetime.min.replace(tzinfo=UTC),
                "patience": patience(0),
            },
        ).scalar()
        if notification_id is not None:
            dues.append(Due(Work.NOTIFICATION, str(notification_id), 0, due_at, target.channel, rank(telling.kind)))
    return dues


def supersede(connection: Connection, incident_id: UUID, reason: Reason) -> None:
    """Withdraw the incident's notifications that nobody has begun to send, resolutions excepted."""
    connection.execute(_SUPERSEDE, {"incident_id": incident_id, "reason": reason.value, "by_name": BY_NAME})
