"""What is repaired: triggers that wait to be looked at, runs, their steps and approvals, breakers and kill switches."""

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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

_EMPTY_LIST = text("'[]'::jsonb")
_UNDER_REPAIR = "state IN ('awaiting_approval', 'running', 'waiting', 'verifying', 'rolling_back')"

# Written in the commit of the evaluation that saw it; gone once somebody has looked which runbooks it concerns.
recovery_calls = Table(
    "recovery_calls",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", SmallInteger, nullable=False, comment="the soft attempt; 0: the state is hard"),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("token", Integer, nullable=False, server_default=text("0")),
    Column("armed_until", Instant),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    Index("ix_recovery_calls_due_at", "due_at"),
    Index("ix_recovery_calls_check_id", "check_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("runbook", Text, nullable=False),
    Column("document", JSONB, nullable=False, comment="the runbook as it was then"),
    Column("trigger", Text, nullable=False, comment="hard, soft or person"),
    Column("started_by", Text, nullable=False, server_default=NO_TEXT, comment="empty: by itself"),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="SET NULL")),
    Column("check_slug", Text, nullable=False, server_default=NO_TEXT),
    Column("alert_id", Uuid, ForeignKey("alerts.id", ondelete="SET NULL")),
    Column("target", Text, nullable=False, comment="what is repaired: under one repair at a time"),
    Column("severity", Text, nullable=False),
    Column("labels", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("parameters", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("problem_at", Instant, nullable=False, comment="when what it is to mend began"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("words", Text, nullable=False, server_default=NO_TEXT, comment="the same for people"),
    Column("place", SmallInteger, nullable=False, server_default=text("0"), comment="the step that comes next"),
    Column("attempt", SmallInteger, nullable=False, server_default=text("1")),
    Column("done", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="the steps that were carried out"),
    Column("facts", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="what they noted, by step"),
    Column("failure", Text, nullable=False, server_default=NO_TEXT),
    Column("awaited", JSONB, comment="probes that were ordered, and how many came back well"),
    Column("cancelled_by", Text, nullable=False, server_default=NO_TEXT, comment="somebody wants it to end"),
    Column("rolls_back", Boolean, nullable=False, server_default=text("false"), comment="... with what it did undone"),
    Column(
        "is_proved", Boolean, nullable=False, server_default=text("false"), comment="the check was healthy after it"
    ),
    Column(
        "is_under_way", Boolean, nullable=False, server_default=text("false"), comment="a step is being carried out"
    ),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("acted_at", Instant, comment="when its first step that changed something was begun"),
    Column("ends_by", Instant, comment="when it has taken too long"),
    Column("ended_at", Instant),
    Column("token", Integer, nullable=False, server_default=text("0"), comment="of the latest claim"),
    Column("due_at", Instant, comment="when it goes on; while a step is under way, when its lease ends"),
    Column("armed_until", Instant),
    Column("arm_count", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint(
        "state IN ('pending', 'awaiting_approval', 'running', 'waiting', 'verifying', 'rolling_back', 'succeeded', "
        "'failed', 'rolled_back', 'cancelled', 'abandoned', 'refused')",
        name="state",
    ),
    Index("uq_runs_target_under_repair", "target", unique=True, postgresql_where=text(_UNDER_REPAIR)),
    Index("ix_runs_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_runs_check_id_created_at", "check_id", "created_at"),
    Index("ix_runs_runbook_created_at", "runbook", "created_at"),
    Index("ix_runs_target_ended_at", "target", "ended_at"),
    Index(None, "alert_id"),
)

# One row an attempt, written before it is made.
run_steps = Table(
    "run_steps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("is_rollback", Boolean, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("token", Integer, nullable=False, comment="of the run's claim"),
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("message", Text, nullable=False, server_default=NO_TEXT),
    Column("output", Text, nullable=False, server_default=NO_TEXT),
    Column("facts", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    UniqueConstraint("run_id", "is_rollback", "place", "attempt"),
)

# What happened to a run, in the form of an incident's timeline, which gets a copy as soon as there is one.
run_entries = Table(
    "run_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=NO_TEXT),
    Column("actor", Text, nullable=False, server_default=NO_TEXT),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Index("ix_run_entries_run_id_id", "run_id", "id"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("run_id", Uuid, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("step", Text, nullable=False, server_default=NO_TEXT, comment="that asks; empty: before the first one"),
    Column("question", Text, nullable=False),
    Column("needed", SmallInteger, nullable=False),
    Column("approvers", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="empty: whoever may respond"),
    Column("is_critical", Boolean, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("state", Text, nullable=False, comment="open, granted, denied, expired or withdrawn"),
    Column("decided_at", Instant),
    Index("uq_approvals_open_run_id", "run_id", unique=True, postgresql_where=text("state = 'open'")),
    Index("ix_approvals_run_id", "run_id"),
)

approval_votes = Table(
    "approval_votes",
    metadata,
    Column("approval_id", Uuid, ForeignKey("approvals.id", ondelete="CASCADE"), primary_key=True),
    Column("person", Text, primary_key=True),
    Column("is_for", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("origin", Text, nullable=False),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
)

breakers = Table(
    "breakers",
    metadata,
    Column("runbook", Text, primary_key=True),
    Column("failures", Integer, nullable=False, comment="in a row"),
    Column("opened_at", Instant, comment="empty: it is closed"),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False, server_default=NO_TEXT),
)

# A row is a switch that is thrown.
kill_switches = Table(
    "kill_switches",
    metadata,
    Column("scope", Text, primary_key=True, comment="empty: all recovery; or team:NAME"),
    Column("thrown_by", Text, nullable=False),
    Column("thrown_at", Instant, nullable=False),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
)
