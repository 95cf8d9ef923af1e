"""The ledger's tables of production; `r0007_production` makes them."""

from typing import Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

PRODUCTION_ORDER: Final = sa.Table(
    "production_order",
    METADATA,
    sa.Column("number", sa.String(64), primary_key=True),
    sa.Column("product", sa.String(64), nullable=False, index=True),
    sa.Column("revision", sa.String(32), nullable=False),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("title_zh", sa.String(128), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("customer", sa.String(128), nullable=False),
    sa.Column("due_at", At),
    sa.Column("promised_at", At),
    sa.Column("projected_at", At),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("line", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("operator", sa.String(128), nullable=False, index=True),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("entered_at", At, nullable=False),
    sa.Column("released_at", At),
    sa.Column("started_at", At),
    sa.Column("completed_at", At),
    sa.Column("state_at", At, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

ORDER_HISTORY: Final = sa.Table(
    "production_step",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("order_number", sa.String(64), nullable=False, index=True),
    sa.Column("at", At, nullable=False),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("target", sa.String(16), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

OPERATION: Final = sa.Table(
    "order_operation",
    METADATA,
    sa.Column("order_number", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(32), primary_key=True),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("operation", sa.String(64), nullable=False),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("title_zh", sa.String(128), nullable=False),
    sa.Column("stations", sa.JSON, nullable=False),
    sa.Column("qualification", sa.String(64), nullable=False),
    sa.Column("skill_level", sa.Integer, nullable=False),
    sa.Column("setup_s", sa.Float, nullable=False),
    sa.Column("run_s", sa.Float, nullable=False),
    sa.Column("needs_previous", sa.Boolean, nullable=False),
    sa.Column("part_type", sa.String(64), nullable=False),
    sa.Column("tool_cycles", sa.Integer, nullable=False),
    # What follows is the fold over the reports, kept so that boards need not fold.
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("good", sa.Integer, nullable=False),
    sa.Column("scrap", sa.Integer, nullable=False),
    sa.Column("rework", sa.Integer, nullable=False),
    sa.Column("setup_spent_s", sa.Float, nullable=False),
    sa.Column("run_spent_s", sa.Float, nullable=False),
    sa.Column("started_at", At),
    sa.Column("last_at", At),
    sa.Column("finished_at", At),
    sa.Column("report_count", sa.Integer, nullable=False),
    sa.Column("conflicts", sa.JSON, nullable=False),
)

OPERATION_STATION: Final = sa.Table(  # which operations a station may do
    "operation_station",
    METADATA,
    sa.Column("station", sa.String(64), primary_key=True),
    sa.Column("order_number", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(32), primary_key=True),
)

REPORT: Final = sa.Table(
    "production_report",
    METADATA,
    sa.Column("number", BIG, primary_key=True),  # in the order in which they were accepted
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("order_number", sa.String(64), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("person", sa.String(64), nullable=False, index=True),
    sa.Column("machine", sa.String(64), nullable=False, index=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("at", At, nullable=False, index=True),
    sa.Column("device_at", At),
    sa.Column("ahead_ms", BIG, nullable=False),
    sa.Column("received_at", At, nullable=False),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("flags", sa.JSON, nullable=False),
    sa.Column("reversal_of", sa.String(36), nullable=False, index=True),
    sa.Column("consumed", sa.JSON, nullable=False),
    sa.Column("produced", sa.JSON, nullable=False),
    sa.Column("who", sa.String(64), nullable=False),
    # '' = nothing to tell the resolver, else waiting, told, refused
    sa.Column("event", sa.String(16), nullable=False, index=True),
    sa.Index("ix_production_report_operation", "order_number", "step"),
)

LOT_MOVE: Final = sa.Table(  # lots and serials of reports, to be found by their identifier
    "lot_move",
    METADATA,
    sa.Column("report", sa.String(36), primary_key=True),
    sa.Column("direction", sa.String(8), primary_key=True),  # consumed, produced
    sa.Column("key", sa.String(255), primary_key=True, index=True),
    sa.Column("quantity", sa.Integer, nullable=False),
)

ANDON: Final = sa.Table(
    "andon_call",
    METADATA,
    sa.Column("number", BIG, primary_key=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("station", sa.String(64), nullable=False, index=True),
    sa.Column("line", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("stops_line", sa.Boolean, nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("order_number", sa.String(64), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("raised_by", sa.String(64), nullable=False),
    sa.Column("raised_at", At, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("rise_at", At),
    sa.Column("acknowledged_by", sa.String(64), nullable=False),
    sa.Column("acknowledged_at", At),
    sa.Column("resolved_by", sa.String(64), nullable=False),
    sa.Column("resolved_at", At),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("resolution", sa.String(500), nullable=False),
    sa.Column("operator", sa.String(128), nullable=False, index=True),
    sa.Column("simulated", sa.Boolean, nullable=False),
)

ANDON_STEP: Final = sa.Table(
    "andon_step",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("call", sa.String(36), nullable=False, index=True),
    sa.Column("at", At, nullable=False),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)
