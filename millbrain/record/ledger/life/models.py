"""The ledger's tables of a vehicle's record: inspections, the lane's limits, life events.

A row is a version: a correction adds one and dates the end of the one before, nothing is
overwritten. `content_sha256` tells whether what comes is what is there already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.models import METADATA, At

_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

INSPECTION: Final = sa.Table(
    "inspection",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("bench", sa.String(64), nullable=False),
    sa.Column("record_no", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("vin", sa.String(64), nullable=False, index=True),
    sa.Column("tested_at", At, nullable=False, index=True),
    sa.Column("head", sa.JSON, nullable=False),  # core.life.inspections.HEAD
    sa.Column("measured", sa.JSON, nullable=False),  # item -> value
    sa.Column("conclusion", sa.String(16), nullable=False),
    sa.Column("opinion", sa.JSON, nullable=False),  # items judged, reasons, edition of the rules
    sa.Column("curve", sa.LargeBinary),  # zlib of the canonical JSON of the bench's curve
    sa.Column("curve_points", sa.Integer, nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),  # of a correction
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
    sa.Column("replaced_at", At),  # empty = this version holds
    sa.UniqueConstraint("bench", "record_no", "version", name="uq_inspection_bench"),
)

INSPECTION_LIMIT: Final = sa.Table(
    "inspection_limit",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("item", sa.String(64), nullable=False, index=True),
    sa.Column("chemistry", sa.String(16), nullable=False),  # empty = any
    sa.Column("model", sa.String(128), nullable=False),  # empty = any
    sa.Column("low", sa.Float),
    sa.Column("high", sa.Float),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("since", sa.String(10), nullable=False),  # ISO date
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
    sa.Column("replaced_at", At),
)

LIFE_EVENT: Final = sa.Table(
    "life_event",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("reference", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("vin", sa.String(64), nullable=False, index=True),
    sa.Column("at", At, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("entered_by", sa.String(64), nullable=False),
    sa.Column("entered_at", At, nullable=False),
    sa.Column("replaced_at", At),
    sa.UniqueConstraint("kind", "source", "reference", "version", name="uq_life_event_kind"),
)


@dataclass(frozen=True, slots=True)
class NewInspection:
    """An inspection as it is brought, judged. curve: zlib bytes, empty = none."""

    bench: str
    record_no: str
    vin: str
    tested_at: datetime
    head: Mapping[str, Any]
    measured: Mapping[str, float]
    conclusion: str
    opinion: Mapping[str, Any]
    content_sha256: str
    curve: bytes = b""
    curve_points: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One version of one inspection. replaced_at: None = this version holds."""

    id: int
    bench: str
    record_no: str
    version: int
    vin: str
    tested_at: datetime
    head: Mapping[str, Any]
    measured: Mapping[str, float]
    conclusion: str
    opinion: Mapping[str, Any]
    curve_points: int
    content_sha256: str
    reason: str
    entered_by: str
    entered_at: datetime
    replaced_at: datetime | None
    plate: str = ""
    model: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class SetLimit:
    """A limit that whoever runs the lane has set; None = no such end. since: ISO date."""

    item: str
    chemistry: str
    model: str
    low: float | None
    high: float | None
    source: str
    since: str
    entered_by: str = ""
    entered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewLifeEvent:
    """An event as it is brought. fields: what its kind declares besides the common ones."""

    kind: str
    source: str
    reference: str
    vin: str
    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One version of one event of a vehicle's life."""

    id: int
    kind: str
    source: str
    reference: str
    version: int
    vin: str
    at: datetime
    fields: Mapping[str, Any]
    entered_by: str
    entered_at: datetime
    replaced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of entries that were brought; ids: of the rows that hold, in their order."""

    added: int
    corrected: int
    unchanged: int
    ids: Sequence[int]
