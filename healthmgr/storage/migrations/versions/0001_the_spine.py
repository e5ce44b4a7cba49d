"""The tables of checking, alerting and the system itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE dispatch_tokens")
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256, hex"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_tokens_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_access_tokens_name")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="cli, api, file or system"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"], unique=False)
    op.create_index(op.f("ix_audit_entries_target_at"), "audit_entries", ["target", "at"], unique=False)
    op.create_table(
        "channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "config",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as written: secrets stay ${VAR} references",
        ),
        sa.Column("max_concurrency", sa.SmallInteger(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channels")),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("service", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("category", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "config",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as written: secrets stay ${VAR} references",
        ),
        sa.Column("interval", sa.Interval(), nullable=False),
        sa.Column("timeout", sa.Interval(), nullable=False),
        sa.Column("retry_interval", sa.Interval(), nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), nullable=False),
        sa.Column("success_threshold", sa.SmallInteger(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("degraded_severity", sa.Text(), nullable=False),
        sa.Column("detects_flapping", sa.Boolean(), nullable=False),
        sa.Column(
            "labels", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "thresholds", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("runbook_url", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False, comment="false: no longer defined, history kept"),
        sa.Column(
            "is_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="a person's wish"
        ),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
        sa.UniqueConstraint("slug", name=op.f("uq_checks_slug")),
    )
    op.create_table(
        "dispatches",
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "armed_until", sa.DateTime(timezone=True), nullable=True, comment="a message is under way until then"
        ),
        sa.Column("arm_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("group_key", name=op.f("pk_dispatches")),
    )
    op.create_index("ix_dispatches_due_at", "dispatches", ["due_at"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False, comment="the highest reached"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column(
            "plan",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="who is told, frozen when the incident opened",
        ),
        sa.Column(
            "told", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="what the last notification said"
        ),
        sa.Column("last_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "token",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="raised by every change of due_at",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the next round is due; empty once acknowledged",
        ),
        sa.Column("armed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arm_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("number", name=op.f("uq_incidents_number")),
    )
    op.create_index(
        "ix_incidents_due_at", "incidents", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index(
        "uq_incidents_open_group_key",
        "incidents",
        ["group_key"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "periodic_tasks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("interval", sa.Interval(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_periodic_tasks")),
    )
    op.create_table(
        "pulses",
        sa.Column("kind", sa.Text(), nullable=False, comment="beat, sweep, worker, queue or auditor"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_pulses")),
    )
    op.create_table(
        "recipients",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column(
            "contacts", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="address by channel name"
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recipients")),
    )
    op.create_table(
        "results",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("response_time", sa.Double(), nullable=False, comment="seconds"),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check_id", "started_at", "sequence", name=op.f("pk_results")),
        postgresql_partition_by="RANGE (started_at)",
    )
    # The catch-all takes what has no day table yet, so that a missing one never loses a result.
    op.execute("CREATE TABLE results_default PARTITION OF results DEFAULT")
    op.create_table(
        "routes",
        sa.Column("severity", sa.Text(), nullable=False, comment="or 'default', the catch-all"),
        sa.Column("recipients", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("group_wait", sa.Interval(), nullable=True, comment="unset: by the severity of the alert"),
        sa.Column("repeat_interval", sa.Interval(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("severity", name=op.f("pk_routes")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False, comment="the present one"),
        sa.Column("status", sa.Text(), nullable=False, comment="of the check when last judged"),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("is_flapping", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suppressed_by_id", sa.Uuid(), nullable=True, comment="the root cause's alert"),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_alerts_check_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_alerts_incident_id")),
        sa.ForeignKeyConstraint(["suppressed_by_id"], ["alerts.id"], name=op.f("fk_alerts_suppressed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_incident_id"), "alerts", ["incident_id"], unique=False)
    op.create_index(
        "ix_alerts_open_check_id", "alerts", ["check_id"], unique=False, postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.create_index("ix_alerts_opened_at", "alerts", ["opened_at", "id"], unique=False)
    op.create_index(
        "ix_alerts_suppressed_by_id",
        "alerts",
        ["suppressed_by_id"],
        unique=False,
        postgresql_where=sa.text("suppressed_by_id IS NOT NULL"),
    )
    op.create_index(
        "uq_alerts_open_fingerprint",
        "alerts",
        ["fingerprint"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "check_dependencies",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("redundancy_group", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_check_dependencies_check_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["checks.id"], name=op.f("fk_check_dependencies_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("check_id", "parent_id", name=op.f("pk_check_dependencies")),
    )
    op.create_index(op.f("ix_check_dependencies_parent_id"), "check_dependencies", ["parent_id"], unique=False)
    op.create_table(
        "check_schedules",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False, comment="enabled and not paused"),
        sa.Column("phase", sa.Interval(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="why the next probe is due"),
        sa.Column(
            "sequence",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="token of the latest claim",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="set by a claim, cleared by the evaluation's commit",
        ),
        sa.Column(
            "slot_at", sa.DateTime(timezone=True), nullable=True, comment="the slot of the latest claim, if it was one"
        ),
        sa.Column(
            "claim_at",
            sa.DateTime(timezone=True),
            sa.Computed("COALESCE(lease_until, next_due_at)", persisted=True),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_check_schedules_check_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_check_schedules")),
    )
    op.create_index(
        "ix_check_schedules_claim_at",
        "check_schedules",
        ["claim_at"],
        unique=False,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "check_states",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("hard_status", sa.Text(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False, comment="healthy results in a row"),
        sa.Column("flapping_bits", sa.Integer(), nullable=False, comment="the last 20 change bits, newest lowest"),
        sa.Column("is_flapping", sa.Boolean(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=True, comment="when the status began"),
        sa.Column("last_result_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("last_response_time", sa.Double(), nullable=True, comment="seconds"),
        sa.Column(
            "last_metrics",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_check_states_check_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_check_states")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False, comment="when we began to expect pings"),
        sa.Column("last_ping_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_kind", sa.Text(), nullable=True, comment="success, fail, start or exit status"),
        sa.Column("last_detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ping_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_heartbeats_check_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="the order they were decided in",
        ),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the facts as decided: which alerts, in what state",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, sending, sent, failed or superseded"),
        sa.Column("state_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="empty once finished"),
        sa.Column("token", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="of the latest claim"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("armed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arm_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'failed', 'superseded')", name=op.f("ck_notifications_state")
        ),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_notifications_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "incident_id",
            "episode",
            "level",
            "round",
            "kind",
            "recipient",
            "channel",
            name=op.f("uq_notifications_incident_id_episode_level_round_kind_recipient_channel"),
        ),
        sa.UniqueConstraint("position", name=op.f("uq_notifications_position")),
    )
    op.create_index(
        "ix_notifications_due_at",
        "notifications",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "transitions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("old_status", sa.Text(), nullable=False),
        sa.Column("new_status", sa.Text(), nullable=False),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_transitions_check_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transitions")),
    )
    op.create_index(op.f("ix_transitions_check_id_at"), "transitions", ["check_id", "at"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False, comment="started, accepted, refused, retry or unknown"),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("provider_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notifications.id"], name=op.f("fk_deliveries_notification_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("notification_id", "attempt", name=op.f("uq_deliveries_notification_id_attempt")),
    )


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_transitions_check_id_at"), table_name="transitions")
    op.drop_table("transitions")
    op.drop_index("ix_notifications_due_at", table_name="notifications", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("notifications")
    op.drop_table("heartbeats")
    op.drop_table("check_states")
    op.drop_index("ix_check_schedules_claim_at", table_name="check_schedules", postgresql_where=sa.text("is_active"))
    op.drop_table("check_schedules")
    op.drop_index(op.f("ix_check_dependencies_parent_id"), table_name="check_dependencies")
    op.drop_table("check_dependencies")
    op.drop_index("uq_alerts_open_fingerprint", table_name="alerts", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_index(
        "ix_alerts_suppressed_by_id", table_name="alerts", postgresql_where=sa.text("suppressed_by_id IS NOT NULL")
    )
    op.drop_index("ix_alerts_opened_at", table_name="alerts")
    op.drop_index("ix_alerts_open_check_id", table_name="alerts", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_index(op.f("ix_alerts_incident_id"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("routes")
    op.drop_table("results")
    op.drop_table("recipients")
    op.drop_table("pulses")
    op.drop_table("periodic_tasks")
    op.drop_index(
        "uq_incidents_open_group_key", table_name="incidents", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_index("ix_incidents_due_at", table_name="incidents", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("incidents")
    op.drop_index("ix_dispatches_due_at", table_name="dispatches")
    op.drop_table("dispatches")
    op.drop_table("checks")
    op.drop_table("channels")
    op.drop_index(op.f("ix_audit_entries_target_at"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_at"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.drop_table("access_tokens")
    op.execute("DROP SEQUENCE dispatch_tokens")
