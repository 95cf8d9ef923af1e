"""The ledger's tables of pay; `r0008_pay` makes them. Rates and people are dated, never changed."""

from typing import Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

PAY_RATE: Final = sa.Table(
    "pay_rate",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("operation", sa.String(64), nullable=False, index=True),
    sa.Column("grade", sa.String(32), nullable=False),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("fen", sa.BigInteger, nullable=False),
    sa.Column("per", sa.Integer, nullable=False),
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
)

PAY_PERSON: Final = sa.Table(
    "pay_person",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("person", sa.String(64), nullable=False, index=True),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("grade", sa.String(32), nullable=False),
    sa.Column("team", sa.String(64), nullable=False),
    sa.Column("coefficient_pct", sa.Integer, nullable=False),
    sa.Column("hourly_fen", sa.BigInteger, nullable=False),
    sa.Column("floor_fen", sa.BigInteger, nullable=False),
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
)

PAY_FAULT: Final = sa.Table(
    "pay_fault",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("reason", sa.String(64), nullable=False, unique=True),
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Column("rework_pct", sa.Integer, nullable=False),
)

PAY_ATTENDANCE: Final = sa.Table(
    "pay_attendance",
    METADATA,
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("minutes", sa.Integer, nullable=False),
)
