"""Events of answers, runs, approvals, silences and failed notifications; those of checks and messages with labels."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_TRANSITION = """
CREATE OR REPLACE FUNCTION note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT NEW.at, 'check_state_changed', jsonb_build_object(
        'check', c.slug, 'check_name', c.name, 'service', c.service, 'old_status', NEW.old_status,
        'new_status', NEW.new_status, 'is_hard', NEW.is_hard, 'attempt', NEW.attempt, 'reason', NEW.reason,
        'message', NEW.message{more})
    FROM checks c WHERE c.id = NEW.check_id;
    RETURN NULL;
END $$
"""

_NOTIFICATION = """
CREATE OR REPLACE FUNCTION note_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT NEW.sent_at, 'notification_sent', jsonb_build_object(
        'id', NEW.id, 'incident_id', NEW.incident_id, 'incident_number', i.number, 'kind', NEW.kind,
        'reason', NEW.reason, 'severity', NEW.severity, 'recipient', NEW.recipient, 'channel', NEW.channel,
        'attempts', NEW.attempts, 'sent_at', NEW.sent_at{more})
    FROM incidents i WHERE i.id = NEW.incident_id;
    RETURN NULL;
END $$
"""

_FUNCTIONS = (
    """
CREATE FUNCTION note_failed_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT now(), 'notification_failed', jsonb_build_object(
        'id', NEW.id, 'incident_id', NEW.incident_id, 'incident_number', i.number, 'kind', NEW.kind,
        'reason', NEW.reason, 'severity', NEW.severity, 'recipient', NEW.recipient, 'channel', NEW.channel,
        'attempts', NEW.attempts, 'failure', NEW.state_reason, 'labels', i.labels)
    FROM incidents i WHERE i.id = NEW.incident_id;
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data) VALUES (
        coalesce(NEW.acknowledged_at, now()),
        CASE WHEN NEW.acknowledged_at IS NULL THEN 'incident_unacknowledged' ELSE 'incident_acknowledged' END,
        jsonb_build_object(
            'id', NEW.id, 'number', NEW.number, 'severity', NEW.severity, 'route', NEW.route, 'labels', NEW.labels,
            'opened_at', NEW.opened_at, 'acknowledged_at', NEW.acknowledged_at,
            'acknowledged_by', NEW.acknowledged_by, 'acknowledged_until', NEW.acknowledged_until));
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data) VALUES (
        coalesce(NEW.ended_at, NEW.started_at, now()),
        CASE WHEN NEW.ended_at IS NULL THEN 'recovery_started' ELSE 'recovery_ended' END,
        jsonb_build_object(
            'id', NEW.id, 'number', NEW.number, 'runbook', NEW.runbook, 'target', NEW.target, 'check', NEW.check_slug,
            'severity', NEW.severity, 'labels', NEW.labels, 'trigger', NEW.trigger, 'started_by', NEW.started_by,
            'started_at', NEW.started_at, 'ended_at', NEW.ended_at, 'state', NEW.state, 'reason', NEW.reason,
            'failure', NEW.failure, 'is_proved', NEW.is_proved, 'alert_id', NEW.alert_id));
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT
        CASE WHEN NEW.state = 'open' THEN NEW.asked_at ELSE coalesce(NEW.decided_at, now()) END,
        CASE WHEN NEW.state = 'open' THEN 'approval_asked' ELSE 'approval_decided' END,
        jsonb_build_object(
            'id', NEW.id, 'number', NEW.number, 'run_id', NEW.run_id, 'run_number', r.number, 'runbook', r.runbook,
            'check', r.check_slug, 'severity', r.severity, 'labels', r.labels, 'step', NEW.step,
            'question', NEW.question, 'needed', NEW.needed, 'state', NEW.state, 'asked_at', NEW.asked_at,
            'expires_at', NEW.expires_at, 'decided_at', NEW.decided_at)
    FROM runs r WHERE r.id = NEW.run_id;
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_silence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data) VALUES (
        NEW.updated_at, CASE WHEN TG_OP = 'INSERT' THEN 'silence_created' ELSE 'silence_changed' END,
        jsonb_build_object(
            'id', NEW.id, 'matchers', NEW.matchers, 'starts_at', NEW.starts_at, 'ends_at', NEW.ends_at,
            'created_by', NEW.created_by, 'comment', NEW.comment));
    RETURN NULL;
END $$
""",
)

# Number 0 is the incident by which healthmgr tries itself.
_TRIGGERS = (
    (
        "note_failed_notification",
        "notifications",
        """AFTER UPDATE OF state ON notifications FOR EACH ROW
WHEN (NEW.state = 'failed' AND OLD.state <> 'failed')""",
    ),
    (
        "note_answer",
        "incidents",
        """AFTER UPDATE OF acknowledged_at ON incidents FOR EACH ROW
WHEN ((OLD.acknowledged_at IS NULL) <> (NEW.acknowledged_at IS NULL) AND OLD.resolved_at IS NULL
      AND NEW.resolved_at IS NULL AND NEW.number <> 0)""",
    ),
    (
        "note_run",
        "runs",
        """AFTER UPDATE OF started_at, ended_at ON runs FOR EACH ROW
WHEN (NEW.state <> 'refused' AND (
    (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL AND NEW.ended_at IS NULL)
    OR (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)))""",
    ),
    ("note_approval_asked", "approvals", "AFTER INSERT ON approvals FOR EACH ROW WHEN (NEW.state = 'open')"),
    (
        "note_approval_decided",
        "approvals",
        "AFTER UPDATE OF state ON approvals FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state <> 'open')",
    ),
    ("note_silence_created", "silences", "AFTER INSERT ON silences FOR EACH ROW"),
    (
        "note_silence_changed",
        "silences",
        """AFTER UPDATE OF matchers, starts_at, ends_at, comment ON silences FOR EACH ROW
WHEN ((OLD.matchers, OLD.starts_at, OLD.ends_at, OLD.comment)
      IS DISTINCT FROM (NEW.matchers, NEW.starts_at, NEW.ends_at, NEW.comment))""",
    ),
)
_CALLED = {
    "note_approval_asked": "note_approval",
    "note_approval_decided": "note_approval",
    "note_silence_created": "note_silence",
    "note_silence_changed": "note_silence",
}


def upgrade() -> None:
    op.execute(_TRANSITION.format(more=", 'severity', c.severity, 'labels', c.labels"))
    op.execute(_NOTIFICATION.format(more=", 'labels', i.labels"))
    for statement in _FUNCTIONS:
        op.execute(statement)
    for name, _, when in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {_CALLED.get(name, name)}()")


def downgrade() -> None:
    for name, table, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in sorted({_CALLED.get(name, name) for name, _, _ in _TRIGGERS}):
        op.execute(f"DROP FUNCTION {name}()")
    op.execute(_NOTIFICATION.format(more=""))
    op.execute(_TRANSITION.format(more=""))
