"""The tag list as a sheet: XLSX or CSV out, XLSX, CSV or TOML in, with a report row by row.

A sheet may leave columns out: a tag that is known keeps what it has, a new one takes the default.
Reading a sheet changes nothing; what would change stands in the answer, so that nothing is
imported by half unless somebody asks for it.
"""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import pyarrow as pa

from millbrain.core.errors import LimitError
from millbrain.core.plant.tags import Connection, Tag, TagKind
from millbrain.core.tagging.rules import TAG_FIELDS, TagRules, twice
from millbrain.show.export import csv_file
from millbrain.show.imports import table_rows
from millbrain.show.worksheet import worksheet

ROWS_MAX: Final = 100_000
WRONGS_SHOWN: Final = 1_000

# heading in lower case -> field of a tag; every field is a heading itself
_HEADINGS: Final[Mapping[str, str]] = {name: name for name in TAG_FIELDS} | {
    "连接": "connection", "地址": "address", "对象": "thing", "设备": "thing", "信号": "signal",
    "类型": "kind", "单位": "unit", "系数": "scale", "偏移": "offset", "死区": "deadband",
    "周期_ms": "period_ms", "周期": "period_ms", "可写": "writable", "启用": "enabled",
    "名称": "title_zh", "title zh": "title_zh",
}  # fmt: skip
_TRUTH: Final = {"0": False, "no": False, "false": False, "否": False,
                 "1": True, "yes": True, "true": True, "是": True}  # fmt: skip
_FLAGS: Final = ("writable", "enabled")
_NUMBERS: Final = ("scale", "offset", "deadband")
_DEFAULT: Final = Tag("", "", "", "")

Row = dict[str, str]  # field -> text as it stood there


@dataclass(frozen=True, slots=True)
class SheetWrong:
    """What is not allowed in a sheet. row: counted from 1, the heading included."""

    row: int
    column: str
    found: str
    allowed: str


@dataclass(slots=True)
class Sheet:
    """What a sheet would do. added, changed: tags to put. wrongs: why rows are left out."""

    added: list[Tag] = field(default_factory=list)
    changed: list[Tag] = field(default_factory=list)
    unchanged: int = 0
    wrongs: list[SheetWrong] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many rows are left out."""
        return len({wrong.row for wrong in self.wrongs})


def read_sheet(
    content: bytes,
    connections: Mapping[str, Connection],
    tags: Callable[[str], Sequence[Tag]],
    rules: TagRules,
    connection: str = "",
) -> Sheet:
    """Return what a sheet would do to the tags.

    Parameters
    ----------
    content
        XLSX, CSV (UTF-8 or GB 18030) with a heading in English or Chinese, or TOML with a
        ``[[tag]]`` for each.
    connections
        Those whose tags may be changed, by key.
    tags
        The tags that a connection has now.
    rules
        What tags may look like.
    connection
        Of rows that name none.

    Raises
    ------
    LimitError
        It cannot be read, has too many rows, or lacks a heading.
    """
    reading = _Reading(connections, tags, rules, connection)
    for number, row in _rows(content):
        if number > ROWS_MAX:
            raise LimitError(f"a sheet has at most {ROWS_MAX} rows; nothing was imported")
        reading.take(number, row)
    return reading.judged()


def _rows(content: bytes) -> Iterator[tuple[int, Row]]:
    toml = _toml(content)
    if toml is not None:
        for number, one in enumerate(toml, start=1):
            yield number, {str(k): _plain(v) for k, v in one.items()}
        return
    rows = table_rows(content)
    heading = [h.strip() for h in next(rows, [])]
    names = [_HEADINGS.get(h.lower(), "") for h in heading]
    if "address" not in names:
        raise LimitError(
            f"the first row names no column `address`; found {', '.join(heading) or 'nothing'}; "
            f"these are known: {', '.join(TAG_FIELDS)}"
        )
    for number, row in enumerate(rows, start=2):
        if any(text.strip() for text in row):
            pairs = zip(names, row, strict=False)
            yield number, {name: text.strip() for name, text in pairs if name}


def _toml(content: bytes) -> list[Mapping[str, Any]] | None:
    """Return the tables of a TOML sheet, None where it is none."""
    try:
        found = tomllib.loads(content.decode("utf-8-sig")).get("tag")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return found if isinstance(found, list) and all(isinstance(t, dict) for t in found) else None


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Reading:
    """Rows become tags one by one; what several rows say together is judged at the end."""

    def __init__(
        self, connections: Mapping[str, Connection], tags: Callable[[str], Sequence[Tag]],
        rules: TagRules, connection: str,
    ) -> None:  # fmt: skip
        self._connections = connections
        self._tags = tags
        self._rules = rules
        self._default = connection
        self._known: dict[str, dict[str, Tag]] = {}
        self._read: dict[tuple[str, str], tuple[int, Tag]] = {}
        self._sheet = Sheet()

    def take(self, number: int, row: Row) -> None:
        """Read one row."""
        unknown = sorted(row.keys() - set(TAG_FIELDS))
        key = row.get("connection") or self._default
        if unknown:  # only TOML can bring one: unknown headings of a sheet are remarks
            self._refuse(
                number, unknown[0], row[unknown[0]], f"a column of {', '.join(TAG_FIELDS)}"
            )
        elif key not in self._connections:
            known = ", ".join(self._connections) or "none"
            self._refuse(number, "connection", key, f"one of the connections {known}")
        else:
            self._take_tag(number, key, row)

    def _take_tag(self, number: int, key: str, row: Row) -> None:
        address = row.get("address", "")
        if (key, address) in self._read:
            self._refuse(number, "address", address, "an address stands once in a sheet; "
                         f"row {self._read[key, address][0]} has it")  # fmt: skip
            return
        values, wrongs = _values(number, row)
        if wrongs:
            self._sheet.wrongs += wrongs
            return
        start = self._of(key).get(address) or replace(_DEFAULT, connection=key, address=address)
        self._read[key, address] = number, replace(start, **values | {"connection": key})

    def judged(self) -> Sheet:
        """Return the sheet, every tag of it judged by the rules."""
        for key in sorted({key for key, _ in self._read}):
            rows = {tag.address: number for number, tag in self._read.values()
                    if tag.connection == key}  # fmt: skip
            mine = [tag for _, tag in self._read.values() if tag.connection == key]
            kept = [t for a, t in self._of(key).items() if a not in rows]
            for wrong in [*self._rules.of_tags(self._connections[key], mine), *twice(kept + mine)]:
                if wrong.address in rows:
                    self._refuse(rows[wrong.address], wrong.field, wrong.found, wrong.allowed)
        bad = {wrong.row for wrong in self._sheet.wrongs}
        for number, tag in self._read.values():
            if number not in bad:
                self._sort(tag)
        self._sheet.wrongs.sort(key=lambda wrong: wrong.row)
        return self._sheet

    def _sort(self, tag: Tag) -> None:
        known = self._of(tag.connection).get(tag.address)
        if known is None:
            self._sheet.added.append(tag)
        elif known != tag:
            self._sheet.changed.append(tag)
        else:
            self._sheet.unchanged += 1

    def _of(self, key: str) -> dict[str, Tag]:
        if key not in self._known:
            self._known[key] = {tag.address: tag for tag in self._tags(key)}
        return self._known[key]

    def _refuse(self, row: int, column: str, found: str, allowed: str) -> None:
        self._sheet.wrongs.append(SheetWrong(row, column, found[:200], allowed))


def _values(number: int, row: Row) -> tuple[dict[str, Any], list[SheetWrong]]:
    """Return the values of a row by field, and what cannot be read; an empty cell = the default."""
    values: dict[str, Any] = {}
    wrongs: list[SheetWrong] = []
    for name, text in row.items():
        if name in ("connection", "address"):
            continue
        value, allowed = (getattr(_DEFAULT, name), "") if not text else _value(name, text)
        if allowed:
            wrongs.append(SheetWrong(number, name, text[:200], allowed))
        values[name] = value
    return values, wrongs


def _value(name: str, text: str) -> tuple[Any, str]:
    """Return a value, or what is allowed where the text is none."""
    if name in _FLAGS:
        return _TRUTH.get(text.lower()), "" if text.lower() in _TRUTH else "yes, no, 1 or 0"
    if name == "kind":
        known = text.lower() in set(TagKind)
        return TagKind(text.lower()) if known else None, "" if known else ", ".join(TagKind)
    if name in _NUMBERS:
        number = _number(text)
        return number, "a number" if number is None else ""
    if name == "period_ms":
        number = _number(text)
        is_whole = number is not None and number == int(number)
        return (int(number), "") if number is not None and is_whole else (None, "whole ms")
    return text, ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def sheet_of(tags: Sequence[Tag], form: str) -> Iterator[bytes]:
    """Yield the bytes of a sheet that `read_sheet` takes back unchanged. form: xlsx or csv."""
    columns = {name: [_cell(getattr(tag, name)) for tag in tags] for name in TAG_FIELDS}
    table = pa.table(
        [pa.array(values, _type(name)) for name, values in columns.items()],
        names=list(TAG_FIELDS),
    )
    yield from (worksheet if form == "xlsx" else csv_file)(TAG_FIELDS, [table])


def _cell(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _type(name: str) -> Any:
    if name in _NUMBERS:
        return pa.float64()
    return pa.int64() if name == "period_ms" else pa.string()


def as_json(tag: Tag) -> dict[str, Any]:
    """Return a tag as the API shows it."""
    return asdict(tag) | {"kind": str(tag.kind)}
