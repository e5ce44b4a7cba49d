"""Keys of requests that may come twice, with what was answered to the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "repeatable_requests",
        sa.Column("key", sa.Text(), nullable=False, comment="SHA-256 of whose it is and the key itself, hex"),
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="SHA-256 of the request, hex"),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stand", sa.Text(), nullable=False, comment="under_way, answered, withheld or unclear"),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("body", sa.LargeBinary(), comment="of the answer; never one that holds a secret"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_repeatable_requests")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_repeatable_requests_claim_id")),
    )
    op.create_index(op.f("ix_repeatable_requests_begun_at"), "repeatable_requests", ["begun_at"])


def downgrade() -> None:
    op.drop_table("repeatable_requests")
