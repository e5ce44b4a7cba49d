"""Schedules, states, results and transitions of checks; signs of life of heartbeats."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

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
    Column(
        "outcomes",
        Text,
        nullable=False,
        server_default=text("'1'"),
        comment="the last 100 results as bits below a leading 1, newest lowest, hexadecimal",
    ),
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
    Column(
        "stored_in",
        BigInteger,
        nullable=False,
        server_default=text("(pg_current_xact_id()::text)::bigint"),
        comment="the transaction that stored it; 0: from before there were rollups",
    ),
    Index("ix_results_stored_in", "stored_in"),
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
    Column("last_success_at", Instant),
    Column("started_at", Instant, comment="of the run that is under way"),
    Column("run_id", Uuid, comment="of the run that is under way"),
    Column("run_time", Interval, comment="of the last whole run"),
    Column("failed_at", Instant, comment="when a failure was last reported"),
    Column("failed_kind", Text, comment="fail or exit status"),
    Column("failed_detail", Text, nullable=False, server_default=NO_TEXT),
    Column("failed_sequence", BigInteger, comment="latest claim when it was reported: a later one has seen it"),
    Column("is_failing", Boolean, nullable=False, server_default=text("false"), comment="the latest end failed"),
)
