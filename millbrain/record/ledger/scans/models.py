"""The ledger's tables of recipes, stations and scans; `r0005_scans` makes them."""

from typing import Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

RECIPE: Final = sa.Table(
    "recipe",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("part_type", sa.String(64), nullable=False, index=True),
    sa.Column("revision", sa.String(32), nullable=False),  # empty = any
    sa.Column("station", sa.String(64), nullable=False),
    sa.Column("tool_set", sa.String(64), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("after", sa.String(32), nullable=False),
    sa.Column("qualification", sa.String(64), nullable=False),
    sa.Column("tool_cycles", sa.Integer, nullable=False),
    sa.Column("program", sa.String(64), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
    sa.Column("replaced_at", At),  # NULL: it holds
    sa.UniqueConstraint("name", "version"),
)

STATION: Final = sa.Table(
    "scan_station",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("title_zh", sa.String(128), nullable=False),
    sa.Column("address", sa.String(128), nullable=False),
    sa.Column("tool_set", sa.String(64), nullable=False),
    sa.Column("tool_life", sa.Integer),  # NULL = not counted
    sa.Column("job", sa.JSON, nullable=False),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("operator", sa.String(128), nullable=False, index=True),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("changed_at", At, nullable=False),
)

QUALIFICATION: Final = sa.Table(
    "qualification",
    METADATA,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("until", sa.String(10), nullable=False),  # last day (ISO)
)

KNOWN_PART: Final = sa.Table(  # what the resolver said, for when it cannot be asked
    "known_part",
    METADATA,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("fetched_at", At, nullable=False, index=True),
)

SCAN: Final = sa.Table(
    "scan",
    METADATA,
    sa.Column("number", BIG, primary_key=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("at", At, nullable=False, index=True),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("station", sa.String(64), nullable=False, index=True),
    sa.Column("text", sa.String(2048), nullable=False),
    sa.Column("part", sa.String(255), nullable=False, index=True),
    sa.Column("part_type", sa.String(64), nullable=False),
    sa.Column("revision", sa.String(32), nullable=False),
    sa.Column("lot", sa.String(64), nullable=False),
    sa.Column("recipe", sa.String(64), nullable=False),
    sa.Column("recipe_version", sa.Integer, nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("failed", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("read_back", sa.JSON, nullable=False),
    sa.Column("program", sa.String(64), nullable=False),
    sa.Column("result", sa.String(16), nullable=False),
    sa.Column("detail", sa.String(500), nullable=False),
    sa.Column("deadline", At),
    sa.Column("write_count", sa.Integer, nullable=False),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("is_cached", sa.Boolean, nullable=False),
    sa.Column("changed_at", At, nullable=False),
    # A station is told one thing at a time: two that wrote to it could leave a mixture.
    sa.Index(
        "uq_scan_open_station", "station", unique=True,
        sqlite_where=sa.text("state = 'cleared'"),
        postgresql_where=sa.text("state = 'cleared'"),
    ),
)  # fmt: skip
