"""What a file defines: checks and what they hang on, whom routes lead to, and what mutes them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

checks = Table(
    "checks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=NO_TEXT),
    Column("service", Text, nullable=False, server_default=NO_TEXT),
    Column("category", Text, nullable=False, server_default=NO_TEXT),
    Column("kind", Text, nullable=False),
    Column("config", JSONB, nullable=False, comment="as written: secrets stay ${VAR} references"),
    Column("interval", Interval, nullable=False),
    Column("timeout", Interval, nullable=False),
    Column("retry_interval", Interval, nullable=False),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("success_threshold", SmallInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("degraded_severity", Text, nullable=False),
    Column("detects_flapping", Boolean, nullable=False),
    Column("labels", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("thresholds", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("forecasts", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="metrics to carry forward"),
    Column("anomalies", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="metrics to watch for anomalies"),
    Column("runbook_url", Text, nullable=False, server_default=NO_TEXT),
    Column("recovery_procedure", Text, nullable=False, server_default=NO_TEXT),
    Column("is_enabled", Boolean, nullable=False, comment="false: no longer defined, history kept"),
    Column("is_paused", Boolean, nullable=False, server_default=text("false"), comment="a person's wish"),
    Column("managed_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_checks_composite", "id", postgresql_where=text("kind = 'composite'")),
)

check_dependencies = Table(
    "check_dependencies",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("parent_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("redundancy_group", Text, nullable=False, server_default=NO_TEXT),
    Column("accepted_by", Text, nullable=False, server_default=NO_TEXT, comment="who; empty: it is defined"),
    Index(None, "parent_id"),
)

channels = Table(
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("config", JSONB, nullable=False, comment="as written: secrets stay ${VAR} references"),
    Column("max_concurrency", SmallInteger, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

recipients = Table(
    "recipients",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("contacts", JSONB, nullable=False, comment="address by channel name"),
    Column(
        "contact_plan", JSONB, nullable=False, server_default=text("'[]'::jsonb"), comment="the same in their order"
    ),
    Column("quiet_hours", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

receivers = Table(
    "receivers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("recipients", ARRAY(Text), nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    Column("sends_resolved", Boolean, nullable=False, server_default=text("true")),
    Column("escalation", Text, nullable=False, server_default=NO_TEXT, comment="the policy that is climbed"),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# The routing tree: a row for each route below the root, with all that lies below it, and one for the root.
routing = Table(
    "routing",
    metadata,
    Column("name", Text, primary_key=True, comment="'default' is the root, the catch-all"),
    Column("position", Integer, nullable=False, comment="its place among those of the same source"),
    Column("document", JSONB, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

time_windows = Table(
    "time_windows",
    metadata,
    Column("name", Text, primary_key=True),
    Column("intervals", JSONB, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("name", Text, primary_key=True),
    Column("matchers", JSONB, nullable=False),
    Column("window", JSONB, nullable=False, comment="once, or how it comes back"),
    Column("covers_dependents", Boolean, nullable=False, server_default=text("false")),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
    Column("created_by", Text, nullable=False, server_default=NO_TEXT),
    Column("is_enabled", Boolean, nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ended_at", Instant, comment="when a person ended it early: what began before then is over"),
)

inhibitions = Table(
    "inhibitions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("source_matchers", JSONB, nullable=False),
    Column("target_matchers", JSONB, nullable=False),
    Column("equal", ARRAY(Text), nullable=False),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

runbooks = Table(
    "runbooks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("automation", Text, nullable=False),
    Column("team", Text, nullable=False, server_default=NO_TEXT, comment="whose kill switch holds for it"),
    Column("checks", ARRAY(Text), nullable=False, comment="that start it, by name"),
    Column("has_matchers", Boolean, nullable=False, comment="whether labels start it"),
    Column("document", JSONB, nullable=False),
    Column("is_enabled", Boolean, nullable=False, comment="false: no longer defined, its runs kept"),
    Column("managed_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_runbooks_checks", "checks", postgresql_using="gin"),
)
