"""Adds what orders need: work orders with their history and files, targets of notices, the outbox.

The history of an order is append-only by the database's own word, as the audit trail is.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_AT: Final = sa.DateTime(timezone=True)
_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_SQLITE_TRIGGERS: Final = tuple(
    f"CREATE TRIGGER order_step_no_{verb.lower()} BEFORE {verb} ON order_step"
    " BEGIN SELECT RAISE(ABORT, 'the history of an order is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
_POSTGRES_TRIGGERS: Final = (
    "CREATE FUNCTION order_step_append_only() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the history of an order is append-only'; END $$",
    "CREATE TRIGGER order_step_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON order_step"
    " FOR EACH STATEMENT EXECUTE FUNCTION order_step_append_only()",
)


def upgrade() -> None:
    """Make the tables."""
    _orders()
    _findings()
    _history_and_files()
    _targets()
    _deliveries()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE_TRIGGERS if is_sqlite else _POSTGRES_TRIGGERS:
        op.execute(statement)


def _orders() -> None:
    op.create_table(
        "work_order",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128), nullable=False),
        sa.Column("assignee", sa.String(128), nullable=False),
        sa.Column("apps", sa.String(200), nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("title", sa.String(500), nullable=False),
        sa.Column("title_zh", sa.String(500), nullable=False),
        sa.Column("raised_at", _AT, nullable=False),
        sa.Column("state_at", _AT, nullable=False),
        sa.Column("due_at", _AT),
        sa.Column("rise_at", _AT),
        sa.Column("repaired_at", _AT),
        sa.Column("inspection", sa.String(64), nullable=False),
        sa.Column("clean_days", sa.Integer),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("gathers", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_order"),
        sa.UniqueConstraint("number", name="uq_work_order_number"),
    )
    for column in ("thing", "operator", "assignee", "state", "rise_at"):
        op.create_index(f"ix_work_order_{column}", "work_order", [column])
    op.create_index(
        "uq_work_order_gathers", "work_order", ["thing"], unique=True,
        sqlite_where=sa.text("gathers"), postgresql_where=sa.text("gathers"),
    )  # fmt: skip
    op.create_table(
        "order_number",
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("last", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_order_number"),
    )


def _findings() -> None:
    op.create_table(
        "order_finding",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("order_id", _BIG, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("app", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("pack_no", sa.Integer, nullable=False),
        sa.Column("cell_no", sa.Integer, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("sentence", sa.String(1000), nullable=False),
        sa.Column("sentence_zh", sa.String(1000), nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.Column("verdict", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_order_finding"),
        sa.UniqueConstraint("order_id", "key", name="uq_order_finding_order_id"),
        _to("order_finding", "order_id", "work_order", "id"),
    )
    for column in ("order_id", "key"):
        op.create_index(f"ix_order_finding_{column}", "order_finding", [column])
    op.create_table(
        "order_alarm",
        sa.Column("alarm_id", _BIG, nullable=False, autoincrement=False),
        sa.Column("order_id", _BIG, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", name="pk_order_alarm"),
        _to("order_alarm", "order_id", "work_order", "id"),
    )
    op.create_index("ix_order_alarm_order_id", "order_alarm", ["order_id"])


def _history_and_files() -> None:
    op.create_table(
        "order_step",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("order_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("target", sa.String(16), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order_step"),
        _to("order_step", "order_id", "work_order", "id"),
    )
    op.create_index("ix_order_step_order_id", "order_step", ["order_id"])
    op.create_table(
        "order_file",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_order_file"),
    )
    op.create_table(
        "order_attachment",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("order_id", _BIG, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size_bytes", _BIG, nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order_attachment"),
        _to("order_attachment", "order_id", "work_order", "id"),
        _to("order_attachment", "sha256", "order_file", "sha256"),
    )
    op.create_index("ix_order_attachment_order_id", "order_attachment", ["order_id"])


def _targets() -> None:
    op.create_table(
        "notice_target",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("address", sa.String(1000), nullable=False),
        sa.Column("secret", sa.String(500), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("apps", sa.JSON, nullable=False),
        sa.Column("topics", sa.JSON, nullable=False),
        sa.Column("severity_min", sa.SmallInteger, nullable=False),
        sa.Column("level_min", sa.SmallInteger, nullable=False),
        sa.Column("quiet_from", sa.Time, nullable=False),
        sa.Column("quiet_to", sa.Time, nullable=False),
        sa.Column("rate_count", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("parked_at", _AT),
        sa.Column("probe_at", _AT),
        sa.Column("told_at", _AT),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice_target"),
        sa.UniqueConstraint("name", name="uq_notice_target_name"),
    )


def _deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("target_id", _BIG, nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("app", sa.String(32), nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("noted_at", _AT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next_at", _AT),
        sa.Column("tried_at", _AT),
        sa.Column("told_at", _AT),
        sa.Column("error", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("uid", name="uq_delivery_uid"),
        sa.ForeignKeyConstraint(
            ["target_id"], ["notice_target.id"], name="fk_delivery_target_id_notice_target",
            ondelete="CASCADE",
        ),
    )  # fmt: skip
    op.create_index("ix_delivery_target_id_next_at", "delivery", ["target_id", "next_at"])


def _to(table: str, column: str, other: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}"
    )
