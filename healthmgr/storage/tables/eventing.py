"""What happened, in the order in which programs outside are told of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Sequence, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import Instant, metadata

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
