"""People who sign in by a name and a password; what a token may do beyond its role's limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="scrypt, with its numbers and salt"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "person", sa.Text(), server_default=sa.text("''"), nullable=False, comment="who they are for on-call"
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.add_column("sessions", sa.Column("user_id", sa.Uuid(), comment="who signed in by password"))
    op.create_foreign_key(
        op.f("fk_sessions_user_id_users"), "sessions", "users", ["user_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    op.add_column(
        "access_tokens",
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="empty: all that the role may",
        ),
    )


def downgrade() -> None:
    op.drop_column("access_tokens", "scopes")
    op.drop_index(op.f("ix_sessions_user_id"), "sessions")
    op.drop_constraint(op.f("fk_sessions_user_id_users"), "sessions")
    op.drop_column("sessions", "user_id")
    op.drop_table("users")
