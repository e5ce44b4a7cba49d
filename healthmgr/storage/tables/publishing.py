"""What everybody may read: the status page as it is defined, and what people announce."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from healthmgr.storage.tables.base import Instant, metadata

status_pages = Table(
    "status_pages",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("kind", Text, nullable=False, comment="incident or maintenance"),
    Column("title", Text, nullable=False),
    Column("impact", Text, nullable=False),
    Column("groups", ARRAY(Text), nullable=False, comment="by their names; empty: all"),
    Column("state", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, comment="of planned work: when it ends by itself"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("closed_at", Instant, comment="when somebody said that it is over"),
    Index(None, "starts_at"),
)

announcement_updates = Table(
    "announcement_updates",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("announcement_id", Uuid, ForeignKey("announcements.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
)
