"""What people want of the instances that balancers spread work over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "balancing",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("wanted_by", sa.Text, nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "wanted_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is enabled again by itself; empty: never",
        ),
        sa.PrimaryKeyConstraint("service", "instance", name="pk_balancing"),
        sa.CheckConstraint("wanted IN ('enabled', 'drained')", name="ck_balancing_wanted"),
    )


def downgrade() -> None:
    op.drop_table("balancing")
