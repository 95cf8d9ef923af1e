"""From rows of a table to readings, pure: columns by their headings, instants, numbers, refusals.

A row that is not allowed is named with its number, its column, what was found and what is allowed;
the others are taken. The address of a value is its heading in the wide layout (below ``thing/``
where the rows name several things), and ``thing/signal`` in the long one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from millbrain.connect.files.options import Options
from millbrain.core.errors import FrameError
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN
from millbrain.core.plant.tags import Tag, TagKind
from millbrain.core.tagging.proposals import snake_case

Cell = str | float | int | bool | datetime | None
_QUALITIES: Final = {"good": GOOD, "192": GOOD, "": GOOD, "uncertain": UNCERTAIN, "64": UNCERTAIN,
                     "bad": BAD, "0": BAD, "好": GOOD, "不确定": UNCERTAIN, "坏": BAD}  # fmt: skip
_THING_BYTES_MAX: Final = 64
_EPOCH: Final = {"s": 1000.0, "ms": 1.0}


@dataclass(frozen=True, slots=True)
class Value:
    """One reading. value: NaN where it is a text or there is none. device_ms: [ms since 1970]."""

    address: str
    thing: str
    signal: str
    device_ms: int
    value: float
    text: str
    quality: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not allowed. row: as a spreadsheet counts it, from 1. column: its heading."""

    row: int
    column: str
    found: str
    allowed: str


class Refused(Exception):
    """A cell that is not allowed; carries a fault from the cell to its row, never further."""

    def __init__(self, column: str, found: Cell, allowed: str) -> None:
        super().__init__(column, str("" if found is None else found)[:200], allowed)


class Reader:
    """Reads rows below one heading.

    Raises
    ------
    FrameError
        Reason ``heading``: a column that the options name is not there.
    """

    def __init__(self, heading: Sequence[Cell], options: Options, tags: Mapping[str, Tag]) -> None:
        self._options = options
        self._tags = tags
        self._heading = [str("" if cell is None else cell).strip() for cell in heading]
        o = options
        self._at = self._column(o.at)
        self._thing = -1 if o.thing.startswith("=") else self._column(o.thing)
        self._quality = self._column(o.quality) if o.quality else -1
        self._signal = self._value = -1
        if o.layout == "long":
            self._signal, self._value = self._column(o.signal), self._column(o.value)
        own = {self._at, self._thing, self._quality}
        self._others = [i for i, name in enumerate(self._heading) if name and i not in own]
        if o.layout == "wide" and not self._others:
            raise FrameError("heading", "the headings name no signal besides thing and instant")

    def _column(self, name: str) -> int:
        low = [h.lower() for h in self._heading]
        if name.lower() not in low:
            found = ", ".join(h for h in self._heading if h) or "nothing"
            raise FrameError("heading", f"no column is headed {name!r}; found {found[:300]}")
        return low.index(name.lower())

    def read(self, number: int, row: Sequence[Cell]) -> tuple[list[Value], list[Fault]]:
        """Return the readings of a row and what is not allowed in it."""
        if all(cell is None or cell == "" for cell in row):
            return [], []
        cells = [*row, *([None] * (len(self._heading) - len(row)))]
        try:
            at = instant_ms(cells[self._at], self._options, self._options.at)
            thing = self._thing_of(cells)
            quality = self._quality_of(cells)
        except Refused as e:
            return [], [Fault(number, *e.args)]
        values: list[Value] = []
        faults: list[Fault] = []
        for column in [self._value] if self._options.layout == "long" else self._others:
            try:
                value = self._read_one(cells, column, thing, at, quality)
            except Refused as e:
                faults.append(Fault(number, *e.args))
                continue
            if value is not None:
                values.append(value)
        return values, faults

    def _read_one(
        self, cells: Sequence[Cell], column: int, thing: str, at: int, quality: int
    ) -> Value | None:
        address, signal = self._address(cells, column, thing)
        cell = cells[column]
        tag = self._tags.get(address)
        if tag is None and self._options.known_only:
            return None
        if tag is not None and not tag.enabled:
            return None
        is_empty = cell is None or (isinstance(cell, str) and not cell.strip())
        if is_empty and self._options.layout == "wide":
            return None
        thing, signal = (tag.thing, tag.signal) if tag else (thing, signal)
        if tag is not None and tag.kind is TagKind.TEXT:
            text = "" if is_empty else str(cell).strip()
            return Value(address, thing, signal, at, math.nan, text, quality)
        if is_empty:
            return Value(address, thing, signal, at, math.nan, "", BAD)
        value = number_of(cell, self._options.decimal, self._heading[column])
        if tag is not None:
            value = value * tag.scale + tag.offset
        return Value(address, thing, signal, at, value, "", quality)

    def _address(self, cells: Sequence[Cell], column: int, thing: str) -> tuple[str, str]:
        if self._options.layout == "wide":
            name = self._heading[column]
            return (name if self._thing < 0 else f"{thing}/{name}"), signal_name(name)
        given = cells[self._signal]
        name = str("" if given is None else given).strip()
        signal = signal_name(name)
        if not name or not signal:
            raise Refused(self._options.signal, name, "the name of a signal")
        return f"{thing}/{name}", signal

    def _thing_of(self, cells: Sequence[Cell]) -> str:
        if self._thing < 0:
            return self._options.thing[1:].strip()
        cell = cells[self._thing]
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell)  # a spreadsheet keeps 7 as 7.0
        name = str("" if cell is None else cell).strip()
        if not name or len(name.encode()) > _THING_BYTES_MAX or any(c.isspace() for c in name):
            raise Refused(self._heading[self._thing], name,
                          f"1 to {_THING_BYTES_MAX} bytes without blanks")  # fmt: skip
        return name

    def _quality_of(self, cells: Sequence[Cell]) -> int:
        if self._quality < 0:
            return GOOD
        cell = cells[self._quality]
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell)
        word = str("" if cell is None else cell).strip().lower()
        if word not in _QUALITIES:
            raise Refused(self._heading[self._quality], word, "good, uncertain, bad, 192, 64 or 0")
        return _QUALITIES[word]


def signal_name(heading: str) -> str:
    """Return the signal that a heading means: as it is where it is one, else as snake_case.

    >>> signal_name("spindle_speed_rpm"), signal_name("Oil Temp"), signal_name("温度")
    ('spindle_speed_rpm', 'oil_temp', '')
    """
    return snake_case(heading)


def instant_ms(cell: Cell, options: Options, column: str) -> int:
    """Return an instant [ms since 1970 UTC]; one without a zone is of the zone of the options."""
    if isinstance(cell, datetime):
        return _zoned(cell, options, column)
    text = str("" if cell is None else cell).strip()
    form = options.at_format
    if form in _EPOCH:
        try:
            return round(float(text) * _EPOCH[form])
        except (ValueError, OverflowError):
            raise Refused(column, text, f"{form} since 1970") from None
    try:
        found = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
    except ValueError:
        allowed = "2026-11-22 08:30:00" if form == "iso" else form
        raise Refused(column, text, f"an instant such as {allowed}") from None
    return _zoned(found, options, column)


def _zoned(found: datetime, options: Options, column: str) -> int:
    if found.tzinfo is None:
        local = found.replace(tzinfo=options.zone)
        back = local.astimezone(UTC).astimezone(options.zone).replace(tzinfo=None)
        if back != found:
            allowed = f"an hour that {options.zone.key} has; clocks were put forward"
            raise Refused(column, found.isoformat(" "), allowed)
        found = local
    return round(found.timestamp() * 1000)


def number_of(cell: Cell, decimal: str, column: str) -> float:
    """Return a number; a truth value is 0 or 1."""
    if isinstance(cell, int | float):  # bool is an int
        return float(cell)
    text = str(cell).strip()
    plain = text.replace(",", ".") if decimal == "," else text
    try:
        if decimal == "," and "." in text:
            raise ValueError
        return float(plain)
    except ValueError:
        allowed = f"a number with the decimal sign {decimal!r}; texts need a tag of kind text"
        raise Refused(column, text, allowed) from None
