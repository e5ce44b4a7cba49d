"""A maintenance window that is over before its time: when a person ended the occurrence that was open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "maintenance_windows",
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a person ended it early: what began before then is over",
        ),
    )


def downgrade() -> None:
    op.drop_column("maintenance_windows", "ended_at")
