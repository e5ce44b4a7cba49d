"""Alerts that people say were none, and the minutes in which the auditor looked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "false_alerts",
        sa.Column("alert_id", sa.Uuid, nullable=False),
        sa.Column("marked_by", sa.Text, nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("alert_id", name="pk_false_alerts"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_false_alerts_alert_id", ondelete="CASCADE"),
    )
    op.create_table(
        "audited_minutes",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looks", sa.SmallInteger, nullable=False),
        sa.Column("bad_looks", sa.SmallInteger, nullable=False, comment="those that found something"),
        sa.PrimaryKeyConstraint("minute", name="pk_audited_minutes"),
    )


def downgrade() -> None:
    op.drop_table("audited_minutes")
    op.drop_table("false_alerts")
