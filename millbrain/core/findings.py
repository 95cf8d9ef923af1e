"""A finding: what an analyse room says of one part of one thing, with its evidence.

Every app says what it found in this one form, so that alarms, work orders and pages need to know no
room. A finding says what *is*; whether anybody is called is decided later, from `severity` and
`call_out`. Rows of the table are versions: the newest `as_of` of a `key` holds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np

from millbrain.core.columns import Columns
from millbrain.core.tables import Column, Table


class Severity(IntEnum):
    """How soon somebody should act."""

    NOTE = 0
    WATCH = 1
    SERVICE = 2
    STOP = 3
    DANGER = 4


SEVERITIES: Final = {
    0: ("note", "提示"),
    1: ("watch", "关注"),
    2: ("service", "检修"),
    3: ("stop", "停用"),
    4: ("danger", "危险"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence: which observation, from which family, with its figure.

    name: stable word. family: pieces of one family rest on the same observation and count once.
    value, threshold: in `unit` (symbol, empty for a pure number). since, until: device time [s
    since 1970 UTC] of the first and last observation that it rests on.
    """

    name: str
    family: str
    value: float
    threshold: float
    unit: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, where, since when, how sure, and why.

    thing: identifier of the vehicle or machine. kind: stable word of the room that wrote it.
    pack_no, cell_no: the part, counted from 1; 0 where it is the whole thing. first_seen,
    last_seen: device time [s since 1970 UTC]. value, threshold: in `unit` (symbol). confidence:
    0 to 1. call_out: enough independent evidence to send for somebody. is_open: False once the
    evidence has stayed away long enough. sentence: for a mechanic, in both languages.

    Raises
    ------
    ValueError
        Where a field is out of its range.
    """

    thing: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    first_seen: int
    last_seen: int
    severity: Severity
    value: float
    unit: str
    threshold: float
    confidence: float
    evidence: tuple[Evidence, ...] = field(default=())
    sentence: str = ""
    sentence_zh: str = ""
    call_out: bool = False
    is_open: bool = True

    def __post_init__(self) -> None:
        """Refuse what no reader could understand."""
        if not self.thing or not self.app or not self.kind:
            raise ValueError("a finding names its thing, its app and its kind")
        if self.pack_no < 0 or self.cell_no < 0:
            raise ValueError(f"packs and cells count from 1; found {self.pack_no}, {self.cell_no}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence is a share from 0 to 1; found {self.confidence}")
        if self.last_seen < self.first_seen:
            raise ValueError(f"last seen {self.last_seen} is before first seen {self.first_seen}")

    @property
    def key(self) -> str:
        """What makes it the same finding again when more data arrive."""
        return f"{self.thing}|{self.app}|{self.kind}|{self.pack_no}|{self.cell_no}"

    @property
    def families(self) -> frozenset[str]:
        """The independent families that its evidence comes from."""
        return frozenset(e.family for e in self.evidence)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        row = {name: getattr(self, name) for name in _PLAIN}
        return row | {
            "severity": int(self.severity),
            "evidence": [{name: getattr(e, name) for name in e.__slots__} for e in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a finding since a repair: whether the part stands in line again.

    key: of the finding (`Finding.key`). since: device time of the repair [s since 1970 UTC].
    days_observed: days with enough reports since then. days_clean: the newest of them in a row on
    which nothing speaks against the part. before, after: the figure of the finding before the
    repair and over the clean days, in `unit`, NaN = not known. sentence: for a mechanic.
    """

    key: str
    since: int
    days_observed: int
    days_clean: int
    before: float
    after: float
    unit: str
    sentence: str
    sentence_zh: str

    @property
    def is_clean(self) -> bool:
        """Whether every observed day since the repair is clean, and there is one."""
        return 0 < self.days_observed == self.days_clean


_PLAIN: Final = (
    "thing", "app", "kind", "pack_no", "cell_no", "first_seen", "last_seen", "value", "unit",
    "threshold", "confidence", "sentence", "sentence_zh", "call_out", "is_open",
)  # fmt: skip

FINDING: Final = Table(
    "finding",
    "What the apps found: one row is one version of one finding, the newest `as_of` holds",
    "分析结论，每行为一条结论的一个版本",
    (
        Column("thing", "text", "Vehicle or other thing it is about", "对象"),
        Column("app", "name", "Room that found it", "分析应用"),
        Column("kind", "name", "What it is", "类别"),
        Column("pack_no", "u8", "Pack, from 1; 0 = the whole thing", "电池包序号"),
        Column("cell_no", "u16", "Cell, from 1; 0 = the whole pack", "单体序号"),
        Column("first_seen_at", "at_s", "Device time of the oldest evidence", "首次出现时刻"),
        Column("last_seen_at", "at_s", "Device time of the newest evidence", "最近出现时刻"),
        Column("severity", "u8", "How soon somebody should act", "严重程度", codes=SEVERITIES),
        Column("value", "f64", "The figure, in the unit of `unit`", "数值"),
        Column("unit", "name", "Symbol of the unit", "单位"),
        Column("threshold", "f64", "The limit it is beyond, in the same unit", "阈值"),
        Column("confidence", "f32", "How sure, 0 to 1", "置信度"),
        Column("evidence", "text", "The pieces of evidence as JSON", "证据（JSON）"),
        Column("sentence", "text", "What a mechanic reads, English", "说明（英文）"),
        Column("sentence_zh", "text", "What a mechanic reads, Chinese", "说明（中文）"),
        Column("call_out", "u8", "1 = independent evidence enough to send for somebody",
               "建议召检"),
        Column("is_open", "u8", "0 = the evidence has stayed away long enough", "未关闭"),
        Column("as_of", "at_ms", "When this version was written", "版本时刻"),
    ),
    order_by=("thing", "app", "kind", "pack_no", "cell_no"),
    keep_by="as_of",
    newest_by="as_of",
)  # fmt: skip


def finding_columns(findings: Sequence[Finding], as_of_ms: int) -> Columns:
    """Return findings as rows of `FINDING`.

    as_of_ms: instant of writing [ms since 1970 UTC], given by the caller since nothing here reads a
    clock.
    """
    rows = [_row(f) for f in findings]
    values: dict[str, Any] = {
        c.name: np.array([r[c.name] for r in rows], _DTYPES.get(c.kind, object))
        for c in FINDING.columns
        if c.name != "as_of"
    }
    values["as_of"] = np.full(len(rows), as_of_ms, np.int64)
    return Columns(len(rows), values)


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Return a row of `FINDING` as a finding. Instants in seconds since 1970 UTC, text as str."""
    values = {name: row[name] for name in _PLAIN if name not in ("first_seen", "last_seen")}
    return Finding(
        **values | {
            "first_seen": int(row["first_seen_at"]),
            "last_seen": int(row["last_seen_at"]),
            "severity": Severity(row["severity"]),
            "confidence": round(float(row["confidence"]), 6),  # kept with 32 bits
            "call_out": bool(row["call_out"]),
            "is_open": bool(row["is_open"]),
            "evidence": tuple(Evidence(**e) for e in json.loads(row["evidence"])),
        }
    )  # fmt: skip


_DTYPES: Final[Mapping[str, Any]] = {
    "u8": np.uint8, "u16": np.uint16, "at_s": np.uint32, "f32": np.float32, "f64": np.float64,
}  # fmt: skip


def _row(finding: Finding) -> dict[str, Any]:
    data = finding.as_json()
    data["first_seen_at"] = data.pop("first_seen")
    data["last_seen_at"] = data.pop("last_seen")
    data["evidence"] = json.dumps(data["evidence"], separators=(",", ":"))
    return {k: v.encode() if isinstance(v, str) else v for k, v in data.items()}
