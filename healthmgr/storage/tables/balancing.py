"""What people want of the instances that balancers spread work over."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table, Text

from healthmgr.storage.tables.base import NO_TEXT, Instant, metadata

# One row an instance that somebody has drained or enabled; the others are enabled. Which there are, checks say.
balancing = Table(
    "balancing",
    metadata,
    Column("service", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("wanted", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=NO_TEXT),
    Column("wanted_by", Text, nullable=False),
    Column("wanted_at", Instant, nullable=False),
    Column("wanted_until", Instant, comment="when it is enabled again by itself; empty: never"),
    CheckConstraint("wanted IN ('enabled', 'drained')", name="wanted"),
)
