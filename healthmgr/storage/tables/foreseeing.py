"""What is foreseen and traced back: forecasts, anomalies, learned dependencies, changes, causes of incidents."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Interval,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

# One row for each metric that is carried forward; a look is claimed by moving `due_at`.
forecasts = Table(
    "forecasts",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("looked_at", Instant),
    Column("seen", Text, nullable=False, server_default=NO_TEXT, comment="what the last look came to"),
    Column("told", Text, nullable=False, server_default=NO_TEXT, comment="what that did to the alert, and why"),
    Column("crossing", Integer, nullable=False, server_default=text("0"), comment="looks in a row that say so"),
    Column("clear", Integer, nullable=False, server_default=text("0"), comment="... and that do not"),
    Column("is_told", Boolean, nullable=False, server_default=text("false")),
    Column("told_at", Instant, comment="since when it is told"),
    Column("words", Text, nullable=False, server_default=NO_TEXT, comment="what was told last"),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="the forecast in numbers"),
    Index("ix_forecasts_due_at", "due_at"),
)

dependency_suggestions = Table(
    "dependency_suggestions",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("parent_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("together", Integer, nullable=False, comment="how often the one failed after the other"),
    Column("confidence", Double, nullable=False, comment="the share of the parent's failures that was so"),
    Column("lift", Double, nullable=False, comment="times as often as by chance"),
    Column("lag", Interval, nullable=False),
    Column("seen_at", Instant, nullable=False, comment="when the history last said so"),
    Column("state", Text, nullable=False, server_default=text("'open'"), comment="open, accepted or dismissed"),
    Column("decided_at", Instant),
    Column("decided_by", Text, nullable=False, server_default=NO_TEXT),
    Column("comment", Text, nullable=False, server_default=NO_TEXT),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("service", Text, nullable=False, server_default=NO_TEXT),
    Column("title", Text, nullable=False),
    Column("version", Text, nullable=False, server_default=NO_TEXT),
    Column("changed_by", Text, nullable=False, server_default=NO_TEXT),
    Column("link", Text, nullable=False, server_default=NO_TEXT),
    Column("source", Text, nullable=False, comment="the door that it came through"),
    Column("reported_at", Instant, nullable=False),
    Index("ix_changes_at", "at", "id"),
)

incident_causes = Table(
    "incident_causes",
    metadata,
    Column("incident_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("found_at", Instant, nullable=False),
    Column("looks", SmallInteger, nullable=False, server_default=text("1"), comment="how often they were looked for"),
    Column("causes", JSONB, nullable=False, comment="the likeliest first, each with its evidence"),
)

# One row for each metric that is watched; a look is claimed by moving `due_at`, and what it came to is one commit.
anomaly_series = Table(
    "anomaly_series",
    metadata,
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("step", Interval, comment="that the state is made of; empty: nothing was looked at yet"),
    Column("seen_until", Instant, comment="what begins before it is judged"),
    Column("state", LargeBinary, comment="what the detector knows: compressed JSON"),
    Column(
        "told", Text, nullable=False, server_default=NO_TEXT, comment="what the last look did to the alert, and why"
    ),
    Column("told_since", Instant, comment="when the happening that is told began; empty: none is"),
    Column("words", Text, nullable=False, server_default=NO_TEXT, comment="of the present happening"),
    Column("is_learning", Boolean, nullable=False, server_default=text("true"), comment="new: nothing is told of it"),
    Column("latest", JSONB, comment="the last point: at, value, score, expected"),
    Index("ix_anomaly_series_due_at", "due_at"),
)

# What was thought of the points of the last days: four hours of a series in one row, packed, for drawing.
anomaly_points = Table(
    "anomaly_points",
    metadata,
    Column("check_id", Uuid, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("at", Instant, primary_key=True, comment="where the four hours begin"),
    Column("points", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["check_id", "metric"], ["anomaly_series.check_id", "anomaly_series.metric"], ondelete="CASCADE"
    ),
    Index("ix_anomaly_points_at", "at"),
)

# What was told, with what a person's word that it was none teaches the detector.
anomaly_happenings = Table(
    "anomaly_happenings",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True),
    Column("check_id", Uuid, ForeignKey("checks.id", ondelete="CASCADE"), nullable=False),
    Column("metric", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("words", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("is_taught", Boolean, nullable=False, server_default=text("false"), comment="a person's word is learned"),
    Index(None, "check_id", "metric", "began_at"),
)
