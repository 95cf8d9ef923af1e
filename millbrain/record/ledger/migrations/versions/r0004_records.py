"""Adds what records need: inspections, the lane's limits, life events."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_AT: Final = sa.DateTime(timezone=True)
_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _inspections()
    _life_events()


def _inspections() -> None:
    op.create_table(
        "inspection",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("bench", sa.String(64), nullable=False),
        sa.Column("record_no", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("vin", sa.String(64), nullable=False),
        sa.Column("tested_at", _AT, nullable=False),
        sa.Column("head", sa.JSON, nullable=False),
        sa.Column("measured", sa.JSON, nullable=False),
        sa.Column("conclusion", sa.String(16), nullable=False),
        sa.Column("opinion", sa.JSON, nullable=False),
        sa.Column("curve", sa.LargeBinary),
        sa.Column("curve_points", sa.Integer, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("entered_by", sa.String(64), nullable=False),
        sa.Column("entered_at", _AT, nullable=False),
        sa.Column("replaced_at", _AT),
        sa.PrimaryKeyConstraint("id", name="pk_inspection"),
        sa.UniqueConstraint("bench", "record_no", "version", name="uq_inspection_bench"),
    )
    for column in ("vin", "tested_at"):
        op.create_index(f"ix_inspection_{column}", "inspection", [column])
    op.create_table(
        "inspection_limit",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("chemistry", sa.String(16), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("since", sa.String(10), nullable=False),
        sa.Column("entered_by", sa.String(64), nullable=False),
        sa.Column("entered_at", _AT, nullable=False),
        sa.Column("replaced_at", _AT),
        sa.PrimaryKeyConstraint("id", name="pk_inspection_limit"),
    )
    op.create_index("ix_inspection_limit_item", "inspection_limit", ["item"])


def _life_events() -> None:
    op.create_table(
        "life_event",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("vin", sa.String(64), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("entered_by", sa.String(64), nullable=False),
        sa.Column("entered_at", _AT, nullable=False),
        sa.Column("replaced_at", _AT),
        sa.PrimaryKeyConstraint("id", name="pk_life_event"),
        sa.UniqueConstraint("kind", "source", "reference", "version", name="uq_life_event_kind"),
    )
    op.create_index("ix_life_event_vin", "life_event", ["vin"])
