"""The recorded machining log: its rows read, what is odd about them named.

Columns: case, activity, resource, start, complete, span (``hhh:mm``), work_order_qty, part, worker,
report_type, qty_completed, qty_rejected, qty_for_mrb, rework. A row is one report of one person at
one resource. What the log leaves open is decided here, once:

- `span` is the time that was booked, `complete - start` the time that passed. Rows with a span of
  0 and 60 or 75 minutes between their instants are placeholders: pieces without booked time.
- report type S is set-up, D is production; B is not explained and never has pieces: booked time
  without production.
- `MRB` (material review board) are pieces that wait for a decision; rejected ones are scrap.
"""

import csv
import gzip
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from millbrain.core.errors import SettingsError

COLUMNS: Final = ("case", "activity", "resource", "start", "complete", "span", "work_order_qty",
                  "part", "worker", "report_type", "qty_completed", "qty_rejected", "qty_for_mrb",
                  "rework")  # fmt: skip
SETUP, DONE, OTHER = "S", "D", "B"
TYPES: Final = (SETUP, DONE, OTHER)
_MINUTE_S: Final = 60
_PIECES_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LogRow:
    """One report of the log.

    line: in the file, from 1 (the head). start, complete: aware. booked_s: the log's span [s].
    good, rejected, review: pieces. repeat: how many rows before it say the very same.
    """

    line: int
    case: str
    activity: str
    resource: str
    start: datetime
    complete: datetime
    booked_s: int
    ordered: int
    part: str
    worker: str
    kind: str
    good: int
    rejected: int
    review: int
    is_rework: bool
    repeat: int = 0

    @property
    def passed_s(self) -> float:
        """Time between start and complete [s]."""
        return (self.complete - self.start).total_seconds()

    @property
    def is_placed(self) -> bool:
        """Whether its time was booked at its instants, so that a machine was busy then."""
        return self.booked_s > 0 and self.passed_s > 0

    def said(self) -> str:
        """Return what the row says, for its identity: the line does not matter."""
        fields = (
            self.case, self.activity, self.resource, self.start.isoformat(),
            self.complete.isoformat(), self.booked_s, self.ordered, self.part, self.worker,
            self.kind, self.good, self.rejected, self.review, self.is_rework, self.repeat,
        )  # fmt: skip
        return "\x1f".join(map(str, fields))

    def id(self, place: int) -> str:
        """Return the id of the row's report number `place` (0 to 15): the same at every replay."""
        return instant_id(self.start, self.said(), place)


def instant_id(at: datetime, text: str, place: int) -> str:
    """Return a UUID (version 8) that sorts by instant, then by text, then by place (0 to 15).

    Reports of one instant are folded in the order of their ids; so an end comes before the next
    begin, and a begin before its own end.
    """
    milliseconds = round(at.timestamp() * 1000) & ((1 << 48) - 1)
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    low = (digest & ((1 << 62) - 16)) | place
    number = milliseconds << 80 | 8 << 76 | (digest >> 64 & 0xFFF) << 64 | 0b10 << 62 | low
    return str(uuid.UUID(int=number))


@dataclass(frozen=True, slots=True)
class Log:
    """A log. digest: of its content. wrong: line -> why it could not be read."""

    rows: tuple[LogRow, ...]
    digest: str
    wrong: Mapping[int, str]

    def __iter__(self) -> Iterator[LogRow]:
        """Iterate over its rows, in the order of the file."""
        return iter(self.rows)


def read_log(path: Path) -> Log:
    """Read a log, CSV or CSV compressed by gzip.

    Raises
    ------
    SettingsError
        It is no file, or columns are missing.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as e:
        raise SettingsError(f"log {path.name} cannot be read: {e}") from e
    reader = csv.DictReader(text.splitlines())
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise SettingsError(f"log {path.name}: columns {', '.join(missing)} are missing")
    rows, wrong = [], {}
    for line, told in enumerate(reader, 2):
        try:
            rows.append(_row(line, told))
        except (ValueError, TypeError) as e:
            wrong[line] = str(e)
    return Log(tuple(_numbered(rows)), hashlib.sha256(text.encode()).hexdigest(), wrong)


def _numbered(rows: Iterable[LogRow]) -> Iterator[LogRow]:
    seen: Counter[str] = Counter()
    for row in rows:
        key = row.said()
        yield replace(row, repeat=seen[key])
        seen[key] += 1


def _row(line: int, told: Mapping[str, str]) -> LogRow:
    start, complete = _instant(told["start"]), _instant(told["complete"])
    if complete < start:
        raise ValueError(f"it is complete at {complete}, before its start at {start}")
    if told["report_type"] not in TYPES:
        raise ValueError(f"report type {told['report_type']!r}; {', '.join(TYPES)} are known")
    for name in ("case", "activity", "resource", "part", "worker"):
        if not told[name].strip():
            raise ValueError(f"{name} is empty")
    return LogRow(
        line, told["case"].strip(), " ".join(told["activity"].split()),
        " ".join(told["resource"].split()), start, complete, _span_s(told["span"]),
        _pieces(told["work_order_qty"]), " ".join(told["part"].split()), told["worker"].strip(),
        told["report_type"], _pieces(told["qty_completed"]), _pieces(told["qty_rejected"]),
        _pieces(told["qty_for_mrb"]), told["rework"].strip().lower() in ("true", "y", "yes", "1"),
    )  # fmt: skip


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone, so it is no instant")
    return at


def _span_s(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit()):
        raise ValueError(f"span {text!r}; hours:minutes is expected")
    return (int(hours) * 60 + int(minutes)) * _MINUTE_S


def _pieces(text: str) -> int:
    count = int(text or 0)
    if not 0 <= count <= _PIECES_MAX:
        raise ValueError(f"{count} pieces; 0 to {_PIECES_MAX} are allowed")
    return count


@dataclass(frozen=True, slots=True)
class Oddities:
    """What is odd about a log: counts of rows, each handled as the module says."""

    no_pieces: int
    placeholders: int
    disagreeing: int
    repeated: int
    unexplained: int
    overlapping: int
    zones: tuple[str, ...]


def oddities(rows: Sequence[LogRow]) -> Oddities:
    """Count what is odd. overlapping: rows that begin while their resource has another one."""
    by_resource: dict[str, list[LogRow]] = {}
    for row in rows:
        if row.is_placed:
            by_resource.setdefault(row.resource, []).append(row)
    overlapping = 0
    for own in by_resource.values():
        until = datetime.min.replace(tzinfo=UTC)
        for row in sorted(own, key=lambda r: (r.start, r.complete)):
            overlapping += row.start < until
            until = max(until, row.complete)
    return Oddities(
        no_pieces=sum(not (r.good or r.rejected or r.review) for r in rows),
        placeholders=sum(not r.booked_s for r in rows),
        disagreeing=sum(bool(r.booked_s) and r.booked_s != r.passed_s for r in rows),
        repeated=sum(bool(r.repeat) for r in rows),
        unexplained=sum(r.kind == OTHER for r in rows),
        overlapping=overlapping,
        zones=tuple(sorted({r.start.strftime("%z") for r in rows})),
    )
