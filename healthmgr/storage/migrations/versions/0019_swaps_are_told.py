"""Whether it was said to both that a swap waits whose shift is near."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "shift_swaps",
        sa.Column(
            "near_told_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when both were told that it waits and its shift is near",
        ),
    )


def downgrade() -> None:
    op.drop_column("shift_swaps", "near_told_at")
