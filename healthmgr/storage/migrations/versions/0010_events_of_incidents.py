"""Events of incidents: that one has opened or is over, and that the next level was told because nobody answered."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Number 0 is the incident by which healthmgr tries itself.
_NOTE_INCIDENT = """
CREATE FUNCTION note_incident() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text := CASE NEW.kind
        WHEN 'opened' THEN 'incident_opened' WHEN 'reopened' THEN 'incident_opened'
        WHEN 'resolved' THEN 'incident_resolved' ELSE 'escalation_started' END;
    alert jsonb;
BEGIN
    SELECT jsonb_build_object(
        'id', a.id, 'check', coalesce(c.slug, ''), 'check_name', coalesce(c.name, a.name), 'severity', a.severity,
        'title', coalesce(c.name, a.name) || ' is ' || CASE WHEN a.is_flapping THEN 'flapping' ELSE a.status END,
        'status', a.status, 'summary', a.summary, 'labels', a.labels, 'opened_at', a.opened_at)
    INTO alert
    FROM alerts a LEFT JOIN checks c ON c.id = a.check_id
    WHERE a.incident_id = NEW.incident_id AND a.suppressed_by_id IS NULL
    ORDER BY a.resolved_at IS NOT NULL, a.opened_at, a.id LIMIT 1;
    INSERT INTO events (at, name, data)
    SELECT NEW.at, what, jsonb_build_object(
        'id', i.id, 'number', i.number, 'severity', i.severity, 'route', i.route, 'labels', i.labels,
        'opened_at', i.opened_at, 'resolved_at', i.resolved_at, 'reason', NEW.reason, 'alert', alert,
        'level', NEW.detail->'level', 'escalation_rules', coalesce(NEW.detail->'to', '[]'::jsonb))
    FROM incidents i WHERE i.id = NEW.incident_id AND i.number <> 0;
    RETURN NULL;
END $$
"""

_TRIGGER = """
CREATE TRIGGER note_incident AFTER INSERT ON incident_entries FOR EACH ROW
WHEN (NEW.kind IN ('opened', 'resolved') OR (NEW.kind = 'reopened' AND NEW.reason = 'broken_again')
      OR (NEW.kind = 'told' AND NEW.reason = 'nobody_answered_the_level_before'))
EXECUTE FUNCTION note_incident()
"""


def upgrade() -> None:
    op.execute(_NOTE_INCIDENT)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER note_incident ON incident_entries")
    op.execute("DROP FUNCTION note_incident()")
