"""Adds connections of connect rooms, their tags, and limits of signals."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_AT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the counter of their changes."""
    op.create_table(
        "connection",
        *_texts(key=64, room=32, title=128, endpoint=500),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_texts(operator=128),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_connection"),
    )
    for column in ("room", "operator"):
        op.create_index(f"ix_connection_{column}", "connection", [column])
    op.create_table(
        "tag",
        *_texts(connection=64, address=500, thing=128, signal=128, kind=16, unit=32),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("scale", "offset", "deadband")),
        sa.Column("period_ms", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("writable", "enabled")),
        *_texts(title=128, title_zh=128),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "address", name="pk_tag"),
    )
    op.create_index("ix_tag_thing", "tag", ["thing"])
    op.create_table(
        "signal_limit",
        *_texts(thing=128, signal=128),
        *(sa.Column(name, sa.Float) for name in ("low_low", "low", "high", "high_high")),
        sa.Column("deadband", sa.Float, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *_texts(changed_by=64),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("thing", "signal", name="pk_signal_limit"),
    )
    for name in ("tag", "signal_limit"):
        op.execute(f"INSERT INTO revision (name, number) VALUES ('{name}', 0)")


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(n), nullable=False) for name, n in lengths.items()]
