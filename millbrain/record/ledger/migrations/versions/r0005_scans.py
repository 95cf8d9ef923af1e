"""Adds what scans need: recipes, stations, qualifications, known parts, scans."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_AT: Final = sa.DateTime(timezone=True)
_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _recipes()
    _stations()
    _scans()


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(n), nullable=False) for name, n in lengths.items()]


def _recipes() -> None:
    op.create_table(
        "recipe",
        sa.Column("id", _BIG, nullable=False),
        *_texts(name=64),
        sa.Column("version", sa.Integer, nullable=False),
        *_texts(part_type=64, revision=32, station=64, tool_set=64, step=32, after=32,
                qualification=64),
        sa.Column("tool_cycles", sa.Integer, nullable=False),
        *_texts(program=64),
        sa.Column("settings", sa.JSON, nullable=False),
        *_texts(entered_by=64),
        sa.Column("entered_at", _AT, nullable=False),
        sa.Column("replaced_at", _AT),
        sa.PrimaryKeyConstraint("id", name="pk_recipe"),
        sa.UniqueConstraint("name", "version", name="uq_recipe_name"),
    )  # fmt: skip
    for column in ("name", "part_type"):
        op.create_index(f"ix_recipe_{column}", "recipe", [column])


def _stations() -> None:
    op.create_table(
        "scan_station",
        *_texts(name=64, title=128, title_zh=128, address=128, tool_set=64),
        sa.Column("tool_life", sa.Integer),
        sa.Column("job", sa.JSON, nullable=False),
        *_texts(place=200, operator=128),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_scan_station"),
    )
    op.create_index("ix_scan_station_operator", "scan_station", ["operator"])
    op.create_table(
        "qualification",
        *_texts(account=64, name=64, until=10),
        sa.PrimaryKeyConstraint("account", "name", name="pk_qualification"),
    )
    op.create_table(
        "known_part",
        *_texts(key=255),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("fetched_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_known_part"),
    )
    op.create_index("ix_known_part_fetched_at", "known_part", ["fetched_at"])


def _scans() -> None:
    op.create_table(
        "scan",
        sa.Column("number", _BIG, nullable=False),
        *_texts(id=36),
        sa.Column("at", _AT, nullable=False),
        *_texts(who=64, station=64, text=2048, part=255, part_type=64, revision=32, lot=64,
                recipe=64),
        sa.Column("recipe_version", sa.Integer, nullable=False),
        *_texts(step=32, state=16),
        sa.Column("failed", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("read_back", sa.JSON, nullable=False),
        *_texts(program=64, result=16, detail=500),
        sa.Column("deadline", _AT),
        sa.Column("write_count", sa.Integer, nullable=False),
        *_texts(place=200),
        sa.Column("is_cached", sa.Boolean, nullable=False),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_scan"),
        sa.UniqueConstraint("id", name="uq_scan_id"),
    )  # fmt: skip
    for column in ("at", "station", "part", "state"):
        op.create_index(f"ix_scan_{column}", "scan", [column])
    op.create_index("uq_scan_open_station", "scan", ["station"], unique=True,
                    sqlite_where=sa.text("state = 'cleared'"),
                    postgresql_where=sa.text("state = 'cleared'"))  # fmt: skip
