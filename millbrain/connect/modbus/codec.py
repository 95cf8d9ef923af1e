"""Addresses, requests and values of Modbus, pure: no socket, no clock.

``parse`` reads an address, ``plan`` puts many into few requests, a `Layout` turns the registers of
all answers into values at once, ``encode`` writes one value. Frames are pymodbus's.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.modbus.fields import (
    BOOL,
    NUMBER_MAX,
    ORDERS,
    REGISTERS_OF_TEXT_MAX,
    TABLES,
    TEXT,
    TYPES,
    UNIT_MAX,
    TableKind,
)
from millbrain.core.errors import FrameError

_ADDRESS: Final = re.compile(
    r"(?:(?P<unit>\d{1,3})/)?(?P<table>[a-z]+):(?P<number>\d{1,5})(?:\.(?P<bit>\d{1,2}))?"
    r"(?::(?P<type>[a-z0-9]+))?(?::(?P<size>\d{1,3}))?(?::(?P<order>[a-d]{4}))?"
)
_SHAPE: Final = "[unit/]table:number[.bit][:type[:order]], such as holding:100:f32:cdab"

Registers = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is. start: from 0, as in the protocol data unit. count: registers or bits.

    bit: of a register, -1 = the whole of it.
    """

    unit: int
    table: str
    start: int
    type: str
    count: int = 1
    order: str = "abcd"
    bit: int = -1

    @property
    def kind(self) -> TableKind:
        """The table it is in."""
        return TABLES[self.table]

    @property
    def end(self) -> int:
        """First register or bit behind it."""
        return self.start + self.count


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` registers or bits of a table from `start` on."""

    unit: int
    table: str
    start: int
    count: int


def parse(address: str, unit: int = 1, first: int = 0) -> Place:
    """Return the place that an address means.

    Parameters
    ----------
    address
        In the grammar of `fields`.
    unit
        Station where the address names none.
    first
        Number of the first register in addresses: 0 or 1.

    Raises
    ------
    FrameError
        Reason ``address``; the sentence says what is allowed.

    Examples
    --------
    >>> parse("3/holding:100:f32:cdab")
    Place(unit=3, table='holding', start=100, type='f32', count=2, order='cdab', bit=-1)
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise FrameError("address", f"address {address!r} is not {_SHAPE}")
    given = match.groupdict()
    table = TABLES.get(given["table"])
    if table is None:
        raise _refused(address, f"table {given['table']!r}", ", ".join(TABLES))
    station = int(given["unit"] or unit)
    if station > UNIT_MAX:
        raise _refused(address, f"unit {station}", f"0 to {UNIT_MAX}")
    start = int(given["number"]) - first
    if not 0 <= start <= NUMBER_MAX:
        raise _refused(address, f"number {given['number']}", f"{first} to {NUMBER_MAX + first}")
    place = _bit_place if table.is_bits else _register_place
    made: Place = place(address, station, table, start, given)
    if made.end > NUMBER_MAX + 1:
        raise _refused(
            address, f"its last register {made.end - 1 + first}", f"{NUMBER_MAX + first}"
        )
    return made


def _refused(address: str, found: str, allowed: str) -> FrameError:
    return FrameError("address", f"address {address!r}: {found} was found, {allowed} is allowed")


def _bit_place(
    address: str, unit: int, table: TableKind, start: int, given: dict[str, str | None]
) -> Place:
    extra = next((n for n in ("bit", "size", "order") if given[n] is not None), "")
    if extra or given["type"] not in (None, BOOL):
        raise _refused(address, extra or f"type {given['type']}", f"nothing behind {table.name}:N")
    return Place(unit, table.name, start, BOOL)


def _register_place(
    address: str, unit: int, table: TableKind, start: int, given: dict[str, str | None]
) -> Place:
    kind = given["type"] or (BOOL if given["bit"] else "u16")
    order = given["order"] or "abcd"
    if order not in ORDERS:
        raise _refused(address, f"order {order!r}", ", ".join(ORDERS))
    if (given["size"] is not None) != (kind == TEXT):
        raise _refused(address, "a length" if given["size"] else "no length",
                       "text:registers, and a length of nothing else")  # fmt: skip
    if kind == TEXT:
        size = int(given["size"] or 0)
        if not 1 <= size <= REGISTERS_OF_TEXT_MAX:
            raise _refused(address, f"{size} registers", f"1 to {REGISTERS_OF_TEXT_MAX}")
        return Place(unit, table.name, start, TEXT, size, order)
    if (kind == BOOL) != (given["bit"] is not None) or int(given["bit"] or 0) > 15:
        raise _refused(address, f"bit {given['bit']} of type {kind}", "a bit 0 to 15 of type bool")
    if kind == BOOL:
        return Place(unit, table.name, start, BOOL, 1, order, int(given["bit"] or 0))
    if kind not in TYPES:
        raise _refused(address, f"type {kind!r}", ", ".join((*TYPES, TEXT, BOOL)))
    return Place(unit, table.name, start, kind, TYPES[kind][0], order)


def plan(places: Iterable[Place], gap: int = 16, most: int = 125) -> list[Block]:
    """Return the fewest requests that read all places, by unit, table and start.

    gap: registers that nobody wants and that are read along rather than asking twice; of bits,
    sixteen times as many, since as many fit. most: registers of one request. A place is never cut.
    """
    blocks: list[Block] = []
    wanted = sorted({(p.unit, p.table, p.start, p.end) for p in places})
    for unit, table, start, end in wanted:
        kind = TABLES[table]
        bridged = gap * 16 if kind.is_bits else gap
        longest = kind.items_max if kind.is_bits else min(most, kind.items_max)
        last = blocks[-1] if blocks else None
        is_near = (
            last is not None
            and (last.unit, last.table) == (unit, table)
            and start <= last.start + last.count + bridged
            and end - last.start <= longest
        )
        if last is not None and is_near:
            count = max(last.count, end - last.start)
            blocks[-1] = Block(unit, table, last.start, count)
        else:
            blocks.append(Block(unit, table, start, end - start))
    return blocks


@dataclass(frozen=True, slots=True)
class _Group:
    """Places of one type and order. rows: which; at: registers of each, shape (rows, words)."""

    rows: NDArray[np.intp]
    at: NDArray[np.intp]
    type: str


class Layout:
    """Where the values of some places stand in the registers of some blocks, all in one array.

    The array holds the blocks one behind the other; a bit of a bit table takes a whole item.
    """

    def __init__(self, places: Sequence[Place], blocks: Sequence[Block]) -> None:
        self.rows = len(places)
        self.bounds = np.cumsum([0, *(b.count for b in blocks)])
        homes = [_home(p, blocks) for p in places]
        self.block_of = np.array(homes, np.intp)
        starts = [self.bounds[b] + p.start - blocks[b].start
                  for p, b in zip(places, homes, strict=True)]  # fmt: skip
        kinds: dict[tuple[str, int], list[int]] = {}
        for row, place in enumerate(places):
            kinds.setdefault((place.type, place.count), []).append(row)
        self._groups = [
            _Group(np.array(rows), np.array([starts[r] + np.arange(n) for r in rows]), kind)
            for (kind, n), rows in kinds.items()
        ]
        self._reversed = np.array([ORDERS[p.order][0] for p in places], np.bool_)
        self._swapped = np.array([ORDERS[p.order][1] for p in places], np.bool_)
        self._bit = np.array([max(p.bit, 0) for p in places], np.uint16)

    def values(self, data: Registers) -> tuple[NDArray[np.float64], dict[int, bytes]]:
        """Return the number of each place, shape (rows,), and the texts by row.

        A text has the number NaN. Integers beyond 2**53 lose their last digits, as in every double.
        """
        found = np.full(self.rows, np.nan)
        texts: dict[int, bytes] = {}
        for group in self._groups:
            words = self._ordered(data[group.at], group.rows)
            if group.type == TEXT:
                raw = words.astype(">u2")
                texts |= {
                    int(r): text_of(w.tobytes()) for r, w in zip(group.rows, raw, strict=True)
                }
            elif group.type == BOOL:
                found[group.rows] = (words[:, 0] >> self._bit[group.rows]) & 1
            else:
                raw = np.ascontiguousarray(words.astype(">u2"))
                with np.errstate(invalid="ignore"):  # a NaN that signals is a NaN
                    found[group.rows] = raw.view(TYPES[group.type][1])[:, 0].astype(np.float64)
        return found, texts

    def _ordered(self, words: Registers, rows: NDArray[np.intp]) -> Registers:
        turned = np.where(self._reversed[rows, None], words[:, ::-1], words)
        return np.where(self._swapped[rows, None], turned.byteswap(), turned)


def _home(place: Place, blocks: Sequence[Block]) -> int:
    return next(
        i for i, b in enumerate(blocks)
        if (b.unit, b.table) == (place.unit, place.table)
        and b.start <= place.start and place.end <= b.start + b.count
    )  # fmt: skip


def text_of(raw: bytes) -> bytes:
    """Return the text of registers as UTF-8: up to the first NUL, without blanks behind it."""
    cut = raw.partition(b"\0")[0].rstrip()
    try:
        return cut.decode("utf-8").encode()
    except UnicodeDecodeError:
        return cut.decode("gb18030", "replace").encode()


def decode(place: Place, registers: Sequence[int]) -> float | str:
    """Return the value of one place from its registers or bits. For read-backs and tests."""
    block = Block(place.unit, place.table, place.start, place.count)
    values, texts = Layout([place], [block]).values(np.array(registers, np.uint16))
    return texts[0].decode() if place.type == TEXT else float(values[0])


def encode(place: Place, value: Any) -> list[int]:
    """Return the registers that hold a value, or one bit.

    Raises
    ------
    FrameError
        Reason ``value``: it does not fit the type.
    """
    if place.type == TEXT:
        return _encode_text(place, str(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _unfit(place, value, "a number") from None
    if place.type == BOOL:
        if number not in (0, 1):
            raise _unfit(place, value, "0 or 1")
        return [int(number)]
    kind = np.dtype(TYPES[place.type][1])
    if kind.kind in "iu":
        whole = (
            int(value)
            if isinstance(value, int)
            else round(number)
            if math.isfinite(number)
            else None
        )
        info = np.iinfo(kind)
        if whole is None or not info.min <= whole <= info.max:
            raise _unfit(place, value, f"{info.min} to {info.max}")
        raw = np.array([whole], kind)
    else:
        if math.isfinite(number) and abs(number) > float(np.finfo(kind).max):
            raise _unfit(place, value, f"up to {np.finfo(kind).max:g}")
        raw = np.array([number], kind)
    return _arranged(place, raw.view(">u2").astype(np.uint16))


def _encode_text(place: Place, text: str) -> list[int]:
    raw = text.encode()
    if len(raw) > 2 * place.count:
        raise _unfit(place, text, f"at most {2 * place.count} bytes")
    words = np.frombuffer(raw.ljust(2 * place.count, b"\0"), ">u2")
    return _arranged(place, words.astype(np.uint16))


def _arranged(place: Place, words: Registers) -> list[int]:
    is_reversed, is_swapped = ORDERS[place.order]
    turned = words[::-1] if is_reversed else words
    return [int(w) for w in (turned.byteswap() if is_swapped else turned)]


def _unfit(place: Place, value: Any, allowed: str) -> FrameError:
    return FrameError("value", f"value was {value!r}; type {place.type} takes {allowed}")
