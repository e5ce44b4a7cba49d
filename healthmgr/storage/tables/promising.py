"""What the figures of healthmgr's promises are made of that is kept nowhere else."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, SmallInteger, Table, Text, Uuid

from healthmgr.storage.tables.base import NO_TEXT, Instant, metadata

# Alerts that people say were none.
false_alerts = Table(
    "false_alerts",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True),
    Column("marked_by", Text, nullable=False),
    Column("marked_at", Instant, nullable=False),
    Column("why", Text, nullable=False, server_default=NO_TEXT),
)

# One row a minute in which a beat lived, with the looks of the auditor: none where nobody looked. In a minute without
# a row healthmgr was not running.
audited_minutes = Table(
    "audited_minutes",
    metadata,
    Column("minute", Instant, primary_key=True),
    Column("looks", SmallInteger, nullable=False),
    Column("bad_looks", SmallInteger, nullable=False, comment="those that found something"),
)
