"""Metrics that are watched for what is unlike their past: what is known of each, its points, and what was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NO_TEXT = sa.text("''")
_EMPTY = sa.text("'{}'::jsonb")
_FALSE, _TRUE = sa.text("false"), sa.text("true")


def upgrade() -> None:
    watched = "metrics to watch for anomalies"
    op.add_column(
        "checks", sa.Column("anomalies", postgresql.JSONB(), nullable=False, server_default=_EMPTY, comment=watched)
    )
    _make_series()
    op.create_table(
        "anomaly_points",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False, comment="where the four hours begin"),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("check_id", "metric", "at", name="pk_anomaly_points"),
        sa.ForeignKeyConstraint(
            ["check_id", "metric"],
            ["anomaly_series.check_id", "anomaly_series.metric"],
            name="fk_anomaly_points_check_id_metric",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_anomaly_points_at", "anomaly_points", ["at"])
    _make_happenings()


def _make_series() -> None:
    op.create_table(
        "anomaly_series",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("step", sa.Interval(), comment="that the state is made of; empty: nothing was looked at yet"),
        sa.Column("seen_until", _INSTANT, comment="what begins before it is judged"),
        sa.Column("state", sa.LargeBinary(), comment="what the detector knows: compressed JSON"),
        sa.Column(
            "told",
            sa.Text(),
            nullable=False,
            server_default=_NO_TEXT,
            comment="what the last look did to the alert, and why",
        ),
        sa.Column("told_since", _INSTANT, comment="when the happening that is told began; empty: none is"),
        sa.Column("words", sa.Text(), nullable=False, server_default=_NO_TEXT, comment="of the present happening"),
        sa.Column(
            "is_learning", sa.Boolean(), nullable=False, server_default=_TRUE, comment="new: nothing is told of it"
        ),
        sa.Column("latest", postgresql.JSONB(), comment="the last point: at, value, score, expected"),
        sa.PrimaryKeyConstraint("check_id", "metric", name="pk_anomaly_series"),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name="fk_anomaly_series_check_id", ondelete="CASCADE"),
    )
    op.create_index("ix_anomaly_series_due_at", "anomaly_series", ["due_at"])


def _make_happenings() -> None:
    op.create_table(
        "anomaly_happenings",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False, server_default=_EMPTY),
        sa.Column(
            "is_taught", sa.Boolean(), nullable=False, server_default=_FALSE, comment="a person's word is learned"
        ),
        sa.PrimaryKeyConstraint("alert_id", name="pk_anomaly_happenings"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_anomaly_happenings_alert_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name="fk_anomaly_happenings_check_id", ondelete="CASCADE"),
    )
    op.create_index(
        "ix_anomaly_happenings_check_id_metric_began_at", "anomaly_happenings", ["check_id", "metric", "began_at"]
    )


def downgrade() -> None:
    for name in ("anomaly_happenings", "anomaly_points", "anomaly_series"):
        op.drop_table(name)
    op.drop_column("checks", "anomalies")
