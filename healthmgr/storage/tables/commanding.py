"""Incident command: roles, tasks, who wants to hear of it, and how incidents belong together."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint, Uuid

from healthmgr.storage.tables.base import NO_TEXT, Instant, metadata

incident_roles = Table(
    "incident_roles",
    metadata,
    Column("incident_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True, comment="commander, communications, responder and so on"),
    Column("person", Text, primary_key=True),
    Column("assigned_by", Text, nullable=False),
    Column("assigned_at", Instant, nullable=False),
)

incident_tasks = Table(
    "incident_tasks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("assignee", Text, nullable=False, server_default=NO_TEXT),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", Text, nullable=False, server_default=NO_TEXT),
    Index("ix_incident_tasks_incident_id", "incident_id", "id"),
)

incident_subscribers = Table(
    "incident_subscribers",
    metadata,
    Column("incident_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("person", Text, primary_key=True),
    Column("since_at", Instant, nullable=False),
)

incident_links = Table(
    "incident_links",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("other_id", Uuid, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="causes: this one caused the other; merged: the other went into this"),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("incident_id", "other_id", "kind"),
    Index("ix_incident_links_other_id", "other_id"),
)
