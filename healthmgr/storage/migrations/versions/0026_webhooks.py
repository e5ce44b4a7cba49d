"""Webhooks for events, and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_DOCUMENT = postgresql.JSONB(astext_type=sa.Text())
_NO_TEXT = sa.text("''")
_NONE = sa.text("'[]'::jsonb")
_ZERO = sa.text("0")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("names", _DOCUMENT, server_default=_NONE, nullable=False, comment="of events; empty: all"),
        sa.Column("matchers", _DOCUMENT, server_default=_NONE, nullable=False),
        sa.Column("description", sa.Text(), server_default=_NO_TEXT, nullable=False),
        sa.Column(
            "disabled", sa.Text(), server_default=_NO_TEXT, nullable=False,
            comment="why it is told nothing; empty: it is",
        ),
        sa.Column(
            "secret_version", sa.Integer(), server_default=sa.text("1"), nullable=False,
            comment="its secret is derived",
        ),
        sa.Column(
            "secret_changed_at", _INSTANT, nullable=True, comment="the version before signs as well for a day"
        ),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="of the last event that was looked at for it"
        ),
        sa.Column("failing_since", _INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=_ZERO, nullable=False, comment="in a row"),
        sa.Column("held_until", _INSTANT, nullable=True, comment="nothing is tried before"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )  # fmt: skip
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True, comment="the event's; empty: it is no event's"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", _DOCUMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), server_default=_NO_TEXT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True, comment="empty once finished"),
        sa.Column("token", sa.Integer(), server_default=_ZERO, nullable=False, comment="of the latest claim"),
        sa.Column("lease_until", _INSTANT, nullable=True),
        sa.Column(
            "attempts", sa.SmallInteger(), server_default=_ZERO, nullable=False, comment="since it was last ordered"
        ),
        sa.Column(
            "tries", _DOCUMENT, server_default=_NONE, nullable=False, comment="what was answered, the latest last"
        ),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("armed_until", _INSTANT, nullable=True),
        sa.Column("arm_count", sa.SmallInteger(), server_default=_ZERO, nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'delivered', 'failed', 'dropped')",
            name=op.f("ck_webhook_deliveries_state"),
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "position", name=op.f("uq_webhook_deliveries_webhook_id_position")),
    )
    op.create_index(
        "ix_webhook_deliveries_due_at", "webhook_deliveries", ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index("ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index(
        "ix_webhook_deliveries_waiting", "webhook_deliveries", ["webhook_id"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_webhook_deliveries_finished_at", "webhook_deliveries", ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
