"""What is foreseen and traced back: forecasts, learned dependencies, changes, causes of incidents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NO_TEXT = sa.text("''")
_EMPTY = sa.text("'{}'::jsonb")


def upgrade() -> None:
    op.add_column(
        "checks",
        sa.Column(
            "forecasts", postgresql.JSONB(), nullable=False, server_default=_EMPTY, comment="metrics to carry forward"
        ),
    )
    op.add_column(
        "check_dependencies",
        sa.Column(
            "accepted_by", sa.Text(), nullable=False, server_default=_NO_TEXT, comment="who; empty: it is defined"
        ),
    )
    _make_forecasts()
    _make_suggestions()
    _make_changes()
    op.create_table(
        "incident_causes",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
        sa.Column(
            "looks",
            sa.SmallInteger(),
            nullable=False,
            server_default=sa.text("1"),
            comment="how often they were looked for",
        ),
        sa.Column("causes", postgresql.JSONB(), nullable=False, comment="the likeliest first, each with its evidence"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_causes_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incident_causes")),
    )


def _make_forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("looked_at", _INSTANT, nullable=True),
        sa.Column("seen", sa.Text(), nullable=False, server_default=_NO_TEXT, comment="what the last look came to"),
        sa.Column(
            "told",
            sa.Text(),
            nullable=False,
            server_default=_NO_TEXT,
            comment="what that did to the alert, and why",
        ),
        sa.Column(
            "crossing", sa.Integer(), nullable=False, server_default=sa.text("0"), comment="looks in a row that say so"
        ),
        sa.Column("clear", sa.Integer(), nullable=False, server_default=sa.text("0"), comment="... and that do not"),
        sa.Column("is_told", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("told_at", _INSTANT, nullable=True, comment="since when it is told"),
        sa.Column("words", sa.Text(), nullable=False, server_default=_NO_TEXT, comment="what was told last"),
        sa.Column(
            "detail", postgresql.JSONB(), nullable=False, server_default=_EMPTY, comment="the forecast in numbers"
        ),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_forecasts_check_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "metric", name=op.f("pk_forecasts")),
    )
    op.create_index("ix_forecasts_due_at", "forecasts", ["due_at"])


def _make_suggestions() -> None:
    op.create_table(
        "dependency_suggestions",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("together", sa.Integer(), nullable=False, comment="how often the one failed after the other"),
        sa.Column("confidence", sa.Double(), nullable=False, comment="the share of the parent's failures that was so"),
        sa.Column("lift", sa.Double(), nullable=False, comment="times as often as by chance"),
        sa.Column("lag", sa.Interval(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False, comment="when the history last said so"),
        sa.Column(
            "state", sa.Text(), nullable=False, server_default=sa.text("'open'"), comment="open, accepted or dismissed"
        ),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.Column("comment", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_dependency_suggestions_check_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["checks.id"], name=op.f("fk_dependency_suggestions_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("check_id", "parent_id", name=op.f("pk_dependency_suggestions")),
    )


def _make_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("service", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.Column("changed_by", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.Column("link", sa.Text(), nullable=False, server_default=_NO_TEXT),
        sa.Column("source", sa.Text(), nullable=False, comment="the door that it came through"),
        sa.Column("reported_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index("ix_changes_at", "changes", ["at", "id"])


def downgrade() -> None:
    for name in ("incident_causes", "changes", "dependency_suggestions", "forecasts"):
        op.drop_table(name)
    op.execute("DELETE FROM check_dependencies WHERE accepted_by <> ''")
    op.drop_column("check_dependencies", "accepted_by")
    op.drop_column("checks", "forecasts")
