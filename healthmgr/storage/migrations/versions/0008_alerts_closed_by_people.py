"""Find at once what a person closed, whoever brings it again: an index of alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_alerts_resolved_by_people",
        "alerts",
        ["fingerprint", "resolved_at"],
        postgresql_where=sa.text("resolved_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_alerts_resolved_by_people", table_name="alerts")
