"""Who was told of an incident, or is about to be."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.notification import MUTES, Reason
from healthmgr.domain.plan import Target

# Whoever's message a mute held back, or an answer made needless, before anybody had begun to send it, was told nothing.
# Whoever was told of an incident that was merged into this one hears of this one's end.
_TOLD_TARGETS = text("""
SELECT DISTINCT ON (recipient, channel) recipient, channel, address FROM notifications
WHERE (incident_id = :incident_id
       OR incident_id IN (SELECT other_id FROM incident_links WHERE incident_id = :incident_id AND kind = 'merged'))
  AND kind <> 'resolution'
  AND (NOT :pages_only OR reason <> :update)
  AND (attempts > 0 OR (state = 'pending' AND state_reason <> ALL(CAST(:untold AS text[]))))
  AND created_at >= COALESCE((
      SELECT max(e.at) FROM incident_entries e
      WHERE e.incident_id = :incident_id AND e.kind = 'reopened' AND e.reason = 'broken_again'
  ), created_at)
ORDER BY recipient, channel, position DESC
""")
_UNTOLD = sorted(reason.value for reason in (*MUTES, Reason.ALERTING_OFF))


def read_told_targets(connection: Connection, incident_id: UUID, *, pages_only: bool = False) -> list[Target]:
    """Everybody who was told of an incident; with `pages_only` without those who only get its status updates."""
    values = {
        "incident_id": incident_id,
        "pages_only": pages_only,
        "update": Reason.STATUS_UPDATE.value,
        "untold": _UNTOLD,
    }
    rows = connection.execute(_TOLD_TARGETS, values)
    return [Target(row.recipient, row.channel, row.address) for row in rows]
