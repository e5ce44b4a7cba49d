"""Runbooks, which definitions name and runs are started from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runbooks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("automation", sa.Text(), nullable=False),
        sa.Column(
            "team", sa.Text(), server_default=sa.text("''"), nullable=False, comment="whose kill switch holds for it"
        ),
        sa.Column("checks", postgresql.ARRAY(sa.Text()), nullable=False, comment="that start it, by name"),
        sa.Column("has_matchers", sa.Boolean(), nullable=False, comment="whether labels start it"),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False, comment="false: no longer defined, its runs kept"),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_runbooks")),
    )
    op.create_index("ix_runbooks_checks", "runbooks", ["checks"], unique=False, postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_runbooks_checks", table_name="runbooks", postgresql_using="gin")
    op.drop_table("runbooks")
