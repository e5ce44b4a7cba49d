"""Metrics of results, rolled up by minute, hour and day."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from healthmgr.storage.tables.base import Instant, metadata

metric_series = Table(
    "metric_series",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), nullable=False),
    Column("metric", Text, nullable=False),
    UniqueConstraint("check_id", "metric"),
)


def _rollups(name: str, **options: Any) -> Table:
    table: Table = Table(
        name,
        metadata,
        Column("series_id", BigInteger, primary_key=True, autoincrement=False),
        Column("at", Instant, primary_key=True, comment="where it begins"),
        Column("is_planned", Boolean, primary_key=True, comment="of results while a maintenance window was open"),
        Column("amount", BigInteger, nullable=False),
        Column("total", Double, nullable=False),
        Column("lowest", Double, nullable=False),
        Column("highest", Double, nullable=False),
        Column("keys", ARRAY(Integer), comment="of the sketch; empty: all are the same number"),
        Column("counts", ARRAY(BigInteger), comment="of each key"),
        **options,
    )
    return table


# Partitioned by day on `at`; the day tables are made and dropped by services/rolling.
metric_minutes = _rollups("metric_minutes", postgresql_partition_by="RANGE (at)")
metric_hours = _rollups("metric_hours")
metric_days = _rollups("metric_days")

# Hours and days of which something finer has changed: they are put together again from what they are made of.
metric_changes = Table(
    "metric_changes",
    metadata,
    Column("tier", Text, primary_key=True, comment="hour or day"),
    Column("at", Instant, primary_key=True),
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
)

# Service levels as they are defined, and how each stood when it was last judged.
slos = Table(
    "slos",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("standing", JSONB, comment="level, budget left and burn rates; empty: not judged yet"),
    Column("judged_at", Instant),
)

# One row: which results are rolled up by now.
metric_progress = Table(
    "metric_progress",
    metadata,
    Column("name", Text, primary_key=True),
    Column(
        "stored_before",
        BigInteger,
        nullable=False,
        comment="the results of transactions before this one are rolled up",
    ),
    Column(
        "awaited",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="but for those of these, which had not ended",
    ),
    Column("old_before", Instant, comment="of results from before there were rollups, those before this are rolled up"),
    Column("hours_until", Instant, comment="hours are whole before this"),
    Column("days_until", Instant, comment="days are whole before this"),
    Column("rolled_at", Instant, comment="when the minutes had last caught up"),
)
