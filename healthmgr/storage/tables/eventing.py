"""What happened, in the order in which programs outside are told of it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

_EMPTY_LIST = text("'[]'::jsonb")

event_positions = Sequence("event_positions", metadata=metadata)

# Written by triggers of transitions, alerts and notifications, in the commit of what they tell of: no writer
# of those tables, now or later, can forget it.
events = Table(
    "events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    Column("data", JSONB, nullable=False, comment="the facts at that moment"),
    Column("position", BigInteger, unique=True, comment="its place in the stream, given once it is committed"),
    Index("ix_events_without_position", "id", postgresql_where=text("position IS NULL")),
    Index("ix_events_at", "at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("names", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="of events; empty: all"),
    Column("matchers", JSONB, nullable=False, server_default=_EMPTY_LIST),
    Column("description", Text, nullable=False, server_default=NO_TEXT),
    Column("disabled", Text, nullable=False, server_default=NO_TEXT, comment="why it is told nothing; empty: it is"),
    Column("secret_version", Integer, nullable=False, server_default=text("1"), comment="its secret is derived"),
    Column("secret_changed_at", Instant, comment="the version before signs as well for a day"),
    Column("position", BigInteger, nullable=False, comment="of the last event that was looked at for it"),
    Column("failing_since", Instant),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="in a row"),
    Column("held_until", Instant, comment="nothing is tried before"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

# One event for one webhook; the id is what the receiver knows it by, at each try the same.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("position", BigInteger, comment="the event's; empty: it is no event's"),
    Column("name", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text, nullable=False, server_default=NO_TEXT),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, comment="empty once finished"),
    Column("token", Integer, nullable=False, server_default=text("0"), comment="of the latest claim"),
    Column("lease_until", Instant),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0"), comment="since it was last ordered"),
    Column("tries", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="what was answered, the latest last"),
    Column("finished_at", Instant),
    Column("armed_until", Instant),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("webhook_id", "position"),
    CheckConstraint("state IN ('pending', 'sending', 'delivered', 'failed', 'dropped')", name="state"),
    Index("ix_webhook_deliveries_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    Index("ix_webhook_deliveries_waiting", "webhook_id", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_webhook_deliveries_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)
