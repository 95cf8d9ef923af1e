"""Adds what alarms need: instances, their history, an operator's own rules."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AT: Final = sa.DateTime(timezone=True)
_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _alarms()
    _history_and_rules()
    counters = sa.table("revision", sa.column("name"), sa.column("number"))
    op.bulk_insert(counters, [{"name": "alarm", "number": 0}])


def _alarms() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("is_newest", sa.Boolean, nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("app", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("pack_no", sa.Integer, nullable=False),
        sa.Column("cell_no", sa.Integer, nullable=False),
        sa.Column("first_seen_s", sa.BigInteger, nullable=False),
        sa.Column("last_seen_s", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("threshold", sa.Double),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("sentence_zh", sa.Text, nullable=False),
        sa.Column("call_out", sa.Boolean, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("seen_s", sa.BigInteger, nullable=False),
        sa.Column("ahead_s", sa.BigInteger, nullable=False),
        sa.Column("is_present", sa.Boolean, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("is_latching", sa.Boolean, nullable=False),
        sa.Column("is_suppressed", sa.Boolean, nullable=False),
        sa.Column("is_acknowledged", sa.Boolean, nullable=False),
        sa.Column("began_at", _AT, nullable=False),
        sa.Column("state_at", _AT, nullable=False),
        sa.Column("due_at", _AT),
        sa.Column("raised_at", _AT),
        sa.Column("ended_at", _AT),
        sa.Column("until", _AT),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("acknowledged_by", sa.String(64), nullable=False),
        sa.Column("order_id", _BIG),
        sa.Column("revision", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    for column in ("key", "thing", "due_at", "until", "order_id", "revision"):
        op.create_index(f"ix_alarm_{column}", "alarm", [column])
    op.create_index("ix_alarm_ended_at", "alarm", ["ended_at", "state", "priority", "thing"])
    newest = sa.text("is_newest")
    op.create_index(
        "uq_alarm_newest", "alarm", ["key"], unique=True, sqlite_where=newest,
        postgresql_where=newest,
    )  # fmt: skip


def _history_and_rules() -> None:
    op.create_table(
        "alarm_step",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("alarm_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("until", _AT),
        sa.Column("active_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_step"),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name="fk_alarm_step_alarm_id_alarm"),
    )
    for column in ("alarm_id", "at"):
        op.create_index(f"ix_alarm_step_{column}", "alarm_step", [column])
    op.create_table(
        "alarm_rule",
        sa.Column("app", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("rule", sa.JSON, nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("app", "kind", name="pk_alarm_rule"),
    )
