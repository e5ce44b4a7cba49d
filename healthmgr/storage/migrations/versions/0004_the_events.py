"""Events, noted by triggers in the commit of what they tell of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TRANSITION = """
CREATE FUNCTION note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT NEW.at, 'check_state_changed', jsonb_build_object(
        'check', c.slug, 'check_name', c.name, 'service', c.service, 'old_status', NEW.old_status,
        'new_status', NEW.new_status, 'is_hard', NEW.is_hard, 'attempt', NEW.attempt, 'reason', NEW.reason,
        'message', NEW.message)
    FROM checks c WHERE c.id = NEW.check_id;
    RETURN NULL;
END $$
"""

_ALERT = """
CREATE FUNCTION note_alert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    facts jsonb;
BEGIN
    SELECT jsonb_build_object(
        'id', NEW.id, 'check', c.slug, 'check_name', c.name, 'service', c.service, 'category', c.category,
        'title', c.name || ' is ' || CASE WHEN NEW.is_flapping THEN 'flapping' ELSE NEW.status END,
        'severity', NEW.severity, 'status', NEW.status, 'summary', NEW.summary, 'is_flapping', NEW.is_flapping,
        'labels', NEW.labels, 'runbook_url', c.runbook_url, 'opened_at', NEW.opened_at,
        'acknowledged_at', NEW.acknowledged_at, 'acknowledged_by', NEW.acknowledged_by,
        'resolved_at', NEW.resolved_at, 'resolved_by', NEW.resolved_by, 'resolution', NEW.resolution)
    INTO facts FROM checks c WHERE c.id = NEW.check_id;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO events (at, name, data) VALUES (NEW.opened_at, 'alert_triggered', facts);
        RETURN NULL;
    END IF;
    IF OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL THEN
        INSERT INTO events (at, name, data) VALUES (NEW.acknowledged_at, 'alert_acknowledged', facts);
    END IF;
    IF OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL THEN
        INSERT INTO events (at, name, data) VALUES (NEW.resolved_at, 'alert_resolved', facts);
    END IF;
    RETURN NULL;
END $$
"""

_NOTIFICATION = """
CREATE FUNCTION note_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT NEW.sent_at, 'notification_sent', jsonb_build_object(
        'id', NEW.id, 'incident_id', NEW.incident_id, 'incident_number', i.number, 'kind', NEW.kind,
        'reason', NEW.reason, 'severity', NEW.severity, 'recipient', NEW.recipient, 'channel', NEW.channel,
        'attempts', NEW.attempts, 'sent_at', NEW.sent_at)
    FROM incidents i WHERE i.id = NEW.incident_id;
    RETURN NULL;
END $$
"""

_TRIGGERS = (
    """
CREATE TRIGGER note_transition AFTER INSERT ON transitions FOR EACH ROW EXECUTE FUNCTION note_transition()
""",
    """
CREATE TRIGGER note_alert AFTER INSERT OR UPDATE OF acknowledged_at, resolved_at ON alerts
FOR EACH ROW EXECUTE FUNCTION note_alert()
""",
    """
CREATE TRIGGER note_notification AFTER UPDATE OF state ON notifications FOR EACH ROW
WHEN (NEW.state = 'sent' AND OLD.state <> 'sent' AND NEW.sent_at IS NOT NULL) EXECUTE FUNCTION note_notification()
""",
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE event_positions")
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the facts at that moment"),
        sa.Column(
            "position",
            sa.BigInteger(),
            nullable=True,
            comment="its place in the stream, given once it is committed",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("position", name=op.f("uq_events_position")),
    )
    op.create_index("ix_events_without_position", "events", ["id"], postgresql_where=sa.text("position IS NULL"))
    op.create_index("ix_events_at", "events", ["at"])
    for statement in (_TRANSITION, _ALERT, _NOTIFICATION, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for table, name in (
        ("transitions", "note_transition"),
        ("alerts", "note_alert"),
        ("notifications", "note_notification"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("events")
    op.execute("DROP SEQUENCE event_positions")
