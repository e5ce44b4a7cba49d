"""The rows: columns only, no behaviour. Times are aware UTC; lengths are intervals."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)
EMPTY_OBJECT = text("'{}'::jsonb")
NO_TEXT = text("''")

# ---- Definitions -----------------------------------------------------------------------------------

checks = Table(
    "checks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=NO_TEXT),
    Column("service", Text, nullable=False, server_default=NO_TEXT),
    Column("category", Text, nullable=False, server_default=NO_TEXT),
    Column("kind", Text, nullable=False),
    Column("config", JSONB, nullable=False, comment="as written: secrets stay ${VAR} references"),
    Column("interval", Interval, nullable=False),
    Column("timeout", Interval, nullable=False),
    Column("retry_interval", Interval, nullable=False),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("success_threshold", SmallInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("degraded_severity", Text, nullable=False),
    Column("detects_flapping", Boolean, nullable=False),
    Column("labels", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("thresholds", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("runbook_url", Text, nullable=False, server_default=NO_TEXT),
    Column("is_enabled", Boolean, nullable=False, comment="false: no longer defined, history kept"),
    Column("is_paused", Boolean, nullable=False, server_default=text("false"), comment="a person's wish"),
    Column("managed_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

check_dependencies = Table(
    "check_dependencies",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("parent_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("redundancy_group", Text, nullable=False, server_default=NO_TEXT),
    Index(None, "parent_id"),
)

channels = Table(
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("config", JSONB, nullable=False, comment="as written: secrets stay ${VAR} references"),
    Column("max_concurrency", SmallInteger, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

recipients = Table(
    "recipients",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("contacts", JSONB, nullable=False, comment="address by channel name"),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("severity", Text, primary_key=True, comment="or 'default', the catch-all"),
    Column("recipients", ARRAY(Text), nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    Column("group_wait", Interval, comment="unset: by the severity of the alert"),
    Column("repeat_interval", Interval, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# ---- Checking --------------------------------------------------------------------------------------

check_schedules = Table(
    "check_schedules",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("is_active", Boolean, nullable=False, comment="enabled and not paused"),
    Column("phase", Interval, nullable=False),
    Column("next_due_at", Instant, nullable=False),
    Column("cause", Text, nullable=False, comment="why the next probe is due"),
    Column("sequence", BigInteger, nullable=False, server_default=text("0"), comment="token of the latest claim"),
    Column("lease_until", Instant, comment="set by a claim, cleared by the evaluation's commit"),
    Column("slot_at", Instant, comment="the slot of the latest claim, if it was one"),
    Column("claim_at", Instant, Computed("COALESCE(lease_until, next_due_at)", persisted=True)),
    Index("ix_check_schedules_claim_at", "claim_at", postgresql_where=text("is_active")),
)

check_states = Table(
    "check_states",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("is_hard", Boolean, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("hard_status", Text, nullable=False),
    Column("successes", Integer, nullable=False, comment="healthy results in a row"),
    Column("flapping_bits", Integer, nullable=False, comment="the last 20 change bits, newest lowest"),
    Column("is_flapping", Boolean, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("since_at", Instant, comment="when the status began"),
    Column("last_result_at", Instant),
    Column("last_message", Text, nullable=False, server_default=NO_TEXT),
    Column("last_response_time", Double, comment="seconds"),
    Column("last_metrics", JSONB, nullable=False, server_default=EMPTY_OBJECT),
)

# Partitioned by day on started_at; the day tables are made and dropped by services/upkeep.
results = Table(
    "results",
    metadata,
    Column("check_id", Uuid, primary_key=True),
    Column("started_at", Instant, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("response_time", Double, nullable=False, comment="seconds"),
    Column("metrics", JSONB, nullable=False),
    Column("cause", Text, nullable=False),
    Column("slot_at", Instant),
    Column("worker", Text, nullable=False),
    postgresql_partition_by="RANGE (started_at)",
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("old_status", Text, nullable=False),
    Column("new_status", Text, nullable=False),
    Column("is_hard", Boolean, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "check_id", "at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("armed_at", Instant, nullable=False, comment="when we began to expect pings"),
    Column("last_ping_at", Instant),
    Column("last_kind", Text, comment="success, fail, start or exit status"),
    Column("last_detail", Text, nullable=False, server_default=NO_TEXT),
    Column("ping_count", BigInteger, nullable=False, server_default=text("0")),
)

# ---- Alerting --------------------------------------------------------------------------------------

incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("group_key", Text, nullable=False),
    Column("severity", Text, nullable=False, comment="the highest reached"),
    Column("opened_at", Instant, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("resolved_at", Instant),
    Column("episode", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("plan", JSONB, nullable=False, comment="who is told, frozen when the incident opened"),
    Column("told", JSONB, comment="what the last notification said"),
    Column("last_told_at", Instant),
    Column("token", Integer, nullable=False, server_default=text("0"), comment="raised by every change of due_at"),
    Column("due_at", Instant, comment="when the next round is due; empty once acknowledged"),
    Column("armed_until", Instant),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    Index("uq_incidents_open_group_key", "group_key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    Index("ix_incidents_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), nullable=False),
    Column("incident_id", Uuid, ForeignKey("incidents.id")),
    Column("group_key", Text, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("severity", Text, nullable=False, comment="the present one"),
    Column("status", Text, nullable=False, comment="of the check when last judged"),
    Column("summary", Text, nullable=False),
    Column("is_flapping", Boolean, nullable=False, server_default=text("false")),
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("suppressed_by_id", Uuid, ForeignKey("alerts.id"), comment="the root cause's alert"),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("resolved_at", Instant),
    Column("resolved_by", Text),
    Column("resolution", Text, nullable=False, server_default=NO_TEXT),
    Index("uq_alerts_open_fingerprint", "fingerprint", unique=True, postgresql_where=text("resolved_at IS NULL")),
    Index("ix_alerts_open_check_id", "check_id", postgresql_where=text("resolved_at IS NULL")),
    Index(None, "incident_id"),
    Index("ix_alerts_opened_at", "opened_at", "id"),
    Index("ix_alerts_suppressed_by_id", "suppressed_by_id", postgresql_where=text("suppressed_by_id IS NOT NULL")),
)

dispatch_tokens = Sequence("dispatch_tokens", metadata=metadata)

# One row a group that has something to decide; `token` moves with every change of due_at.
dispatches = Table(
    "dispatches",
    metadata,
    Column("group_key", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("armed_until", Instant, comment="a message is under way until then"),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    Index("ix_dispatches_due_at", "due_at"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "position",
        BigInteger,
        Identity(always=True),
        nullable=False,
        unique=True,
        comment="the order they were decided in",
    ),
    Column("incident_id", Uuid, ForeignKey("incidents.id"), nullable=False),
    Column("episode", Integer, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("content", JSONB, nullable=False, comment="the facts as decided: which alerts, in what state"),
    Column("state", Text, nullable=False, comment="pending, sending, sent, failed or superseded"),
    Column("state_reason", Text, nullable=False, server_default=NO_TEXT),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, comment="empty once finished"),
    Column("token", Integer, nullable=False, server_default=text("0"), comment="of the latest claim"),
    Column("lease_until", Instant),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("sent_at", Instant),
    Column("armed_until", Instant),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("incident_id", "episode", "level", "round", "kind", "recipient", "channel"),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed', 'superseded')", name="state"),
    Index("ix_notifications_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

# The ledger: every attempt at a notification, whatever came of it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("notification_id", Uuid, ForeignKey("notifications.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Text, nullable=False, comment="started, accepted, refused, retry or unknown"),
    Column("detail", Text, nullable=False, server_default=NO_TEXT),
    Column("provider_id", Text, nullable=False, server_default=NO_TEXT),
    Column("worker", Text, nullable=False),
    UniqueConstraint("notification_id", "attempt"),
)

# ---- The system itself -----------------------------------------------------------------------------

periodic_tasks = Table(
    "periodic_tasks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("interval", Interval, nullable=False),
    Column("next_due_at", Instant, nullable=False),
    Column("last_claimed_at", Instant),
)

# What beats, workers and queues last said: the watcher is watched by these.
pulses = Table(
    "pulses",
    metadata,
    Column("kind", Text, primary_key=True, comment="beat, sweep, worker, queue or auditor"),
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, unique=True, comment="SHA-256, hex"),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False, comment="cli, api, file or system"),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Index(None, "at"),
)
