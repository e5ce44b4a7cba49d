"""The routes by severity, which the tree has taken the place of, are dropped: no process reads them any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("routes")


def downgrade() -> None:
    op.create_table(
        "routes",
        sa.Column("severity", sa.Text(), nullable=False, comment="or 'default', the catch-all"),
        sa.Column("recipients", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("group_wait", sa.Interval(), nullable=True, comment="unset: by the severity of the alert"),
        sa.Column("repeat_interval", sa.Interval(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("severity", name=op.f("pk_routes")),
    )
