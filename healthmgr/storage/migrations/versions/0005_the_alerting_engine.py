"""Routes as a tree, receivers, mutes; incidents with a timeline; alerts without a check; digests."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_POSITIONS = {"critical": 1001, "high": 1002, "medium": 1003, "low": 1004, "default": 2000}

# An alert that came through a door has no check: its own name and labels tell what it is.
_NOTE_ALERT = """
CREATE OR REPLACE FUNCTION note_alert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    facts jsonb;
BEGIN
    SELECT jsonb_build_object(
        'id', NEW.id, 'check', coalesce(c.slug, ''), 'check_name', coalesce(c.name, NEW.name), 'origin', NEW.origin,
        'service', coalesce(c.service, NEW.labels->>'service', ''),
        'category', coalesce(c.category, NEW.labels->>'category', ''),
        'title', coalesce(c.name, NEW.name) || ' is ' || CASE WHEN NEW.is_flapping THEN 'flapping' ELSE NEW.status END,
        'severity', NEW.severity, 'status', NEW.status, 'summary', NEW.summary, 'is_flapping', NEW.is_flapping,
        'labels', NEW.labels, 'runbook_url', coalesce(c.runbook_url, ''), 'opened_at', NEW.opened_at,
        'acknowledged_at', NEW.acknowledged_at, 'acknowledged_by', NEW.acknowledged_by,
        'resolved_at', NEW.resolved_at, 'resolved_by', NEW.resolved_by, 'resolution', NEW.resolution)
    INTO facts FROM (SELECT 1) AS one LEFT JOIN checks c ON c.id = NEW.check_id;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO events (at, name, data) VALUES (NEW.opened_at, 'alert_triggered', facts);
        RETURN NULL;
    END IF;
    IF OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL THEN
        INSERT INTO events (at, name, data) VALUES (NEW.acknowledged_at, 'alert_acknowledged', facts);
    END IF;
    IF OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL THEN
        INSERT INTO events (at, name, data) VALUES (NEW.resolved_at, 'alert_resolved', facts);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    _make_definitions()
    _make_incidents()
    _make_notifications()
    _carry_over()
    op.execute(_NOTE_ALERT)


def _make_definitions() -> None:
    op.create_table(
        "inhibitions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source_matchers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target_matchers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("equal", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_inhibitions")),
    )
    op.create_table(
        "maintenance_windows",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("matchers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "window", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="once, or how it comes back"
        ),
        sa.Column("covers_dependents", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_maintenance_windows")),
    )
    op.create_table(
        "receivers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("recipients", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sends_resolved", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_receivers")),
    )
    op.create_table(
        "routing",
        sa.Column("name", sa.Text(), nullable=False, comment="'default' is the root, the catch-all"),
        sa.Column("position", sa.Integer(), nullable=False, comment="its place among those of the same source"),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_routing")),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("matchers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ends_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="moved to the present when it is expired by hand",
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "annotations",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"], unique=False)
    op.create_table(
        "time_windows",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("intervals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_time_windows")),
    )


def _make_incidents() -> None:
    op.create_table(
        "incident_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("actor", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_entries_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_entries")),
    )
    op.create_index("ix_incident_entries_incident_id_id", "incident_entries", ["incident_id", "id"], unique=False)
    op.add_column(
        "alerts",
        sa.Column(
            "origin",
            sa.Text(),
            server_default=sa.text("'healthmgr'"),
            nullable=False,
            comment="or the door it came through",
        ),
    )
    op.add_column(
        "alerts",
        sa.Column(
            "name",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="what people call it where it has no check",
        ),
    )
    op.add_column(
        "alerts",
        sa.Column(
            "annotations",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("alerts", sa.Column("source_url", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column(
        "alerts",
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when what it tells of began, by its source",
        ),
    )
    op.add_column(
        "alerts",
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True, comment="when somebody was first told of it"),
    )
    op.add_column(
        "alerts",
        sa.Column(
            "ends_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it counts as over unless its source says otherwise",
        ),
    )
    op.add_column(
        "alerts",
        sa.Column(
            "mute_reason", sa.Text(), server_default=sa.text("''"), nullable=False, comment="why it was last held back"
        ),
    )
    op.add_column("alerts", sa.Column("muted_by", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("alerts", sa.Column("acknowledged_until", sa.DateTime(timezone=True), nullable=True))
    op.alter_column(
        "alerts", "check_id", existing_type=sa.UUID(), nullable=True, comment="empty: it came through a door"
    )
    op.create_index(
        "ix_alerts_open_ends_at",
        "alerts",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL AND ends_at IS NOT NULL"),
    )
    op.create_index(
        "ix_alerts_open_group_key",
        "alerts",
        ["group_key"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "route",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="the one that decided, from the root on",
        ),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "labels",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="those it is grouped by",
        ),
    )
    op.add_column("incidents", sa.Column("assignee", sa.Text(), nullable=True))
    op.add_column(
        "incidents",
        sa.Column(
            "acknowledged_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the acknowledgement lapses; empty: never",
        ),
    )
    op.add_column("incidents", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("auto_acknowledge_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("auto_resolve_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("resolved_by", sa.Text(), nullable=True))
    op.add_column(
        "incidents",
        sa.Column(
            "legs_told_at",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="when each leg was last told",
        ),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "round_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the next round is due; empty once acknowledged",
        ),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "held_reason",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="what the next round waits for",
        ),
    )
    op.alter_column(
        "incidents",
        "due_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="the earliest of what waits for its time here",
        existing_comment="when the next round is due; empty once acknowledged",
        existing_nullable=True,
    )
    op.create_index("ix_incidents_group_key_resolved_at", "incidents", ["group_key", "resolved_at"], unique=False)
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at", "id"], unique=False)


def _make_notifications() -> None:
    op.add_column(
        "deliveries",
        sa.Column(
            "reported",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="what the provider said of it later",
        ),
    )
    op.add_column("deliveries", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_deliveries_provider_id",
        "deliveries",
        ["provider_id"],
        unique=False,
        postgresql_where=sa.text("provider_id <> ''"),
    )
    op.add_column(
        "notifications",
        sa.Column("actor", sa.Text(), server_default=sa.text("''"), nullable=False, comment="whose answer it tells of"),
    )
    op.add_column(
        "notifications",
        sa.Column(
            "problem_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when what it tells of first began: delivery time counts from here",
        ),
    )
    op.add_column(
        "notifications",
        sa.Column("bundle_id", sa.Uuid(), nullable=True, comment="the notification whose digest told of this one"),
    )
    op.create_index(
        "ix_notifications_channel_address_sent_at", "notifications", ["channel", "address", "sent_at"], unique=False
    )


def _carry_over() -> None:
    """What was routed by severity alone, as a tree; the plans of open incidents in their new form."""
    connection = op.get_bind()
    routing = sa.table(
        "routing",
        *(sa.column(n) for n in ("name", "position", "managed_by", "updated_at")),
        sa.column("document", postgresql.JSONB),
    )
    for row in connection.execute(sa.text("SELECT * FROM routes")).mappings():
        document = _route_document(row)
        connection.execute(
            routing.insert().values(
                name=row["severity"],
                position=_POSITIONS[row["severity"]],
                document=document,
                managed_by=row["managed_by"],
                updated_at=row["updated_at"],
            )
        )
    connection.execute(
        sa.text(
            "UPDATE alerts a SET told_at = i.last_told_at FROM incidents i "
            "WHERE i.id = a.incident_id AND i.resolved_at IS NULL AND a.suppressed_by_id IS NULL"
        )
    )
    plans = connection.execute(sa.text("SELECT id, plan FROM incidents WHERE resolved_at IS NULL")).all()
    for incident_id, plan in plans:
        connection.execute(
            sa.text("UPDATE incidents SET plan = :plan, round_at = due_at WHERE id = :id"),
            {"id": incident_id, "plan": json.dumps(_plan_document(plan))},
        )


def _route_document(row: Any) -> dict[str, Any]:
    lengths = {name: row[name] for name in ("group_wait", "repeat_interval") if row[name] is not None}
    is_root = row["severity"] == "default"
    return {
        "name": row["severity"],
        "matchers": [] if is_root else [{"name": "severity", "operator": "=", "value": row["severity"]}],
        "continues": False,
        "receiver": "",
        "to": list(row["recipients"]),
        "via": list(row["channels"]),
        "options": {name: length.total_seconds() for name, length in lengths.items()},
        "mute_during": [],
        "active_during": [],
        "routes": [],
    }


def _plan_document(plan: dict[str, Any]) -> dict[str, Any]:
    legs = {name: _leg_document(name, route) for name, route in plan.items()}
    default = legs.pop("default", _leg_document("default", {"targets": [], "repeat_interval": 14400}))
    courses = {severity: {"legs": [leg], "group_interval": 300} for severity, leg in legs.items()}
    return {"by_severity": courses, "default": default}


def _leg_document(name: str, route: dict[str, Any]) -> dict[str, Any]:
    return {
        "route": name if name == "default" else f"default/{name}",
        "receiver": "",
        "targets": route["targets"],
        "cadence": route["repeat_interval"],
        "sends_resolved": True,
        "mute_during": [],
        "active_during": [],
    }


def downgrade() -> None:
    # What the tables of before cannot hold: alerts without a check, and what was told of acknowledgements.
    op.execute("DELETE FROM alerts WHERE check_id IS NULL")
    op.drop_index("ix_notifications_channel_address_sent_at", table_name="notifications")
    op.drop_column("notifications", "bundle_id")
    op.drop_column("notifications", "problem_at")
    op.drop_column("notifications", "actor")
    op.drop_index("ix_incidents_opened_at", table_name="incidents")
    op.drop_index("ix_incidents_group_key_resolved_at", table_name="incidents")
    op.alter_column(
        "incidents",
        "due_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="when the next round is due; empty once acknowledged",
        existing_comment="the earliest of what waits for its time here",
        existing_nullable=True,
    )
    op.drop_column("incidents", "held_reason")
    op.drop_column("incidents", "round_at")
    op.drop_column("incidents", "legs_told_at")
    op.drop_column("incidents", "resolved_by")
    op.drop_column("incidents", "auto_resolve_at")
    op.drop_column("incidents", "auto_acknowledge_at")
    op.drop_column("incidents", "snoozed_until")
    op.drop_column("incidents", "acknowledged_until")
    op.drop_column("incidents", "assignee")
    op.drop_column("incidents", "labels")
    op.drop_column("incidents", "route")
    op.drop_index("ix_deliveries_provider_id", table_name="deliveries", postgresql_where=sa.text("provider_id <> ''"))
    op.drop_column("deliveries", "reported_at")
    op.drop_column("deliveries", "reported")
    op.drop_index("ix_alerts_open_group_key", table_name="alerts", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_index(
        "ix_alerts_open_ends_at",
        table_name="alerts",
        postgresql_where=sa.text("resolved_at IS NULL AND ends_at IS NOT NULL"),
    )
    op.alter_column(
        "alerts",
        "check_id",
        existing_type=sa.UUID(),
        nullable=False,
        comment=None,
        existing_comment="empty: it came through a door",
    )
    op.drop_column("alerts", "acknowledged_until")
    op.drop_column("alerts", "muted_by")
    op.drop_column("alerts", "mute_reason")
    op.drop_column("alerts", "ends_at")
    op.drop_column("alerts", "told_at")
    op.drop_column("alerts", "started_at")
    op.drop_column("alerts", "source_url")
    op.drop_column("alerts", "annotations")
    op.drop_column("alerts", "name")
    op.drop_column("alerts", "origin")
    op.drop_index("ix_incident_entries_incident_id_id", table_name="incident_entries")
    op.drop_table("incident_entries")
    op.drop_table("time_windows")
    op.drop_index("ix_silences_ends_at", table_name="silences")
    op.drop_table("silences")
    op.drop_table("routing")
    op.drop_table("receivers")
    op.drop_table("maintenance_windows")
    op.drop_table("inhibitions")
