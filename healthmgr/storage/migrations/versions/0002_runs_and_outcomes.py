"""What heartbeats know of runs and failures, the last outcomes of every check, and finding composites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column("heartbeats", sa.Column("last_success_at", instant, nullable=True))
    op.add_column("heartbeats", sa.Column("started_at", instant, nullable=True, comment="of the run that is under way"))
    op.add_column("heartbeats", sa.Column("run_id", sa.Uuid(), nullable=True, comment="of the run that is under way"))
    op.add_column("heartbeats", sa.Column("run_time", sa.Interval(), nullable=True, comment="of the last whole run"))
    op.add_column(
        "heartbeats", sa.Column("failed_at", instant, nullable=True, comment="when a failure was last reported")
    )
    op.add_column("heartbeats", sa.Column("failed_kind", sa.Text(), nullable=True, comment="fail or exit status"))
    op.add_column("heartbeats", sa.Column("failed_detail", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column(
        "heartbeats",
        sa.Column(
            "failed_sequence",
            sa.BigInteger(),
            nullable=True,
            comment="latest claim when it was reported: a later one has seen it",
        ),
    )
    op.add_column(
        "heartbeats",
        sa.Column(
            "is_failing", sa.Boolean(), nullable=False, server_default=sa.text("false"), comment="the latest end failed"
        ),
    )
    # What the last ping said until now, in the new words. A run that has begun is not held against its past.
    op.execute(
        """
        UPDATE heartbeats SET
            last_success_at = CASE WHEN last_kind IN ('success', '0', 'start') THEN last_ping_at END,
            started_at = CASE WHEN last_kind = 'start' THEN last_ping_at END,
            failed_at = CASE WHEN last_kind NOT IN ('success', '0', 'start') THEN last_ping_at END,
            failed_kind = CASE WHEN last_kind NOT IN ('success', '0', 'start') THEN last_kind END,
            failed_detail = CASE WHEN last_kind NOT IN ('success', '0', 'start') THEN last_detail ELSE '' END,
            failed_sequence = CASE WHEN last_kind NOT IN ('success', '0', 'start') THEN 0 END,
            is_failing = last_kind NOT IN ('success', '0', 'start')
        WHERE last_kind IS NOT NULL
        """
    )
    op.add_column(
        "check_states",
        sa.Column(
            "outcomes",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'1'"),
            comment="the last 100 results as bits below a leading 1, newest lowest, hexadecimal",
        ),
    )
    op.create_index("ix_checks_composite", "checks", ["id"], postgresql_where=sa.text("kind = 'composite'"))


def downgrade() -> None:
    op.drop_index("ix_checks_composite", table_name="checks")
    op.drop_column("check_states", "outcomes")
    for name in (
        "is_failing",
        "failed_sequence",
        "failed_detail",
        "failed_kind",
        "failed_at",
        "run_time",
        "run_id",
        "started_at",
        "last_success_at",
    ):
        op.drop_column("heartbeats", name)
