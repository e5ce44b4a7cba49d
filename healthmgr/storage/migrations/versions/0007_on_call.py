"""On-call and escalation: teams, schedules, policies, the climb of an incident, and its command."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_schedules()
    _make_command()
    _add_columns()
    # What people have been reached over until now, as the beginning of an order.
    op.execute(
        """
        UPDATE recipients SET contact_plan = COALESCE((
            SELECT jsonb_agg(jsonb_build_object('channel', c.key, 'address', c.value, 'after', 0) ORDER BY c.key)
            FROM jsonb_each_text(contacts) AS c
        ), '[]'::jsonb)
        """
    )


def _make_schedules() -> None:
    op.create_table(
        "contact_checks",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("person", "channel", "address", name=op.f("pk_contact_checks")),
    )
    op.create_table(
        "escalation_policies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_escalation_policies")),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False, comment="in which it is shown, and whose nights count"),
        sa.Column("layers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "feeds",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="iCal addresses that it is read from",
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "teams",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("members", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_teams")),
    )
    op.create_table(
        "schedule_feeds",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="primary or overrides"),
        sa.Column(
            "source",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="the address that was tried, as written",
        ),
        sa.Column("content", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("etag", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "modified", sa.Text(), server_default=sa.text("''"), nullable=False, comment="Last-Modified, as it was sent"
        ),
        sa.Column(
            "shifts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="those of the coming months",
        ),
        sa.Column(
            "unknown",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="whom it names that is nobody",
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True, comment="when it was last read well"),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=True, comment="when its shifts last became others"
        ),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.name"], name=op.f("fk_schedule_feeds_schedule"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule", "kind", name=op.f("pk_schedule_feeds")),
    )
    op.create_table(
        "schedule_overrides",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("removed", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.name"], name=op.f("fk_schedule_overrides_schedule"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_overrides")),
    )
    op.create_index(
        "ix_schedule_overrides_schedule_ends_at", "schedule_overrides", ["schedule", "ends_at"], unique=False
    )
    op.create_table(
        "shift_swaps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_to", sa.Text(), nullable=False),
        sa.Column("given_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "taken_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the shift that is taken in return; empty: none",
        ),
        sa.Column("taken_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="proposed, accepted, declined or withdrawn"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.name"], name=op.f("fk_shift_swaps_schedule"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_swaps")),
    )
    op.create_index("ix_shift_swaps_schedule", "shift_swaps", ["schedule"], unique=False)
    op.create_table(
        "temporary_schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shifts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.name"], name=op.f("fk_temporary_schedules_schedule"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_temporary_schedules")),
    )
    op.create_index(
        "ix_temporary_schedules_schedule_ends_at", "temporary_schedules", ["schedule", "ends_at"], unique=False
    )


def _make_command() -> None:
    op.create_table(
        "incident_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="causes: this one caused the other; merged: the other went into this",
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_links_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["incidents.id"], name=op.f("fk_incident_links_other_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_links")),
        sa.UniqueConstraint(
            "incident_id", "other_id", "kind", name=op.f("uq_incident_links_incident_id_other_id_kind")
        ),
    )
    op.create_index("ix_incident_links_other_id", "incident_links", ["other_id"], unique=False)
    op.create_table(
        "incident_roles",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="commander, communications, responder and so on"),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_roles_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", "role", "person", name=op.f("pk_incident_roles")),
    )
    op.create_table(
        "incident_subscribers",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_subscribers_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", "person", name=op.f("pk_incident_subscribers")),
    )
    op.create_table(
        "incident_tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_tasks_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_tasks")),
    )
    op.create_index("ix_incident_tasks_incident_id", "incident_tasks", ["incident_id", "id"], unique=False)


def _add_columns() -> None:
    op.add_column(
        "receivers",
        sa.Column(
            "escalation", sa.Text(), server_default=sa.text("''"), nullable=False, comment="the policy that is climbed"
        ),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "climb_level",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="which level comes next",
        ),
    )
    op.add_column(
        "incidents",
        sa.Column(
            "climb_lap",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how often it began again",
        ),
    )
    op.add_column(
        "incidents", sa.Column("climb_at", sa.DateTime(timezone=True), nullable=True, comment="when that level is due")
    )
    op.add_column(
        "recipients",
        sa.Column(
            "contact_plan",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="the same in their order",
        ),
    )
    op.add_column(
        "recipients",
        sa.Column(
            "quiet_hours",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("recipients", sa.Column("timezone", sa.Text(), server_default=sa.text("'UTC'"), nullable=False))


def downgrade() -> None:
    op.drop_column("receivers", "escalation")
    op.drop_column("recipients", "timezone")
    op.drop_column("recipients", "quiet_hours")
    op.drop_column("recipients", "contact_plan")
    op.drop_column("incidents", "climb_at")
    op.drop_column("incidents", "climb_lap")
    op.drop_column("incidents", "climb_level")
    op.drop_index("ix_temporary_schedules_schedule_ends_at", table_name="temporary_schedules")
    op.drop_table("temporary_schedules")
    op.drop_index("ix_shift_swaps_schedule", table_name="shift_swaps")
    op.drop_table("shift_swaps")
    op.drop_index("ix_schedule_overrides_schedule_ends_at", table_name="schedule_overrides")
    op.drop_table("schedule_overrides")
    op.drop_table("schedule_feeds")
    op.drop_index("ix_incident_tasks_incident_id", table_name="incident_tasks")
    op.drop_table("incident_tasks")
    op.drop_table("incident_subscribers")
    op.drop_table("incident_roles")
    op.drop_index("ix_incident_links_other_id", table_name="incident_links")
    op.drop_table("incident_links")
    op.drop_table("teams")
    op.drop_table("schedules")
    op.drop_table("escalation_policies")
    op.drop_table("contact_checks")
