"""Work that has no row to wait in any more: found by what it should have led to, and begun anew.

Every alert, incident and dispatch is written in one commit with what follows from it, so that none of this should ever
be found. The auditor looks all the same: a fault of ours, or a hand in the database, must not silence a problem.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, text

from healthmgr.domain import synthetic
from healthmgr.domain.notification import Reason
from healthmgr.services.upkeep import Lost
from healthmgr.storage.dispatch_rows import request_dispatches
from healthmgr.storage.incident_rows import INCIDENT_COLUMNS, save_incident, to_incident

# Open, explained by nothing that fires, in nobody's hands, part of no open incident, and nobody looks at its group.
_UNTOLD = text("""
SELECT a.group_key, count(*) AS alerts FROM alerts a
LEFT JOIN incidents i ON i.id = a.incident_id
LEFT JOIN alerts root ON root.id = a.suppressed_by_id
WHERE a.resolved_at IS NULL AND a.opened_at <= :before AND a.acknowledged_at IS NULL
  AND ((a.suppressed_by_id IS NULL AND (a.incident_id IS NULL OR i.resolved_at IS NOT NULL))
       OR root.resolved_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM dispatches d WHERE d.group_key = a.group_key)
GROUP BY a.group_key ORDER BY a.group_key LIMIT :limit
""")

# Open, and nothing is due for it: nobody would be told again, or hear that an acknowledgement has lapsed.
_STUCK = text("""
SELECT i.id, i.group_key FROM incidents i
WHERE i.resolved_at IS NULL AND i.due_at IS NULL AND i.opened_at <= :before AND i.number <> :synthetic
  AND (i.acknowledged_at IS NULL OR i.acknowledged_until IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM dispatches d WHERE d.group_key = i.group_key)
ORDER BY i.id LIMIT :limit
""")

_LOCK = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents WHERE id = :id AND resolved_at IS NULL AND due_at IS NULL FOR NO KEY UPDATE
""")  # noqa: S608 - composed of constants alone


def begin_anew(connection: Connection, before: datetime, now: datetime, limit: int) -> Lost:
    """Have all of it judged and told again now, the next sweep reminds; what there was of it."""
    values = {"before": before, "limit": limit}
    untold = connection.execute(_UNTOLD, values).all()
    stuck = connection.execute(_STUCK, values | {"synthetic": synthetic.INCIDENT_NUMBER}).all()
    keys = {row.group_key for row in (*untold, *stuck)}
    # The dispatch rows first, then the incidents' own: routing locks them in this order.
    wanted = [(key, now, Reason.UNCHANGED.value) for key in keys]
    request_dispatches(connection, wanted, now, will_remind=False)
    for row in stuck:
        locked = connection.execute(_LOCK, {"id": row.id}).one_or_none()
        if locked is None:
            continue
        incident = to_incident(locked)
        if incident.acknowledged_at is None:
            is_climb = incident.course.policy is not None
            incident = replace(incident, round_at=now, climb_at=now if is_climb else None)
        save_incident(connection, incident)
    return Lost(sum(row.alerts for row in untold), len(stuck))
