"""Roll up the metrics of results by minute, hour and day; results know the transaction that stored them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# The bucket of a number, as domain/sketch.py reckons it: what is stored is counted in these for good.
_KEY = """
CREATE FUNCTION metric_key(value double precision) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(value) < 1e-9 THEN 0
        ELSE sign(value)::integer * (ceil(ln(abs(value)) / ln(1.01::double precision / 0.99))::integer + 1037) END
$$
"""

# All buckets of a rollup; one whose numbers are all the same has no arrays.
_BUCKETS = """
CREATE FUNCTION metric_buckets(lowest double precision, amount bigint, keys integer[], counts bigint[])
RETURNS TABLE (key integer, count bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM unnest(COALESCE(keys, ARRAY[metric_key(lowest)]), COALESCE(counts, ARRAY[amount]))
$$
"""


def upgrade() -> None:
    # Those that are there get 0 without being written; whoever rolls up takes them by their times.
    op.add_column(
        "results",
        sa.Column(
            "stored_in",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="the transaction that stored it; 0: from before there were rollups",
        ),
    )
    op.alter_column("results", "stored_in", server_default=sa.text("(pg_current_xact_id()::text)::bigint"))
    op.create_index("ix_results_stored_in", "results", ["stored_in"])
    op.create_table(
        "metric_series",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_metric_series_check_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_series")),
        sa.UniqueConstraint("check_id", "metric", name=op.f("uq_metric_series_check_id_metric")),
    )
    op.execute(_KEY)
    op.execute(_BUCKETS)
    _make_rollups("metric_minutes", postgresql_partition_by="RANGE (at)")
    op.execute("CREATE TABLE metric_minutes_default PARTITION OF metric_minutes DEFAULT")
    _make_rollups("metric_hours")
    _make_rollups("metric_days")
    op.create_table(
        "metric_changes",
        sa.Column("tier", sa.Text(), nullable=False, comment="hour or day"),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tier", "at", "series_id", name=op.f("pk_metric_changes")),
    )
    op.create_table(
        "metric_progress",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "stored_before",
            sa.BigInteger(),
            nullable=False,
            comment="the results of transactions before this one are rolled up",
        ),
        sa.Column(
            "awaited",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="but for those of these, which had not ended",
        ),
        sa.Column(
            "old_before",
            _INSTANT,
            nullable=True,
            comment="of results from before there were rollups, those before this are rolled up",
        ),
        sa.Column("hours_until", _INSTANT, nullable=True, comment="hours are whole before this"),
        sa.Column("days_until", _INSTANT, nullable=True, comment="days are whole before this"),
        sa.Column("rolled_at", _INSTANT, nullable=True, comment="when the minutes had last caught up"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_metric_progress")),
    )


def _make_rollups(name: str, **options: Any) -> None:
    op.create_table(
        name,
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", _INSTANT, nullable=False, comment="where it begins"),
        sa.Column("is_planned", sa.Boolean(), nullable=False, comment="of results while a maintenance window was open"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("lowest", sa.Double(), nullable=False),
        sa.Column("highest", sa.Double(), nullable=False),
        sa.Column(
            "keys",
            postgresql.ARRAY(sa.Integer()),
            nullable=True,
            comment="of the sketch; empty: all are the same number",
        ),
        sa.Column("counts", postgresql.ARRAY(sa.BigInteger()), nullable=True, comment="of each key"),
        sa.PrimaryKeyConstraint("series_id", "at", "is_planned", name=op.f(f"pk_{name}")),
        **options,
    )


def downgrade() -> None:
    for name in ("progress", "changes", "days", "hours", "minutes", "series"):
        op.drop_table(f"metric_{name}")
    op.execute("DROP FUNCTION metric_buckets")
    op.execute("DROP FUNCTION metric_key")
    op.drop_index("ix_results_stored_in", table_name="results")
    op.drop_column("results", "stored_in")
