"""The ledger's tables of connections, tags and limits; `r0006_tags` makes them."""

from typing import Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

CONNECTION: Final = sa.Table(
    "connection",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("room", sa.String(32), nullable=False, index=True),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("endpoint", sa.String(500), nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("operator", sa.String(128), nullable=False, index=True),
    sa.Column("changed_at", At, nullable=False),
)

TAG: Final = sa.Table(
    "tag",
    METADATA,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(500), primary_key=True),
    sa.Column("thing", sa.String(128), nullable=False, index=True),
    sa.Column("signal", sa.String(128), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("unit", sa.String(32), nullable=False),
    sa.Column("scale", sa.Float, nullable=False),
    sa.Column("offset", sa.Float, nullable=False),
    sa.Column("deadband", sa.Float, nullable=False),
    sa.Column("period_ms", sa.Integer, nullable=False),
    sa.Column("writable", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("title_zh", sa.String(128), nullable=False),
    sa.Column("changed_at", At, nullable=False),
)

SIGNAL_LIMIT: Final = sa.Table(
    "signal_limit",
    METADATA,
    sa.Column("thing", sa.String(128), primary_key=True),
    sa.Column("signal", sa.String(128), primary_key=True),
    sa.Column("low_low", sa.Float),
    sa.Column("low", sa.Float),
    sa.Column("high", sa.Float),
    sa.Column("high_high", sa.Float),
    sa.Column("deadband", sa.Float, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("changed_by", sa.String(64), nullable=False),
    sa.Column("changed_at", At, nullable=False),
)
