"""Adds rates, people, fault rules and attendance that pay is computed from."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_AT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pay_rate",
        sa.Column("number", sa.Integer, nullable=False),
        *_texts(operation=64, grade=32),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("fen", sa.BigInteger, nullable=False),
        sa.Column("per", sa.Integer, nullable=False),
        *_entered(),
        sa.PrimaryKeyConstraint("number", name="pk_pay_rate"),
    )
    op.create_index("ix_pay_rate_operation", "pay_rate", ["operation"])
    op.create_table(
        "pay_person",
        sa.Column("number", sa.Integer, nullable=False),
        *_texts(person=64),
        sa.Column("since", sa.Date, nullable=False),
        *_texts(grade=32, team=64),
        sa.Column("coefficient_pct", sa.Integer, nullable=False),
        sa.Column("hourly_fen", sa.BigInteger, nullable=False),
        sa.Column("floor_fen", sa.BigInteger, nullable=False),
        *_entered(),
        sa.PrimaryKeyConstraint("number", name="pk_pay_person"),
    )
    op.create_index("ix_pay_person_person", "pay_person", ["person"])
    op.create_table(
        "pay_fault",
        sa.Column("number", sa.Integer, nullable=False),
        *_texts(reason=64, cause=16),
        sa.Column("rework_pct", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pay_fault"),
        sa.UniqueConstraint("reason", name="uq_pay_fault_reason"),
    )
    op.create_table(
        "pay_attendance",
        *_texts(person=64),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person", "day", name="pk_pay_attendance"),
    )


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(n), nullable=False) for name, n in lengths.items()]


def _entered() -> list[sa.Column[Any]]:
    return [*_texts(entered_by=64), sa.Column("entered_at", _AT, nullable=False)]
