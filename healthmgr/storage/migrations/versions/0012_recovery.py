"""Recovery: runs of runbooks, their steps and approvals, breakers, kill switches; what they did on the timeline."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_DOCUMENT = postgresql.JSONB(astext_type=sa.Text())
_NO_TEXT: dict[str, Any] = {"server_default": sa.text("''"), "nullable": False}
_EMPTY: dict[str, Any] = {"server_default": sa.text("'{}'::jsonb"), "nullable": False}
_NONE: dict[str, Any] = {"server_default": sa.text("'[]'::jsonb"), "nullable": False}
_FALSE: dict[str, Any] = {"server_default": sa.text("false"), "nullable": False}
_ZERO: dict[str, Any] = {"server_default": sa.text("0"), "nullable": False}
_STATES = """state IN ('pending', 'awaiting_approval', 'running', 'waiting', 'verifying', 'rolling_back', 'succeeded',
    'failed', 'rolled_back', 'cancelled', 'abandoned', 'refused')"""

_TABLES = (
    "approval_votes",
    "approvals",
    "run_entries",
    "run_steps",
    "runs",
    "recovery_calls",
    "kill_switches",
    "breakers",
)

# What happened to a run before its alert had an incident stands on the incident's timeline as well.
_JOIN = """
CREATE FUNCTION join_run_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incident_entries (id, incident_id, at, kind, reason, actor, detail)
    SELECT e.id, NEW.incident_id, e.at, e.kind, e.reason, e.actor, e.detail
    FROM runs r JOIN run_entries e ON e.run_id = r.id
    WHERE r.check_id = NEW.check_id AND (r.alert_id = NEW.id OR r.alert_id IS NULL)
      AND r.created_at > NEW.opened_at - interval '1 hour'
    ORDER BY e.id
    ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END $$
"""

_JOINED = """
CREATE TRIGGER join_run_entries AFTER UPDATE OF incident_id ON alerts FOR EACH ROW
WHEN (NEW.incident_id IS NOT NULL AND NEW.check_id IS NOT NULL AND OLD.incident_id IS DISTINCT FROM NEW.incident_id)
EXECUTE FUNCTION join_run_entries()
"""

_RECOVERED = """
CREATE FUNCTION note_recovery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, name, data)
    SELECT NEW.ended_at, 'recovery_successful', jsonb_build_object(
        'id', NEW.id, 'number', NEW.number, 'runbook', NEW.runbook, 'target', NEW.target, 'check', NEW.check_slug,
        'severity', NEW.severity, 'labels', NEW.labels, 'trigger', NEW.trigger, 'started_by', NEW.started_by,
        'started_at', NEW.started_at, 'ended_at', NEW.ended_at, 'is_proved', NEW.is_proved, 'alert_id', NEW.alert_id,
        'incident_number', (
            SELECT i.number FROM alerts a JOIN incidents i ON i.id = a.incident_id WHERE a.id = NEW.alert_id));
    RETURN NULL;
END $$
"""

_SUCCEEDED = """
CREATE TRIGGER note_recovery AFTER UPDATE OF state ON runs FOR EACH ROW
WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded') EXECUTE FUNCTION note_recovery()
"""


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        sa.Column("opened_at", _INSTANT, nullable=True, comment="empty: it is closed"),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("changed_by", sa.Text(), **_NO_TEXT),
        sa.PrimaryKeyConstraint("runbook", name=op.f("pk_breakers")),
    )
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.Text(), nullable=False, comment="empty: all recovery; or team:NAME"),
        sa.Column("thrown_by", sa.Text(), nullable=False),
        sa.Column("thrown_at", _INSTANT, nullable=False),
        sa.Column("comment", sa.Text(), **_NO_TEXT),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_kill_switches")),
    )
    op.create_table(
        "recovery_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False, comment="the soft attempt; 0: the state is hard"),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("token", sa.Integer(), **_ZERO),
        sa.Column("armed_until", _INSTANT, nullable=True),
        sa.Column("arm_count", sa.SmallInteger(), **_ZERO),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_recovery_calls_check_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_calls")),
    )
    op.create_index("ix_recovery_calls_check_id", "recovery_calls", ["check_id"], unique=False)
    op.create_index("ix_recovery_calls_due_at", "recovery_calls", ["due_at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("document", _DOCUMENT, nullable=False, comment="the runbook as it was then"),
        sa.Column("trigger", sa.Text(), nullable=False, comment="hard, soft or person"),
        sa.Column("started_by", sa.Text(), **_NO_TEXT, comment="empty: by itself"),
        sa.Column("check_id", sa.Uuid(), nullable=True),
        sa.Column("check_slug", sa.Text(), **_NO_TEXT),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False, comment="what is repaired: under one repair at a time"),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("labels", _DOCUMENT, **_EMPTY),
        sa.Column("parameters", _DOCUMENT, **_EMPTY),
        sa.Column("problem_at", _INSTANT, nullable=False, comment="when what it is to mend began"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), **_NO_TEXT, comment="the same for people"),
        sa.Column("place", sa.SmallInteger(), **_ZERO, comment="the step that comes next"),
        sa.Column("attempt", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "done",
            _DOCUMENT,
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="the steps that were carried out",
        ),
        sa.Column(
            "facts",
            _DOCUMENT,
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="what they noted, by step",
        ),
        sa.Column("failure", sa.Text(), **_NO_TEXT),
        sa.Column("awaited", _DOCUMENT, nullable=True, comment="probes that were ordered, and how many came back well"),
        sa.Column("cancelled_by", sa.Text(), **_NO_TEXT, comment="somebody wants it to end"),
        sa.Column(
            "rolls_back",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="... with what it did undone",
        ),
        sa.Column(
            "is_proved",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the check was healthy after it",
        ),
        sa.Column(
            "is_under_way",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a step is being carried out",
        ),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("acted_at", _INSTANT, nullable=True, comment="when its first step that changed something was begun"),
        sa.Column("ends_by", _INSTANT, nullable=True, comment="when it has taken too long"),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("token", sa.Integer(), **_ZERO, comment="of the latest claim"),
        sa.Column(
            "due_at", _INSTANT, nullable=True, comment="when it goes on; while a step is under way, when its lease ends"
        ),
        sa.Column("armed_until", _INSTANT, nullable=True),
        sa.Column("arm_count", sa.SmallInteger(), **_ZERO),
        sa.CheckConstraint(_STATES, name=op.f("ck_runs_state")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_runs_alert_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_runs_check_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_runs_number")),
    )
    op.create_index(op.f("ix_runs_alert_id"), "runs", ["alert_id"], unique=False)
    op.create_index("ix_runs_check_id_created_at", "runs", ["check_id", "created_at"], unique=False)
    op.create_index("ix_runs_due_at", "runs", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_runs_runbook_created_at", "runs", ["runbook", "created_at"], unique=False)
    op.create_index("ix_runs_target_ended_at", "runs", ["target", "ended_at"], unique=False)
    op.create_index(
        "uq_runs_target_under_repair",
        "runs",
        ["target"],
        unique=True,
        postgresql_where=sa.text("state IN ('awaiting_approval', 'running', 'waiting', 'verifying', 'rolling_back')"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column(
            "step",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="that asks; empty: before the first one",
        ),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("needed", sa.SmallInteger(), nullable=False),
        sa.Column(
            "approvers",
            _DOCUMENT,
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="empty: whoever may respond",
        ),
        sa.Column("is_critical", sa.Boolean(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open, granted, denied, expired or withdrawn"),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_approvals_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("number", name=op.f("uq_approvals_number")),
    )
    op.create_index("ix_approvals_run_id", "approvals", ["run_id"], unique=False)
    op.create_index(
        "uq_approvals_open_run_id", "approvals", ["run_id"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "run_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), **_NO_TEXT),
        sa.Column("actor", sa.Text(), **_NO_TEXT),
        sa.Column("detail", _DOCUMENT, **_EMPTY),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_entries_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_entries")),
    )
    op.create_index("ix_run_entries_run_id_id", "run_entries", ["run_id", "id"], unique=False)
    op.create_table(
        "run_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("is_rollback", sa.Boolean(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False, comment="of the run's claim"),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("message", sa.Text(), **_NO_TEXT),
        sa.Column("output", sa.Text(), **_NO_TEXT),
        sa.Column("facts", _DOCUMENT, **_EMPTY),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_steps_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_steps")),
        sa.UniqueConstraint(
            "run_id", "is_rollback", "place", "attempt", name=op.f("uq_run_steps_run_id_is_rollback_place_attempt")
        ),
    )
    op.create_table(
        "approval_votes",
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("is_for", sa.Boolean(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), **_NO_TEXT),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("fk_approval_votes_approval_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("approval_id", "person", name=op.f("pk_approval_votes")),
    )
    for statement in (_JOIN, _JOINED, _RECOVERED, _SUCCEEDED):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER join_run_entries ON alerts")
    op.execute("DROP FUNCTION join_run_entries()")
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION note_recovery()")
