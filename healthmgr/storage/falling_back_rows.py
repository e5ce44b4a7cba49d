"""When a channel has failed: the recipient's next one, or the default recipients; and the next round comes sooner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.check import Severity
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.dispatch import Due
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notice import NOTICE
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Plan, Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.routing_ports import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.timeline_rows import note

_FAILED = text("""
SELECT n.incident_id, n.episode, n.level, n.round, n.kind, n.reason, n.severity, n.content, n.problem_at, n.actor,
       n.recipient, n.channel, i.plan
FROM notifications n JOIN incidents i ON i.id = n.incident_id WHERE n.id = :id
""")

_LOCK = text("SELECT 1 FROM incidents WHERE id = :id FOR NO KEY UPDATE")

_TRIED = text("""
SELECT recipient, channel, address FROM notifications
WHERE incident_id = :incident_id AND episode = :episode AND round = :round AND kind = :kind
  AND (level = :by_name) = (:level = :by_name)
""")

_CONTACTS = text("""
SELECT contact.key AS channel, contact.value AS address
FROM recipients r, jsonb_each_text(r.contacts) AS contact JOIN channels c ON c.name = contact.key AND c.is_enabled
WHERE r.name = :recipient AND r.is_enabled AND contact.value <> '' ORDER BY contact.key
""")

_HURRY = text("""
UPDATE incidents i SET
    due_at = LEAST(i.due_at, :at),
    round_at = CASE WHEN i.round_at IS NOT NULL THEN LEAST(i.round_at, :at) END,
    climb_at = CASE WHEN i.climb_at IS NOT NULL THEN LEAST(i.climb_at, :at) END,
    token = i.token + 1, armed_until = NULL, arm_count = 0
WHERE i.id = :id AND (i.round_at IS NOT NULL OR i.climb_at IS NOT NULL)
  AND NOT EXISTS (
      SELECT 1 FROM notifications n WHERE n.incident_id = i.id AND n.episode = i.episode
        AND n.state IN ('sent', 'pending', 'sending')
  )
""")


# Not once the policy is exhausted: those who are told then are told again by the clock alone.
_HURRY_CLIMB = text("""
UPDATE incidents i SET due_at = LEAST(i.due_at, :now), climb_at = LEAST(i.climb_at, :now), token = i.token + 1,
                       armed_until = NULL, arm_count = 0
FROM notifications failed
WHERE i.id = :id AND i.climb_at IS NOT NULL AND failed.id = :notification_id AND failed.episode = i.episode
  AND failed.level < i.climb_level
  AND NOT EXISTS (
      SELECT 1 FROM notifications n
      WHERE n.incident_id = i.id AND n.episode = failed.episode AND n.level = failed.level AND n.round = failed.round
        AND n.state IN ('sent', 'pending', 'sending')
  )
""")


def fall_back(connection: Connection, incident_id: UUID, notification_ids: Sequence[UUID], now: datetime) -> list[Due]:
    """Try the recipient's next channel; where there is none left, tell the default recipients.

    `notification_ids` are those of one message that has failed; a digest is of several incidents.
    """
    connection.execute(_LOCK, {"id": incident_id})
    dues: list[Due] = []
    for notification_id in notification_ids:
        dues += _fall_back(connection, connection.execute(_FAILED, {"id": notification_id}).one(), now)
    return dues


def hurry_next_round(
    connection: Connection, incident_id: UUID, notification_id: UUID, at: datetime, now: datetime
) -> None:
    """When this episode has reached nobody and nothing of it is under way, the next round is due at `at`.

    When the level that this notification belongs to has reached nobody, the next level is due now.
    """
    connection.execute(_HURRY_CLIMB, {"id": incident_id, "notification_id": notification_id, "now": now})
    connection.execute(_HURRY, {"id": incident_id, "at": at})


def _fall_back(connection: Connection, failed: Any, now: datetime) -> list[Due]:
    # An answer is news for those channels alone that asked to hear of it; the other contacts of a notice are due in
    # their turn anyway.
    if failed.kind == MessageKind.ACKNOWLEDGEMENT or failed.level == NOTICE:
        return []
    is_update = failed.reason == Reason.STATUS_UPDATE
    values = {
        "incident_id": failed.incident_id,
        "episode": failed.episode,
        "level": failed.level,
        "round": failed.round,
        "kind": failed.kind,
        "by_name": BY_NAME,
    }
    tried = {(row.channel, row.address) for row in connection.execute(_TRIED, values)}
    own = [t for t in _other_channels(connection, failed.recipient) if (t.channel, t.address) not in tried]
    default = [t for t in Plan.from_document(failed.plan).default.targets if (t.channel, t.address) not in tried]
    # Whoever only wanted to hear of it needs nobody in his place.
    targets = own[:1] or ([] if is_update else default)
    if not targets:
        return []
    telling = Telling(
        incident_id=failed.incident_id,
        episode=failed.episode,
        level=failed.level,
        round=failed.round,
        kind=MessageKind(failed.kind),
        reason=Reason.FALLBACK,
        severity=Severity(failed.severity),
        targets=targets,
        content=failed.content,
        problem_at=failed.problem_at,
        actor=failed.actor,
    )
    told = [f"{target.recipient} over {target.channel}" for target in targets]
    detail = {"from": f"{failed.recipient} over {failed.channel}", "to": told}
    note(connection, failed.incident_id, Entry(EntryKind.FELL_BACK, Reason.FALLBACK.value, "", detail), now)
    return notification_rows.insert(connection, telling, now)


def _other_channels(connection: Connection, recipient: str) -> list[Target]:
    """The channels on which this person has an address of his own; a channel that many share is nobody's next one."""
    rows = connection.execute(_CONTACTS, {"recipient": recipient})
    return [Target(recipient, row.channel, row.address) for row in rows]
