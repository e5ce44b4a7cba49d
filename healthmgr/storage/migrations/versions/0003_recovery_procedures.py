"""The name of the recovery procedure that a check gives: stored now, followed by recovery later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checks", sa.Column("recovery_procedure", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column("checks", "recovery_procedure")
