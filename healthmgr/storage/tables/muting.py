"""Silences: a person's wish that alerts be quiet for a while."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

silences = Table(
    "silences",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("matchers", JSONB, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, comment="moved to the present when it is expired by hand"),
    Column("created_by", Text, nullable=False),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
    Column("annotations", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_silences_ends_at", "ends_at"),
)
