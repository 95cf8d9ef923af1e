"""The ledger's tables of work orders and of notices; `r0003_orders` makes them."""

from typing import Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

WORK_ORDER: Final = sa.Table(
    "work_order",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("number", sa.String(20), nullable=False, unique=True),
    sa.Column("thing", sa.String(64), nullable=False, index=True),
    sa.Column("operator", sa.String(128), nullable=False, index=True),  # of the thing
    sa.Column("assignee", sa.String(128), nullable=False, index=True),  # in charge, empty = nobody
    sa.Column("apps", sa.String(200), nullable=False),  # of its findings, separated by blanks
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("title", sa.String(500), nullable=False),
    sa.Column("title_zh", sa.String(500), nullable=False),
    sa.Column("raised_at", At, nullable=False),
    sa.Column("state_at", At, nullable=False),
    sa.Column("due_at", At),  # NULL until the engine reckoned it
    sa.Column("rise_at", At, index=True),
    sa.Column("repaired_at", At),
    sa.Column("inspection", sa.String(64), nullable=False),
    sa.Column("clean_days", sa.Integer),
    sa.Column("version", BIG, nullable=False),
    # One order of a thing takes its further call-outs: two that did would be two visits.
    sa.Column("gathers", sa.Boolean, nullable=False),
    sa.Index(
        "uq_work_order_gathers", "thing", unique=True,
        sqlite_where=sa.text("gathers"), postgresql_where=sa.text("gathers"),
    ),
)  # fmt: skip

ORDER_NUMBER: Final = sa.Table(  # last number of a year
    "order_number",
    METADATA,
    sa.Column("year", sa.Integer, primary_key=True),
    sa.Column("last", BIG, nullable=False),
)

ORDER_FINDING: Final = sa.Table(
    "order_finding",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("work_order.id"), nullable=False, index=True),
    sa.Column("key", sa.String(255), nullable=False, index=True),
    sa.Column("app", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("pack_no", sa.Integer, nullable=False),
    sa.Column("cell_no", sa.Integer, nullable=False),
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("sentence", sa.String(1000), nullable=False),
    sa.Column("sentence_zh", sa.String(1000), nullable=False),
    sa.Column("added_at", At, nullable=False),
    sa.Column("verdict", sa.JSON(none_as_null=True)),
    sa.UniqueConstraint("order_id", "key"),
)

# An alarm has at most one order, by the database's own word: however often it is looked at.
ORDER_ALARM: Final = sa.Table(
    "order_alarm",
    METADATA,
    sa.Column("alarm_id", BIG, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.ForeignKey("work_order.id"), nullable=False, index=True),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("added_at", At, nullable=False),
)

ORDER_STEP: Final = sa.Table(  # append-only, as the audit trail is
    "order_step",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("work_order.id"), nullable=False, index=True),
    sa.Column("at", At, nullable=False),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("target", sa.String(16), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

ORDER_FILE: Final = sa.Table(  # bytes of attachments, each content once
    "order_file",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

ORDER_ATTACHMENT: Final = sa.Table(
    "order_attachment",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("work_order.id"), nullable=False, index=True),
    sa.Column("sha256", sa.ForeignKey("order_file.sha256"), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("media_type", sa.String(100), nullable=False),
    sa.Column("size_bytes", BIG, nullable=False),
    sa.Column("added_at", At, nullable=False),
    sa.Column("added_by", sa.String(64), nullable=False),
)

NOTICE_TARGET: Final = sa.Table(
    "notice_target",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("operator", sa.String(128), nullable=False),  # empty = the centre
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("address", sa.String(1000), nullable=False),
    sa.Column("secret", sa.String(500), nullable=False),  # leaves only towards the sender
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
    sa.Column("parked_at", At),
    sa.Column("probe_at", At),  # when a parked target is tried again
    sa.Column("told_at", At),
    sa.Column("error", sa.String(500), nullable=False),
    sa.Column("created_at", At, nullable=False),
)

DELIVERY: Final = sa.Table(
    "delivery",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column(
        "target_id", sa.ForeignKey("notice_target.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("app", sa.String(32), nullable=False),
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("noted_at", At, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("next_at", At),  # NULL once it is over
    sa.Column("tried_at", At),
    sa.Column("told_at", At),
    sa.Column("error", sa.String(500), nullable=False),
    sa.Index("ix_delivery_target_id_next_at", "target_id", "next_at"),
)  # fmt: skip
