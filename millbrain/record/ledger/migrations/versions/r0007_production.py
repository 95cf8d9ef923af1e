"""Adds production orders, their operations, the log of reports, lots, and calls for help."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_AT: Final = sa.DateTime(timezone=True)
_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _orders()
    _operations()
    _reports()
    _andon()


def _orders() -> None:
    op.create_table(
        "production_order",
        *_texts(number=64, product=64, revision=32, title=128, title_zh=128),
        *_needed(sa.Integer, "quantity"),
        *_texts(customer=128),
        *_instants("due_at", "promised_at", "projected_at"),
        *_needed(sa.Integer, "priority"),
        *_texts(line=64, state=16, operator=128),
        *_needed(sa.Boolean, "simulated"),
        *_texts(source=32),
        *_needed(_AT, "entered_at"),
        *_instants("released_at", "started_at", "completed_at"),
        *_needed(_AT, "state_at"),
        *_needed(sa.Integer, "version"),
        sa.PrimaryKeyConstraint("number", name="pk_production_order"),
    )
    _indexes("production_order", "product", "line", "state", "operator")
    op.create_table(
        "production_step",
        sa.Column("id", _BIG, nullable=False),
        *_texts(order_number=64),
        *_needed(_AT, "at"),
        *_texts(who=64, action=16, source=16, target=16),
        *_needed(sa.JSON, "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_production_step"),
    )
    _indexes("production_step", "order_number")


def _operations() -> None:
    op.create_table(
        "order_operation",
        *_texts(order_number=64, step=32),
        *_needed(sa.Integer, "ordinal"),
        *_texts(operation=64, title=128, title_zh=128),
        *_needed(sa.JSON, "stations"),
        *_texts(qualification=64),
        *_needed(sa.Integer, "skill_level"),
        *_needed(sa.Float, "setup_s", "run_s"),
        *_needed(sa.Boolean, "needs_previous"),
        *_texts(part_type=64),
        *_needed(sa.Integer, "tool_cycles"),
        *_texts(state=16),
        *_needed(sa.Integer, "good", "scrap", "rework"),
        *_needed(sa.Float, "setup_spent_s", "run_spent_s"),
        *_instants("started_at", "last_at", "finished_at"),
        *_needed(sa.Integer, "report_count"),
        *_needed(sa.JSON, "conflicts"),
        sa.PrimaryKeyConstraint("order_number", "step", name="pk_order_operation"),
    )
    _indexes("order_operation", "state")
    op.create_table(
        "operation_station",
        *_texts(station=64, order_number=64, step=32),
        sa.PrimaryKeyConstraint("station", "order_number", "step", name="pk_operation_station"),
    )


def _reports() -> None:
    op.create_table(
        "production_report",
        sa.Column("number", _BIG, nullable=False),
        *_texts(id=36, order_number=64, step=32, kind=16, person=64, machine=64),
        *_needed(sa.Integer, "quantity"),
        *_texts(reason=64, note=500),
        *_needed(_AT, "at"),
        *_instants("device_at"),
        *_needed(_BIG, "ahead_ms"),
        *_needed(_AT, "received_at"),
        *_texts(device=64),
        *_needed(sa.JSON, "flags"),
        *_texts(reversal_of=36),
        *_needed(sa.JSON, "consumed", "produced"),
        *_texts(who=64, event=16),
        sa.PrimaryKeyConstraint("number", name="pk_production_report"),
        sa.UniqueConstraint("id", name="uq_production_report_id"),
    )
    _indexes("production_report", "person", "machine", "at", "reversal_of", "event")
    op.create_index("ix_production_report_operation", "production_report",
                    ["order_number", "step"])  # fmt: skip
    op.create_table(
        "lot_move",
        *_texts(report=36, direction=8, key=255),
        *_needed(sa.Integer, "quantity"),
        sa.PrimaryKeyConstraint("report", "direction", "key", name="pk_lot_move"),
    )
    _indexes("lot_move", "key")


def _andon() -> None:
    op.create_table(
        "andon_call",
        sa.Column("number", _BIG, nullable=False),
        *_texts(id=36, station=64, line=64, kind=16),
        *_needed(sa.Boolean, "stops_line"),
        *_texts(note=500, order_number=64, step=32, raised_by=64),
        *_needed(_AT, "raised_at"),
        *_texts(state=16),
        *_needed(sa.Integer, "level"),
        *_instants("rise_at"),
        *_texts(acknowledged_by=64),
        *_instants("acknowledged_at"),
        *_texts(resolved_by=64),
        *_instants("resolved_at"),
        *_texts(reason=64, resolution=500, operator=128),
        *_needed(sa.Boolean, "simulated"),
        sa.PrimaryKeyConstraint("number", name="pk_andon_call"),
        sa.UniqueConstraint("id", name="uq_andon_call_id"),
    )
    _indexes("andon_call", "station", "line", "raised_at", "state", "operator")
    op.create_table(
        "andon_step",
        sa.Column("id", _BIG, nullable=False),
        *_texts(call=36),
        *_needed(_AT, "at"),
        *_texts(who=64, action=16),
        *_needed(sa.JSON, "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_andon_step"),
    )
    _indexes("andon_step", "call")


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(n), nullable=False) for name, n in lengths.items()]


def _needed(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _instants(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, _AT) for name in names]


def _indexes(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])
