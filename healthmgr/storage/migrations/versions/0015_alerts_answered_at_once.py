"""A storm is answered at once: alerts have room beside them for what changes, and their events cost one statement."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FACTS = """
jsonb_build_object(
        'id', NEW.id, 'check', coalesce(c.slug, ''), 'check_name', coalesce(c.name, NEW.name), 'origin', NEW.origin,
        'service', coalesce(c.service, NEW.labels->>'service', ''),
        'category', coalesce(c.category, NEW.labels->>'category', ''),
        'title', coalesce(c.name, NEW.name) || ' is ' || CASE WHEN NEW.is_flapping THEN 'flapping' ELSE NEW.status END,
        'severity', NEW.severity, 'status', NEW.status, 'summary', NEW.summary, 'is_flapping', NEW.is_flapping,
        'labels', NEW.labels, 'runbook_url', coalesce(c.runbook_url, ''), 'opened_at', NEW.opened_at,
        'acknowledged_at', NEW.acknowledged_at, 'acknowledged_by', NEW.acknowledged_by,
        'resolved_at', NEW.resolved_at, 'resolved_by', NEW.resolved_by, 'resolution', NEW.resolution)
"""

_ALERT = f"""
CREATE FUNCTION note_alert_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT CASE TG_ARGV[0]
        WHEN 'alert_triggered' THEN NEW.opened_at
        WHEN 'alert_acknowledged' THEN NEW.acknowledged_at
        ELSE NEW.resolved_at END, TG_ARGV[0], {_FACTS}
    FROM (SELECT 1) AS one LEFT JOIN checks c ON c.id = NEW.check_id;
    RETURN NULL;
END $$
"""  # noqa: S608 - composed of constants alone

# Triggers of one kind go in the order of their names: what is acknowledged and resolved at once is noted so.
_TRIGGERS = (
    """
    CREATE TRIGGER note_alert_1_triggered AFTER INSERT ON alerts FOR EACH ROW
    EXECUTE FUNCTION note_alert_event('alert_triggered')
    """,
    """
    CREATE TRIGGER note_alert_2_acknowledged AFTER UPDATE OF acknowledged_at ON alerts FOR EACH ROW
    WHEN (OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL)
    EXECUTE FUNCTION note_alert_event('alert_acknowledged')
    """,
    """
    CREATE TRIGGER note_alert_3_resolved AFTER UPDATE OF resolved_at ON alerts FOR EACH ROW
    WHEN (OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL)
    EXECUTE FUNCTION note_alert_event('alert_resolved')
    """,
)


def upgrade() -> None:
    op.execute(_ALERT)
    op.execute("DROP TRIGGER note_alert ON alerts")
    for statement in _TRIGGERS:
        op.execute(statement)
    # `note_alert` stays: it is what a step back needs.
    op.execute("ALTER TABLE alerts SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts RESET (fillfactor)")
    for name in ("note_alert_1_triggered", "note_alert_2_acknowledged", "note_alert_3_resolved"):
        op.execute(f"DROP TRIGGER {name} ON alerts")
    op.execute("DROP FUNCTION note_alert_event()")
    op.execute(
        "CREATE TRIGGER note_alert AFTER INSERT OR UPDATE OF acknowledged_at, resolved_at ON alerts "
        "FOR EACH ROW EXECUTE FUNCTION note_alert()"
    )
