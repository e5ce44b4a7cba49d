"""Teams, schedules and escalation policies; overrides and swaps of shifts; contacts that were verified."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from healthmgr.storage.tables.base import NO_TEXT, Instant, metadata

teams = Table(
    "teams",
    metadata,
    Column("name", Text, primary_key=True),
    Column("members", ARRAY(Text), nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False, server_default=NO_TEXT),
    Column("timezone", Text, nullable=False, comment="in which it is shown, and whose nights count"),
    Column("layers", JSONB, nullable=False),
    Column(
        "feeds",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="iCal addresses that it is read from",
    ),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# The last good reading of each iCal address; a broken one is kept, and said to be old.
schedule_feeds = Table(
    "schedule_feeds",
    metadata,
    Column("schedule", Text, ForeignKey("schedules.name", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True, comment="primary or overrides"),
    Column("source", Text, nullable=False, server_default=NO_TEXT, comment="the address that was tried, as written"),
    Column("content", Text, nullable=False, server_default=NO_TEXT),
    Column("etag", Text, nullable=False, server_default=NO_TEXT),
    Column("modified", Text, nullable=False, server_default=NO_TEXT, comment="Last-Modified, as it was sent"),
    Column("shifts", JSONB, nullable=False, server_default=text("'[]'::jsonb"), comment="those of the coming months"),
    Column(
        "unknown", JSONB, nullable=False, server_default=text("'[]'::jsonb"), comment="whom it names that is nobody"
    ),
    Column("read_at", Instant, comment="when it was last read well"),
    Column("changed_at", Instant, comment="when its shifts last became others"),
    Column("tried_at", Instant),
    Column("failing_since", Instant),
    Column("fault", Text, nullable=False, server_default=NO_TEXT),
)

schedule_overrides = Table(
    "schedule_overrides",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("schedule", Text, ForeignKey("schedules.name", ondelete="CASCADE"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("added", Text, nullable=False, server_default=NO_TEXT),
    Column("removed", Text, nullable=False, server_default=NO_TEXT),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_schedule_overrides_schedule_ends_at", "schedule", "ends_at"),
)

temporary_schedules = Table(
    "temporary_schedules",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("schedule", Text, ForeignKey("schedules.name", ondelete="CASCADE"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("shifts", JSONB, nullable=False),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_temporary_schedules_schedule_ends_at", "schedule", "ends_at"),
)

shift_swaps = Table(
    "shift_swaps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("schedule", Text, ForeignKey("schedules.name", ondelete="CASCADE"), nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_to", Text, nullable=False),
    Column("given_from", Instant, nullable=False),
    Column("given_to", Instant, nullable=False),
    Column("taken_from", Instant, comment="of the shift that is taken in return; empty: none"),
    Column("taken_to", Instant),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
    Column("state", Text, nullable=False, comment="proposed, accepted, declined or withdrawn"),
    Column("created_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("near_told_at", Instant, comment="when both were told that it waits and its shift is near"),
    Index("ix_shift_swaps_schedule", "schedule"),
)

escalation_policies = Table(
    "escalation_policies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# Whether a contact works: a code was sent over it and came back.
contact_checks = Table(
    "contact_checks",
    metadata,
    Column("person", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("code_digest", Text, nullable=False, server_default=NO_TEXT),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("sent_at", Instant),
    Column("verified_at", Instant),
)
