"""Alerts and incidents; what is due for a group; notifications and their ledger."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import NO_TEXT, Instant, metadata

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
